"""`NAME/SKILL.md`: a skill of an agent, front matter with name and description, and instructions as markdown.

A skill has no variables, roles or tests. Its name is lower-case letters, digits and hyphens; its description is what an
agent decides by, so one is made of the prompt's own words where there is none, and said so.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from lianlu.core.i18n import Text
from lianlu.prompt.foreign import Loss, Traveller, Written
from lianlu.prompt.foreign.shared import Said, assembled, bad, front, map_of, unheld, with_front
from lianlu.prompt.model import Assignment

__all__ = ["SKILL", "Skill"]

_MOST_NAME, _MOST_DESCRIPTION = 64, 1024


class Skill:
    name = "skill"
    about = Text("an agent's skill: a folder with SKILL.md", "智能体技能：含 SKILL.md 的文件夹")

    def recognises(self, path: Path, text: str) -> bool:  # noqa: ARG002
        return path.name.lower() == "skill.md"

    def read(self, text: str, path: Path) -> Traveller:
        """Raises UsageError prompt.bad-foreign, and those of `front`."""
        read = front(text, path)
        values = dict(read.tree.values)
        head: dict[str, Any] = {}
        for key in ("name", "description"):
            value = values.pop(key, "")
            if isinstance(value, dict | list):
                raise bad(read.tree.at((key,)), key, Text("text", "文本"))
            head[key] = str(value)
        head["meta"] = {"skill": values} if values else {}
        lines = {f"meta.skill.{key}": read.line_of(key) for key in values}
        return Traveller(
            assembled(head, [Said("system", _escaped(read.body), read.line)], path),
            lines=lines,
            lost=tuple(_beside(path)),
            folder=path.parent,
        )

    def write(self, prompt: Traveller) -> Written:
        """Raises those of `include.expanded`."""
        file, head = prompt.file, prompt.file.head
        lost: list[Loss] = []
        name = _skill_name(head.name or file.name)
        if name != (head.name or file.name):
            why = Text(
                f"a skill's name is lower-case letters, digits and hyphens: {name}",
                f"技能名只能用小写字母、数字与连字符：{name}",
            )
            lost.append(Loss(f"name: {head.name or file.name}", why, prompt.line("name")))
        description = _description(prompt, lost)
        variables = file.variables
        why = Text("a skill has no variables; kept as text", "技能没有变量，按原文保留")
        lost += [Loss(f"{{{{{each}}}}}", why, prompt.line(f"variables.{each}")) for each in variables]
        if prompt.engine:
            lost += prompt.code
        body, others = file.system_text, list(file.messages)
        if not body.strip() and others:
            body = file.message_texts[0]
            why = Text("written as the skill's instructions", "写作技能的说明正文")
            lost.append(Loss(f"{others[0].role}:", why, others.pop(0).line))
        why = Text("a skill has no messages of other roles", "技能没有其他角色的消息")
        lost += [Loss(f"{each.role}:", why, each.line) for each in others]
        values = {"name": name, "description": description, **map_of(head.meta.get("skill"))}
        lost += unheld(prompt, "skill", ("meta.engine",))
        body = re.sub(r"\\(\{\{)", r"\1", body).strip("\r\n")
        return Written({f"{name}/SKILL.md": with_front(values, f"\n{body}\n")}, tuple(lost))


def _escaped(body: str) -> str:
    """A skill is plain text: its braces are literal."""
    return re.sub(r"\{\{(?=[^{}\n]{1,200}\}\})", r"\\{{", body)


def _skill_name(name: str) -> str:
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:_MOST_NAME].strip("-")
    return plain or "prompt"


def _description(prompt: Traveller, lost: list[Loss]) -> str:
    head = prompt.file.head
    text = head.description
    if not text:
        text = " ".join(_about(prompt).split())
        why = Text(
            "a skill needs one: made of the prompt's own words, please say when to use it",
            "技能必须有描述：已用提示词自身的文字填写，请补充何时使用",
        )
        lost.append(Loss("description", why, prompt.line("description")))
    if len(text) > _MOST_DESCRIPTION:
        why = Text(f"cut to {_MOST_DESCRIPTION} characters", f"截短到 {_MOST_DESCRIPTION} 个字符")
        lost.append(Loss("description", why, prompt.line("description")))
    return text[:_MOST_DESCRIPTION]


def _about(prompt: Traveller) -> str:
    """What the prompt itself says it is: the description in its profile, the whole profile, or its name."""
    profile = prompt.file.prompt.module("Profile")
    elements = profile.elements if profile else ()
    said = (each for each in elements if isinstance(each, Assignment) and each.name.lower() in ("description", "描述"))
    found = next(said, None)
    return (found.value if found else "") or (profile.text if profile else "") or prompt.file.name


def _beside(path: Path) -> list[Loss]:
    """Scripts and references of the skill stay where they are."""
    if not path.is_file():
        return []
    folder = path.parent
    why = Text("a file beside the skill; only SKILL.md is converted", "技能文件夹中的其他文件；只转换 SKILL.md")
    others = (each for each in sorted(folder.rglob("*"))[:200] if each.is_file() and each != path)
    return [Loss(each.relative_to(folder).as_posix(), why) for each in others]


SKILL = Skill()
