"""Consistency of form: one marker has one meaning, titles that belong together look alike, rulers stand between all parts."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable

from lianlu.core.i18n import Text
from lianlu.prompt.lint_checked import Checked, Part
from lianlu.prompt.lint_finding import Flaw, Rule
from lianlu.prompt.lint_slots import styles_of

__all__ = ["FORM"]

_HASH_WORD = re.compile(
    r"(?<![A-Za-z0-9_#&/(（\[])#(?P<word>[A-Za-z_\u4e00-\u9fff][\w\u4e00-\u9fff]{0,40})(?P<closing>#?)"
)
_HASHTAG = re.compile(
    r"hash ?tags?|标签|话题|\btags?\b|topic|issue|colou?r|颜色|channel|频道|编号|anchor", re.IGNORECASE
)
_NUMBERED = re.compile(
    r"(?:\d{1,2}\s*[.、)）:：]|[一二三四五六七八九十]{1,3}\s*[、.．])\s*\S|[（(][一二三四五六七八九十\d]{1,3}[)）]"
)
_BULLETS = "-*+•·"
_SEPARATOR = re.compile(r"\s*(?:#{4,}|-{4,}|={4,})\s*")


def _mixed_slots(checked: Checked) -> Iterable[Flaw]:
    styles = styles_of(checked)
    if len(styles) < 2:
        return
    ordered = sorted(styles.items(), key=lambda each: (-len(each[1]), each[1][0].line))
    (_, kept), *others = ordered
    odd = min((slots[0] for _, slots in others), key=lambda slot: slot.line)
    yield Flaw(
        odd.line,
        Text(
            f"Variables are written both {kept[0].shown} and {odd.shown}.",
            f"变量既写作 {kept[0].shown}，又写作 {odd.shown}。",
        ),
        Text(
            "Write every variable `{{name}}`; only these are filled in.",
            "所有变量都写成 `{{名称}}`；只有这种写法会被填入取值。",
        ),
    )


def _mixed_hash(checked: Checked) -> Iterable[Flaw]:
    if not any(_title_row(checked, part).lstrip().startswith("#") for part in checked.titled):
        return
    for part in checked.parts:
        for line in part.lines:
            if line.in_fence or "#" not in line.raw:
                continue
            for found in _HASH_WORD.finditer(line.raw):
                is_slot = bool(found["closing"]) or not _HASHTAG.search(line.raw)
                is_title = found.start() == len(line.raw) - len(line.raw.lstrip()) and not found["closing"]
                if is_slot and not is_title:
                    shown = found.group()
                    yield Flaw(
                        line.number,
                        Text(
                            f"`#` marks titles, but here also a word: {shown}.",
                            f"`#` 用作标题，这里又用来标记词语：{shown}。",
                        ),
                        Text(
                            f"Write a variable as {{{{{found['word']}}}}}, emphasis as **{found['word']}**.",
                            f"变量写成 {{{{{found['word']}}}}}，强调写成 **{found['word']}**。",
                        ),
                    )
                    return


def _mixed_numbering(checked: Checked) -> Iterable[Flaw]:
    for siblings in _siblings(checked):
        numbered = [part for part in siblings if _NUMBERED.match(part.title)]
        plain = [part for part in siblings if not _NUMBERED.match(part.title)]
        if not numbered or not plain or len(siblings) < 3:
            continue
        odd = (plain if len(numbered) >= len(plain) else numbered)[0]
        yield Flaw(
            odd.number,
            Text(
                f"Of the titles at this level some are numbered, some are not (“{odd.title}”).",
                f"同级标题有的编号、有的不编号（“{odd.title}”）。",
            ),
            Text("Number all of them or none.", "要么全部编号，要么都不编号。"),
        )


def _mixed_bullets(checked: Checked) -> Iterable[Flaw]:
    for part in checked.parts:
        levels: dict[int, str] = {}
        for line in part.lines:
            if line.in_fence or not line.marker:
                if line.text and line.indent == 0:
                    levels.clear()
                continue
            mark = line.marker if line.marker in _BULLETS else "1" + line.marker.lstrip("0123456789")
            for deeper in [indent for indent in levels if indent > line.indent]:
                del levels[deeper]
            before = levels.setdefault(line.indent, mark)
            if before == mark or (before[0] == "1") != (mark[0] == "1"):
                continue
            yield Flaw(
                line.number,
                Text(
                    f"One list has items marked both `{before}` and `{mark}`.",
                    f"同一层列表既用 `{before}` 又用 `{mark}`。",
                ),
                Text(f"Use `{before}` for every item of the list.", f"整个列表统一使用 `{before}`。"),
            )
            break


def _mixed_marker(checked: Checked) -> Iterable[Flaw]:
    for check in (_mixed_slots, _mixed_hash, _mixed_numbering, _mixed_bullets):
        yield from check(checked)


def _siblings(checked: Checked) -> list[list[Part]]:
    groups: dict[tuple[int, int], list[Part]] = defaultdict(list)
    for part in checked.titled:
        groups[part.level, part.parent].append(part)
    return list(groups.values())


def _title_row(checked: Checked, part: Part) -> str:
    rows = checked.rows
    return rows[part.number - 1] if part.number <= len(rows) else ""


_KNOWN_SHORT = {"TONE", "ROLE", "GOAL", "JOB", "STYLE", "RULES", "TASK", "GOALS", "TOOLS"}


def _case(title: str) -> str | None:
    """upper, title or lower; None for what has no case to speak of (`RAG`, `中文`, `X`)."""
    plain = re.sub(r"^\W*(?:\d{1,6}\W+)?", "", title)
    letters = [letter for letter in plain if letter.isascii() and letter.isalpha()]
    if len(letters) < 3 or not plain[0].isascii() or any("\u3400" <= letter <= "\u9fff" for letter in plain):
        return None
    if all(letter.isupper() for letter in letters):
        return "upper" if len(letters) > 4 or plain.split()[0] in _KNOWN_SHORT else "acronym"
    return "title" if letters[0].isupper() else "lower"


def _title_case(checked: Checked) -> Iterable[Flaw]:
    groups = _siblings(checked)
    lone = next((group[0] for group in groups if len(group) == 1 and group[0].parent < 0), None)
    if lone is not None:  # a lone `# Role` above all others is one of them
        groups = [[lone, *group] if checked.parts[group[0].parent] is lone else group for group in groups]
    for parts in groups:
        cases = [(part, case) for part in parts if (case := _case(part.title))]
        count = Counter(case for _, case in cases if case != "acronym")
        if len(count) < 2:
            continue
        usual, times = count.most_common(1)[0]
        if times < 2 or list(count.values()).count(times) > 1:
            continue
        for part, case in cases:
            if case not in (usual, "acronym"):
                yield Flaw(
                    part.number,
                    Text(
                        f"“{part.title}” is written in another case than the titles beside it.",
                        f"标题“{part.title}”的大小写与其他标题不一致。",
                    ),
                    Text(f"Write “{_in_case(part.title, usual)}”.", f"改为“{_in_case(part.title, usual)}”。"),
                )


def _in_case(title: str, case: str) -> str:
    if case == "upper":
        return title.upper()
    return title.lower() if case == "lower" else " ".join(word[:1].upper() + word[1:].lower() for word in title.split())


def _missing_separator(checked: Checked) -> Iterable[Flaw]:
    parts = checked.titled
    if checked.file.prompt.framework != "costar" or len(parts) < 3:
        return
    parted = [any(_SEPARATOR.fullmatch(line.raw) for line in part.lines) for part in parts[:-1]]
    if sum(parted) < 1:
        return
    for before, after, is_parted in zip(parts, parts[1:], parted, strict=False):
        if not is_parted:
            yield Flaw(
                after.number,
                Text(
                    f"No ruler stands between {before.title} and {after.title}, as it does between other parts.",
                    f"{before.title} 与 {after.title} 之间没有分隔线，而其他部分之间有。",
                ),
                Text(f"Write a line of `#########` above {after.title}.", f"在 {after.title} 上方加一行 `#########`。"),
            )


_MAIN = {"Profile", "Rules", "Workflow", "Initialization", "OutputFormat", "Goal", "Constraints", "Background"}
_MAY_HOLD = {
    "Profile": {"Skills", "Background", "Goal", "Audience", "Definition", "Value", "Tone", "Style"},
    "Role": {"*"},
    "Workflow": {"Example", "OutputFormat", "Fail", "Pardon", "Unsure"},
    "Rules": {
        "Constraints",
        "Attention",
        "Tone",
        "Style",
        "OutputFormat",
        "Lawful",
        "Hack",
        "Unsure",
        "Fail",
        "Quote",
        "Neglect",
    },
    "OutputFormat": {"Example"},
    "Initialization": set[str](),
}


def _title_depth(checked: Checked) -> Iterable[Flaw]:
    parts = [part for part in checked.titled if part.kind is not None]
    if checked.file.prompt.framework != "langgpt" or len(parts) < 3 or checked.file.prompt.syntax != "markdown":
        return
    top = parts[0] if parts[0].aspect == "Role" or parts[0].level == 1 else None
    levels = Counter(part.level for part in parts if part is not top and part.aspect in _MAIN | {"Skills", "Example"})
    if not levels:
        return
    usual = max(levels, key=lambda level: (levels[level], -level))
    for part in parts:
        if part is top or part.level == usual:
            continue
        above = checked.parts[part.parent] if part.parent >= 0 else part
        is_lifted = part.level < usual and part.aspect in _MAIN | {"Skills", "Example"}
        is_sunk = part.level > usual and _is_swallowed(part, above)
        if is_lifted or is_sunk:
            wanted = "#" * usual
            yield Flaw(
                part.number,
                Text(
                    f"“{part.title}” stands at depth {part.level}, the modules beside it at {usual}.",
                    f"“{part.title}”是 {part.level} 级标题，而同类模块是 {usual} 级。",
                ),
                Text(f"Write `{wanted} {part.title}`.", f"改为 `{wanted} {part.title}`。"),
            )
            return


def _is_swallowed(part: Part, above: Part) -> bool:
    if above is part or above.kind is None:
        return False
    if part.level - above.level > 1 and part.aspect in _MAIN | {"Skills", "Example"}:
        return True
    allowed = _MAY_HOLD.get(above.aspect, set[str]())
    return part.aspect in _MAIN and part.aspect != above.aspect and part.aspect not in allowed and "*" not in allowed


FORM: tuple[Rule, ...] = (
    Rule(
        "mixed-marker",
        "warning",
        Text(
            "One marker, one meaning: a model that meets a marker in two meanings mistakes one for the other.",
            "一种标记一个含义：同一标记两种用法，模型就会把它们混为一谈。",
        ),
        _mixed_marker,
    ),
    Rule(
        "title-case",
        "info",
        Text("Titles that look different seem to be of different rank.", "写法不同的标题看起来像是不同的层级。"),
        _title_case,
    ),
    Rule(
        "missing-separator",
        "warning",
        Text("Without a ruler the two parts read as one.", "缺少分隔线，两个部分就会被读成一个。"),
        _missing_separator,
    ),
    Rule(
        "title-depth",
        "warning",
        Text(
            "A deeper title makes a module part of the one above it, a higher one swallows those that follow.",
            "标题过深，模块就成了上一个模块的一部分；过浅，则把后面的都包了进去。",
        ),
        _title_depth,
    ),
)
