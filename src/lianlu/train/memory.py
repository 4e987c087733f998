"""How much memory a training will take, told before it starts, and what to change where that is too much.

The figure is the sum at the worst moment of a step: weights and optimizer are counted, the rest is played through without
numbers (train.rehearsal), at two depths and on from there, because every layer more adds the same. Python, torch and the
data are not counted: what counts is what grows with the model.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from lianlu.core.errors import UsageError
from lianlu.core.i18n import Text
from lianlu.nn.recompute import Recompute, decoder_layers, recompute
from lianlu.nn.scorer import as_scorer
from lianlu.train.adapt import freeze_all_but_last
from lianlu.train.rehearsal import PHASES, Peaks, Row, rehearse

__all__ = [
    "MemoryPlan",
    "MemoryRow",
    "MemoryTable",
    "Method",
    "Precision",
    "Remedy",
    "available_memory",
    "estimate",
    "remedies",
]

Method = Literal["full", "freeze", "lora", "qlora"]
Precision = Literal["fp32", "bf16", "pure-bf16"]
Part = Literal["weights", "gradients", "optimizer", "activations", "logits", "other"]

_FP32, _BF16 = 4, 2
_MOMENTS = 2 * _FP32
_FOUR_BITS = 0.5 + 1 / 64 + 4 / (64 * 256)  # NF4 in blocks of 64, whose scales are stored in 8 bits in blocks of 256
_CUDA_CONTEXT = 512 << 20  # what the driver and cuBLAS take of a card before the first tensor; about, it varies by card
_LARGEST_SHARDS = 8


@dataclass(frozen=True)
class MemoryPlan:
    """What decides how much memory a training takes. Fields that a recipe has too are named as there.

    Attributes:
        config: the transformers configuration of a decoder model; no weights are needed.
        rank, targets, dropout: of the adapter, for lora and qlora; no targets: all linear layers but the head.
        train_layers: the last so many decoder layers, for freeze.
        variant: of the adapter.
        precision: fp32; bf16 computes in it with weights in fp32; pure-bf16 keeps the weights in it too, with a copy in
            fp32 in the optimizer for those that are trained.
        max_tokens: longest sample. Longer ones than row_tokens have a row of their own.
        supervised: share of the tokens that are learned.
        tokens_per_step: most tokens of one optimizer step, those that answers share counted once; None: more than a row.
        shards: processes that share weights, gradients and optimizer (FSDP).
        preference: whether answers are weighed against each other (dpo, orpo, simpo, kto), not just made likely.
        reward: whether a score takes the place of the head.
        checkpoints: whether checkpoints are written.
        quantizes_on_device: whether qlora loads the weights in fp32 to where they are then put into four bits.
    """

    config: Any
    method: Method = "full"
    rank: int = 8
    targets: tuple[str, ...] = ()
    dropout: float = 0.0
    train_layers: int = 2
    variant: Literal["lora", "rslora", "dora"] = "lora"
    precision: Precision = "fp32"
    recompute: Recompute = "none"
    row_tokens: int = 4096
    max_tokens: int = 1024
    supervised: float = 1.0
    tokens_per_step: int | None = None
    shards: int = 1
    device: Literal["cpu", "cuda"] = "cpu"
    preference: bool = False
    reward: bool = False
    checkpoints: bool = True
    quantizes_on_device: bool = True

    def __post_init__(self) -> None:
        whole = (self.rank, self.train_layers, self.row_tokens, self.max_tokens, self.shards)
        if min(*whole, self.tokens_per_step or 1) < 1 or not 0 < self.supervised <= 1:
            raise UsageError("train.bad-memory-plan")

    @property
    def tokens_of_row(self) -> int:
        """Most tokens of one forward pass."""
        row = max(self.row_tokens, self.max_tokens)
        return row if self.tokens_per_step is None else min(row, self.tokens_per_step)

    @property
    def passes(self) -> int:
        """Forward passes of a step; None are told apart beyond the second."""
        return 2 if self.tokens_per_step is None else -(-self.tokens_per_step // self.tokens_of_row)


@dataclass(frozen=True)
class MemoryRow:
    part: Part
    bytes: int
    note: Text


@dataclass(frozen=True)
class MemoryTable:
    """The parts that are there together at the worst moment, in bytes of one process.

    Attributes:
        parameters, trained_parameters: of the whole model, however it is stored or shared out.
        tokens_of_row: tokens of one forward pass.
        tokens_per_step: as planned; None where that was not said.
    """

    rows: tuple[MemoryRow, ...]
    parameters: int
    trained_parameters: int
    tokens_of_row: int
    tokens_per_step: int | None

    @property
    def total(self) -> int:
        return sum(row.bytes for row in self.rows)

    def as_dict(self) -> dict[str, Any]:
        """JSON-able, the notes in English."""
        return {
            "total": self.total,
            "rows": [{"part": row.part, "bytes": row.bytes, "note": row.note.en} for row in self.rows],
            "parameters": self.parameters,
            "trained_parameters": self.trained_parameters,
            "tokens_of_row": self.tokens_of_row,
            "tokens_per_step": self.tokens_per_step,
        }


@dataclass(frozen=True)
class Remedy:
    """Settings to change, the total they give, and what they cost.

    Attributes:
        flags: `key=value` of the recipe, or `kind=train.lora` and `processes=N`.
    """

    flags: tuple[str, ...]
    total: int
    fits: bool
    cost: Text
    plan: MemoryPlan


def estimate(plan: MemoryPlan) -> MemoryTable:
    """What a training takes at its worst moment.

    Raises:
        DataError: nn.no-scorer
        UsageError: train.no-memory-plan, train.bad-targets, nn.no-layers
    """
    return _table(plan, _sight(plan))


def remedies(plan: MemoryPlan, available_bytes: int, *, pure_bf16: bool = False) -> list[Remedy]:
    """What takes less memory than the plan: first what fits, each part in order of harm, the least first.

    `batch_size` is not among them: it changes the result, and hardly the memory.

    Args:
        pure_bf16: whether weights in bf16 can be had.

    Raises:
        DataError: nn.no-scorer
        UsageError: train.no-memory-plan, train.bad-targets, nn.no-layers
    """
    total = _Totals()
    before, found = total(plan), list[Remedy]()
    flags, least = (), plan
    coarser = (_coarser, _coarsest) if pure_bf16 else (_coarser,)
    for changes in (_shorter_rows, _less_kept, _more_cards, *coarser, _adapters):
        together: list[Remedy] = []
        for new, cost, change in changes(plan):
            alone, added = change(plan), change(least)
            found.append(Remedy(new, total(alone), total(alone) <= available_bytes, cost, alone))
            together.append(Remedy((*flags, *new), total(added), total(added) <= available_bytes, cost, added))
        found += together if flags else []
        best = min(together, key=lambda remedy: remedy.total, default=None)
        if best is not None and best.total < total(least) and changes is not _more_cards:
            flags, least = best.flags, best.plan
    return sorted((each for each in found if each.total < before), key=lambda remedy: not remedy.fits)


class _Totals:
    """Totals of plans that differ in what remedies change; each is played through once, however many processes."""

    def __init__(self) -> None:
        self._sights: dict[tuple[Any, ...], _Sight] = {}

    def __call__(self, plan: MemoryPlan) -> int:
        key = plan.method, plan.precision, plan.recompute, plan.tokens_of_row
        if key not in self._sights:
            self._sights[key] = _sight(plan)
        return _table(plan, self._sights[key]).total


def available_memory(device: str = "cpu", *, root: Path = Path("/")) -> int:
    """Bytes that can still be taken: of the card, or of the machine within the limits of its control groups.

    Args:
        device: cpu, cuda or cuda:N.
        root: where /proc and /sys are found.

    Raises:
        UsageError: train.memory-unknown: this system does not tell
    """
    if device.startswith("cuda"):
        return int(torch.cuda.mem_get_info(torch.device(device))[0])
    limits = [each for each in (_free_of_machine(root), *_free_of_groups(root)) if each is not None]
    if not limits:
        raise UsageError("train.memory-unknown")
    return max(0, min(limits))


_Size = Literal["parameters", "trained", "weights", "trained_weights", "layer", "trained_layer", "ends"]


@dataclass(frozen=True)
class _Sight:
    """What is seen of a plan, whatever the number of processes.

    Attributes:
        sizes: parameters in numbers, and bytes: of all weights, of those that are trained, of the largest decoder layer
            (and of what is trained in it), of embeddings and head.
        worst: bytes alive at the worst moment beside weights and optimizer.
    """

    sizes: Counter[_Size]
    worst: Counter[str]


def _sight(plan: MemoryPlan) -> _Sight:
    text = plan.config.get_text_config(decoder=True)
    layers, period = text.num_hidden_layers, _period(text)
    least = max(2, plan.train_layers + 1 if plan.method == "freeze" else 2)
    shallow = period * -(-least // period)
    deep = shallow + period
    if layers <= deep:
        sizes, peaks = _at_depth(plan, layers)
        return _Sight(sizes, _heaviest(peaks))
    few, few_peaks = _at_depth(plan, shallow)
    more, more_peaks = _at_depth(plan, deep)

    def further(one: Counter[Any], other: Counter[Any]) -> Counter[Any]:
        return Counter({name: other[name] + (other[name] - one[name]) * (layers - deep) // period for name in other})

    peaks: Peaks = {phase: further(few_peaks[phase], more_peaks[phase]) for phase in more_peaks}
    return _Sight(further(few, more), _heaviest(peaks))


def _heaviest(peaks: Peaks) -> Counter[str]:
    return max((peaks[phase] for phase in PHASES if phase in peaks), key=Counter.total)


def _at_depth(plan: MemoryPlan, layers: int) -> tuple[Counter[_Size], Peaks]:
    model, sizes = _model(_cut(plan.config.get_text_config(decoder=True), layers), plan)
    tokens = plan.tokens_of_row
    row = Row(
        tokens=tokens,
        sample_tokens=min(plan.max_tokens, tokens),
        supervised=max(1, round(tokens * plan.supervised)),
        passes=plan.passes,
        autocast=plan.precision == "bf16",
        device=plan.device,
        per_token=plan.preference,
        scored=plan.reward,
    )
    return sizes, rehearse(model, row)


def _table(plan: MemoryPlan, sight: _Sight) -> MemoryTable:
    sizes, worst = sight.sizes, sight.worst
    optimizer = sizes["trained"] * (_MOMENTS + (_FP32 if _has_copy(plan) else 0))
    parts: dict[Part, int] = {
        "weights": sizes["weights"] // plan.shards,
        "gradients": worst["gradients"] // plan.shards,
        "optimizer": optimizer // plan.shards,
        "activations": worst["activations"],
        "logits": worst["logits"],
        "other": _gathered(sizes, plan) + _context(plan),
    }
    moments = (_saving(sizes, parts, plan), _loading(sizes, plan))
    parts["other"] += max(0, max(moments) - sum(parts.values()))
    notes = _notes(plan, sizes)
    rows = tuple(MemoryRow(part, size, notes[part]) for part, size in parts.items())
    return MemoryTable(rows, sizes["parameters"], sizes["trained"], plan.tokens_of_row, plan.tokens_per_step)


def _has_copy(plan: MemoryPlan) -> bool:
    return plan.precision == "pure-bf16" and plan.method in ("full", "freeze")


def _saving(sizes: Counter[_Size], parts: dict[Part, int], plan: MemoryPlan) -> int:
    """At a checkpoint on the CPU: all gradients are still there, and the optimizer is copied into one piece."""
    if not plan.checkpoints or plan.device != "cpu":
        return 0
    return parts["weights"] + sizes["trained_weights"] // plan.shards + 2 * parts["optimizer"]


def _loading(sizes: Counter[_Size], plan: MemoryPlan) -> int:
    is_whole = plan.method == "qlora" and plan.quantizes_on_device
    return sizes["parameters"] * _FP32 + _context(plan) if is_whole else 0


def _context(plan: MemoryPlan) -> int:
    return _CUDA_CONTEXT if plan.device == "cuda" else 0


def _gathered(sizes: Counter[_Size], plan: MemoryPlan) -> int:
    """What is whole for a while where weights are shared out: a layer at work, the next, one's gradients, both ends."""
    return 0 if plan.shards == 1 else 2 * sizes["layer"] + sizes["trained_layer"] + sizes["ends"]


