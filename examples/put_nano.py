"""Put a pretrained base into examples/nano: what the demo starts from, without what only its making needed.

    python examples/put_nano.py out/nano/base

Of the metrics every hundredth step is kept: the whole file is a fifth of the weights.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

NANO = Path(__file__).resolve().parent / "nano"
MOST_BYTES = 4_000_000
_KEPT = (
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "training.json",
)
_EVERY = 100


def main(source: Path) -> int:
    """0 when the base is in place; 1 when it is not whole or larger than the repository takes."""
    missing = [name for name in (*_KEPT, "metrics.jsonl") if not (source / name).is_file()]
    if missing:
        print(f"{source} has no {', '.join(missing)}", file=sys.stderr)
        return 1
    lines = (source / "metrics.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    size = sum((source / name).stat().st_size for name in _KEPT)
    if size > MOST_BYTES:
        print(f"{source} has {size:,} bytes; the repository takes {MOST_BYTES:,}", file=sys.stderr)
        return 1
    shutil.rmtree(NANO, ignore_errors=True)
    NANO.mkdir()
    for name in _KEPT:
        shutil.copyfile(source / name, NANO / name)
    kept = [line for place, line in enumerate(lines) if place % _EVERY == 0 or place == len(lines) - 1]
    (NANO / "metrics.jsonl").write_text("".join(kept), encoding="utf-8")
    print(f"{NANO}: {size:,} bytes")
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    sys.exit(main(Path(sys.argv[1])))
