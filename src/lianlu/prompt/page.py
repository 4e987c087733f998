"""The prompt artifact on a report page: what it is made of, and the exact text that was sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lianlu.core.errors import DataError
from lianlu.core.files import Files
from lianlu.core.i18n import Text
from lianlu.page import Code, Fact, Facts, Fold, Part, Section, SectionContext, Table

__all__ = ["section"]

_ROOM_CHARACTERS = 160


def section(files: Files, context: SectionContext) -> Section:
    """Show a prompt artifact.

    Raises:
        DataError: prompt.broken-artifact
    """
    described = _described(files.get("prompt.json"))
    modules = described["modules"]
    text = files["prompt.md"].read_text(encoding="utf-8") if "prompt.md" in files else ""
    facts = [
        Fact(Text("name", "名称"), described["name"]),
        Fact(Text("framework", "框架"), described["framework"]),
        Fact(Text("modules", "模块"), len(modules)),
        Fact(Text("characters", "字符"), len(text)),
    ]
    parts: list[Part] = [Facts(facts)]
    if modules:
        rows = [(module["name"], module["title"], _clip(_said(module))) for module in modules]
        parts.append(Table([Text("module", "模块"), Text("title", "标题"), Text("says", "内容")], rows))
    if described["variables"]:
        values = [(name, _clip(str(value))) for name, value in described["variables"].items()]
        parts.append(Table([Text("variable", "变量"), Text("value", "取值")], values))
    parts.append(Fold(Text("The text that is sent", "发送的文本"), [Code(text, described["format"])]))
    return Section(
        title=Text("Prompt", "提示词"),
        id=context.step or "prompt",
        intro=described["description"],
        parts=parts,
    )


def _described(path: Path | None) -> dict[str, Any]:
    try:
        described = json.loads(path.read_bytes()) if path is not None else {}
        return {key: described[key] for key in ("name", "framework", "description", "format", "variables", "modules")}
    except (KeyError, TypeError, ValueError) as error:
        raise DataError("prompt.broken-artifact", path="prompt.json", why=f"{type(error).__name__}: {error}") from None


def _said(module: dict[str, Any]) -> str:
    """Value and elements of a module on one line."""
    pieces = [module.get("value", ""), *(_element(element) for element in module.get("elements", ()))]
    return " ".join(piece for piece in pieces if piece)


def _element(element: dict[str, Any]) -> str:
    own = element.get("text") or " ".join(filter(None, (element.get("name"), element.get("value"))))
    return " ".join([own, *(_element(each) for each in element.get("elements", ()))])


def _clip(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _ROOM_CHARACTERS else line[: _ROOM_CHARACTERS - 1] + "…"