def _model(config: Any, plan: MemoryPlan) -> tuple[Any, Counter[_Size]]:
    """The model as it will be trained, on the meta device, and its sizes."""
    with torch.device("meta"):
        model = _new(config, torch.bfloat16 if plan.precision == "pure-bf16" else torch.float32)
        model = as_scorer(model) if plan.reward else model
        count = _count(model.parameters())
        if plan.method == "freeze":
            freeze_all_but_last(model, plan.train_layers)
        if plan.method == "qlora":
            _quantize(model, torch.float32 if plan.precision == "fp32" else torch.bfloat16)
        if plan.method in ("lora", "qlora"):
            before = _count(model.parameters())
            model = _adapted(model, plan)
            count += _count(model.parameters()) - before
    recompute(model, plan.recompute)
    return model, _sizes(model, count)


def _sizes(model: Any, count: int) -> Counter[_Size]:
    layers = [list(layer.parameters()) for layer in decoder_layers(model)]
    ends = {id(each): each for each in _ends(model)}
    return Counter(
        {
            "parameters": count,
            "trained": _count(_trained(model.parameters())),
            "weights": _bytes(model.parameters()) + _bytes(model.buffers()),
            "trained_weights": _bytes(_trained(model.parameters())),
            "layer": max(_bytes(each) for each in layers),
            "trained_layer": max(_bytes(_trained(each)) for each in layers),
            "ends": _bytes(ends.values()),
        }
    )


