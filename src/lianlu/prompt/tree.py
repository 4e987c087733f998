"""Prompts as maps and lists, for JSON and YAML: titles become keys, assignments become keys, lists stay lists."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from io import StringIO
from typing import Any, cast

import msgspec

from lianlu.prompt.model import Assignment, Element, Function, Module, Prompt, Statement
from lianlu.prompt.modules import Names

__all__ = ["from_tree", "to_json", "to_tree", "to_yaml"]

_Fill = Callable[[str], str]


def _same(text: str) -> str:
    return text


def to_tree(prompt: Prompt, fill: _Fill = _same) -> dict[str, Any]:
    """The prompt as plain maps and lists; `fill` is applied to every text.

    A level-1 module with a value, as `# Role: poet`, is the map that holds the modules below it.
    """
    root: dict[str, Any] = {}
    open_maps: list[tuple[int, dict[str, Any]]] = [(0, root)]
    modules = prompt.modules
    for index, module in enumerate(modules):
        while open_maps[-1][0] >= module.level:
            open_maps.pop()
        has_children = index + 1 < len(modules) and modules[index + 1].level > module.level
        content = _content(module, fill, as_map=has_children)
        _put(open_maps[-1][1], module.title, content)
        if isinstance(content, dict):
            open_maps.append((module.level, cast("dict[str, Any]", content)))
    return root


def _content(module: Module, fill: _Fill, *, as_map: bool) -> Any:
    own = _elements(module.elements, fill) if module.elements else ""
    if module.value and not module.elements and not as_map:
        return fill(module.value)
    if not module.value and not as_map:
        return own
    content: dict[str, Any] = {"name": fill(module.value)} if module.value else {}
    if isinstance(own, dict):
        for key, value in cast("dict[str, Any]", own).items():
            _put(content, key, value)
    elif module.elements:
        _put(content, "text", own)
    return content


def _elements(elements: Sequence[Element], fill: _Fill) -> Any:
    if elements and all(isinstance(element, Assignment) for element in elements):
        content: dict[str, Any] = {}
        for element in cast("Sequence[Assignment]", elements):
            below = _elements(element.elements, fill) if element.elements else None
            value = fill(element.value)
            _put(content, fill(element.name), value if below is None else {value: below} if value else below)
        return content
    if len(elements) == 1 and not elements[0].marker:
        return _element(elements[0], fill)
    return [_element(element, fill) for element in elements]


def _element(element: Element, fill: _Fill) -> Any:
    match element:
        case Statement():
            own = element.text
        case Function():
            own = element.text or f"{element.given}: {element.actions}"
        case Assignment():
            colon = ": " if element.name.isascii() else "："
            own = f"{element.name}{colon}{element.value}".rstrip()
    return {fill(own): _elements(element.elements, fill)} if element.elements else fill(own)


def _put(target: dict[str, Any], key: str, value: Any) -> None:
    """Set a key; a second one of the same name gets a number, as maps hold only one."""
    free, serial = key, 1
    while free in target:
        serial += 1
        free = f"{key} {serial}"
    target[free] = value


def from_tree(tree: Mapping[str, Any], framework: str, names: Names) -> Prompt:
    """A prompt of maps and lists. Known keys inside Role are modules, others assignments."""
    modules = tuple(_modules(tree, 1, names))
    role = next((module.value for module in modules if module.name == "Role"), "")
    return Prompt(framework=framework, name=role, modules=modules)


def _modules(tree: Mapping[str, Any], level: int, names: Names) -> Iterable[Module]:
    for key, value in tree.items():
        kind = names.find(key)
        own: list[Element] = []
        below: dict[str, Any] = {}
        name, above = "", kind.name if kind else ""
        if isinstance(value, Mapping):
            for inner, each in cast("Mapping[str, Any]", value).items():
                if inner.casefold() == "name" and not isinstance(each, Mapping | list):
                    name = str(each)
                elif (
                    above == "Role" and inner == "text" and isinstance(each, list | str)
                ):  # as `_content` writes them beside a name
                    own += _read_elements(each)
                elif _is_module(inner, each, "Role" if below else above, names):
                    below[inner] = each
                else:
                    own.append(_read_assignment(inner, each))
        else:
            own = list(_read_elements(value))
        yield Module(name=kind.name if kind else key, title=key, value=name, level=min(level, 6), elements=tuple(own))
        yield from _modules(below, level + 1, names)


def _is_module(key: str, value: Any, above: str, names: Names) -> bool:
    """Inside Role every known key is a module, and every other that holds more than a word; inside Profile a known one
    that holds more than a word; elsewhere none is. What follows a module inside another is read as inside Role: the order
    stays.
    """
    known, holds_more = names.find(key) is not None, isinstance(value, Mapping | list) or value == ""
    return (known or holds_more) if above == "Role" else known and holds_more and above == "Profile"


def _read_elements(value: Any) -> Iterable[Element]:
    if isinstance(value, Mapping):
        return [_read_assignment(key, each) for key, each in cast("Mapping[str, Any]", value).items()]
    if isinstance(value, list):
        return [_read_item(item) for item in cast("list[Any]", value)]
    return [] if value is None or value == "" else [Statement(text=str(value))]


def _read_item(item: Any) -> Element:
    if isinstance(item, Mapping) and len(cast("Mapping[str, Any]", item)) == 1:
        ((key, value),) = cast("Mapping[str, Any]", item).items()
        if isinstance(value, Mapping | list):  # an item with items below it, not a property among others
            return Statement(text=key, marker="-", elements=tuple(_marked(_read_elements(value))))
        return _read_assignment(key, value)
    if isinstance(item, Mapping | list):
        return Statement(text="", marker="-", elements=tuple(_marked(_read_elements(item))))
    return Statement(text=str(item), marker="-")


def _read_assignment(key: str, value: Any) -> Assignment:
    if isinstance(value, Mapping | list):
        return Assignment(name=key, value="", marker="-", elements=tuple(_marked(_read_elements(value))))
    return Assignment(name=key, value="" if value is None else str(value), marker="-")


def _marked(elements: Iterable[Element]) -> Iterable[Element]:
    return (element if element.marker else msgspec.structs.replace(element, marker="-") for element in elements)


def to_json(tree: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(tree), indent=2).decode() + "\n"


def to_yaml(tree: Any) -> str:
    from ruamel.yaml import YAML
    from ruamel.yaml.scalarstring import LiteralScalarString

    def blocks(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: blocks(each) for key, each in cast("dict[str, Any]", value).items()}
        if isinstance(value, list):
            return [blocks(each) for each in cast("list[Any]", value)]
        return LiteralScalarString(value) if isinstance(value, str) and "\n" in value else value

    yaml = YAML()
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    stream = StringIO()
    yaml.dump(blocks(tree), stream)
    return stream.getvalue()
