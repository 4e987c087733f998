"""Texts of others inside a prompt: numbered, and between marks that they cannot write themselves.

The word in the marks is derived from all that is sent, so a document that knows the form of a mark still cannot close its
own. This keeps a model's eye on what is quotation; what it says is checked all the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from lianlu.core.hashing import digest

__all__ = ["sealed"]


def sealed(texts: Sequence[str], *also: str) -> str:
    """Texts as numbered sources.

    Args:
        also: what else goes into the prompt.

    >>> sealed(["text"]).splitlines()[1]
    '[1] text'
    """
    seal = digest(*also, *texts)[:8]
    return "\n\n".join(
        f"<<<source {number} {seal}>>>\n[{number}] {text}\n<<<end {number} {seal}>>>"
        for number, text in enumerate(texts, start=1)
    )
