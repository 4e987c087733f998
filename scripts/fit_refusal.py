"""Fit the weights of refusal that lianlu ships (`rag.refusal.SHIPPED`): prints them, and how they do on held-out questions.

    LIANLU_TEST_DATA=… python scripts/fit_refusal.py

A base is made of some of the paragraphs of a public set; questions about those are answerable, questions about the others
are not. Sets: cmrc2018 (dev), drcd (first half), xquad zh and en (every other ten paragraphs); bases of 1, 5, 30 and half
of their paragraphs, because a share means something else in a base of one page. Besides, our own pages docs/ with the
questions of `refusal_questions.yaml` as people ask them in a chat: pages alone, pages among 700 paragraphs of the sets,
with some pages left out, and the paragraphs without the pages. Every kind of base counts the same, and in it answerable
questions as much as others. What docs/ says changes, and with it the second figure of the weights.

The threshold lets three in a hundred answerable questions be refused, in the mean of the kinds, each question judged by
weights that were fitted without it. The questions of huixiangdou are not read here: `benchmarks/rag_refusal.py` reports them.
"""

from __future__ import annotations

import json
import os
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from ruamel.yaml import YAML

from lianlu.core.hashing import digest
from lianlu.core.job import Job
from lianlu.rag.evidence import FEATURES, Evidence, evidence_of
from lianlu.rag.extractive import Found, indexed_text
from lianlu.rag.lexical import LexicalIndex
from lianlu.rag.question import Question, read_question
from lianlu.rag.reading import find_files, read_files
from lianlu.rag.refusal_fit import logistic, sigmoid
from lianlu.rag.truth import ChunkRow
from lianlu.records import Block, Document, Source
from lianlu.stats import auc
from lianlu.text.chunks import chunk_document

HERE = Path(__file__).parent
DATA = Path(os.environ.get("LIANLU_TEST_DATA", ""))
SEED = 7
FOLDS = 5
MAY_BE_REFUSED = 0.03
LEFT_OUT = (
    {"train", "deploy", "prompts", "evaluate", "synth"},
    {"retrieval", "models", "store", "embedders", "chains"},
)

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Paragraph:
    document: Document
    questions: tuple[str, ...]


@dataclass(frozen=True)
class Case:
    """A question asked of a base; `kind` is the kind of base, `group` where the question is from."""

    kind: str
    group: str
    question: str
    is_answerable: bool
    evidence: Evidence


