"""`lianlu curate replace`: put words for words in files of samples."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from lianlu.core.console import harmless, print_table, say
from lianlu.core.errors import UsageError
from lianlu.core.i18n import Text, pick
from lianlu.core.verb import Call, Outcome, RoomGroup, argument, option, verb
from lianlu.curate.replace import FileChange, pairs_of, planned, replace_files
from lianlu.curate.strings import Example, Replacer

__all__ = ["curate"]


@verb(
    "replace",
    Text(
        "Put words for words in jsonl, json, csv, tsv, txt and md files; all else stays byte for byte.",
        "在 jsonl、json、csv、tsv、txt、md 文件中替换文字，其余内容逐字节不变。",
    ),
)
@argument("files", nargs=-1, required=True, metavar="FILE...")
@option("--old", multiple=True, required=True, help=Text("text to replace; may be repeated", "要替换的文字，可重复"))
@option(
    "--new",
    multiple=True,
    required=True,
    help=Text("what stands there then, one for each --old", "替换成的文字，与每个 --old 对应"),
)
@option("--keys", is_flag=True, help=Text("also in JSON keys and column names", "JSON 键名和表格列名也替换"))
@option("--in-place", is_flag=True, help=Text("change the files themselves", "直接修改原文件"))
@option("--skip-bad", is_flag=True, help=Text("keep lines that cannot be read as they are", "原样保留无法读取的行"))
def replace(
    call: Call, files: tuple[str, ...], old: tuple[str, ...], new: tuple[str, ...], keys: bool, in_place: bool,
    skip_bad: bool,
) -> Outcome:  # fmt: skip
    """Raises UsageError curate.*, file.*; DataError curate.bad-line, curate.not-text; LimitError curate.line-too-long."""
    if in_place and call.out is not None:
        raise UsageError(
            "file.refused", path=str(call.out), why=Text("--in-place writes nowhere else", "--in-place 不会写到别处")
        )
    replacer = Replacer(pairs_of(old, new))
    plan = planned(files, call.out_folder("replace"), in_place=in_place)
    changes = replace_files(plan, replacer, call.job("curate"), keys=keys, skip_bad=skip_bad, write=not call.dry_run)
    unmatched = [each for each, count in replacer.counts.items() if not count]
    found = {
        "files": [_row(each) for each in changes],
        "replacements": replacer.total,
        "unmatched": unmatched,
        "examples": [{"at": each.at, "before": each.before, "after": each.after} for each in replacer.examples],
    }
    return Outcome(found, partial(_show, changes, replacer.examples, unmatched, is_written=not call.dry_run))


curate = RoomGroup("curate", Text("Change and clean training data.", "修改与清洗训练数据。"), (replace,))


def _row(change: FileChange) -> dict[str, Any]:
    return {
        "in": str(change.source),
        "out": str(change.target),
        "lines": change.lines,
        "changed_lines": change.changed_lines,
        "replacements": change.replacements,
        "bad_lines": change.bad_lines,
    }


def _show(
    changes: Sequence[FileChange], examples: Sequence[Example], unmatched: Sequence[str], *, is_written: bool
) -> None:
    columns = (pick("file", "文件"), pick("lines", "行"), pick("changed", "改动的行"), pick("replaced", "替换次数"))
    print_table(columns, [(_shown(each.source), each.lines, each.changed_lines, each.replacements) for each in changes])
    for each in examples:
        say(harmless(f"{_shown(Path(each.at))}: {each.before} → {each.after}"))
    bad = sum(each.bad_lines for each in changes)
    if bad:
        say(pick(f"{bad} lines could not be read and were kept as they are", f"{bad} 行无法读取，已原样保留"))
    for text in unmatched:
        say(
            harmless(
                pick(
                    f"warning: {text!r} was not found; is it written so in the file? Keys are changed with --keys only",
                    f"警告：没有找到 {text!r}；请核对文件中的写法。键名只有加 --keys 才会替换",
                )
            )
        )
    targets = [str(each.target) for each in changes]
    place = targets[0] if len(targets) == 1 else pick(f"{len(targets)} files", f"{len(targets)} 个文件")
    say(
        pick(f"written: {place}", f"已写入：{place}") if is_written else pick(f"would write {place}", f"将写入 {place}")
    )


def _shown(path: Path) -> str:
    return path.name
