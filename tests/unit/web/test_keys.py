from __future__ import annotations

from pathlib import Path

import pytest

from lianlu.core.errors import UsageError
from lianlu.web.keys import read_keys


def test_keys_come_from_a_file_with_comments(tmp_path: Path) -> None:
    path = tmp_path / "keys.txt"
    path.write_text("# team\nll-one # ann\n\n  ll-two\n")
    keys = read_keys(str(path), {})
    assert keys.admit("Bearer ll-one")
    assert keys.admit("bearer  ll-two ")
    assert not keys.admit("Bearer # team")


def test_keys_come_from_a_variable() -> None:
    keys = read_keys("LL_KEYS", {"LL_KEYS": "a, b,"})
    assert keys.admit("Bearer a")
    assert keys.admit("Bearer b")


@pytest.mark.parametrize(
    "given", ["", "a", "Bearer", "Bearer ", "Basic a", "Bearer aa", "Bearer A", "Bearer \udcff", "Bearer a,b"]
)
def test_all_else_stays_out(given: str) -> None:
    assert not read_keys("LL_KEYS", {"LL_KEYS": "a,b"}).admit(given)


@pytest.mark.parametrize("value", ["", " , ,"])
def test_a_variable_without_keys_is_an_error(value: str) -> None:
    with pytest.raises(UsageError, match="LL_KEYS") as caught:
        read_keys("LL_KEYS", {"LL_KEYS": value})
    assert caught.value.code == "web.no-keys"


@pytest.mark.parametrize("content", [b"", b"# nothing\n\n", b"\xff\xfe\x00"])
def test_a_file_without_keys_is_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "keys").write_bytes(content)
    with pytest.raises(UsageError) as caught:
        read_keys(str(tmp_path / "keys"), {})
    assert caught.value.code in ("web.no-keys", "file.unreadable")
