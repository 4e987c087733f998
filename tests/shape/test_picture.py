"""The README's picture of the chain shows with solid and dashed boxes what the command table says."""

from __future__ import annotations

import re
from pathlib import Path

from lianlu.cli.table import VERBS

PICTURE = Path(__file__).resolve().parents[2] / "docs" / "assets" / "chain.svg"


def test_solid_boxes_are_the_verbs_that_work() -> None:
    boxes = re.findall(r'<rect class="(\w+)"([^>]*)/>', PICTURE.read_text(encoding="utf-8"))
    assert len(boxes) == 13
    solid = {verb for verb, style in boxes if "stroke-dasharray" not in style}
    assert solid == {verb for verb, _ in boxes if VERBS[verb].target}
