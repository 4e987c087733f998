"""Options that every verb has which asks models: how it asks, and who judges."""

from __future__ import annotations

from typing import Any

import click

from lianlu.core.i18n import Text
from lianlu.core.verb import option

__all__ = ["asking_options", "judging_options"]


def judging_options(function: Any) -> Any:
    """`--judge` and `--embed`."""
    judge = option("--judge", metavar="REF", help=Text("model for the assertion `judge`", "断言 `judge` 所用的模型"))
    embed = option(
        "--embed", metavar="REF", help=Text("embedder for the assertion `similar`", "断言 `similar` 所用的向量模型")
    )
    return judge(embed(function))


def asking_options(function: Any) -> Any:
    """`--concurrency`, `--temperature`, `--max-tokens`, and those of `judging_options`."""
    concurrency = option(
        "--concurrency",
        type=click.IntRange(1, 1024),
        default=4,
        show_default=True,
        help=Text("requests at once", "并发请求数"),
    )
    temperature = option(
        "--temperature", type=click.FloatRange(0, 100), help=Text("randomness of the answers", "采样温度")
    )
    longest = option("--max-tokens", type=click.IntRange(min=1), help=Text("longest answer", "回答的最大 token 数"))
    return concurrency(temperature(longest(judging_options(function))))