def _ends(model: Any) -> Iterator[Tensor]:
    yield model.get_input_embeddings().weight
    head = model.get_output_embeddings()
    if head is not None:
        yield head.weight


def _trained(parameters: Iterable[Tensor]) -> list[Tensor]:
    return [each for each in parameters if each.requires_grad]


def _count(parameters: Iterable[Tensor]) -> int:
    return sum(each.numel() for each in parameters)


def _bytes(tensors: Iterable[Tensor]) -> int:
    return sum(each.numel() * each.element_size() for each in tensors)


def _new(config: Any, dtype: torch.dtype) -> Any:
    from transformers import AutoModelForCausalLM

    try:
        return AutoModelForCausalLM.from_config(_plain_positions(config), dtype=dtype)
    except (ValueError, TypeError, ImportError) as error:
        raise UsageError("train.no-memory-plan", why=str(error).splitlines()[0][:200]) from error


def _plain_positions(config: Any) -> Any:
    """Positions that grow with the longest text look at numbers, of which there are none here; they take no memory."""
    chosen = copy.deepcopy(config)
    ropes = getattr(chosen, "rope_parameters", None) or {}
    for each in (ropes, *(inner for inner in ropes.values() if isinstance(inner, dict))):
        if each.get("rope_type") in ("dynamic", "longrope"):
            each["rope_type"] = "default"
    return chosen


