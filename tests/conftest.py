"""What every test stands on: English texts, folders of its own instead of the user's, and no network beyond this machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
_HERE = ("localhost", "127.", "::1", "0.0.0.0", "")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write what was printed into the golden files")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """`-m demo` reads only the files that have such a test: the others take half a minute."""
    kind = config.getoption("markexpr")
    is_named = kind in ("demo", "soak") and collection_path.suffix == ".py"
    return True if is_named and f"mark.{kind}" not in collection_path.read_text(encoding="utf-8") else None


@pytest.fixture(autouse=True)
def _own_places(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    places = tmp_path_factory.getbasetemp() / f"user-{os.getpid()}-{os.urandom(4).hex()}"
    monkeypatch.setenv("LIANLU_LANG", "en")
    monkeypatch.setenv("LIANLU_CONFIG", str(places / "config"))
    monkeypatch.setenv("LIANLU_DATA", str(places / "data"))
    monkeypatch.delenv("LIANLU_STORE", raising=False)
    monkeypatch.delenv("LIANLU_THREADS", raising=False)
    for name in list(os.environ):
        if name.endswith("_API_KEY") or name == "API_KEY":
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not str(address[0]).startswith(_HERE[:-1]):
            raise OSError(f"a test may not reach {address[0]}")
        connect(self, address)

    def guarded_look_up(host: Any, *rest: Any, **more: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else str(host or "")
        if name and not name.startswith(_HERE[:-1]):
            raise socket.gaierror(socket.EAI_NONAME, f"a test may not look up {name}")
        return look_up(host, *rest, **more)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_look_up)


@dataclass(frozen=True)
class Printed:
    """What one command left behind."""

    code: int
    out: str
    err: str


@pytest.fixture
def lianlu(capsys: pytest.CaptureFixture[str]) -> Callable[..., Printed]:
    """Run a command in this process: `lianlu("recipe", "list")`."""
    from lianlu.cli.main import main

    def run(*arguments: str | Path) -> Printed:
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main([str(each) for each in arguments])
        captured = capsys.readouterr()
        return Printed(int(left.value.code or 0), captured.out, captured.err)

    return run


@pytest.fixture
def lianlu_child() -> Callable[..., Printed]:
    """Run a command in a process of its own, with more or other environment variables."""

    def run(*arguments: str | Path, cwd: Path | None = None, **environment: str) -> Printed:
        return python(["-m", "lianlu", *map(str, arguments)], cwd=cwd, **environment)

    return run


def python(arguments: Sequence[str], *, cwd: Path | None = None, **environment: str) -> Printed:
    """Run Python with this environment, the given variables on top."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        timeout=120,
        check=False,
    )
    return Printed(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """`golden("name.txt", text)` compares with tests/golden/<name>; `--update-golden` writes it."""

    def compare(name: str, text: str) -> None:
        path = ROOT / "tests" / "golden" / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8")

    return compare
