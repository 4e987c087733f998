"""Whether two ways to a model give the same answers, proved stage by stage. Equal accuracy proves nothing.

The classic mistake is to evaluate the local model twice and to call the equal scores proof that the server is right. So
who answers comes first: both sides in this process, or both at one address, is a failure with a name, and a server of
lianlu must show the same weights, tokenizer and template, the same instance before and after, and a request count that
grew. Then the same messages must become the same token ids, the first tokens the same probabilities, the texts the same
texts, and the scores the same item by item. The first stage that fails ends it: what comes after would only repeat it.

Each side is asked once for each item, so a server's request log holds one entry an item.
"""

from __future__ import annotations

import math
import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from lianlu import stats
from lianlu.core import aio
from lianlu.core.errors import BackendError, LianluError, UsageError
from lianlu.core.i18n import Text
from lianlu.core.job import Job
from lianlu.evaluate.asking import AT_ONCE, at_once, sampling_of
from lianlu.evaluate.benchmark import Benchmark
from lianlu.evaluate.extract import LETTERS, read_answer
from lianlu.evaluate.model import Candidate, Served, opened, rendered_by_server, served_identity
from lianlu.llm import Backend, Identity, Reply, Sampling, TokenLogprob
from lianlu.records import Conversation, Sample

__all__ = ["STAGES", "Difference", "Parity", "Side", "Stage", "parity"]

STAGES = ("identity", "render", "logits", "greedy", "task")
State = Literal["passed", "failed", "unproven", "skipped"]
_TOLERANCE = 1e-3
_HALF_TOLERANCE = 0.1  # bf16 against fp32 differed by 0.07 (36 questions), bf16 batch 1 against 8 by 0.02
_PROBES = 16
_TOP = 5
_SHOWN = 20
_SHOWN_CHARACTERS = 200
_NO_LOGPROBS = ("llm.bad-request", "llm.no-ability", "llm.no-echo", "llm.not-found", "llm.bad-answer")


