"""The error tree: who must act, exit codes, statuses, words in both languages."""

from __future__ import annotations

import pickle

import pytest

from lianlu.core import errors
from lianlu.core.errors import (
    BackendError,
    Cancelled,
    DataError,
    ErrorText,
    LianluError,
    LimitError,
    UsageError,
    error_text,
)
from lianlu.core.i18n import Text, using_language
from lianlu.core.texts import ERRORS

FAMILIES = {UsageError: (2, 400), DataError: (3, 422), BackendError: (4, 502), LimitError: (5, 429)}


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_a_family_has_its_exit_code_and_status(family: type[LianluError]) -> None:
    error = family("file.missing", path="a")
    assert (error.exit_code, error.http_status) == FAMILIES[family]


def test_cancelled_has_its_code_without_being_told() -> None:
    error = Cancelled()
    assert (error.code, error.exit_code, error.http_status) == ("run.cancelled", 130, 499)


def test_the_documented_exit_codes_stand() -> None:
    assert (errors.VERDICT_NO_EXIT, errors.BUG_EXIT, LianluError.exit_code) == (1, 70, 70)


def test_a_code_overrides_the_status_of_its_family() -> None:
    assert LimitError("file.disk-full", path="a").http_status == 507


def test_words_follow_the_language() -> None:
    error = UsageError("file.missing", path="甲.md")
    with using_language("zh"):
        assert error.message() == "找不到文件或文件夹 '甲.md'"
    assert error.message("en") == str(error) == "there is no file or folder '甲.md'"


def test_a_fact_may_itself_be_bilingual() -> None:
    error = UsageError("registry.unknown-name", group="step", name="x", suggestion=Text("try y", "试试 y"))
    assert (error.hint("en"), error.hint("zh")) == ("try y", "试试 y")


def test_facts_with_braces_are_shown_as_they_are() -> None:
    assert "'{path} {0}'" in UsageError("file.missing", path="{path} {0}").message()


def test_an_unknown_code_shows_itself() -> None:
    assert str(UsageError("nowhere.at-all", x=1)) == "nowhere.at-all"
    assert UsageError("nowhere.at-all").hint() == ""


def test_a_code_is_looked_up_in_its_room_first_and_then_in_core() -> None:
    assert error_text("cli.recipe-exists").message.en.startswith("{path!r}")
    assert error_text("cli.unknown-verb") is ERRORS["cli.unknown-verb"]


@pytest.mark.parametrize(
    "error",
    [
        UsageError("file.missing", path="a"),
        LimitError("x.y", text=ErrorText(Text("m {a}", "信 {a}"), Text("h", "示"), http=507), a=Text("1", "一")),
        Cancelled(),
        Cancelled("run.cancelled", why="told to"),
    ],
    ids=["plain", "own text", "cancelled", "cancelled with facts"],
)
def test_an_error_crosses_a_process_border_whole(error: LianluError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert (copy.code, copy.facts, copy.http_status) == (error.code, error.facts, error.http_status)
    assert (copy.message("zh"), copy.hint("en")) == (error.message("zh"), error.hint("en"))
