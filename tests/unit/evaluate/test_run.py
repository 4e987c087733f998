"""Asking and scoring: nothing is dropped, nothing answered is asked again, a model that is gone is told apart."""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from lianlu.core.errors import BackendError, DataError, LimitError, UsageError
from lianlu.core.job import Job
from lianlu.evaluate.benchmark import Benchmark, open_benchmark
from lianlu.evaluate.model import Candidate, candidates
from lianlu.evaluate.result import BenchmarkScore
from lianlu.evaluate.run import Run, evaluate
from lianlu.llm import FakeBackend, Reply, Rule, Sampling
from lianlu.llm.fake import Fault as Refusal
from lianlu.records import Conversation, Sample
from lianlu.web.testing import Fault

from .making import adding, benchmark_of, fingerprint_of, served, sums, teller, write_script

TOO_LONG = Refusal(status=400, message="the prompt is too long")


def run(ref: str, *benchmarks: Benchmark, requests: Path | None = None, **more: object) -> Run:
    return evaluate([Candidate("m", ref)], benchmarks, requests=requests, **more)  # type: ignore[arg-type]


def only(found: Run) -> BenchmarkScore:
    (score,) = found.evaluation.scores
    return score


@pytest.fixture
def twelve(tmp_path: Path) -> Benchmark:
    return benchmark_of(tmp_path / "sums.jsonl", sums(12))


def test_free_answers_are_scored_with_their_interval(tmp_path: Path, twelve: Benchmark) -> None:
    score = only(run(write_script(tmp_path / "f.yaml", adding(wrong=[2, 4, 6])), twelve))
    assert (score.value, score.n, score.errors, score.unread, score.mode) == (0.75, 12, 0, 0, "generation")
    assert score.standard_error == pytest.approx(math.sqrt(0.75 * 0.25 / 11))
    assert score.low < 0.75 < score.high
    groups = {group.group: group.value for group in score.groups}
    assert groups == {"even": 0.5, "odd": 1.0}
    assert score.macro == 0.75


def test_every_item_stands_with_its_question_output_and_reason(tmp_path: Path, twelve: Benchmark) -> None:
    found = run(write_script(tmp_path / "f.yaml", adding(wrong=[2])), twelve)
    item = next(item for item in found.items if item.sample_id == "s002")
    assert (item.question, item.targets, item.answer, item.score.value) == ("2+1=?", ("3",), "4", 0.0)
    assert (item.output, item.score.by, item.score.why) == ("The result is 4.", "number", "expected 3")
    assert [each.sample_id for each in found.predictions] == [f"s{n:03d}" for n in range(1, 13)]


def test_choices_are_scored_by_likelihood_with_a_score_for_each_option() -> None:
    zh = open_benchmark("zh-choice").limited(10)
    found = run("fake:echo", zh)
    assert only(found).mode == "loglikelihood"
    for prediction in found.predictions:
        assert len(prediction.logprobs) == 4
        assert prediction.output == "ABCD"[prediction.logprobs.index(max(prediction.logprobs))]


def test_a_model_that_knows_the_letters_has_them_all(tmp_path: Path) -> None:
    samples = [Sample(id=f"q{n}", input=f"ask {n}?", choices=("x", "y"), targets=("AB"[n % 2],)) for n in range(6)]
    quiz = benchmark_of(tmp_path / "quiz.jsonl", samples)
    knowing = write_script(tmp_path / "f.yaml", [Rule(match=f"ask {n}?", reply="AB"[n % 2]) for n in range(6)])
    for mode in ("loglikelihood", "generation"):
        score = only(run(knowing, quiz, mode=mode))
        assert (score.value, score.mode) == (1.0, mode)


def test_a_chat_only_server_is_scored_by_the_letters_it_writes(tmp_path: Path) -> None:
    """Its completions do not echo, which is known only by asking; the result says how it was scored."""
    notes: list[str] = []
    zh = open_benchmark("zh-choice").limited(4)
    backend = FakeBackend(lambda conversation, _: "我认为答案是Ｂ。")
    with served(backend, Fault(status=404, path="/completions", times=99)) as (url, server):
        found = run(f"{url}#fake", zh, job=Job("t", lambda event: notes.append(getattr(event, "code", ""))))
    assert only(found).mode == "generation"
    assert {item.answer for item in found.items} == {"B"}
    assert server.count["/chat/completions"] == 4
    assert "llm.not-found" in notes
    with served(backend, Fault(status=404, path="/completions", times=99)) as (url, _), pytest.raises(BackendError):
        run(f"{url}#fake", zh, mode="loglikelihood")


