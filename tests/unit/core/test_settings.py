"""Settings of this machine, read from the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from lianlu.core.errors import UsageError
from lianlu.core.settings import Settings


def test_defaults_stand_without_any_variable() -> None:
    settings = Settings.from_environment({})
    assert settings.store is None
    assert settings.threads >= 1
    assert settings.config_folder.name == settings.data_folder.name == "lianlu"


def test_variables_win(tmp_path: Path) -> None:
    given = {"LIANLU_STORE": "~/s", "LIANLU_CONFIG": "c", "LIANLU_DATA": str(tmp_path), "LIANLU_THREADS": "3"}
    settings = Settings.from_environment(given)
    assert settings.store == Path("~/s").expanduser()
    assert (settings.config_folder, settings.data_folder, settings.threads) == (Path("c"), tmp_path, 3)


def test_an_empty_variable_is_no_choice() -> None:
    empty = dict.fromkeys(("LIANLU_STORE", "LIANLU_CONFIG", "LIANLU_DATA", "LIANLU_THREADS"), "")
    assert Settings.from_environment(empty) == Settings.from_environment({})


@pytest.mark.parametrize("value", ["0", "-1", "two", "1.5", "²", " 2"])
def test_threads_must_be_a_whole_number_from_one(value: str) -> None:
    with pytest.raises(UsageError) as caught:
        Settings.from_environment({"LIANLU_THREADS": value})
    assert caught.value.code == "settings.bad-value"
    assert repr(value) in caught.value.message()
