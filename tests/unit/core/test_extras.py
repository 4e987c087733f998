"""Optional packages: named with the command that brings them, never blamed for faults of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from lianlu.core import extras
from lianlu.core.errors import UsageError


def test_a_module_that_is_there_is_imported() -> None:
    assert extras.require("json.decoder", "any").__name__ == "json.decoder"


@pytest.mark.parametrize("module", ["absent_package_of_lianlu", "absent_package_of_lianlu.part"])
def test_an_absent_package_is_named_with_the_pip_command(module: str) -> None:
    with pytest.raises(UsageError) as caught:
        extras.require(module, "extract")
    assert caught.value.code == "extra.missing"
    assert caught.value.message() == "'absent_package_of_lianlu' needs the extra [extract], which is not installed"
    assert caught.value.hint() == "pip install 'lianlu[extract]'"


def test_a_package_that_is_there_but_broken_is_not_called_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "half_installed_package.py").write_text("import absent_package_of_lianlu\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match="absent_package_of_lianlu"):
        extras.require("half_installed_package", "extract")


def test_an_extra_is_missed_before_anything_is_begun() -> None:
    extras.need("extract", "json", "wave")
    with pytest.raises(UsageError) as caught:
        extras.need("extract", "json", "absent_package_of_lianlu")
    assert (caught.value.code, caught.value.hint()) == ("extra.missing", "pip install 'lianlu[extract]'")
