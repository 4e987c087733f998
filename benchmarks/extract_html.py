"""The article of real web pages: F1 and speed beside trafilatura, on the pages of its own evaluation that are at hand.

Needs LIANLU_TEST_DATA (trafilatura_eval: pages with strings that must and must not be in the text). Both sides get the
same bytes in turns in one process; the first page is read by both before the clock starts. Time is CPU time. Soft hyphens
and the marks of markdown are left out of the comparison. Floors: F1 .925 and five times the speed are the goals of the
project's notes; what is reached stands in the row.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from row import Row, arguments, show, versions

from lianlu.core.errors import DataError
from lianlu.core.hashing import sha256_bytes
from lianlu.extract.html import read
from lianlu.extract.html_blocks import words_of
from lianlu.extract.reader import ReadConfig
from lianlu.records import Source

AGAINST = "trafilatura fast"


@dataclass
class Score:
    """Strings that are there and should be, that should be and are not, that should not be; seconds of CPU."""

    right: int = 0
    missed: int = 0
    junk: int = 0
    seconds: float = 0.0

    @property
    def f1(self) -> float:
        return 2 * self.right / max(1, 2 * self.right + self.missed + self.junk)


def ours(content: bytes) -> str:
    source = Source(uri="page.html", sha256=sha256_bytes(content), size=len(content))
    try:
        return words_of(read(content, source, ReadConfig()).markdown)
    except DataError:
        return ""


def trafilatura_fast(content: bytes) -> str:
    import trafilatura

    return trafilatura.extract(content, fast=True, include_comments=False) or ""


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", text.replace("\xad", ""))


def add(score: Score, extract: Callable[[bytes], str], content: bytes, page: dict[str, list[str]]) -> None:
    began = time.process_time()
    text = extract(content)
    score.seconds += time.process_time() - began
    text = plain(text)
    found = sum(plain(words) in text for words in page["with"])
    score.right += found
    score.missed += len(page["with"]) - found
    score.junk += sum(plain(words) in text for words in page["without"])


def measure(root: Path, most: int, *, spoil: bool) -> list[Row]:
    """Two rows: the quality and the speed."""
    pages = list(json.loads((root / "evaldata.json").read_text(encoding="utf-8")).values())[:most]
    mine, peer = Score(), Score()
    reader: Callable[[bytes], str] = (lambda content: ours(content)[:100]) if spoil else ours
    for at, page in enumerate([pages[0], *pages]):
        content = (root / "html" / page["file"]).read_bytes()
        if at == 0:
            reader(content), trafilatura_fast(content)
            continue
        add(mine, reader, content, page)
        add(peer, trafilatura_fast, content, page)
    equal = mine.f1 >= 0.9  # both found the articles; how well is the first row
    known = versions("trafilatura", "lxml")
    return [
        Row(
            case=f"article F1, {len(pages)} pages",
            against=AGAINST,
            ours=mine.f1,
            peer=peer.f1,
            unit="F1",
            floor=0.97,
            goal=1.0,
            runs=1,
            equal=equal,
            versions=known,
            more_is_better=True,
        ),
        Row(
            case=f"article speed, {len(pages)} pages",
            against=AGAINST,
            ours=len(pages) / mine.seconds,
            peer=len(pages) / peer.seconds,
            unit="pages per CPU second",
            floor=1.0,
            goal=5.0,
            runs=1,
            equal=equal,
            versions=known,
            more_is_better=True,
        ),
    ]


def main() -> int:
    given = arguments(__doc__).parse_args()
    root = Path(os.environ.get("LIANLU_TEST_DATA", "")) / "trafilatura_eval"
    if not (root / "evaldata.json").is_file():
        print("LIANLU_TEST_DATA with trafilatura_eval is needed", file=sys.stderr)
        return 2
    rows = measure(root, 40 if given.quick else 10_000, spoil=given.self_test)
    return show(rows, only_json=given.json)


if __name__ == "__main__":
    sys.exit(main())
