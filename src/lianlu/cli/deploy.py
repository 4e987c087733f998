"""`lianlu deploy space FOLDER`: write a knowledge base as a Hugging Face Space, and push it if that is asked for.

The value of a secret is read from the environment, compared with every file that was written, and sent to the hub by its
secrets call; it is never written and never printed.
"""

from __future__ import annotations

import os
from typing import Any

import click

from lianlu.cli.space.folder import MARKER, draft_of, kept_files, put, sizes
from lianlu.cli.space.make import make_space
from lianlu.cli.space.plan import Sdk, SpacePlan, checked_plan, repository, secret_values
from lianlu.cli.space.push import Target, push, target_of
from lianlu.cli.space.scan import check_secrets
from lianlu.core.console import print_table, say
from lianlu.core.files import named_path
from lianlu.core.i18n import Text, pick
from lianlu.core.verb import Call, Outcome, RoomGroup, argument, option, verb

__all__ = ["deploy"]


@verb("space", Text("a knowledge base as a Hugging Face Space", "把知识库发布为 Hugging Face Space"))
@argument("folder")
@option("--base", required=True, metavar="NAME", help=Text("the knowledge base", "知识库"))
@option(
    "--sdk",
    type=click.Choice(["docker", "gradio", "static"]),
    default="docker",
    show_default=True,
    help=Text("what the hub runs; static needs no server", "托管方式；static 无需服务器"),
)
@option(
    "--model",
    default="",
    metavar="REF",
    help=Text("service that writes the answers; without it sentences are quoted", "撰写回答的服务；不给则逐句引用原文"),
)
@option(
    "--secret",
    "secrets",
    multiple=True,
    metavar="VARIABLE",
    help=Text("environment variable sent as a secret", "以 secret 发送的环境变量"),
)
@option("--push", "repo", default="", metavar="OWNER/NAME", help=Text("push to this Space", "推送到该 Space"))
@option("--private", is_flag=True, help=Text("only you may see a new Space", "新建的 Space 仅自己可见"))
@option("--title", default="", help=Text("title of the Space", "Space 的标题"))
def _space(
    call: Call,
    folder: str,
    base: str,
    sdk: Sdk,
    model: str,
    secrets: tuple[str, ...],
    repo: str,
    private: bool,
    title: str,
) -> Outcome:
    """Write the Space of the knowledge base NAME into FOLDER. Nothing is sent without --push."""
    from lianlu.rag.shelf import open_base

    plan = checked_plan(base, sdk, title, model, secrets)
    place = named_path(folder)
    values = secret_values(plan.secrets, os.environ, are_needed=bool(repo) and not call.dry_run)
    target = target_of(repository(repo), os.environ) if repo and not call.dry_run else None
    before = kept_files(place)
    with draft_of(place, is_kept=not call.dry_run) as draft:
        with open_base(base, root=call.store) as opened:
            notes = make_space(opened, plan, draft, call.settings)
        check_secrets(draft, {**values, **({"HF_TOKEN": target.token} if target else {})})
        files = sizes(draft)
        if not call.dry_run:
            put(draft, place, before)
            files |= {MARKER: (place / MARKER).stat().st_size}
    told: dict[str, Any] = {
        "folder": str(place),
        "sdk": sdk,
        "files": [{"name": name, "bytes": size} for name, size in sorted(files.items())],
        "bytes": sum(files.values()),
        "secrets": list(plan.secrets),
        "notes": [note.show() for note in notes],
    }
    if target is not None:
        pushed = push(place, sorted(files), target, call.job("deploy"), sdk=sdk, secrets=values, is_private=private)
        told |= {"url": pushed.url, "commit": pushed.commit}
    return Outcome(told, lambda: _show(told, plan, target, notes, is_dry=call.dry_run, is_private=private))


deploy = RoomGroup("deploy", Text("Publish what was made.", "发布成果。"), (_space,))


def _show(
    told: dict[str, Any], plan: SpacePlan, target: Target | None, notes: list[Text], *, is_dry: bool, is_private: bool
) -> None:
    rows = [(file["name"], _size(file["bytes"])) for file in told["files"]]
    print_table((pick("file", "文件"), pick("size", "大小")), rows)
    for note in notes:
        say(f"! {note}")
    folder = told["folder"]
    if is_dry:
        say(pick(f"would be written to {folder}; nothing was", f"将写入 {folder}；尚未写入"))
        return
    total = _size(told["bytes"])
    say(pick(f"{folder}: a {plan.sdk} Space, {total}", f"{folder}：{plan.sdk} 类型的 Space，{total}"))
    if target is None:
        say(
            pick(
                "nothing was sent; add --push OWNER/NAME to publish it",
                "没有发送任何内容；加 --push 所有者/名字 即可发布",
            )
        )
        return
    for name in plan.secrets:
        say(pick(f"secret {name}: sent, in no file", f"secret {name}：已发送，不在任何文件中"))
    say(pick(f"pushed: {target.url}", f"已推送：{target.url}"))
    if not is_private:
        say(pick("if it is public, everyone can read these documents", "若为公开 Space，任何人都能读到这些文档"))


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{max(count / 1e3, 0.1):.1f} kB"