def test_errors_and_unread_answers_are_counted_and_count_as_wrong(tmp_path: Path, twelve: Benchmark) -> None:
    rules = [Rule(match="3+1=", error=TOO_LONG), Rule(match="5+1=", reply="who knows"), *adding()]
    found = run(write_script(tmp_path / "f.yaml", rules), twelve)
    score = only(found)
    assert (score.n, score.errors, score.unread, score.value) == (12, 1, 1, pytest.approx(10 / 12))
    failed = next(item for item in found.items if item.error)
    assert (failed.sample_id, failed.error, failed.answer) == ("s003", "llm.bad-request", None)
    assert "too long" in failed.score.why


def test_an_answer_that_was_cut_off_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "b.yaml"
    path.write_text("name: short\nsamples: sums.jsonl\nmax_tokens: 2\n")
    benchmark_of(tmp_path / "sums.jsonl", sums(2))
    score = only(run(write_script(tmp_path / "f.yaml", adding()), open_benchmark(str(path))))
    assert (score.truncated, score.unread) == (2, 2)


def test_two_models_are_compared_item_by_item(tmp_path: Path, twelve: Benchmark) -> None:
    base = write_script(tmp_path / "base.yaml", adding(wrong=range(1, 10)))
    tuned = write_script(tmp_path / "tuned.yaml", adding(wrong=[12]))
    found = evaluate(candidates([f"base={base}", f"tuned={tuned}"]), [twelve])
    (pair,) = found.evaluation.comparisons
    assert (pair.first, pair.second, pair.only_second, pair.only_first) == ("base", "tuned", 9, 1)
    assert pair.difference == pytest.approx(8 / 12)
    assert pair.p_value < 0.05


def test_equal_runs_give_equal_bytes(tmp_path: Path, twelve: Benchmark) -> None:
    import msgspec

    script = write_script(tmp_path / "f.yaml", adding(wrong=[1]))
    one, two = run(script, twelve), run(script, twelve, concurrency=1)
    assert msgspec.json.encode(one.items) == msgspec.json.encode(two.items)
    assert msgspec.json.encode(one.evaluation) == msgspec.json.encode(two.evaluation)


def test_nothing_answered_is_asked_again(tmp_path: Path, twelve: Benchmark) -> None:
    script, store = write_script(tmp_path / "f.yaml", adding()), tmp_path / "r.sqlite"
    first = run(script, twelve.limited(8), requests=store)
    second = run(script, twelve, requests=store)
    assert (first.asked, first.kept, second.asked, second.kept) == (8, 0, 4, 8)


def test_a_damaged_store_is_an_error_and_not_that_of_an_item(tmp_path: Path, twelve: Benchmark) -> None:
    script, store = write_script(tmp_path / "f.yaml", adding()), tmp_path / "r.sqlite"
    run(script, twelve, requests=store)
    with closing(sqlite3.connect(store)) as connection, connection:
        connection.execute("UPDATE requests SET answer = CAST(replace(answer, '4.', '9.') AS BLOB)")
    with pytest.raises(DataError) as raised:
        run(script, twelve, requests=store)
    assert raised.value.code == "llm.store-damaged"


def test_another_served_model_gets_no_old_answers(tmp_path: Path, twelve: Benchmark) -> None:
    """A lianlu server tells its fingerprint; behind the same address and name, another one is another model."""
    store = tmp_path / "r.sqlite"
    told = {"fingerprint": "f1", "engine": "fake"}
    with served(FakeBackend(adding()), tells=lambda: told) as (url, server):
        run(f"{url}#m", twelve, requests=store)
        again = run(f"{url}#m", twelve, requests=store)
        told["fingerprint"] = "f2"
        other = run(f"{url}#m", twelve, requests=store)
    assert (again.asked, again.kept, other.asked) == (0, 12, 12)
    assert server.count["/chat/completions"] == 24
    assert other.evaluation.models[0].fingerprint == "f2"


