"""Print the tails of the code for a reader to judge: longest files and functions, most branching, repeated blocks.

Nothing here fails a build: a number out of line is a question, not an answer. `make shape`; `scripts/shape.py tests` looks
at another folder.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHOWN = 12
SHINGLE_LINES = 8
BRANCHES = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.IfExp, ast.comprehension, ast.match_case)


@dataclass(frozen=True)
class Function:
    """A function with its length in lines and one more than the number of its branches."""

    name: str
    at: str
    lines: int
    branches: int


def functions(path: Path) -> Iterator[Function]:
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            yield Function(node.name, f"{shown(path)}:{node.lineno}", lines, 1 + sum(map(weight, ast.walk(node))))


def weight(node: ast.AST) -> int:
    """How many ways out a node adds: `a and b and c` adds two."""
    if isinstance(node, ast.BoolOp):
        return len(node.values) - 1
    return int(isinstance(node, BRANCHES))


def repeated(paths: Iterable[Path]) -> list[tuple[str, str]]:
    """(here, there): blocks of eight or more meaningful lines that stand twice, each run of lines told once."""
    places: dict[tuple[str, ...], list[tuple[Path, int]]] = defaultdict(list)
    for path in paths:
        lines = list(meaningful(path))
        for start in range(len(lines) - SHINGLE_LINES + 1):
            block = lines[start : start + SHINGLE_LINES]
            places[tuple(text for _, text in block)].append((path, block[0][0]))
    found: list[tuple[str, str]] = []
    covered: set[tuple[Path, int, Path]] = set()
    for spots in places.values():
        for (here, line), (there, other) in pairwise(spots):
            is_new = (here, line - 1, there) not in covered
            covered.add((here, line, there))
            if is_new and not (here == there and abs(other - line) < SHINGLE_LINES):
                found.append((f"{shown(here)}:{line}", f"{shown(there)}:{other}"))
    return found


def meaningful(path: Path) -> Iterator[tuple[int, str]]:
    """Lines that do something: no blanks, comments, imports, lone brackets and lists of names."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        text = line.strip()
        is_name = text.rstrip(",").strip('"').replace("_", "").isalnum()
        if len(text) > 3 and not is_name and not text.startswith(("#", "import ", "from ", '"""', "@")):
            yield number, text


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tell(line: str) -> None:
    sys.stdout.write(line + "\n")


def tell_tail(title: str, rows: Iterable[tuple[object, ...]]) -> None:
    tell(f"\n{title}")
    for row in rows:
        tell("  " + "  ".join(f"{cell:>5}" if isinstance(cell, int) else str(cell) for cell in row))


def main(folders: list[str]) -> None:
    paths = sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    every = [function for path in paths for function in functions(path)]
    sizes = sorted(((len(path.read_bytes().splitlines()), shown(path)) for path in paths), reverse=True)
    lengths = sorted(function.lines for function in every)
    middle = lengths[len(lengths) // 2] if lengths else 0
    tell(f"{len(paths)} files, {sum(size for size, _ in sizes)} lines, {len(every)} functions, median {middle} lines")
    tell_tail("longest files", sizes[:SHOWN])
    by_length = sorted(every, key=lambda each: (-each.lines, each.at))
    tell_tail("longest functions", [(each.lines, each.name, each.at) for each in by_length[:SHOWN]])
    by_branches = sorted(every, key=lambda each: (-each.branches, each.at))
    tell_tail("most branches", [(each.branches, each.name, each.at) for each in by_branches[:SHOWN]])
    twice = repeated(paths)
    tell_tail(f"blocks of {SHINGLE_LINES} lines that stand twice ({len(twice)})", twice[:SHOWN])


if __name__ == "__main__":
    main(sys.argv[1:] or ["src"])