def _adapted(model: Any, plan: MemoryPlan) -> Any:
    from lianlu.core.extras import require

    require("peft", "train")
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=plan.rank,
        lora_dropout=plan.dropout,
        target_modules=list(plan.targets) or "all-linear",
        use_rslora=plan.variant == "rslora",
        use_dora=plan.variant == "dora",
        task_type="CAUSAL_LM",
    )
    try:
        return get_peft_model(model, config).get_base_model()
    except ValueError as error:
        raise UsageError("train.bad-targets", why=str(error).splitlines()[0][:300]) from error


class _FourBit(nn.Linear):
    """A linear layer whose weight is packed into bytes and made whole for each product, in both passes."""

    def __init__(self, like: nn.Linear, compute: torch.dtype) -> None:
        super().__init__(like.in_features, like.out_features, bias=False, device="meta")
        self.bias = like.bias
        self.has_bias = getattr(like, "bias", None) is not None
        self.compute = compute
        packed = torch.empty(int(like.weight.numel() * _FOUR_BITS), dtype=torch.uint8, device="meta")
        self.weight = nn.Parameter(packed, requires_grad=False)

    def forward(self, input: Tensor) -> Tensor:
        shape = (self.out_features, self.in_features)
        made = _FourBitProduct.apply(input.to(self.compute), self.weight, shape)
        whole = made + self.bias.to(made.dtype) if self.has_bias else made
        return whole.to(input.dtype)


