"""The memory plan is held against what real steps take."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from transformers import AutoConfig, LlamaConfig

from lianlu.core.errors import UsageError
from lianlu.train.memory import MemoryPlan, MemoryTable, available_memory, estimate, remedies

SMALL = {"hidden_size": 384, "intermediate_size": 1024, "num_attention_heads": 6, "num_key_value_heads": 2}
MANY_WORDS = {"hidden_size": 192, "intermediate_size": 512, "num_attention_heads": 6, "num_key_value_heads": 2}
SETTINGS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "full": ({"vocab_size": 32000, "num_hidden_layers": 9, **SMALL}, {}),
    "recompute": ({"vocab_size": 32000, "num_hidden_layers": 9, **SMALL}, {"recompute": "full"}),
    "lora": ({"vocab_size": 32000, "num_hidden_layers": 9, **SMALL}, {"method": "lora"}),
    "reward": ({"vocab_size": 32000, "num_hidden_layers": 4, "tie_word_embeddings": False, **SMALL}, {"reward": True}),
    "large-vocabulary": ({"vocab_size": 92544, "num_hidden_layers": 2, **MANY_WORDS}, {}),
}
ROW = {"row_tokens": 512, "max_tokens": 128, "supervised": 0.5}


def config(kind: str = "llama", **more: Any) -> Any:
    sizes = {
        "vocab_size": 96,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "pad_token_id": 0,
    }
    return AutoConfig.for_model(kind, **(sizes | more))


def plan(**more: Any) -> MemoryPlan:
    return MemoryPlan(**({"config": config(), "row_tokens": 512, "max_tokens": 64} | more))


def part(table: MemoryTable, name: str) -> int:
    return next(row.bytes for row in table.rows if row.part == name)


# Growth of the resident set of a process of its own from before the model to the peak of two steps of two rows (the
# second has the optimizer's averages). A small training before it loads what is loaded once. Large blocks go back to
# the system when they are freed, else the heap's holes would be measured too. One process reads torch and becomes as
# many as there are settings, each of which is what it would be had it read torch itself.
CHILD = """
import json, os, sys
import numpy as np, torch
import peft, transformers.models.llama.modeling_llama
from transformers import LlamaConfig, LlamaForCausalLM
from lianlu.core.job import Job
from lianlu.nn.recompute import recompute
from lianlu.nn.scorer import as_scorer
from lianlu.train.config import SftRecipe
from lianlu.train.loop import Training
from lianlu.train.objectives import Likelihood, Reward
from lianlu.train.samples import Encoded, Pair

def status(name):
    return next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith(name))

def train(shape, chosen, row_tokens, length):
    model = LlamaForCausalLM(LlamaConfig(**{"tie_word_embeddings": True, **shape}))
    objective = Likelihood()
    if chosen.get("reward"):
        model, objective = as_scorer(model), Reward()
    if chosen.get("method") == "lora":
        from peft import LoraConfig, get_peft_model
        model = get_peft_model(model, LoraConfig(r=8, target_modules="all-linear", task_type="CAUSAL_LM"))
        model = model.get_base_model()
    recompute(model, chosen.get("recompute", "none"))
    count = 2 * row_tokens // length
    ids = np.random.default_rng(1).integers(0, shape["vocab_size"], (count, length), dtype=np.int32)
    samples = [Encoded(str(at), each, np.arange(length) % 2 == 1) for at, each in enumerate(ids)]
    if chosen.get("reward"):
        samples = [Pair(one.id, one, other) for one, other in zip(samples[::2], samples[1::2])]
    recipe = SftRecipe(steps=2, batch_size=len(samples), row_tokens=row_tokens, max_tokens=length, device="cpu")
    job = Job("m", lambda event: None)
    Training(model, samples, recipe, job, "m", lambda folder: None, objective=objective).run()

def measure(shape, chosen, row_tokens, length):
    small = {"vocab_size": 64, "hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 1,
             "num_attention_heads": 6, "num_key_value_heads": 2}
    train(small, chosen, 32, 8)
    before = status("VmRSS")
    open("/proc/self/clear_refs", "w").write("5")
    train(shape, chosen, row_tokens, length)
    return status("VmHWM") - before

