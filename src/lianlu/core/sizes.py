"""Sizes as people write them."""

from __future__ import annotations

import re

from lianlu.core.errors import UsageError

__all__ = ["parse_size"]

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)i?B?", re.IGNORECASE)
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def parse_size(text: str) -> int:
    """Bytes of a size such as `5GB` or `500MB` (powers of ten).

    Raises:
        UsageError: size.unreadable

    >>> parse_size("1.5 MB")
    1500000
    """
    match = _SIZE.fullmatch(text.strip())
    size = int(float(match[1]) * _UNITS[match[2].upper()]) if match else 0
    if size < 1:
        raise UsageError("size.unreadable", size=text)
    return size
