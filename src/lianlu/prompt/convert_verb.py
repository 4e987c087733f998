"""`lianlu prompt convert FILE --to FORMAT`: a prompt file in another framework or another tool's format, losses named."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from lianlu.core.console import harmless, say
from lianlu.core.errors import UsageError
from lianlu.core.files import write_bytes
from lianlu.core.i18n import Text, pick
from lianlu.core.verb import Call, Outcome, argument, option, verb
from lianlu.prompt.convert import check_format, read_prompt, write_prompt
from lianlu.prompt.file import find_prompt
from lianlu.prompt.foreign import Loss, Written

__all__ = ["convert"]

_MOST_ALIKE = 5
_FORMATS = Text(
    "langgpt, costar, crispe, prompty, dotprompt, promptfoo or skill",
    "langgpt、costar、crispe、prompty、dotprompt、promptfoo 或 skill",
)


@verb("convert", Text("Write a prompt in another framework or format.", "把提示词转换为其他框架或格式。"))
@argument("file")
@option("--to", "target", required=True, help=_FORMATS)
@option("--from", "given", default="", help=Text("format of FILE; by default recognised", "文件的格式；默认自动识别"))
def convert(call: Call, file: str, target: str, given: str) -> Outcome:
    """Raises UsageError prompt.unknown-format, prompt.bad-foreign, prompt.exists, those of `convert.read_prompt`."""
    check_format(target)
    prompt = read_prompt(find_prompt(file), given=given)
    written = write_prompt(prompt, target)
    data = {
        "to": target,
        "name": prompt.file.name,
        "files": dict(written.files),
        "lost": [{"what": each.what, "line": each.line, "why": each.why.show()} for each in written.lost],
    }
    if call.out is None or call.dry_run:
        return Outcome(data, lambda: _show_text(written, file))
    paths = _save(written, call.out)
    return Outcome({**data, "paths": [str(path) for path in paths]}, lambda: _show_paths(paths, written.lost, file))


def _save(written: Written, folder: Path) -> list[Path]:
    paths = [folder / name for name in written.files]
    taken = next((path for path in paths if path.exists()), None)
    if taken is not None:
        raise UsageError("prompt.exists", path=str(taken))
    for path, text in zip(paths, written.files.values(), strict=True):
        write_bytes(path, text.encode())
    return paths


def _show_text(written: Written, file: str) -> None:
    say(written.text.removesuffix("\n"))
    others = list(written.files)[1:]
    if others:
        names = ", ".join(others)
        say(pick(f"with --out also written: {names}", f"使用 --out 时还会写出：{names}"), stream=sys.stderr)
    _show_lost(written.lost, file)


def _show_paths(paths: Iterable[Path], lost: Iterable[Loss], file: str) -> None:
    for path in paths:
        say(pick(f"wrote {path}", f"已写入 {path}"))
    _show_lost(lost, file)


def _show_lost(lost: Iterable[Loss], file: str) -> None:
    """One line each; of many for the same reason the first, since --json has them all."""
    by_reason: dict[str, list[Loss]] = {}
    for each in lost:
        by_reason.setdefault(each.why.show(), []).append(each)
    for why, alike in by_reason.items():
        shown = alike if len(alike) <= _MOST_ALIKE else alike[:1]
        for each in shown:
            place = f"{file}:{each.line}" if each.line else file
            line = pick(f"lost: {each.what} ({place}): {why}", f"未保留：{each.what}（{place}）：{why}")
            say(harmless(line), stream=sys.stderr)
        left = len(alike) - len(shown)
        if left:
            told = pick(f"lost: {left} more for the same reason", f"未保留：另有 {left} 项，原因相同")
            say(told, stream=sys.stderr)
