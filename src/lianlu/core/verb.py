"""How a verb of the command line is written: a function from a `Call` and its options to an `Outcome`.

The common options (--json --out --seed --resume --dry-run --store -q -v) are added here once, so that they mean the same
everywhere. A verb never prints by itself what it returns: `Outcome.data` is the JSON, `Outcome.show` the human view.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import msgspec

from lianlu.core.console import ConsoleSink, console_sink, say
from lianlu.core.errors import VERDICT_NO_EXIT, UsageError
from lianlu.core.i18n import Text, suggest
from lianlu.core.job import Job
from lianlu.core.registry import load_target
from lianlu.core.settings import Settings
from lianlu.core.usage import Words

__all__ = ["Call", "LoadedVerbs", "Outcome", "RoomGroup", "argument", "option", "verb"]


@dataclass(frozen=True)
class Outcome:
    """What a verb found.

    Attributes:
        data: JSON-able value, printed as one object with --json.
        show: prints the human view; without it the data are printed as JSON.
        verdict: False when the work is finished and the answer is no (exit 1).
    """

    data: Any
    show: Callable[[], None] | None = None
    verdict: bool = True


@dataclass
class Call:
    """One use of a verb: the common options and this machine's settings."""

    json: bool = False
    out: Path | None = None
    seed: int = 0
    resume: bool = True
    dry_run: bool = False
    store: Path | None = None
    quiet: bool = False
    verbose: int = 0
    settings: Settings = field(default_factory=Settings.from_environment)
    _sink: ConsoleSink | None = None

    def sink(self) -> ConsoleSink | None:
        """The console sink of this call (stderr), made once."""
        if self._sink is None:
            self._sink = console_sink(quiet=self.quiet, verbose=self.verbose)
        return self._sink

    def job(self, name: str, **places: Any) -> Job:
        return Job(name, self.sink(), seed=self.seed, **places)

    def out_folder(self, name: str) -> Path:
        """--out, else ./out/<name>."""
        return self.out or Path("out") / name

    def finish(self, outcome: Outcome) -> None:
        if self._sink is not None:
            self._sink.close()
        if self.json or outcome.show is None:
            say(msgspec.json.format(msgspec.json.encode(outcome.data), indent=2).decode())
        else:
            outcome.show()
        if not outcome.verdict:
            sys.exit(VERDICT_NO_EXIT)


_COMMON: tuple[Callable[[Any], Any], ...] = tuple(
    reversed(
        (
            click.option(
                "--json", is_flag=True, help=Text("one JSON object on stdout", "在标准输出打印一个 JSON 对象").show()
            ),
            click.option(
                "--out", type=click.Path(path_type=Path), help=Text("folder for the results", "结果文件夹").show()
            ),
            click.option(
                "--seed", type=int, default=0, show_default=True, help=Text("seed of all randomness", "随机种子").show()
            ),
            click.option(
                "--resume/--no-resume",
                default=True,
                help=Text("go on where a stopped run ended", "从上次停止处继续").show(),
            ),
            click.option("--dry-run", is_flag=True, help=Text("say what would be done", "只说明将做什么").show()),
            click.option(
                "--store", type=click.Path(path_type=Path), help=Text("root of the store", "存储库根目录").show()
            ),
            click.option("-q", "--quiet", is_flag=True, help=Text("no progress", "不显示进度").show()),
            click.option(
                "-v", "--verbose", count=True, help=Text("more detail; twice for even more", "更多细节，可重复").show()
            ),
        )
    )
)
_COMMON_NAMES = ("json", "out", "seed", "resume", "dry_run", "store", "quiet", "verbose")


def option(*names: str, help: Text, **more: Any) -> Callable[[Any], Any]:
    """A click option whose help is bilingual."""
    return click.option(*names, help=help.show(), **more)


argument = click.argument


class _Verb(click.Command):
    context_class = Words


def verb(name: str, help: Text, **settings: Any) -> Callable[[Callable[..., Outcome]], click.Command]:
    """Make a command of a function `(call, **options) -> Outcome`."""

    def wrap(function: Callable[..., Outcome]) -> click.Command:
        @functools.wraps(function)
        def body(**given: Any) -> None:
            call = Call(**{key: given.pop(key) for key in _COMMON_NAMES})
            call.finish(function(call, **given))

        for common in _COMMON:
            body = common(body)
        return click.command(name, cls=_Verb, help=help.show(), **settings)(body)

    return wrap


class LoadedVerbs(MutableMapping[str, click.Command]):
    """Verbs by name, each imported when it is first asked for: typing one does not pay for the others.

    Args:
        targets: where each stands, as `module:attribute`.
    """

    def __init__(self, targets: Mapping[str, str]) -> None:
        self._targets = dict(targets)
        self._loaded: dict[str, click.Command] = {}

    def __getitem__(self, name: str) -> click.Command:
        if name not in self._loaded:
            self._loaded[name] = load_target(self._targets[name])
        return self._loaded[name]

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._loaded[name] = command
        self._targets.setdefault(name, "")

    def __delitem__(self, name: str) -> None:
        del self._targets[name]
        self._loaded.pop(name, None)

    def __contains__(self, name: object) -> bool:
        return name in self._targets

    def __iter__(self) -> Iterator[str]:
        return iter(self._targets)

    def __len__(self) -> int:
        return len(self._targets)


class RoomGroup(click.Group):
    """The verbs of one room. With `default_verb`, `train FILE` means `train run FILE` when FILE is no verb."""

    context_class = Words

    def __init__(
        self,
        name: str,
        help: Text,
        verbs: Iterable[click.Command] | LoadedVerbs,
        *,
        default_verb: str | None = None,
    ) -> None:
        super().__init__(name, help=help.show(), commands=verbs if isinstance(verbs, LoadedVerbs) else list(verbs))
        self.default_verb = default_verb

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args:  # like `lianlu` alone: a question, no mistake
            say(ctx.get_help())
            ctx.exit()
        if self.default_verb is not None and args[0].startswith("-") and args[0] != "--help":
            # `train --model …` means `train run --model …`: a group has no options but --help
            args = [self.default_verb, *args]
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands:
            if self.default_verb is None:
                raise UsageError(
                    "cli.unknown-verb",
                    verb=f"{self.name} {args[0]}",
                    suggestion=suggest(args[0], self.commands),
                    command=ctx.command_path,
                )
            args = [self.default_verb, *args]
        return super().resolve_command(ctx, args)
