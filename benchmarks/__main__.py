"""`python -m benchmarks <link> [--quick] [--json]`: run every benchmarks/<link>_*.py with the same arguments."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent


def main(arguments: list[str]) -> int:
    """The worst exit code of the scripts of one link."""
    links = sorted({path.name.partition("_")[0] for path in FOLDER.glob("[a-z]*_*.py")})
    if not arguments or arguments[0] not in links:
        print(f"usage: python -m benchmarks {'|'.join(links)} [--quick] [--json] [--self-test]", file=sys.stderr)
        return 2
    codes = [
        subprocess.run([sys.executable, str(script), *arguments[1:]], check=False).returncode
        for script in sorted(FOLDER.glob(f"{arguments[0]}_*.py"))
        if "__main__" in script.read_text(encoding="utf-8")  # others are what the scripts of a link share
    ]
    return max(codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
