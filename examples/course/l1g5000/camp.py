"""Write the conversations of `lianlu synth` in XTuner's form, each four times, as sets for a course often are.

python camp.py out/camp assistant.jsonl
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

REPEATS = 4
COLUMNS = {"system": "system", "user": "input", "assistant": "output"}


def main(folder: str, target: str) -> None:
    """Read `conversations/conversations.jsonl` of the folder, write the target."""
    source = Path(folder, "conversations", "conversations.jsonl")
    lines: list[str] = []
    for line in source.read_text(encoding="utf-8").splitlines():
        messages = json.loads(line)["messages"]
        turn = {COLUMNS[each["role"]]: each["parts"][0]["text"] for each in messages}
        lines.append(json.dumps({"conversation": [turn]}, ensure_ascii=False) + "\n")
    Path(target).write_text("".join(lines * REPEATS), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