class Difference(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One item, or one fact of identity, in which the sides differ."""

    what: str
    a: str
    b: str
    note: str = ""


class Stage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one stage found. `worst` is the largest difference of log probabilities seen."""

    name: str
    state: State
    why: str
    why_zh: str
    compared: int = 0
    worst: float | None = None
    differing: int = 0
    differences: tuple[Difference, ...] = ()

    @property
    def reason(self) -> Text:
        return Text(self.why, self.why_zh)


class Side(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who answered on one side; where it stood is left out, so that two machines say the same."""

    name: str
    engine: str
    model: str
    fingerprint: str | None = None
    tokenizer: str = ""
    template: str = ""
    dtype: str = ""
    asked: int = 0
    answered: int | None = None


class Parity(msgspec.Struct, frozen=True, kw_only=True):
    """All stages up to the first that failed, whose name is `failed`; `agrees` is the verdict."""

    benchmark: str
    prompt: str
    n: int
    temperature: float
    a: Side
    b: Side
    stages: tuple[Stage, ...]
    agrees: bool
    failed: str
    format: int = 1


def parity(
    a: Candidate,
    b: Candidate,
    benchmark: Benchmark,
    *,
    temperature: float = 0.0,
    tolerance: float | None = None,
    job: Job | None = None,
    concurrency: int = AT_ONCE,
) -> Parity:
    """Compare two ways to a model on the items of a benchmark.

    Args:
        temperature: what both sides are asked with; above 0 answers differ by chance, and that must be noticed.
        tolerance: of log probabilities; by default 0.001, and 0.1 where a side computes in 16 bits.
        concurrency: how many items a side is asked at once.

    Raises:
        UsageError: llm.*, evaluate.cannot
        BackendError: a side failed
    """
    job = job or Job("parity")
    if a.name == b.name:
        a, b = replace(a, name=f"{a.name} (a)"), replace(b, name=f"{b.name} (b)")
    return aio.run(lambda: _Comparing(a, b, benchmark, temperature, tolerance, job, concurrency).all(), job)


class _Asked:
    """One side: open, known, and with its replies."""

    def __init__(self, candidate: Candidate, backend: Backend, identity: Identity, served: Served | None) -> None:
        self.candidate = candidate
        self.backend = backend
        self.identity = identity
        self.served = served
        self.replies: list[Reply] = []
        self.asked = 0
        self.answered_before = served.answered if served is not None else None
        self.answered: int | None = None

    @classmethod
    async def open(cls, candidate: Candidate) -> _Asked:
        backend = await opened(candidate)
        identity = await backend.identity()
        served = await served_identity(identity) if identity.engine == "http" else None
        return cls(candidate, backend, identity, served)

    @property
    def is_here(self) -> bool:
        """Whether it is computed in this process."""
        return self.identity.engine != "http"

    @property
    def fingerprint(self) -> str | None:
        return self.served.fingerprint if self.served is not None else self.identity.fingerprint

    def described(self) -> Side:
        engine = f"http, {self.served.engine}" if self.served is not None else self.identity.engine
        return Side(
            name=self.candidate.name,
            engine=engine,
            model=self.identity.model,
            fingerprint=self.fingerprint,
            tokenizer=self.identity.tokenizer,
            template=self.identity.template,
            dtype=self.identity.dtype,
            asked=self.asked,
            answered=self.answered,
        )

    async def ask(self, benchmark: Benchmark, sampling: Sampling, job: Job, concurrency: int) -> None:
        """Ask every item once, with log probabilities where the side gives them."""
        if "chat" not in self.backend.abilities:
            offered = ", ".join(sorted(self.backend.abilities)) or "-"
            raise UsageError("evaluate.cannot", model=self.candidate.name, benchmark=benchmark.name, offered=offered)
        await self._count_from_here()
        first, *rest = benchmark.samples
        wanted = msgspec.structs.replace(sampling, logprobs=True, top_logprobs=_TOP)
        try:
            replies = [await self.backend.chat(benchmark.conversation(first), wanted)]
        except (BackendError, UsageError) as error:
            if error.code not in _NO_LOGPROBS:
                raise
            wanted = sampling
            replies = [await self.backend.chat(benchmark.conversation(first), wanted)]

        async def one(sample: Sample) -> Reply:
            reply = await self.backend.chat(benchmark.conversation(sample), wanted)
            self.asked += 1
            job.progress(self.candidate.name, self.asked, len(benchmark.samples))
            return reply

        self.asked = 1
        self.replies = replies + await at_once(rest, one, concurrency)

    async def _count_from_here(self) -> None:
        """Leave out of the server's count what it rendered for us: that would hide answers given by something else."""
        now = await served_identity(self.identity) if self.served is not None else None
        if now is not None:
            self.answered_before = now.answered


class _Comparing:
    """The stages in order."""

    def __init__(
        self,
        a: Candidate,
        b: Candidate,
        benchmark: Benchmark,
        temperature: float,
        tolerance: float | None,
        job: Job,
        concurrency: int,
    ) -> None:
        self._candidates = (a, b)
        self._benchmark = benchmark
        self._temperature = temperature
        self._tolerance = tolerance
        self._job = job
        self._concurrency = concurrency

    async def all(self) -> Parity:
        a = await _Asked.open(self._candidates[0])
        try:
            b = await _Asked.open(self._candidates[1])
        except LianluError:
            await a.backend.close()
            raise
        async with a.backend, b.backend:
            stages = await self._stages(a, b)
        failed = next((stage.name for stage in stages if stage.state == "failed"), "")
        unproven = next((stage.name for stage in stages if stage.state == "unproven"), "")
        return Parity(
            benchmark=self._benchmark.name,
            prompt=self._benchmark.prompt_id,
            n=len(self._benchmark.samples),
            temperature=self._temperature,
            a=a.described(),
            b=b.described(),
            stages=tuple(stages),
            agrees=not failed and not unproven,
            failed=failed or unproven,
        )

    async def _stages(self, a: _Asked, b: _Asked) -> list[Stage]:
        stages: list[Stage] = []
        for first in (_identity, self._render):
            stages.append(await first(a, b))
            if stages[-1].state == "failed":
                return stages
        sampling = sampling_of(self._benchmark, self._temperature)
        for side in (a, b):
            await side.ask(self._benchmark, sampling, self._job, self._concurrency)
        mixed = await _still_the_same((a, b))
        if mixed is not None:
            return [mixed, *stages[1:]]
        if stages[-1].state == "skipped":
            stages[-1] = _prompt_lengths(self._benchmark, a, b)
        for stage in (self._logits, self._greedy, self._task):
            if stages[-1].state == "failed":
                break
            stages.append(await stage(a, b))
        return stages

    async def _render(self, a: _Asked, b: _Asked) -> Stage:
        differences: list[Difference] = []
        for sample in self._benchmark.samples:
            conversation = self._benchmark.conversation(sample)
            ids = [await _rendered(side, conversation) for side in (a, b)]
            if ids[0] is None or ids[1] is None:
                return _stage("render", "skipped", "a side does not show its token ids", "有一侧不提供 token 序列")
            if ids[0] != ids[1]:
                at = _first_difference(ids[0], ids[1])
                note = f"{len(ids[0])} and {len(ids[1])} tokens, the first difference is at {at}"
                around = [str(list(each[max(at - 2, 0) : at + 6])) for each in (ids[0], ids[1])]
                differences.append(Difference(what=sample.id, a=around[0], b=around[1], note=note))
        return _judged(
            "render",
            len(self._benchmark.samples),
            differences,
            Text("the same messages become the same token ids", "相同的消息得到相同的 token 序列"),
            Text(
                "the same messages become other token ids: template, BOS or system prompt differ",
                "相同的消息得到不同的 token 序列：对话模板、BOS 或系统提示不同",
            ),
        )

    def _allowed(self, a: _Asked, b: _Asked) -> float:
        if self._tolerance is not None:
            return self._tolerance
        halves = any("16" in side.identity.dtype for side in (a, b))
        return _HALF_TOLERANCE if halves else _TOLERANCE

    async def _logits(self, a: _Asked, b: _Asked) -> Stage:
        allowed = self._allowed(a, b)
        found: list[tuple[str, float, str, str]] = []
        for sample, one, two in zip(self._benchmark.samples, a.replies, b.replies, strict=True):
            if one.logprobs and two.logprobs:
                found.append((sample.id, _apart(one.logprobs[0], two.logprobs[0]), _top(one), _top(two)))
        if not found:
            found = await _likelihoods(self._benchmark, a, b)
        if not found:
            return _stage("logits", "skipped", "a side gives no log probabilities", "有一侧不提供对数概率")
        worst = max(apart for _, apart, _, _ in found)
        differences = [
            Difference(what=name, a=one, b=two, note=f"{apart:.2g} apart")
            for name, apart, one, two in found
            if not apart <= allowed
        ]
        stage = _judged(
            "logits",
            len(found),
            differences,
            Text(f"log probabilities within {allowed:g}", f"对数概率之差不超过 {allowed:g}"),
            Text(f"log probabilities differ by more than {allowed:g}", f"对数概率之差超过 {allowed:g}"),
        )
        return msgspec.structs.replace(stage, worst=worst)

    async def _greedy(self, a: _Asked, b: _Asked) -> Stage:
        allowed = self._allowed(a, b)
        differences: list[Difference] = []
        ties = 0
        for sample, one, two in zip(self._benchmark.samples, a.replies, b.replies, strict=True):
            texts = (one.message.text, two.message.text)
            if texts[0] == texts[1] and one.finish_reason == two.finish_reason:
                continue
            if _is_tie(one, two, allowed):
                ties += 1
                continue
            at = _first_difference(*texts)
            differences.append(
                Difference(
                    what=sample.id,
                    a=_short(texts[0]),
                    b=_short(texts[1]),
                    note=f"from character {at}; {one.finish_reason}, {two.finish_reason}",
                )
            )
        also = Text(f"; {ties} parted at a tie", f"；{ties} 题因概率相同而分岔") if ties else Text("", "")
        return _judged(
            "greedy",
            len(self._benchmark.samples),
            differences,
            Text("the texts are equal" + also.en, "文本一致" + also.zh),
            Text(
                "the texts differ: sampling, stop strings or special tokens",
                "文本不一致：采样、停止符或特殊 token 不同",
            ),
        )

    async def _task(self, a: _Asked, b: _Asked) -> Stage:
        differences: list[Difference] = []
        scores: tuple[list[float], list[float]] = ([], [])
        for sample, *replies in zip(self._benchmark.samples, a.replies, b.replies, strict=True):
            extractor = self._benchmark.extractor(sample)
            answers = [read_answer(extractor, reply.message.text, sample) for reply in replies]
            for side, answer in zip(scores, answers, strict=True):
                side.append(float(answer.is_right))
            if answers[0] != answers[1]:
                differences.append(Difference(what=sample.id, a=answers[0].text or "-", b=answers[1].text or "-"))
        pair = stats.paired(*scores)
        means = [sum(each) / len(each) for each in scores]
        return _judged(
            "task",
            len(self._benchmark.samples),
            differences,
            Text(f"every item scores the same ({means[0]:.3f})", f"逐题得分一致（{means[0]:.3f}）"),
            Text(
                f"{means[0]:.3f} and {means[1]:.3f}, p = {pair.p_value:.3g}; the answers differ",
                f"{means[0]:.3f} 与 {means[1]:.3f}，p = {pair.p_value:.3g}；答案不一致",
            ),
        )


def _stage(name: str, state: State, why: str, why_zh: str) -> Stage:
    return Stage(name=name, state=state, why=why, why_zh=why_zh)


def _judged(name: str, compared: int, differences: Sequence[Difference], good: Text, bad: Text) -> Stage:
    said = bad if differences else good
    count = (
        Text(f"{len(differences)} of {compared}: ", f"{compared} 题中有 {len(differences)} 题：")
        if differences
        else Text("", "")
    )
    return Stage(
        name=name,
        state="failed" if differences else "passed",
        why=count.en + said.en,
        why_zh=count.zh + said.zh,
        compared=compared,
        differing=len(differences),
        differences=tuple(differences[:_SHOWN]),
    )


async def _identity(a: _Asked, b: _Asked) -> Stage:
    """Who answers on each side, and that the two are not one."""
    if a.is_here and b.is_here and (a.candidate.ref == b.candidate.ref or a.fingerprint == b.fingerprint is not None):
        return _stage(
            "identity",
            "failed",
            "both sides are the same model in this process: nothing that is served was asked",
            "两侧都是本进程内的同一个模型：根本没有向服务提问",
        )
    if not a.is_here and not b.is_here and _address(a.identity) == _address(b.identity):
        return _stage(
            "identity",
            "failed",
            "both sides are the same model at the same address: it was compared with itself",
            "两侧是同一地址上的同一个模型：只是与自身比较",
        )
    if a.served is not None and b.served is not None and a.served.instance == b.served.instance != "":
        return _stage(
            "identity",
            "failed",
            "both addresses lead to the same running server: it was compared with itself",
            "两个地址通向同一个正在运行的服务：只是与自身比较",
        )
    if a.fingerprint is None or b.fingerprint is None:
        who = ", ".join(side.candidate.name for side in (a, b) if side.fingerprint is None)
        return _stage(
            "identity",
            "unproven",
            f"{who} does not say which weights answer; the rest may agree, but proves nothing of them",
            f"{who} 没有说明由哪份权重应答；其余各阶段即使一致，也不能证明权重相同",
        )
    facts = [
        Difference(what=name, a=one, b=two)
        for name in ("fingerprint", "tokenizer", "template")
        for one, two in [(str(getattr(a.described(), name) or ""), str(getattr(b.described(), name) or ""))]
        if one and two and one != two
    ]
    names = ", ".join(each.what for each in facts)
    if not facts:
        good = ("two ways to the same weights, tokenizer and template", "两条不同的途径，权重、分词器与模板相同")
        return _stage("identity", "passed", *good)
    bad = (f"another model answers: {names} differ", f"应答的不是同一个模型：{names} 不同")
    stage = _stage("identity", "failed", *bad)
    return msgspec.structs.replace(stage, differing=len(facts), differences=tuple(facts))


def _address(identity: Identity) -> tuple[str, int | None, str, str]:
    parts = urlsplit(identity.url)
    host = parts.hostname or ""
    with suppress(OSError):
        host = socket.gethostbyname(host)
    return host, parts.port, parts.path.rstrip("/"), identity.model


async def _still_the_same(sides: Sequence[_Asked]) -> Stage | None:
    """A server must be the same run as before and have answered what we asked; None where all is well."""
    for side in sides:
        if side.served is None:
            continue
        after = await served_identity(side.identity)
        if after is None or (after.instance, after.fingerprint) != (side.served.instance, side.served.fingerprint):
            return _stage(
                "identity",
                "failed",
                f"the server of {side.candidate.name} changed while it was asked",
                f"{side.candidate.name} 的服务在提问期间发生了变化",
            )
        if after.answered is None or side.answered_before is None:
            continue
        side.answered = after.answered - side.answered_before
        if side.answered < side.asked:
            return _stage(
                "identity",
                "failed",
                f"{side.candidate.name} answered {side.answered} of {side.asked} requests: something else answered the rest",
                f"{side.candidate.name} 只应答了 {side.asked} 次请求中的 {side.answered} 次：其余由别处应答",
            )
    return None


async def _rendered(side: _Asked, conversation: Conversation) -> tuple[int, ...] | None:
    if "render" in side.backend.abilities:
        return await side.backend.render(conversation)
    return None if side.is_here else await rendered_by_server(side.identity, conversation)


def _prompt_lengths(benchmark: Benchmark, a: _Asked, b: _Asked) -> Stage:
    """Where token ids cannot be had, their number still tells a doubled BOS or another template."""
    differences: list[Difference] = []
    for sample, one, two in zip(benchmark.samples, a.replies, b.replies, strict=True):
        counts = (one.usage.prompt_tokens, two.usage.prompt_tokens)
        if not all(counts):
            return _stage(
                "render",
                "skipped",
                "a side shows neither token ids nor their number",
                "有一侧既不提供 token 序列，也不提供其数目",
            )
        if counts[0] != counts[1]:
            differences.append(Difference(what=sample.id, a=str(counts[0]), b=str(counts[1])))
    return _judged(
        "render",
        len(benchmark.samples),
        differences,
        Text("prompts have the same number of tokens (ids are not shown)", "提示的 token 数相同（不提供具体序列）"),
        Text(
            "prompts differ in their number of tokens: template, BOS or system prompt",
            "提示的 token 数不同：对话模板、BOS 或系统提示不同",
        ),
    )


async def _likelihoods(benchmark: Benchmark, a: _Asked, b: _Asked) -> list[tuple[str, float, str, str]]:
    """The likelihoods of a few continuations on both sides; empty where a side has none."""
    found: list[tuple[str, float, str, str]] = []
    for sample in benchmark.samples[:_PROBES]:
        options = LETTERS[: len(sample.choices)] or sample.targets
        pairs = [(benchmark.plain_text(sample), option) for option in options]
        try:
            values = [[each.value for each in await side.backend.loglikelihood(pairs)] for side in (a, b)]
        except (BackendError, UsageError) as error:
            if error.code not in _NO_LOGPROBS:
                raise
            return []
        apart = max(abs(one - two) for one, two in zip(*values, strict=True))
        shown = [", ".join(f"{value:.4f}" for value in side) for side in values]
        found.append((sample.id, apart, shown[0], shown[1]))
    return found


def _apart(one: TokenLogprob, two: TokenLogprob) -> float:
    """The largest difference over the tokens that both sides name; with none in common it is endless."""
    first, second = _named(one), _named(two)
    shared = first.keys() & second.keys()
    return max((abs(first[token] - second[token]) for token in shared), default=math.inf)


def _named(token: TokenLogprob) -> dict[str, float]:
    """The likeliest tokens. The chosen one is among them at temperature 0; above it, chance is not what is compared.

    Fragments of a character share one spelling, so the chosen one must not replace another under its name.
    """
    return token.top or ({} if token.logprob is None else {token.token: token.logprob})


def _top(reply: Reply) -> str:
    best = sorted(_named(reply.logprobs[0]).items(), key=lambda each: (-each[1], each[0]))[:3]
    return ", ".join(f"{token!r} {value:.4f}" for token, value in best)


def _is_tie(one: Reply, two: Reply, allowed: float) -> bool:
    """Whether the texts part where the first side's two likeliest tokens were as good as equal."""
    for left, right in zip(one.logprobs, two.logprobs, strict=False):
        if left.token != right.token:
            best = sorted(_named(left).values(), reverse=True)[:2]
            return len(best) == 2 and best[0] - best[1] <= allowed
    return False


def _first_difference(one: Sequence[object], two: Sequence[object]) -> int:
    """Where two texts or lists of tokens part."""
    return next((at for at, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two)))


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"
