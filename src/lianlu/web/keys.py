"""A fixed list of keys, for a server that others can reach. Accounts and quotas are another matter.

Keys are compared by their hashes and in constant time, so that no answer's time tells how much of a key was right.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from pathlib import Path

from lianlu.core.errors import UsageError

__all__ = ["Keys", "read_keys"]


class Keys:
    """The keys that are let in."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._hashes = [_hash(key) for key in keys]

    def admit(self, authorization: str) -> bool:
        """Whether the header `Authorization: Bearer KEY` carries one of them."""
        scheme, _, given = authorization.partition(" ")
        asked = _hash(given.strip())
        found = [hmac.compare_digest(asked, known) for known in self._hashes]
        return scheme.lower() == "bearer" and any(found)


def read_keys(source: str, environment: Mapping[str, str]) -> Keys:
    """Keys from a file, one in each line (`#` begins a comment), or from an environment variable, between commas.

    Raises:
        UsageError: web.no-keys, file.unreadable
    """
    path = Path(source)
    if path.is_file():
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError("file.unreadable", path=source, why=str(error)) from None
        found = [line.partition("#")[0].strip() for line in lines]
    else:
        found = [key.strip() for key in environment.get(source, "").split(",")]
    keys = [key for key in found if key]
    if not keys:
        raise UsageError("web.no-keys", source=source)
    return Keys(keys)


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