class _FourBitProduct(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, packed: Tensor, shape: tuple[int, int]) -> Tensor:
        ctx.save_for_backward(packed)
        ctx.shape = shape
        return nn.functional.linear(hidden, hidden.new_empty(shape))

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        return slopes[0] @ slopes[0].new_empty(ctx.shape), None, None


def _quantize(model: Any, compute: torch.dtype) -> None:
    model.requires_grad_(requires_grad=False)
    for layer in decoder_layers(model):
        for module in list(layer.modules()):
            for name, child in list(module.named_children()):
                if type(child) is nn.Linear:
                    setattr(module, name, _FourBit(child, compute))


def _per_layer(config: Any) -> dict[str, list[Any]]:
    """The settings that name something for each layer."""
    count = config.num_hidden_layers
    return {name: value for name, value in vars(config).items() if isinstance(value, list) and len(value) == count > 1}


def _period(config: Any) -> int:
    """After how many layers the kinds of layers repeat."""
    lists = _per_layer(config).values()
    count = config.num_hidden_layers
    repeats = (
        size
        for size in range(1, count + 1)
        if all(each[place] == each[place - size] for each in lists for place in range(size, count))
    )
    return next(repeats, count)


def _cut(config: Any, layers: int) -> Any:
    """The same with fewer layers."""
    chosen = copy.deepcopy(config)
    for name, value in _per_layer(config).items():
        setattr(chosen, name, value[:layers])
    chosen.num_hidden_layers = layers
    return chosen


_NOTHING = Text("the same result, a little slower", "结果相同，速度略慢")
_AGAIN = Text("the same result; norms and activations are computed twice", "结果相同；归一化与激活会重复计算")
_TWICE = Text("the same result; a step takes about a third longer", "结果相同；每步约慢三分之一")
_CARDS = Text("the same result; needs more cards", "结果相同；需要更多显卡")
_ROUGH = Text("coarser arithmetic; weights stay fp32", "计算精度较低；权重仍为 fp32")
_ROUGHER = Text("coarser arithmetic and weights", "计算与权重精度均较低")
_ADAPTER = Text("learns less than all weights can", "学习能力弱于全参数训练")
_PACKED = Text("learns less, from weights rounded to 4 bits, and slower", "学习能力较弱，基座权重为 4 位，速度较慢")


_Change = Callable[[MemoryPlan], MemoryPlan]
_Changes = Iterator[tuple[tuple[str, ...], Text, _Change]]


def _shorter_rows(plan: MemoryPlan) -> _Changes:
    half, least = plan.tokens_of_row // 2, max(plan.max_tokens, 1)
    for tokens in sorted({each for each in (half, least) if least <= each < plan.tokens_of_row}, reverse=True):
        yield (f"row_tokens={tokens}",), _NOTHING, _changing(row_tokens=tokens)


def _less_kept(plan: MemoryPlan) -> _Changes:
    if plan.recompute == "none":
        yield ("recompute=selective",), _AGAIN, _changing(recompute="selective")
    if plan.recompute != "full":
        yield ("recompute=full",), _TWICE, _changing(recompute="full")


def _more_cards(plan: MemoryPlan) -> _Changes:
    """Processes on one CPU share one memory: nothing is won."""
    shards = plan.shards * 2
    while plan.device == "cuda" and shards <= max(_LARGEST_SHARDS, plan.shards * 2):
        yield (f"processes={shards}",), _CARDS, _changing(shards=shards)
        shards *= 2


def _coarser(plan: MemoryPlan) -> _Changes:
    if plan.precision == "fp32":
        yield ("precision=bf16",), _ROUGH, _changing(precision="bf16")


def _coarsest(plan: MemoryPlan) -> _Changes:
    if plan.precision != "pure-bf16":
        yield ("precision=pure-bf16",), _ROUGHER, _changing(precision="pure-bf16")