class PlainBase:
    """Documents indexed by words, in memory."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self.rows = [
            ChunkRow(row=0, chunk=chunk, document_row=number, uri=document.source.uri, title=document.title)
            for number, document in enumerate(documents)
            for chunk in chunk_document(document)
        ]
        ids = list(range(1, len(self.rows) + 1))
        self.index = LexicalIndex.empty().changed(
            ids, [], lambda some: [indexed_text(self.rows[at - 1]) for at in some]
        )

    def evidence(self, question: Question) -> Evidence:
        hits = self.index.search(question.text, 150 if question.subject else 8)
        return evidence_of(question, [Found(self.rows[at - 1], score, lexical=score) for at, score in hits], self.index)

    def cases(self, kind: str, group: str, questions: Iterable[str], *, is_answerable: bool) -> list[Case]:
        return [Case(kind, group, each, is_answerable, self.evidence(read_question(each))) for each in questions]


def paragraphs(path: str) -> list[Paragraph]:
    articles = json.loads((DATA / path).read_text("utf-8"))["data"]
    found: list[Paragraph] = []
    for each in (paragraph for article in articles for paragraph in article["paragraphs"]):
        name = f"{path}/{len(found)}"
        source = Source(uri=name, sha256="0" * 64, size=len(each["context"]))
        document = Document(id=name, source=source, blocks=(Block(kind="para", markdown=each["context"]),))
        found.append(
            Paragraph(document, tuple(asked["question"] for asked in each["qas"] if asked["question"].strip()))
        )
    return found


def of_tens(items: Sequence[Paragraph], rest: int) -> list[Paragraph]:
    """Every other ten of them."""
    return [each for number, each in enumerate(items) if number // 10 % 2 == rest]


def halves() -> tuple[dict[str, list[Paragraph]], dict[str, list[Paragraph]]]:
    """What is fitted to, and what is held out."""
    cmrc = "cmrc2018/squad-style-data/cmrc2018_{}.json"
    drcd, chinese, english = (
        paragraphs(path) for path in ("drcd/DRCD_test.json", "xquad/xquad.zh.json", "xquad/xquad.en.json")
    )
    fitted = {"cmrc2018": paragraphs(cmrc.format("dev")), "drcd": drcd[: len(drcd) // 2]}
    held = {"cmrc2018": paragraphs(cmrc.format("trial")), "drcd": drcd[len(drcd) // 2 :]}
    for name, whole in (("xquad-zh", chinese), ("xquad-en", english)):
        fitted[name], held[name] = of_tens(whole, 0), of_tens(whole, 1)
    return fitted, held


def of_sets(sets: dict[str, list[Paragraph]], sizes: Sequence[int], chosen: random.Random, count: int) -> list[Case]:
    """Bases of some paragraphs of a set (0: half of them), each asked of what it has and of what it has not."""
    cases: list[Case] = []
    for name, whole in sets.items():
        for size in sizes:
            inside = size or len(whole) // 2
            rounds = 1 if inside * 4 > len(whole) else max(1, count // (inside * 8))
            for _ in range(rounds):
                drawn = chosen.sample(whole, len(whole))
                base = PlainBase(each.document for each in drawn[:inside])
                kind = f"{name}, {size or 'half'}"
                for is_answerable, some in ((True, drawn[:inside]), (False, drawn[inside : 2 * inside + 8])):
                    asked = [question for each in some for question in each.questions]
                    picked = chosen.sample(asked, min(len(asked), max(2, count // 2 // rounds)))
                    cases += base.cases(kind, name, picked, is_answerable=is_answerable)
    return cases


def of_our_pages(sets: dict[str, list[Paragraph]], chosen: random.Random) -> list[Case]:
    written = YAML(typ="safe").load((HERE / "refusal_questions.yaml").read_text("utf-8"))
    answered: dict[str, list[str]] = written["answered"]
    unanswered: dict[str, list[str]] = written["none"]
    pages = read_files(find_files(HERE.parent / "docs", 0), Job("fit")).documents
    ours = [each for _, each in pages if each.source.uri.startswith(("en/", "zh_cn/"))]
    wiki = chosen.sample([each for some in sets.values() for each in some], 1000)
    inside, outside = wiki[:700], wiki[700:]
    asked = chosen.sample([question for each in inside for question in each.questions], 300)
    other = chosen.sample([question for each in outside for question in each.questions], 200)
    paragraphs_inside = [each.document for each in inside]
    cases: list[Case] = []

    def ask(
        kind: str, documents: Iterable[Document], without: Iterable[str], *, has_pages: bool, has_wiki: bool
    ) -> None:
        base = PlainBase(documents)
        for page, questions in answered.items():
            is_there = has_pages and page not in without
            cases.extend(base.cases(kind, f"page {page}", questions, is_answerable=is_there))
        for group, questions in unanswered.items():
            if not (has_wiki and group in ("elsewhere", "definitions")):  # an encyclopedia may well answer those
                cases.extend(base.cases(kind, group, questions, is_answerable=False))
        cases.extend(base.cases(kind, "paragraphs", asked, is_answerable=has_wiki))
        cases.extend(base.cases(kind, "other paragraphs", other, is_answerable=False))

    ask("pages", ours, (), has_pages=True, has_wiki=False)
    for number, without in enumerate(LEFT_OUT, start=1):
        kept = [each for each in ours if Path(each.source.uri).stem not in without]
        ask(f"pages, some left out {number}", kept, without, has_pages=True, has_wiki=False)
    ask("pages among paragraphs", [*ours, *paragraphs_inside], (), has_pages=True, has_wiki=True)
    ask("paragraphs", paragraphs_inside, (), has_pages=False, has_wiki=True)
    return cases


def weights_of(cases: Sequence[Case]) -> Doubles:
    """Every kind counts the same; in it both answers, and for an answer every group."""
    each = Counter((case.kind, case.is_answerable, case.group) for case in cases)
    groups = Counter((kind, answer) for kind, answer, _ in each)
    of_group = {key: 1 / each[key] / groups[key[:2]] for key in each}
    weights = np.array([of_group[case.kind, case.is_answerable, case.group] for case in cases])
    return weights / weights.mean()


def matrix(cases: Sequence[Case]) -> Doubles:
    return np.array([case.evidence.values for case in cases])


def labels(cases: Sequence[Case]) -> Doubles:
    return np.array([case.is_answerable for case in cases], dtype=np.float64)


def folds(cases: Sequence[Case]) -> npt.NDArray[np.int64]:
    """The same question is in one fold, whatever base it is asked of."""
    return np.array([int(digest(case.question)[:8], 16) % FOLDS for case in cases])


def held_out(cases: Sequence[Case], fit: Callable[[Sequence[Case]], Doubles]) -> Doubles:
    """The probability of each by weights that were fitted without its question."""
    values, at = matrix(cases), folds(cases)
    found = np.zeros(len(cases))
    for fold in range(FOLDS):
        beta = fit([case for case, place in zip(cases, at, strict=True) if place != fold])
        found[at == fold] = sigmoid(beta[0] + values[at == fold] @ beta[1:])
    return found


def fit(cases: Sequence[Case]) -> Doubles:
    """Intercept and weights. BM25 gets none: beside the others it adds nothing, and takes a negative weight."""
    values = matrix(cases)
    values[:, FEATURES.index("score")] = 0.0
    return logistic(values, labels(cases), weights_of(cases), strength=1.0)


def threshold_of(cases: Sequence[Case], probabilities: Doubles) -> float:
    """The largest that refuses no more than `MAY_BE_REFUSED` of the answerable, in the mean of the kinds."""
    is_answerable, weights = labels(cases) > 0, weights_of(cases)
    values, counted = probabilities[is_answerable], weights[is_answerable]
    order = np.argsort(values)
    shares = np.cumsum(counted[order]) / counted.sum()
    return float(values[order][np.searchsorted(shares, MAY_BE_REFUSED)])


def report(title: str, cases: Sequence[Case], probabilities: Doubles, threshold: float) -> None:
    print(f"\n{title}: AUC, answerable refused, unanswerable refused")
    answers = labels(cases) > 0
    for kind in dict.fromkeys(case.kind for case in cases):
        of_kind = np.array([case.kind == kind for case in cases])
        good, bad = probabilities[of_kind & answers], probabilities[of_kind & ~answers]
        area = auc(good.tolist(), bad.tolist()).value
        counts = f"{len(good)} / {len(bad)}"
        print(f"  {kind:26} {area:.3f}  {np.mean(good < threshold):.3f}  {np.mean(bad < threshold):.3f}  {counts}")


def main() -> int:
    if not DATA.is_dir():
        sys.exit("set LIANLU_TEST_DATA to the folder with cmrc2018, drcd and xquad")
    chosen = random.Random(SEED)
    fitted, held = halves()
    cases = of_sets(fitted, (1, 5, 30, 0), chosen, 400) + of_our_pages(fitted, chosen)
    probabilities = held_out(cases, fit)
    threshold = round(threshold_of(cases, probabilities), 2)
    beta = fit(cases)
    report("cross-validated", cases, probabilities, threshold)
    others = of_sets(held, (5, 0), chosen, 600)
    report("held out", others, sigmoid(beta[0] + matrix(others) @ beta[1:]), threshold)
    shown = "".join(f'        "{name}": {weight:.2f},\n' for name, weight in zip(FEATURES, beta[1:], strict=True))
    print(
        f"\nSHIPPED = Refusal(\n    intercept={beta[0]:.2f},\n    weights={{\n{shown}    }},\n    threshold={threshold},\n)"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
