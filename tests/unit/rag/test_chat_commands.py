"""What is typed after a slash."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lianlu.core.errors import LianluError, UsageError
from lianlu.rag.base import KnowledgeBase
from lianlu.rag.chat_commands import Commands
from lianlu.rag.talk import Talk

from .conftest import Make

Do = Callable[[str], str]


@pytest.fixture
def talk(base: KnowledgeBase, make_document: Make) -> Iterator[Talk]:
    page = "# 备份\n\n备份每晚两点开始。"
    base.put([make_document("a.md", page), make_document("copy.md", page)])
    with Talk(base) as opened:
        opened.ask("备份几点开始？", lambda _: None)
        yield opened


@pytest.fixture
def do(talk: Talk, capsys: pytest.CaptureFixture[str]) -> Do:
    commands = Commands(talk)

    def run(line: str) -> str:
        capsys.readouterr()
        commands.do(line)
        return capsys.readouterr().out

    return run


def test_sources_are_listed_with_the_other_places_of_the_same_words(do: Do) -> None:
    assert do("/sources") == "[1] a.md · 备份 · line 3\n    also in: copy.md\n"


@pytest.mark.parametrize("line", ["/source 1", "/sources [1]", "/sources  1 "])
def test_a_source_is_shown_with_the_sentence_marked(do: Do, line: str) -> None:
    assert "# 备份\n\n»备份每晚两点开始。«" in do(line)


@pytest.mark.parametrize("given", ["2", "0", "-1", "x", "1 2", "\x1b[2J", "9" * 5000])
def test_a_source_that_is_not_there_is_an_error(do: Do, given: str) -> None:
    with pytest.raises(UsageError) as caught:
        do(f"/source {given}")
    assert caught.value.code == "rag.no-such-number"
    assert "\x1b" not in caught.value.message() + caught.value.hint()


def test_there_are_no_sources_before_the_first_answer(do: Do) -> None:
    assert "forgotten" in do("/clear")
    assert "no sources" in do("/sources")
    assert "no sources" in do("/source 1")
    assert "nothing was asked" in do("/history")


@pytest.mark.parametrize("line", ["/", "/ help", "/histry", "/SOURCES", "/\x1b[2J", "/" + "x" * 100_000])
def test_an_unknown_command_has_a_hint(do: Do, line: str) -> None:
    with pytest.raises(UsageError) as caught:
        do(line)
    assert caught.value.code == "rag.bad-command"
    assert "/help" in caught.value.hint()
    assert len(caught.value.message()) < 100


def test_help_names_every_command(do: Do) -> None:
    shown = do("/help")
    for name in (
        "sources",
        "history",
        "clear",
        "save",
        "since",
        "until",
        "where",
        "language",
        "path",
        "filters",
        "quit",
    ):
        assert f"  /{name}" in shown


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("/since 2024-05", "since 2024-05"),
        ("/until 2025", "until 2025"),
        ("/language zh", "language zh"),
        ("/path zh_cn/*", "path zh_cn/*"),
        ("/where author=Li Lei", "where author=Li Lei"),
    ],
)
def test_a_filter_is_set_shown_and_taken_back(do: Do, talk: Talk, line: str, shown: str) -> None:
    assert do(line) == f"asking: {shown}\n"
    assert do("/filters") == f"asking: {shown}\n"
    assert do(line.split()[0]) == "asking: all documents\n"
    assert talk.filters.is_empty


def test_filters_add_up_until_none(do: Do, talk: Talk) -> None:
    do("/since 2024")
    do("/where a=1")
    assert do("/where b=2") == "asking: since 2024, where a=1, where b=2\n"
    assert do("/filters none") == "asking: all documents\n"
    assert talk.filters.is_empty


@pytest.mark.parametrize("line", ["/since yesterday", "/until 2024-1", "/where author", "/where =x", "/filters some"])
def test_a_filter_that_is_none_changes_nothing(do: Do, talk: Talk, line: str) -> None:
    do("/since 2024")
    with pytest.raises(UsageError):
        do(line)
    assert talk.filters.since == "2024"


@pytest.mark.parametrize("name", ["talk.html", "talk.md", "talk.json", "new/folder/talk.MD"])
def test_a_talk_is_saved(do: Do, tmp_path: Path, name: str) -> None:
    assert str(tmp_path / name) in do(f"/save {tmp_path / name}")
    assert "备份每晚两点开始" in (tmp_path / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["", "talk", "talk.pdf", "folder.md", "file/talk.md"])
def test_a_talk_that_cannot_be_saved_stays(do: Do, talk: Talk, tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.md").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(LianluError):
        do(f"/save {tmp_path / name}" if name else "/save")
    assert len(talk.answers) == 1
