"""`lianlu prompt lint FILE...`: what makes these prompts fail, with line, reason and repair of each finding."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from lianlu.core.console import harmless, say
from lianlu.core.errors import UsageError
from lianlu.core.i18n import Text, pick, suggest
from lianlu.core.verb import Call, Outcome, argument, option, verb
from lianlu.prompt.file import find_prompt, read_file

if TYPE_CHECKING:
    from lianlu.prompt.lint import Finding, Linted

__all__ = ["lint"]

_SUFFIXES = {".md", ".txt", ".json", ".yaml", ".yml"}
_COLOURS = {"error": "31", "warning": "33", "info": "36"}


@verb("lint", Text("Find what makes prompts fail, with line and repair.", "找出提示词中的问题，给出行号与改法。"))
@argument("files", nargs=-1, metavar="FILE...")
@option("--select", default="", help=Text("only these codes, with commas between", "只查这些代码，以逗号分隔"))
@option("--ignore", default="", help=Text("leave these codes out", "不查这些代码"))
@option(
    "--limit-tokens",
    type=int,
    default=2000,
    show_default=True,
    help=Text("more tokens (estimated) are too long", "超过这么多 token（估算）即为过长"),
)
@option("--strict", is_flag=True, help=Text("exit with 1 on warnings too", "有警告时也以 1 退出"))
@option(
    "--framework", "framework_name", default="", help=Text("langgpt, costar or crispe", "langgpt、costar 或 crispe")
)
def lint(
    call: Call,  # noqa: ARG001
    files: tuple[str, ...],
    select: str,
    ignore: str,
    limit_tokens: int,
    strict: bool,
    framework_name: str,
) -> Outcome:
    """Raises UsageError prompt.lint-no-file, prompt.unknown-code, prompt.bad-limit, file.missing, registry.unknown-name."""
    from lianlu.prompt.framework import framework
    from lianlu.prompt.lint import RULES, UNREADABLE, lint_file

    if framework_name:
        framework(framework_name)
    if limit_tokens < 1:
        raise UsageError("prompt.bad-limit", limit=limit_tokens)
    known = (*RULES, UNREADABLE)
    codes = _chosen(known, select, ignore)
    done = [lint_file(path, limit_tokens=limit_tokens, codes=codes, framework=framework_name) for path in _paths(files)]
    count = Counter(finding.severity for each in done for finding in each.findings)
    is_good = not count["error"] and not (strict and count["warning"])
    shown = {
        "files": [
            {
                "file": each.path,
                "tokens": each.tokens,
                "tokens_estimated": True,
                "findings": [finding.as_data() for finding in each.findings],
            }
            for each in done
        ],
        "errors": count["error"],
        "warnings": count["warning"],
        "infos": count["info"],
    }
    return Outcome(shown, lambda: _show(done, count), verdict=is_good)


def _chosen(known: Iterable[str], select: str, ignore: str) -> list[str]:
    """The codes to run, in the order of the table."""
    table = list(known)
    wanted, unwanted = _codes(select, table), _codes(ignore, table)
    return [code for code in table if (not wanted or code in wanted) and code not in unwanted]


def _codes(listed: str, known: list[str]) -> set[str]:
    codes = {each.strip() for each in re.split("[,，、]", listed) if each.strip()}
    for code in sorted(codes):
        if code not in known:
            raise UsageError("prompt.unknown-code", code=code, suggestion=suggest(code, known, limit=40))
    return codes


def _paths(files: Iterable[str]) -> list[Path]:
    """Files, the prompts of folders, and shipped prompts by name; what was named itself is read whatever its suffix."""
    found: dict[Path, None] = {}
    for name in files:
        path = find_prompt(name)
        if path.is_dir():
            found.update(dict.fromkeys(each for each in sorted(path.rglob("*")) if _is_prompt(each, path)))
        else:
            found[path] = None
    if not found:
        raise UsageError("prompt.lint-no-file", given=", ".join(files) or Text("nothing", "无"))
    return list(found)


def _is_prompt(path: Path, folder: Path) -> bool:
    """Markdown and text; JSON and YAML only where they hold a prompt, as cases and labels lie beside prompts too."""
    below = path.relative_to(folder)
    if path.suffix.lower() not in _SUFFIXES or not path.is_file() or any(part.startswith(".") for part in below.parts):
        return False
    if path.name in ("README.md", "README_zh-CN.md", "LICENSE.md"):
        return False
    if path.suffix.lower() in (".md", ".txt"):
        return True
    try:
        return any(module.name in ("Role", "Context", "Capacity and Role") for module in read_file(path).prompt.modules)
    except UsageError:
        return False


def _show(done: list[Linted], count: Counter[str]) -> None:
    for each in done:
        for finding in each.findings:
            _show_finding(each.path, finding)
        if each.tokens:
            say(
                pick(
                    f"{each.path}: about {each.tokens:,} tokens (estimated)",
                    f"{each.path}：约 {each.tokens:,} 个 token（估算）",
                )
            )
    errors, warnings, infos = count["error"], count["warning"], count["info"]
    say(
        pick(
            f"{_counted(len(done), 'file')}: {_counted(errors, 'error')}, {_counted(warnings, 'warning')}, {_counted(infos, 'info')}",
            f"共 {len(done)} 个文件：{errors} 个错误，{warnings} 个警告，{infos} 个提示",
        )
    )


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _show_finding(path: str, finding: Finding) -> None:
    code = _coloured(finding.code, _COLOURS[finding.severity])
    say(f"{path}:{finding.line}: {code} {harmless(finding.what.show())}")
    say(f"    {pick('why', '原因')}: {harmless(finding.why.show())}")
    say(f"    {pick('fix', '改法')}: {harmless(finding.fix.show())}")


def _coloured(text: str, colour: str) -> str:
    import os

    is_plain = not sys.stdout.isatty() or "NO_COLOR" in os.environ
    return text if is_plain else f"\x1b[{colour}m{text}\x1b[0m"
