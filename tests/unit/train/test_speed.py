"""Rates of a run, what the machine could do, and the file they stand in."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("torch")

import torch

from lianlu.core.errors import UsageError
from lianlu.train import speed
from lianlu.train.lines import StepLines
from lianlu.train.speed import SpeedLog, Speedometer, StepWork, model_flops, peak_flops, peak_memory

CPU = torch.device("cpu")


def work(step: int, seconds: float = 2.0, *, tokens: int = 100, slots: int = 100) -> StepWork:
    return StepWork(step, tokens, supervised=40, slots=slots, seconds=seconds)


def test_the_first_step_tells_no_rate() -> None:
    line = Speedometer(1.0, CPU, 1e9, steps=9).step(work(1, 60.0))
    assert (line["step"], line["seconds"]) == (1, 60.0)
    unknown = ("tokens_per_second", "supervised_per_second", "mfu", "seconds_left")
    assert [line[name] for name in unknown] == [None] * 4


def test_rates_are_of_the_later_steps_alone() -> None:
    meter = Speedometer(1.0, CPU, None, steps=10)
    lines = [meter.step(work(1, 1000.0)), meter.step(work(2, 1.0)), meter.step(work(3, 3.0))]
    assert lines[2]["tokens_per_second"] == 200 / 4
    assert lines[2]["supervised_per_second"] == 80 / 4
    assert lines[2]["seconds_left"] == 7 * 2.0


def test_rates_forget_steps_of_long_ago() -> None:
    meter = Speedometer(1.0, CPU, None)
    lines = [meter.step(work(step, 100.0 if step < 10 else 1.0)) for step in range(1, 40)]
    assert lines[-1]["tokens_per_second"] == 100.0
    assert lines[-1]["seconds_left"] is None


def test_mfu_is_work_done_of_work_possible() -> None:
    meter = Speedometer(6.0, CPU, 1000.0)
    assert [meter.step(work(step))["mfu"] for step in (1, 2)] == [None, pytest.approx(100 / 2.0 * 6.0 / 1000.0)]


def test_mfu_counts_neither_padding_nor_what_sharing_saved() -> None:
    padded, shared = Speedometer(1.0, CPU, 1.0), Speedometer(1.0, CPU, 1.0)
    assert [padded.step(work(step, slots=400))["mfu"] for step in (1, 2)][1] == 50.0
    assert [shared.step(work(step, slots=20))["mfu"] for step in (1, 2)][1] == 10.0


def test_padding_and_sharing_are_told_apart() -> None:
    meter = Speedometer(1.0, CPU, None)
    assert meter.step(work(1, slots=125))["padding_waste"] == pytest.approx(0.2)
    line = meter.step(work(2, slots=25))
    assert line["shared"] == 0.75
    assert "padding_waste" not in line


def test_peak_memory_grows_with_what_was_used() -> None:
    before = peak_memory(CPU)
    block = torch.ones(1 << 26)  # 256 MiB
    assert peak_memory(CPU) - before > 200e6 or before > 600e6  # an earlier test may have used as much
    del block
    assert 20e6 < before < 1e12


def test_peak_memory_is_not_that_of_the_parent() -> None:
    keep = torch.ones(1 << 27)  # 512 MiB, which getrusage of a child would report
    script = "import torch; from lianlu.train.speed import peak_memory; print(peak_memory(torch.device('cpu')))"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert int(found.stdout) < keep.nbytes + 50e6


@pytest.mark.parametrize(
    ("name", "precision", "wanted"),
    [
        ("NVIDIA H100 80GB HBM3", "bf16", 989e12),
        ("NVIDIA H100 PCIe", "bf16", 756e12),
        ("NVIDIA H200", "bf16", 989e12),
        ("NVIDIA A100-SXM4-80GB", "bf16", 312e12),
        ("NVIDIA A100-PCIE-40GB", "fp32", 19.5e12),
        ("NVIDIA A10", "bf16", 125e12),
        ("NVIDIA A10G", "bf16", 70e12),
        ("NVIDIA L40S", "bf16", 362e12),
        ("NVIDIA GeForce RTX 4090", "bf16", 165.2e12),
        ("NVIDIA GeForce RTX 4090 D", "bf16", 147e12),
        ("Tesla V100-SXM2-32GB", "fp16", 125e12),
        ("NVIDIA GeForce GTX 1080", "bf16", None),
    ],
)
def test_a_card_is_known_by_its_name(name: str, precision: str, wanted: float | None) -> None:
    assert speed._card_flops(name, precision) == wanted


def test_a_cpu_is_measured_once_and_shortly() -> None:
    speed._measured_flops.cache_clear()
    state = torch.random.get_rng_state()
    began = time.perf_counter()
    found = peak_flops(CPU, "fp32")
    first = time.perf_counter() - began
    assert found is not None
    assert 1e8 < found < 1e15
    assert first < 2.0  # 0.2 s on a machine that is free
    assert peak_flops(CPU, "fp32") == found
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_device_of_another_kind_has_no_known_peak() -> None:
    assert peak_flops(torch.device("meta"), "fp32") is None


def llama(*, tie: bool = False) -> torch.nn.Module:
    from transformers import LlamaConfig, LlamaForCausalLM

    sizes = {"hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    return LlamaForCausalLM(LlamaConfig(vocab_size=10, tie_word_embeddings=tie, **sizes))


@pytest.mark.parametrize("tie", [False, True])
def test_flops_of_a_token_are_those_of_its_matrices_and_attention(tie: bool) -> None:
    layer = 4 * 8 * 8 + 3 * 8 * 16
    assert model_flops(llama(tie=tie), 20) == 6 * (2 * layer + 10 * 8) + 6 * 2 * 8 * 20


def test_frozen_weights_need_no_gradient_of_their_own() -> None:
    model = llama()
    whole = model_flops(model, 1)
    gate = model.model.layers[0].mlp.gate_proj.weight
    gate.requires_grad_(False)
    assert whole - model_flops(model, 1) == 2 * gate.numel()


def test_a_matrix_of_four_bits_counts_in_full() -> None:
    bnb = pytest.importorskip("bitsandbytes")
    model, plain = llama(), model_flops(llama().requires_grad_(False), 1)
    model.requires_grad_(False)
    layer = bnb.nn.Linear4bit(16, 8, bias=False)
    layer.weight = bnb.nn.Params4bit(torch.ones(8, 16), requires_grad=False).to("cpu")
    model.model.layers[0].mlp.down_proj = layer
    assert layer.weight.numel() == 64
    assert model_flops(model, 1) == plain


def test_a_torn_last_line_is_dropped_and_written_over(tmp_path: Path) -> None:
    log = SpeedLog(tmp_path / "run" / "speed.jsonl")
    log.add({"step": 1})
    with (tmp_path / "run" / "speed.jsonl").open("ab") as file:
        file.write(b'{"step": 2, "tok')
    assert log.read() == [{"step": 1}]
    log.add({"step": 2})
    text = (tmp_path / "run" / "speed.jsonl").read_text()
    assert [json.loads(line)["step"] for line in text.splitlines()] == [1, 2]


def test_a_first_line_that_is_torn_leaves_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "speed.jsonl"
    path.write_bytes(b'{"st')
    SpeedLog(path).add({"step": 1})
    assert path.read_bytes() == b'{"step":1}\n'


def test_lines_after_the_step_gone_on_from_are_dropped(tmp_path: Path) -> None:
    log = SpeedLog(tmp_path / "speed.jsonl")
    for step in (1, 2, 3):
        log.add({"step": step})
    log.resume(2)
    log.add({"step": 3, "seconds": 1.0})
    assert log.read() == [{"step": 1}, {"step": 2}, {"step": 3, "seconds": 1.0}]
    log.resume(0)
    assert log.read() == []


def test_a_line_is_on_disk_before_the_next_step(tmp_path: Path) -> None:
    path = tmp_path / "speed.jsonl"
    SpeedLog(path).add({"step": 1})
    assert path.read_bytes() == b'{"step":1}\n'


def test_several_lines_are_one_write(tmp_path: Path) -> None:
    lines = StepLines(tmp_path / "samples.jsonl")
    lines.append([{"step": 1, "prompt": "a"}, {"step": 1, "prompt": "b"}])
    assert [line["prompt"] for line in lines.read()] == ["a", "b"]


def test_what_is_no_line_of_a_step_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "speed.jsonl"
    path.write_bytes(b'[1]\n{"step": "x"}\n\xff\n{}\n{"step": true}\n{"step": 4}\n' + b"[" * 9999)
    assert SpeedLog(path).read() == [{"step": 4}]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UsageError) as raised:
        SpeedLog(tmp_path / "file" / "speed.jsonl").add({"step": 1})
    assert "speed.jsonl" in raised.value.message("en")
