"""A peer beside us: another tool in an environment of its own, asked in turns with ours over a pipe.

`peers/<name>.txt` says what is installed into `.venv-peers/<name>`, once until the file changes; never an extra of ours.
A script of `peers/` runs there and answers acts (`peers/acting.py`), so that the peer is imported and warm before the
clock starts, and both sides can alternate. Each side reports its own CPU seconds, child processes included.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from peers.acting import Clock

__all__ = ["Clock", "Peer", "PeerError", "Reply", "fair_environment", "one_thread", "peer_python", "peer_versions"]

ROOT = Path(__file__).parent.parent
SCRIPTS = Path(__file__).parent / "peers"
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LIANLU_THREADS")
COPIED = {"UV_LINK_MODE": "copy"}  # nltk refuses to read a file that is linked from a cache


class PeerError(RuntimeError):
    """What the peer could not do; the text is its own."""


@dataclass(frozen=True)
class Reply:
    """What an act gave, and the seconds that the peer spent on it: of the CPU, and of the clock on the wall."""

    value: Any
    cpu: float
    wall: float


def peer_python(name: str) -> Path:
    """The Python of a peer's environment, which is made when it is missing or `peers/<name>.txt` has changed."""
    wanted = SCRIPTS / f"{name}.txt"
    folder = ROOT / ".venv-peers" / name
    python, stamp = folder / "bin" / "python", folder / ".installed"
    mark = sha256(wanted.read_bytes()).hexdigest()
    if not (python.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == mark):
        print(f"installing {name} into {folder}", file=sys.stderr)
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"  # the uv of our environment
        subprocess.run(
            ["sh", "scripts/install.sh", "-r", str(wanted)],
            cwd=ROOT,
            env={**os.environ, **COPIED, "PATH": path, "PYTHON": sys.executable, "VENV": str(folder)},
            stdout=sys.stderr,
            check=True,
        )
        stamp.write_text(mark, encoding="utf-8")
    return python


def peer_versions(name: str, *packages: str) -> dict[str, str]:
    """The installed versions of some packages of a peer's environment."""
    code = "import json, sys; from importlib.metadata import version; print(json.dumps({n: version(n) for n in sys.argv[1:]}))"
    done = subprocess.run([peer_python(name), "-c", code, *packages], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def fair_environment(threads: int = 1) -> dict[str, str]:
    """Our environment with as many threads on both sides, and with bytecode kept, which users have on both sides too."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | dict.fromkeys(_THREADS, str(threads))


def one_thread() -> None:
    """Start this script anew where numpy has more threads than the peer: what they spin away is no work."""
    wanted = fair_environment()
    if wanted != dict(os.environ):
        os.execve(sys.executable, [sys.executable, *sys.argv], wanted)


class Peer:
    """A running script of `peers/`. What it prints goes to our error stream.

    >>> with Peer("llamaindex", "llamaindex_store") as peer:  # doctest: +SKIP
    ...     seconds = peer("load", folder="out").cpu
    """

    def __init__(self, name: str, script: str, *, threads: int = 1, env: Mapping[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            [peer_python(name), SCRIPTS / f"{script}.py"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**fair_environment(threads), **OFFLINE, **(env or {})},
            text=True,
            encoding="utf-8",
        )

    def __call__(self, act: str, **values: Any) -> Reply:
        """Let the peer do something; the clock runs there, around the act alone.

        Raises:
            PeerError: the act failed, or the process is gone
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps({"act": act, "values": values}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise PeerError(f"the peer ended before {act!r}") from error
        line = self._process.stdout.readline()
        if not line:
            raise PeerError(f"the peer ended with {self._process.wait()} in {act!r}")
        answer = json.loads(line)
        if "error" in answer:
            raise PeerError(f"{act}: {answer['error']}")
        return Reply(**answer)

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
