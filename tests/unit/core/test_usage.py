"""click's own sentences, in the language of the user."""

from __future__ import annotations

import click
import pytest

from lianlu.cli.table import VERBS
from lianlu.core.i18n import Text, using_language
from lianlu.core.registry import load_target
from lianlu.core.usage import said
from lianlu.core.verb import Outcome, RoomGroup, argument, option, verb


@verb("brew", Text("Brew tea.", "泡茶。"))
@argument("leaf")
@option("--cups", type=click.IntRange(1, 9), help=Text("how many", "几杯"))
@option("--pot", type=click.Choice(["big", "small"]), help=Text("which", "哪个"))
def brew(call: object, leaf: str, cups: int | None, pot: str | None) -> Outcome:
    return Outcome({"leaf": leaf, "cups": cups, "pot": pot})


kitchen = RoomGroup("kitchen", Text("Tea.", "茶。"), [brew])


@pytest.mark.parametrize(
    ("arguments", "words"),
    {
        "missing": (["brew"], "缺少参数 'LEAF'"),
        "no number": (["brew", "x", "--cups", "many"], "'many' 不是整数"),
        "out of range": (["brew", "x", "--cups", "10"], "10 不在范围 1<=x<=9 内"),
        "no choice": (["brew", "x", "--pot", "huge"], "'huge' 不在可选值 'big', 'small' 之中"),
        "no option": (["brew", "x", "--cup", "1"], "没有选项 --cup（是不是想写 '--cups'"),
        "no value": (["brew", "x", "--cups"], "选项 '--cups' 需要一个值"),
        "a value too many": (["brew", "x", "--json=1"], "选项 '--json' 不带值"),
        "too many": (["brew", "x", "y"], "多余的参数：y"),
    }.values(),
)
def test_a_misused_command_is_told_in_chinese(arguments: list[str], words: str) -> None:
    with pytest.raises(click.UsageError) as caught:
        kitchen.main(arguments, standalone_mode=False)
    assert words in said(caught.value.format_message()).zh
    assert said(caught.value.format_message()).en == caught.value.format_message()


def test_a_sentence_that_is_not_known_stays_english() -> None:
    assert said("The moon is down.") == Text("The moon is down.", "The moon is down.")


def test_help_is_in_the_language_of_the_user(capsys: pytest.CaptureFixture[str]) -> None:
    with using_language("zh"):
        kitchen.main(["brew", "--help"], standalone_mode=False)
    shown = capsys.readouterr().out
    assert "用法：" in shown
    assert "选项" in shown
    assert "默认：0" in shown
    assert "显示此帮助" in shown
    assert not [word for word in ("Usage", "Options", "default", "Show") if word in shown]
    kitchen.main(["brew", "--help"], standalone_mode=False)
    assert "Usage: " in capsys.readouterr().out


def test_a_group_alone_shows_its_verbs_and_is_no_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    kitchen.main([], standalone_mode=False)
    assert "brew" in capsys.readouterr().out


@pytest.mark.parametrize("name", sorted(name for name, each in VERBS.items() if each.target))
def test_the_help_of_every_verb_has_chinese_titles(name: str) -> None:
    command: click.Command = load_target(VERBS[name].target or "")
    with using_language("zh"):
        shown = command.get_help(command.make_context(name, ["--help"], resilient_parsing=True))
    assert shown.startswith("用法：")
    assert "Options:" not in shown