torch.set_num_threads(1)
for name, (shape, chosen) in json.loads(sys.argv[1]).items():
    child = os.fork()
    if child == 0:
        print(json.dumps([name, measure(shape, chosen, *map(int, sys.argv[2:]))]), flush=True)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
"""
QUICK_TO_GIVE_BACK = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}


@pytest.fixture(scope="module")
def measured() -> dict[str, int]:
    """Bytes of real steps, by setting."""
    pytest.importorskip("peft")
    sizes = [str(ROW["row_tokens"]), str(ROW["max_tokens"])]
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CHILD, json.dumps(SETTINGS), *sizes],
        env=os.environ | QUICK_TO_GIVE_BACK,
        capture_output=True,
        check=True,
        text=True,
    )
    return dict(json.loads(line) for line in run.stdout.splitlines() if line.startswith("["))


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="measures through Linux's /proc")
@pytest.mark.parametrize("setting", SETTINGS)
def test_the_estimate_is_what_real_steps_take(setting: str, measured: dict[str, int]) -> None:
    shape, chosen = SETTINGS[setting]
    config = LlamaConfig(**{"tie_word_embeddings": True, **shape})
    wanted = MemoryPlan(config, checkpoints=False, **ROW, **chosen)
    told, took = estimate(wanted).total, measured[setting]
    assert abs(told / took - 1) < 0.15, (told, took)


def test_the_parts_make_up_the_total_and_can_be_stored() -> None:
    table = estimate(plan(tokens_per_step=2048))
    told = json.loads(json.dumps(table.as_dict()))
    assert [row["part"] for row in told["rows"]] == [
        "weights",
        "gradients",
        "optimizer",
        "activations",
        "logits",
        "other",
    ]
    assert told["total"] == sum(row["bytes"] for row in told["rows"]) == table.total
    assert (told["tokens_of_row"], told["tokens_per_step"]) == (512, 2048)
    assert all(row.note.en and row.note.zh for row in table.rows)


def test_a_full_training_has_four_bytes_of_weight_and_gradient_and_eight_of_optimizer() -> None:
    table = estimate(plan())
    count = 96 * 32 * 2 + 2 * (32 * 32 * 2 + 32 * 16 * 2 + 3 * 32 * 48 + 2 * 32) + 32
    assert (table.parameters, table.trained_parameters) == (count, count)
    assert part(table, "gradients") == part(table, "weights") - 4 * 8 // 2 * 2 == 4 * count
    assert part(table, "optimizer") == 8 * count


def test_weights_in_bf16_bring_a_copy_in_fp32() -> None:
    table = estimate(plan(precision="pure-bf16"))
    assert part(table, "gradients") == 2 * table.parameters
    assert part(table, "optimizer") == 12 * table.parameters


@pytest.mark.parametrize("method", ["lora", "qlora"])
def test_an_adapter_alone_has_gradients_and_optimizer(method: Any) -> None:
    pytest.importorskip("peft")
    table = estimate(plan(method=method, rank=4, targets=("q_proj", "v_proj"), quantizes_on_device=False))
    adapter = 2 * 4 * ((32 + 32) + (32 + 16))
    assert table.trained_parameters == adapter
    assert table.parameters == estimate(plan()).parameters + adapter
    assert part(table, "optimizer") == 8 * adapter


def test_four_bits_make_the_layers_weights_an_eighth() -> None:
    pytest.importorskip("peft")
    plain, packed = (estimate(plan(method=method, quantizes_on_device=False)) for method in ("lora", "qlora"))
    matrices = 2 * (32 * 32 * 2 + 32 * 16 * 2 + 3 * 32 * 48)
    saved = part(plain, "weights") - part(packed, "weights")
    assert saved == pytest.approx(matrices * (4 - 0.516), rel=0.01)


def test_four_bits_win_nothing_where_the_weights_are_loaded_whole() -> None:
    pytest.importorskip("peft")
    sizes = {"vocab_size": 8000, "num_hidden_layers": 4}
    table = estimate(plan(config=config(**sizes), method="qlora", row_tokens=64))
    assert table.total >= 4 * table.parameters


def test_frozen_layers_have_no_optimizer() -> None:
    whole, last = (
        estimate(plan(config=config(num_hidden_layers=6), **more))
        for more in ({}, {"method": "freeze", "train_layers": 1})
    )
    layer = 32 * 32 * 2 + 32 * 16 * 2 + 3 * 32 * 48 + 2 * 32
    assert last.trained_parameters == layer + 32 + 96 * 32
    assert part(last, "activations") < 0.5 * part(whole, "activations")


def test_what_is_made_again_is_not_kept() -> None:
    kept = [
        part(estimate(plan(config=config(num_hidden_layers=8), recompute=policy)), "activations")
        for policy in ("none", "selective", "full")
    ]
    assert kept[0] > 1.3 * kept[1] > 1.3 * 1.3 * kept[2]


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("llama", {}),
        ("qwen2", {}),
        ("gemma3_text", {"layer_types": ["sliding_attention", "full_attention"] * 5, "sliding_window": 16}),
    ],
    ids=["llama", "qwen2", "gemma3"],
)
@pytest.mark.parametrize("policy", ["none", "full"])
def test_going_on_from_two_depths_is_the_whole_depth(
    monkeypatch: pytest.MonkeyPatch, kind: str, more: dict[str, Any], policy: Any
) -> None:
    wanted = plan(config=config(kind, num_hidden_layers=10, **more), recompute=policy)
    short = estimate(wanted)
    monkeypatch.setattr("lianlu.train.memory._period", lambda text: text.num_hidden_layers)
    whole = estimate(wanted)
    assert short.total == pytest.approx(whole.total, rel=0.005)
    assert short.parameters == whole.parameters


def test_activations_grow_with_the_row_and_weights_do_not() -> None:
    short, long = (estimate(plan(row_tokens=tokens)) for tokens in (512, 2048))
    assert part(long, "activations") == pytest.approx(4 * part(short, "activations"), rel=0.05)
    assert part(long, "weights") == part(short, "weights")


def test_a_step_of_one_row_takes_no_more_than_its_tokens() -> None:
    assert estimate(plan(tokens_per_step=128)).tokens_of_row == 128
    assert estimate(plan(row_tokens=32)).tokens_of_row == 64  # a sample longer than a row has a row of its own


def test_unsupervised_tokens_never_reach_the_head() -> None:
    few, all_of_them = (estimate(plan(supervised=share)) for share in (0.1, 1.0))
    assert part(few, "logits") < 0.5 * part(all_of_them, "logits")


def test_processes_share_all_but_activations() -> None:
    one, four = (estimate(plan(device="cuda", shards=shards)) for shards in (1, 4))
    for name in ("weights", "gradients", "optimizer"):
        assert part(four, name) == pytest.approx(part(one, name) / 4, abs=4)
    assert part(four, "activations") == part(one, "activations")
    assert part(four, "other") > part(one, "other") > 0


def test_fp32_on_cuda_pays_for_the_mask() -> None:
    half, whole = (
        part(estimate(plan(device="cuda", precision=precision)), "activations") for precision in ("bf16", "fp32")
    )
    assert whole > half + 2 * 512 * 512


def test_a_checkpoint_copies_the_optimizer() -> None:
    deep = config(intermediate_size=2000, num_hidden_layers=4)
    without, with_it = (
        estimate(plan(config=deep, row_tokens=8, max_tokens=8, checkpoints=written)) for written in (False, True)
    )
    assert without.total < 20 * with_it.parameters < 24 * with_it.parameters <= with_it.total


def test_preferences_keep_hidden_states_instead_of_gradients() -> None:
    likely, preferred = (estimate(plan(preference=asked)) for asked in (False, True))
    assert part(likely, "logits") != part(preferred, "logits")


def test_a_reward_model_has_one_output_and_no_adapter() -> None:
    table = estimate(plan(reward=True))
    assert table.parameters == estimate(plan()).parameters - 96 * 32 + 32
    assert part(table, "logits") < 0.1 * part(estimate(plan()), "logits")
    offered = [flag for each in remedies(plan(reward=True), 1) for flag in each.flags]
    assert offered
    assert "kind=train.lora" not in offered


def test_positions_that_stretch_are_no_obstacle() -> None:
    stretched = config(rope_parameters={"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4})
    assert estimate(plan(config=stretched)).total == estimate(plan()).total
    assert stretched.rope_parameters["rope_type"] == "dynamic"


def test_remedies_that_fit_come_first_and_the_mildest_of_them_leads() -> None:
    wanted = plan(row_tokens=4096, recompute="none", precision="bf16")
    total = estimate(wanted).total
    found = remedies(wanted, total // 2)
    fits = [remedy.fits for remedy in found]
    assert fits == sorted(fits, reverse=True)
    assert found[0].flags == ("row_tokens=64",)
    assert all(remedy.total < total and remedy.fits == (remedy.total <= total // 2) for remedy in found)
    assert {remedy.flags for remedy in found} >= {("recompute=selective",), ("row_tokens=64", "recompute=full")}


def test_a_remedy_tells_what_it_gives() -> None:
    pytest.importorskip("peft")
    found = remedies(plan(precision="bf16", row_tokens=64, recompute="full", config=config(vocab_size=2000)), 1)
    assert not any(remedy.fits for remedy in found)
    for remedy in found:
        assert remedy.total == estimate(remedy.plan).total
        assert remedy.cost.en
        assert remedy.cost.zh
    assert ("kind=train.lora",) in [remedy.flags for remedy in found]


def test_processes_are_a_remedy_on_cards_alone() -> None:
    pytest.importorskip("peft")
    last = plan(
        method="qlora",
        recompute="full",
        precision="bf16",
        row_tokens=64,
        quantizes_on_device=False,
        config=config(intermediate_size=20_000, num_hidden_layers=12),
    )
    found = [remedies(replace(last, device=device), 1) for device in ("cpu", "cuda")]
    assert found[0] == []
    assert [each.flags for each in found[1]] == [(f"processes={count}",) for count in (2, 4, 8)]


def test_a_model_that_cannot_be_packed_is_refused_with_a_hint() -> None:
    mamba = AutoConfig.for_model("mamba", vocab_size=96, hidden_size=32, num_hidden_layers=2, state_size=4)
    with pytest.raises(UsageError) as caught:
        estimate(plan(config=mamba))
    assert caught.value.code == "train.no-memory-plan"
    assert "row_tokens" in caught.value.hint("en")


@pytest.mark.parametrize("wrong", [{"rank": 0}, {"supervised": 0.0}, {"supervised": 1.5}, {"tokens_per_step": -1}])
def test_a_plan_of_nothing_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        plan(**wrong)
    assert caught.value.code == "train.bad-memory-plan"


def test_targets_that_are_not_there_are_refused() -> None:
    pytest.importorskip("peft")
    with pytest.raises(UsageError) as caught:
        estimate(plan(method="lora", targets=("nothing",)))
    assert caught.value.code == "train.bad-targets"


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="ascii")
    return root


def test_a_control_group_lowers_what_is_available(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        {
            "proc/meminfo": "MemTotal: 9000 kB\nMemAvailable:    8000 kB\n",
            "proc/self/cgroup": "0::/jobs/one\n",
            "sys/fs/cgroup/jobs/memory.max": "5000000\n",
            "sys/fs/cgroup/jobs/memory.current": "3000000\n",
            "sys/fs/cgroup/jobs/memory.stat": "anon 1000000\ninactive_file 500000\n",
            "sys/fs/cgroup/jobs/one/memory.max": "max\n",
            "sys/fs/cgroup/jobs/one/memory.current": "100\n",
        },
    )
    assert available_memory("cpu", root=root) == 5_000_000 - 3_000_000 + 500_000


def test_control_groups_of_the_first_version_are_read_too(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        {
            "proc/meminfo": "MemAvailable:    8000 kB\n",
            "proc/self/cgroup": "12:cpu:/\n4:memory:/box\n",
            "sys/fs/cgroup/memory/box/memory.limit_in_bytes": "4096000",
            "sys/fs/cgroup/memory/box/memory.usage_in_bytes": "96000",
        },
    )
    assert available_memory("cpu", root=root) == 4_000_000


def test_without_a_limit_the_machine_counts(tmp_path: Path) -> None:
    root = tree(tmp_path, {"proc/meminfo": "MemAvailable:    8000 kB\n", "proc/self/cgroup": "0::/\n"})
    assert available_memory("cpu", root=root) == 8000 * 1024
