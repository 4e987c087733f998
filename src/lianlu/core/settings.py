"""Where lianlu keeps things and how it behaves on this machine. Read from the environment; logic never reads it itself."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from lianlu.core.errors import UsageError
from lianlu.core.files import named_path

__all__ = ["Settings"]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of this machine and user. A record: every command and every child process needs them at its start.

    Attributes:
        store: LIANLU_STORE, the store to use when --store is not given.
        config_folder: LIANLU_CONFIG, endpoints and other choices of the user.
        data_folder: LIANLU_DATA, the store when no .lianlu/ folder is near.
        threads: LIANLU_THREADS, worker processes and threads; all cores by default.
    """

    config_folder: Path
    data_folder: Path
    threads: int
    store: Path | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Raises UsageError settings.bad-value."""
        import platformdirs

        threads = environment.get("LIANLU_THREADS", "") or str(_cores())
        if not threads.isdecimal() or int(threads) < 1:
            raise UsageError(
                "settings.bad-value", variable="LIANLU_THREADS", value=threads, expected="a whole number from 1"
            )
        store = environment.get("LIANLU_STORE", "")
        return cls(
            store=named_path(store) if store else None,
            config_folder=Path(environment.get("LIANLU_CONFIG") or platformdirs.user_config_dir("lianlu")),
            data_folder=Path(environment.get("LIANLU_DATA") or platformdirs.user_data_dir("lianlu")),
            threads=int(threads),
        )


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
