"""What starts fast stays fast: heavy packages are imported by the work that needs them, never by saying hello."""

from __future__ import annotations

import json
import time

import pytest

from conftest import python
from lianlu.cli.table import VERBS

HEAVY = ("click", "fastapi", "httpx", "msgspec", "numpy", "pydantic", "rich", "ruamel", "torch", "transformers")
NEVER_FOR_HELP = ("fastapi", "lxml", "pandas", "pypdfium2", "sqlalchemy", "torch", "transformers", "uvicorn")
WORKING = [name for name, each in VERBS.items() if each.target]


def loaded(code: str) -> set[str]:
    """The top-level packages that are in `sys.modules` when `code` has run."""
    done = python(["-c", f"import json, sys, atexit\n{code}"])
    assert done.code == 0, done.err
    return set(json.loads(done.out.splitlines()[-1]))


SHOW = "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"


@pytest.mark.parametrize("arguments", [[], ["--help"], ["--version"]], ids=str)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    code = f"atexit.register(lambda: {SHOW})\nfrom lianlu.cli.main import main\nmain({arguments!r})"
    assert loaded(code) & set(HEAVY) == set()


def test_help_starts_in_less_than_five_times_bare_python() -> None:
    def fastest(arguments: list[str]) -> float:
        times: list[float] = []
        for _ in range(6):
            began = time.perf_counter()
            python(arguments)
            times.append(time.perf_counter() - began)
        return min(times)

    assert fastest(["-m", "lianlu", "--help"]) < 5 * fastest(["-c", "pass"])


def test_importing_lianlu_loads_nothing_heavy() -> None:
    assert loaded(f"import lianlu as ll; dir(ll)\n{SHOW}") & set(HEAVY) == set()


@pytest.mark.parametrize("name", WORKING)
def test_the_help_of_a_verb_loads_no_room_s_heavy_part(name: str) -> None:
    code = f"atexit.register(lambda: {SHOW})\nfrom lianlu.cli.main import main\nmain([{name!r}, '--help'])"
    assert loaded(code) & set(NEVER_FOR_HELP) == set()


def test_an_unknown_attribute_of_lianlu_is_an_attribute_error() -> None:
    import lianlu

    with pytest.raises(AttributeError, match="no attribute 'oepn'"):
        _ = lianlu.oepn


@pytest.mark.parametrize("name", ["open", "read", "run", "prompt", "rag", "records", "store"])
def test_every_name_of_lianlu_leads_somewhere(name: str) -> None:
    import lianlu

    assert name in dir(lianlu)
    assert getattr(lianlu, name) is not None