def _adapters(plan: MemoryPlan) -> _Changes:
    if plan.reward:
        return  # it has no adapters
    if plan.method in ("full", "freeze"):
        yield ("kind=train.lora",), _ADAPTER, _changing(method="lora")
    if plan.method != "qlora":
        flags = ("quantize=nf4",) if plan.method == "lora" else ("kind=train.lora", "quantize=nf4")
        yield flags, _PACKED, _changing(method="qlora")


def _changing(**changes: Any) -> _Change:
    return lambda plan: replace(plan, **changes)


def _notes(plan: MemoryPlan, sizes: Counter[_Size]) -> dict[Part, Text]:
    kinds = {"fp32": "fp32", "bf16": "fp32", "pure-bf16": "bf16"}[plan.precision]
    stored = f"nf4 + {kinds}" if plan.method == "qlora" else kinds
    shared = Text(f", 1/{plan.shards} of it here", f"，此处占 1/{plan.shards}") if plan.shards > 1 else Text("", "")
    row = f"{plan.tokens_of_row:,}"
    return {
        "weights": Text(
            f"{sizes['parameters']:,} parameters in {stored}{shared.en}",
            f"{sizes['parameters']:,} 个参数，{stored}{shared.zh}",
        ),
        "gradients": Text(
            f"{sizes['trained']:,} trained parameters, as far as they are there at that moment{shared.en}",
            f"{sizes['trained']:,} 个可训练参数，按峰值时刻计{shared.zh}",
        ),
        "optimizer": Text(f"two averages of AdamW in fp32{shared.en}", f"AdamW 的两个滑动平均，fp32{shared.zh}"),
        "activations": Text(
            f"a row of {row} tokens, recompute={plan.recompute}", f"一行 {row} 个 token，recompute={plan.recompute}"
        ),
        "logits": Text("head and loss, in chunks", "输出层与损失，分块计算"),
        "other": _other_note(plan),
    }


def _other_note(plan: MemoryPlan) -> Text:
    if plan.device == "cuda":
        return Text(
            "the CUDA context (about), weights gathered from other processes, and what loading takes beyond a step",
            "CUDA 上下文（约数）、从其他进程收集的权重，以及加载比训练一步多占的部分",
        )
    return Text(
        "what loading and checkpoints take beyond a step. Not counted: Python and torch themselves, and freed memory that"
        " glibc keeps (up to as much again; MALLOC_TRIM_THRESHOLD_=1048576 has it give it back)",
        "加载与写检查点比训练一步多占的部分。不含 Python 与 torch 本身，也不含 glibc 保留的已释放内存"
        "（最多可再占一倍；设 MALLOC_TRIM_THRESHOLD_=1048576 可使其归还）",
    )


def _free_of_machine(root: Path) -> int | None:
    for line in _read(root / "proc/meminfo").splitlines():
        name, _, rest = line.partition(":")
        if name == "MemAvailable":
            return int(rest.split()[0]) * 1024
    return _pages()


def _pages() -> int | None:
    """All of the memory, where a system says no more than that."""
    import os

    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _free_of_groups(root: Path) -> Iterator[int]:
    """What is left in each control group this process is in, from its own up to the root; files in memory give way."""
    mount = root / "sys/fs/cgroup"
    for line in _read(root / "proc/self/cgroup").splitlines() or ["0::/"]:
        number, controllers, path = line.split(":", 2)
        if number == "0":
            yield from _left_in(mount, path, "memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            yield from _left_in(mount / "memory", path, *names)


def _left_in(mount: Path, path: str, most: str, used: str, files: str) -> Iterator[int]:
    own = mount / path.strip("/")
    for folder in (own, *own.parents):
        limit, taken = _read(folder / most).strip(), _read(folder / used).strip()
        if limit.isdigit() and taken.isdigit():
            stat = dict(line.split(maxsplit=1) for line in _read(folder / "memory.stat").splitlines() if " " in line)
            yield int(limit) - int(taken) + int(stat.get(files, 0))
        if folder == mount:
            return


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