def test_a_refused_key_fails_at_once(twelve: Benchmark) -> None:
    with served(FakeBackend(adding()), keys=["right"]) as (url, server), pytest.raises(BackendError) as raised:
        run(f"{url}#m", twelve, concurrency=1)
    assert raised.value.code == "llm.unauthorized"
    assert server.count["/chat/completions"] <= 1


def test_a_server_that_dies_is_an_error_and_what_it_answered_is_kept(tmp_path: Path, twelve: Benchmark) -> None:
    faults: list[Fault] = []
    right, told = FakeBackend(adding()), {"fingerprint": "f1", "instance": "i"}

    async def answer(conversation: Conversation, sampling: Sampling) -> Reply:
        if len(right.asked) == 4:
            faults.append(Fault(status=403, times=1))
        return await right.chat(conversation, sampling)

    store = tmp_path / "r.sqlite"
    with served(FakeBackend(answer), tells=lambda: told) as (url, server):
        server.faults = faults
        with pytest.raises(BackendError) as raised:
            run(f"{url}#m", twelve, requests=store, concurrency=1)
        assert (raised.value.code, raised.value.facts["done"]) == ("evaluate.stopped", 5)
        found = run(f"{url}#m", twelve, requests=store)
    assert (found.kept, found.asked, only(found).value) == (5, 7, 1.0)
    assert len(right.asked) == 12


def test_a_model_that_refuses_everything_is_no_score_of_nothing(tmp_path: Path, twelve: Benchmark) -> None:
    refusing = write_script(tmp_path / "f.yaml", [Rule(error=TOO_LONG)])
    for asked in (twelve, twelve.limited(2)):
        with pytest.raises(BackendError) as raised:
            run(refusing, asked)
        assert raised.value.code == "evaluate.refuses-all"
        assert "too long" in raised.value.message()


def test_failures_in_a_row_mean_that_the_model_is_gone(tmp_path: Path) -> None:
    thirty = benchmark_of(tmp_path / "s.jsonl", sums(30))
    rules = [*adding(most=9), Rule(error=Refusal(status=500))]
    with pytest.raises(BackendError) as raised:
        run(write_script(tmp_path / "f.yaml", rules), thirty, concurrency=1)
    assert (raised.value.code, raised.value.facts["done"], raised.value.facts["total"]) == ("evaluate.stopped", 9, 30)


def test_long_prompts_in_a_row_are_only_long(tmp_path: Path) -> None:
    thirty = benchmark_of(tmp_path / "s.jsonl", sums(30))
    score = only(run(write_script(tmp_path / "f.yaml", [*adding(most=9), Rule(error=TOO_LONG)]), thirty))
    assert (score.errors, score.n) == (21, 30)


def test_nothing_to_do_is_refused(twelve: Benchmark) -> None:
    for models, benchmarks, code in (
        ([], [twelve], "evaluate.no-model"),
        ([Candidate("m", "fake:echo")], [], "evaluate.no-benchmark"),
        ([Candidate("m", "fake:echo")], [twelve, twelve], "evaluate.same-name"),
    ):
        with pytest.raises(UsageError) as raised:
            evaluate(models, benchmarks)
        assert raised.value.code == code
    with pytest.raises(UsageError) as twice:
        candidates(["a=fake:echo", "a=fake:echo"])
    assert twice.value.code == "evaluate.same-name"


def test_a_spent_quota_stays_a_limit(twelve: Benchmark) -> None:
    spent = Fault(status=429, message="insufficient_quota", code="insufficient_quota", times=99)
    with served(FakeBackend(adding()), spent) as (url, _), pytest.raises(LimitError):
        run(f"{url}#m", twelve)


def test_names_say_little_of_the_machine() -> None:
    refs = ["local:/home/me/out/sft", "http://127.0.0.1:8123/v1#tuned", "fake:echo", "my=openai:gpt"]
    assert [each.name for each in candidates(refs)] == ["sft", "tuned", "fake:echo", "my"]


def test_a_fingerprint_page_is_counted_by_its_teller(tmp_path: Path) -> None:
    script = write_script(tmp_path / "f.yaml", adding())
    assert teller(fingerprint_of(script), [])()["answered"] == 0
