"""Precision and recall of `prompt lint` over a folder of labelled prompts, micro-averaged over (prompt, code).

A folder holds prompt files and `labels.yaml`: `{file.md: [{code: missing-goal}, {code: contradiction, line: 12}]}`. Run
as a script it prints counts for each code and, with `--errors`, what was missed and wrongly found:
`python tests/unit/prompt/lint_scoring.py FOLDER [--errors]`.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from ruamel.yaml import YAML

from lianlu.prompt.file import read_file
from lianlu.prompt.include import read_text
from lianlu.prompt.lint import findings_of

__all__ = ["Scores", "labels_of", "scores_of"]

NOT_SCORED = {"too-long"}


@dataclass
class Scores:
    """Counts by code: right, wrongly found, missed; and the pairs behind the last two."""

    right: Counter[str] = field(default_factory=Counter[str])
    wrong: Counter[str] = field(default_factory=Counter[str])
    missed: Counter[str] = field(default_factory=Counter[str])
    pairs: list[tuple[str, str, str]] = field(default_factory=list)
    prompts: int = 0

    def add(self, other: Scores) -> None:
        """Count another folder's too."""
        self.right.update(other.right)
        self.wrong.update(other.wrong)
        self.missed.update(other.missed)
        self.pairs += other.pairs
        self.prompts += other.prompts

    @property
    def precision(self) -> float:
        found = self.right.total() + self.wrong.total()
        return self.right.total() / found if found else 1.0

    @property
    def recall(self) -> float:
        there = self.right.total() + self.missed.total()
        return self.right.total() / there if there else 1.0


def labels_of(folder: Path) -> dict[str, set[str]]:
    """The codes of each prompt of a folder."""
    read = YAML(typ="safe").load((folder / "labels.yaml").read_text(encoding="utf-8")) or {}
    return {name: {each["code"] for each in listed or ()} - NOT_SCORED for name, listed in read.items()}


def scores_of(folder: Path) -> Scores:
    scores = Scores()
    for name, wanted in labels_of(folder).items():
        path = folder / name
        found = {finding.code for finding in findings_of(read_file(path), read_text(path))} - NOT_SCORED
        scores.prompts += 1
        scores.right.update(found & wanted)
        scores.wrong.update(found - wanted)
        scores.missed.update(wanted - found)
        scores.pairs += [(name, code, "wrong") for code in sorted(found - wanted)]
        scores.pairs += [(name, code, "missed") for code in sorted(wanted - found)]
    return scores


def main(arguments: list[str]) -> int:
    scores = scores_of(Path(arguments[0]))
    for code in sorted({*scores.right, *scores.wrong, *scores.missed}):
        print(f"{code:22} right {scores.right[code]:3}  wrong {scores.wrong[code]:3}  missed {scores.missed[code]:3}")
    print(f"{scores.prompts} prompts: precision {scores.precision:.3f}, recall {scores.recall:.3f}")
    if "--errors" in arguments:
        for name, code, how in scores.pairs:
            print(f"  {how:6} {name} {code}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
