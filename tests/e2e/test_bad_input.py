"""What people get wrong, each met with one clear error, a hint and the documented exit code."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import pytest

from e2e.conftest import assert_clear_error

RECIPE = Path(__file__).resolve().parents[2] / "recipes" / "demo.yaml"


def test_a_misspelt_verb_names_the_nearest(lianlu) -> None:
    done = lianlu("exract")
    assert_clear_error(done, 2)
    assert "'extract'" in done.err


def test_a_misspelt_verb_is_explained_in_chinese(lianlu) -> None:
    done = lianlu("exract", lang="zh")
    assert done.code == 2
    assert "错误" in done.err
    assert "提示" in done.err


def test_a_misspelt_sub_verb_names_the_nearest(lianlu) -> None:
    done = lianlu("store", "lst")
    assert_clear_error(done, 2)
    assert "'list'" in done.err


def test_an_unknown_recipe_key_names_file_line_and_the_nearest_key(lianlu, tmp_path: Path) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(
        RECIPE.read_text(encoding="utf-8").replace("questions: ${question}", "qestions: ${question}"), encoding="utf-8"
    )
    done = lianlu("run", str(recipe))
    assert_clear_error(done, 2)
    assert "mine.yaml:" in done.err
    assert "'questions'" in done.err


def test_a_missing_file_is_named(lianlu) -> None:
    done = lianlu("extract", "nowhere.md")
    assert_clear_error(done, 2)
    assert "nowhere.md" in done.err


def test_an_empty_folder_is_an_error_not_an_empty_result(lianlu, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert_clear_error(lianlu("extract", "empty"), 2)
    assert_clear_error(lianlu("rag", "build", "kb", "empty"), 2)


def test_a_folder_of_broken_files_is_a_data_error_that_says_why(lianlu, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "empty.md").write_bytes(b"")
    (broken / "torn.pdf").write_bytes(b"%PDF-1.7\n1 0 obj\n<<")
    for done in (
        lianlu("extract", "broken"),
        lianlu("rag", "build", "kb", "broken"),
        lianlu("demo", "documents=broken"),
    ):
        assert_clear_error(done, 3)
        assert "torn.pdf" in done.err


def test_a_store_that_cannot_be_made_is_a_usage_error(lianlu, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    done = lianlu("run", str(RECIPE), LIANLU_STORE=str(tmp_path / "file" / "store"))
    assert_clear_error(done, 2)


def test_a_verb_typed_once_works_without_a_store_and_says_so(lianlu, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    (tmp_path / "a.md").write_text("# Title\n\nWords.\n")
    done = lianlu("extract", "a.md", "--out", "o", LIANLU_STORE=str(tmp_path / "file" / "store"))
    assert done.code == 0, done.err
    assert (tmp_path / "o").is_dir()
    assert "store" in done.err


def test_a_dead_endpoint_is_a_backend_error_with_its_address(lianlu) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    done = lianlu("chat", f"http://127.0.0.1:{port}/v1#m", "hello")
    assert_clear_error(done, 4)
    assert str(port) in done.err


def test_an_unset_key_names_its_variable(lianlu) -> None:
    done = lianlu("chat", "internlm:internlm2.5-latest", "hello")
    assert done.code in (2, 4)
    assert "INTERNLM_API_KEY" in done.err
    assert "Traceback" not in done.err


def test_an_unknown_knowledge_base_names_the_nearest(lianlu, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# Title\n\nThe tea house opens at nine.\n")
    assert lianlu("rag", "build", "handbook", "a.md").code == 0
    done = lianlu("rag", "ask", "handbok", "when?")
    assert_clear_error(done, 2)
    assert "handbook" in done.err


def test_an_error_with_json_is_one_object(lianlu) -> None:
    done = lianlu("extract", "nowhere.md", "--json")
    assert done.code == 2
    assert done.json["error"]["code"] == "file.missing"


@pytest.mark.parametrize("verb", ["agent", "search", "studio"])
def test_a_planned_verb_says_that_it_is_planned(lianlu, verb: str) -> None:
    done = lianlu(verb)
    assert_clear_error(done, 2)
    assert "planned" in done.err


def test_an_unwritable_out_is_named(lianlu, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# Title\n\nWords.\n")
    (tmp_path / "file").write_text("not a folder")
    done = lianlu("extract", "a.md", "--out", "file/out")
    assert_clear_error(done, 2)


def test_nothing_is_left_behind_by_a_failed_build(lianlu, tmp_path: Path) -> None:
    (tmp_path / "empty.md").write_bytes(b"")
    lianlu("rag", "build", "kb", "empty.md")
    assert lianlu("rag", "list", "--json").json in ([], {"bases": []})
    shutil.rmtree(tmp_path / "store", ignore_errors=True)
