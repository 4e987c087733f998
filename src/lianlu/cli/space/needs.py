"""What a Space has to install: the base of lianlu, its web server, and what the carried models are computed by.

The lines come from the metadata of this installation. A Docker Space gets the very versions that are installed here; a
Gradio Space gets ranges, because the hub installs Gradio beside them, with bounds of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution, version

from lianlu.core.errors import UsageError

__all__ = ["requirements"]

_LINE = re.compile(r"\s*(?P<name>[A-Za-z0-9._-]+)\s*(?:\[[^]]*\])?\s*(?P<range>[^;]*)(?:;(?P<marker>.*))?")
_EXTRA = re.compile(r"""extra\s*==\s*['"]([^'"]+)['"]""")


def requirements(extras: Iterable[str], packages: Iterable[str] = (), *, are_pinned: bool) -> list[str]:
    """Lines for requirements.txt, without lianlu itself.

    Args:
        packages: further packages by name.

    Raises:
        UsageError: cli.space-not-installed
    """
    wanted = {"", *extras}
    try:
        told = distribution("lianlu").requires or []
    except PackageNotFoundError:
        raise UsageError("cli.space-not-installed") from None
    ranges: dict[str, str] = {}
    for line in told:
        match = _LINE.fullmatch(line)
        assert match is not None, line
        extra = _EXTRA.search(match["marker"] or "")
        if (extra[1] if extra else "") in wanted and match["name"] != "lianlu":
            ranges[match["name"]] = match["range"].strip()
    ranges |= dict.fromkeys(packages, "")
    return [_line(name, ranges[name], is_pinned=are_pinned) for name in sorted(ranges)]


def _line(name: str, wanted: str, *, is_pinned: bool) -> str:
    if is_pinned:
        try:
            return f"{name}=={version(name).partition('+')[0]}"
        except PackageNotFoundError:
            pass  # not used on this machine
    return f"{name}{wanted}"
