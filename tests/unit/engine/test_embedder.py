"""Vectors and scores are those of a plain forward of transformers, text by text, whatever batch they were made in."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lianlu.core.errors import LianluError
from lianlu.engine import encoder, torch_encoder
from lianlu.engine.embed_backend import EmbedBackend, open_embedder
from lianlu.engine.embedder import batches
from lianlu.engine.encoder import Runtime
from lianlu.engine.pooling import MODES
from tiny_embedder import FAMILIES, LIMIT_TOKENS, tiny_embedder, tiny_reranker

TEXTS = [
    "the cat",
    "",
    "大模型微调工具",
    "a text that goes on and on, well beyond what the little model reads " * 3,
    "\x00\u202e🤖\ufeff ‍",
    "the cat",
]
LEAN = ("bert", "xlm-roberta")


@pytest.fixture(autouse=True)
def _in_float32(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """On every CPU the same numbers; one test looks at what a CPU with bfloat16 gives."""
    if "bfloat16" not in request.node.name:
        monkeypatch.setattr(torch_encoder, "computing_type", lambda _: torch.float32)


def vectors(folder: Path, texts: Sequence[str], runtime: Runtime = "auto", kind: Any = "document") -> np.ndarray:
    async def made() -> Any:
        async with backend(folder, runtime) as opened:
            return await opened.embed(texts, kind=kind)

    return np.asarray(asyncio.run(made()).vectors, dtype=np.float32)


def backend(folder: Path, runtime: Runtime = "auto") -> EmbedBackend:
    return open_embedder(folder, ref="local:x", threads=1, runtime=runtime)


def slow_states(folder: Path, text: str, limit: int = LIMIT_TOKENS) -> torch.Tensor:
    """The last states of one text alone, (T, E), by transformers."""
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = tokenizer(text)["input_ids"]
    if len(ids) > limit:  # what every tokenizer does: cut before the closing token
        ids = [*ids[: limit - 1], ids[-1]]
    with torch.no_grad():
        model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
        return model(torch.tensor([ids])).last_hidden_state[0]


def slow_pool(states: torch.Tensor, mode: str) -> torch.Tensor:
    weights = torch.arange(1, len(states) + 1)[:, None]
    return {
        "cls": lambda: states[0],
        "lasttoken": lambda: states[-1],
        "max": lambda: states.max(0).values,
        "mean": lambda: states.sum(0) / len(states),
        "mean_sqrt_len_tokens": lambda: states.sum(0) / len(states) ** 0.5,
        "weightedmean": lambda: (states * weights).sum(0) / weights.sum(),
    }[mode]()


@pytest.mark.parametrize("family", FAMILIES)
def test_vectors_in_bfloat16_point_where_those_of_float32_do(
    family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny_embedder(tmp_path / "m", family)
    monkeypatch.setattr(torch_encoder, "computing_type", lambda _: torch.bfloat16)
    half = vectors(folder, TEXTS, "torch")
    monkeypatch.setattr(torch_encoder, "computing_type", lambda _: torch.float32)
    cosines = (half * vectors(folder, TEXTS, "torch")).sum(axis=1)
    assert (cosines > 0.99).all()
    assert (cosines < 1 - 1e-7).any()


@pytest.mark.parametrize("family", FAMILIES)
def test_vectors_are_those_of_a_plain_forward(family: str, tmp_path: Path) -> None:
    mode = "lasttoken" if family == "qwen3" else "mean"
    folder = tiny_embedder(tmp_path / "m", family, modes=(mode,))
    expected = [torch.nn.functional.normalize(slow_pool(slow_states(folder, text), mode), dim=0) for text in TEXTS]
    np.testing.assert_allclose(vectors(folder, TEXTS, "torch"), np.stack(expected), atol=2e-6)


@pytest.mark.parametrize("family", LEAN)
def test_numpy_gives_the_vectors_of_torch(family: str, tmp_path: Path) -> None:
    folder = tiny_embedder(tmp_path / "m", family)
    np.testing.assert_allclose(vectors(folder, TEXTS, "numpy"), vectors(folder, TEXTS, "torch"), atol=2e-6)


def test_a_long_text_is_attended_in_pieces(tmp_path: Path) -> None:
    folder = tiny_embedder(tmp_path / "m", limit=600, max_position_embeddings=600)
    texts = ["a long text 长 " * 60, "short"]
    np.testing.assert_allclose(vectors(folder, texts, "numpy"), vectors(folder, texts, "torch"), atol=2e-6)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("runtime", ["numpy", "torch"])
def test_every_pooling_is_what_its_name_says(mode: str, runtime: Any, tmp_path: Path) -> None:
    folder = tiny_embedder(tmp_path / "m", modes=(mode,), is_normal=False)
    expected = [slow_pool(slow_states(folder, text), mode) for text in TEXTS]
    np.testing.assert_allclose(vectors(folder, TEXTS, runtime), np.stack(expected), atol=2e-5)


def test_poolings_are_joined_and_go_through_the_dense_layer(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    folder = tiny_embedder(tmp_path / "m", modes=("cls", "mean"), dense=12)
    states = slow_states(folder, "the cat")
    layer = load_file(folder / "2_Dense" / "model.safetensors")
    joined = torch.cat([slow_pool(states, "cls"), slow_pool(states, "mean")])
    expected = torch.tanh(layer["linear.weight"] @ joined + layer["linear.bias"])
    found = vectors(folder, ["the cat"])[0]
    np.testing.assert_allclose(found, torch.nn.functional.normalize(expected, dim=0), atol=2e-6)
    assert asyncio.run(backend(folder).identity()).dimensions == 12


def test_tensors_pool_as_arrays_do() -> None:
    from lianlu.engine.pooling import Pooling, pooled

    hidden = np.random.default_rng(0).standard_normal((9, 4)).astype(np.float32)
    for with_prompt in (True, False):
        how = Pooling(modes=MODES, with_prompt=with_prompt)
        made = pooled(torch.from_numpy(hidden), [4, 2, 3], how, prompt_tokens=2)
        np.testing.assert_allclose(made, pooled(hidden, [4, 2, 3], how, prompt_tokens=2), atol=1e-6)


def test_order_and_batch_make_no_difference(tmp_path: Path) -> None:
    folder = tiny_embedder(tmp_path / "m", "xlm-roberta", limit=None)
    spread = random.Random(5)
    texts = ["".join(spread.choices("the cat 猫在\n", k=spread.randrange(0, 60))) for _ in range(200)]
    together = vectors(folder, texts)
    alone = np.concatenate([vectors(folder, [text]) for text in texts[:20]])
    np.testing.assert_allclose(together[:20], alone, atol=2e-6)
    np.testing.assert_allclose(vectors(folder, texts[::-1]), together[::-1], atol=2e-6)


def test_a_question_gets_its_prompt_and_a_text_gets_none(tmp_path: Path) -> None:
    folder = tiny_embedder(tmp_path / "m", prompts={"query": "find: "})
    np.testing.assert_array_equal(vectors(folder, ["cat"], kind="query"), vectors(folder, ["find: cat"]))
    assert not np.allclose(vectors(folder, ["cat"], kind="query"), vectors(folder, ["cat"]))


def test_a_prompt_may_be_left_out_of_the_mean(tmp_path: Path) -> None:
    folder = tiny_embedder(tmp_path / "m", prompts={"query": "qq: "}, with_prompt=False, is_normal=False)
    states = slow_states(folder, "qq: cat")
    np.testing.assert_allclose(vectors(folder, ["cat"], kind="query")[0], states[5:].mean(0), atol=2e-6)


def test_what_is_beyond_the_limit_is_not_read(tmp_path: Path) -> None:
    folder = tiny_embedder(tmp_path / "m")
    long = "x" * 500
    identity = asyncio.run(backend(folder).identity())
    assert (identity.limit_tokens, identity.special_tokens, identity.dimensions) == (LIMIT_TOKENS, 2, 32)
    cut = long[: identity.limit_tokens - identity.special_tokens]
    np.testing.assert_array_equal(vectors(folder, [long]), vectors(folder, [cut]))


@pytest.mark.parametrize(("family", "expected"), [("bert", 64), ("xlm-roberta", 64), ("qwen3", 64)])
def test_without_a_length_file_positions_and_tokenizer_set_the_limit(
    family: str, expected: int, tmp_path: Path
) -> None:
    folder = tiny_embedder(tmp_path / "m", family, limit=None)
    assert asyncio.run(backend(folder).identity()).limit_tokens == expected
    assert vectors(folder, ["x" * 500]).shape == (1, 32)


def test_half_a_surrogate_pair_is_read_as_no_character(tmp_path: Path) -> None:
    folder = tiny_embedder(tmp_path / "m")
    np.testing.assert_array_equal(vectors(folder, ["a\ud800b"]), vectors(folder, ["a\ufffdb"]))


def test_token_starts_are_places_in_the_text(tmp_path: Path) -> None:
    folder = tiny_embedder(tmp_path / "m")
    (starts, none, half) = asyncio.run(backend(folder).token_starts(["the 猫!", "", "\ud800"]))
    assert starts == (0, 3, 4, 4, 4, 5)
    assert (none, half) == ((), (0, 0, 0))


def test_token_starts_count_what_is_read_and_are_not_cut(tmp_path: Path) -> None:
    folder = tiny_embedder(tmp_path / "m")

    async def both() -> tuple[int, int]:
        async with backend(folder) as opened:
            starts = await opened.token_starts(["word " * 300])
            made = await opened.embed(["word"])
            return len(starts[0]), made.usage.prompt_tokens

    assert asyncio.run(both()) == (1500, 6)


@pytest.mark.parametrize("family", [*LEAN, "modernbert"])
def test_scores_are_those_of_a_plain_forward(family: str, tmp_path: Path) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    folder = tiny_reranker(tmp_path / "m", family)
    documents = ["the cat sat", "大模型", "", "dog"]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.no_grad():
        options = {"return_tensors": "pt", "return_token_type_ids": family == "bert"}
        pairs = [tokenizer(["cat?"], [each], **options) for each in documents]
        expected = {at: torch.sigmoid(model(**pair).logits)[0, 0].item() for at, pair in enumerate(pairs)}
    for runtime in ("numpy", "torch") if family in LEAN else ("torch",):
        ranked = asyncio.run(backend(folder, runtime).rerank("cat?", documents))
        assert {each.index: each.score for each in ranked} == pytest.approx(expected, abs=2e-6)
        assert [each.score for each in ranked] == sorted((each.score for each in ranked), reverse=True)


def test_a_reranker_may_say_that_its_score_goes_through_nothing(tmp_path: Path) -> None:
    folder = tiny_reranker(tmp_path / "m")
    plain = asyncio.run(backend(folder).rerank("a", ["b"]))[0].score
    config = json.loads((folder / "config.json").read_text())
    config["sentence_transformers"] = {"activation_fn": "torch.nn.modules.linear.Identity"}
    (folder / "config.json").write_text(json.dumps(config))
    bare = asyncio.run(backend(folder).rerank("a", ["b"]))[0].score
    assert plain == pytest.approx(1 / (1 + np.exp(-bare)), abs=1e-6)


def test_too_long_pairs_are_cut_at_the_limit(tmp_path: Path) -> None:
    folder = tiny_reranker(tmp_path / "m", "xlm-roberta")
    ranked = asyncio.run(backend(folder).rerank("q" * 100, ["d" * 100, "d"]))
    assert len(ranked) == 2


def test_small_work_is_done_without_torch_and_much_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder, "_WORTH_TORCH", 10)
    folder = tiny_embedder(tmp_path / "m", limit=None)

    async def main() -> list[str]:
        async with backend(folder) as opened:
            runtimes: list[str] = []
            for count in (1, 1000, 1):
                await opened.embed(["the cat"] * count)
                runtimes.append(opened.runtime)
            return runtimes

    assert asyncio.run(main()) == ["numpy", "torch", "torch"]


def test_a_question_does_not_wait_for_all_the_work_before_it(tmp_path: Path) -> None:
    folder = tiny_embedder(tmp_path / "m")

    async def main() -> list[str]:
        done: list[str] = []
        async with backend(folder, "numpy") as opened:

            async def ask(name: str, texts: Sequence[str]) -> None:
                await opened.embed(texts)
                done.append(name)

            much = asyncio.create_task(ask("much", ["x" * 30] * 3000))
            await asyncio.sleep(0.02)
            await ask("one", ["x"])
            await much
        return done

    assert asyncio.run(main()) == ["one", "much"]


def test_work_that_is_left_stops_and_others_go_on(tmp_path: Path) -> None:
    folder = tiny_embedder(tmp_path / "m")

    async def main() -> int:
        async with backend(folder, "numpy") as opened:
            much = asyncio.create_task(opened.embed(["x" * 30] * 5000))
            await asyncio.sleep(0.05)
            much.cancel()
            with pytest.raises(asyncio.CancelledError):
                await much
            return len((await opened.embed(["x"])).vectors)

    assert asyncio.run(main()) == 1


def test_a_closed_embedder_says_so(tmp_path: Path) -> None:
    async def main() -> None:
        opened = backend(tiny_embedder(tmp_path / "m"))
        await opened.embed(["x"])
        await opened.close()
        await opened.embed(["x"])

    with pytest.raises(LianluError) as caught:
        asyncio.run(main())
    assert caught.value.code == "engine.closed"


def test_weights_that_are_no_numbers_are_told(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = tiny_embedder(tmp_path / "m")
    weights = load_file(folder / "model.safetensors")
    weights["embeddings.LayerNorm.bias"].fill_(float("nan"))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(LianluError) as caught:
        vectors(folder, ["x"])
    assert caught.value.code == "engine.not-finite"


def test_batches_hold_every_row_once_within_the_budget() -> None:
    lengths = [random.Random(3).randrange(1, 200) for _ in range(500)]
    made = list(batches(lengths, 1000))
    assert sorted(at for batch in made for at in batch) == list(range(500))
    assert all(len(batch) * max(lengths[at] for at in batch) <= 1000 for batch in made)
    assert list(batches([5000], 1000)) == [[0]]
