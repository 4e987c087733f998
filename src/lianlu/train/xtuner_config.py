"""An XTuner configuration, or only its name -> the keys of a recipe of ours. The file is read, never run.

A configuration is Python that imports half a training stack; what people edit in it are plain assignments. So only those
are understood: literals, `dict(...)`, earlier names, sums and products of numbers. What cannot be told without running
it, or has no counterpart, becomes a note. Torch-free.
"""

from __future__ import annotations

import ast
import json
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, cast

from lianlu.core.errors import DataError, LimitError, UsageError
from lianlu.core.i18n import Text

__all__ = ["METHODS", "Converted", "XtunerName", "convert_config", "convert_name", "parse_name", "read_config"]

METHODS = {
    "full": "train.sft",
    "lora": "train.lora",
    "qlora": "train.lora",
    "dpo": "train.dpo",
    "orpo": "train.orpo",
    "reward": "train.reward",
    "pretrain": "train.pretrain",
}
_QLORA = {"rank": 64, "alpha": 16, "dropout": 0.1}  # of XTuner's qlora configurations, as in recipes/train/qlora.yaml
_MODEL_TYPES = {"DPO": "dpo", "ORPO": "orpo", "RewardModel": "reward"}
_TEMPLATES = ("internlm2", "qwen", "llama3", "mistral", "gemma", "deepseek", "chatml")
_MODEL = "pretrained_model_name_or_path"
_BUILDERS = ("json", "text", "csv", "parquet")  # of `load_dataset`: these say how, not what
_FILE = re.compile(r"^[./~]|\.(jsonl?|csv|tsv|txt|md|parquet|gz)$")
_MOST_BYTES = 1 << 20
_LARGEST_NUMBER = 1e15


@dataclass(frozen=True)
class _Symbol:
    """A name that only running the file would resolve: a class, a function, `PROMPT_TEMPLATE.internlm2_chat`."""

    name: str


@dataclass(frozen=True)
class Converted:
    """The keys of a recipe file, and what a person should know about them."""

    values: dict[str, Any]
    notes: tuple[Text, ...]

    def yaml(self) -> str:
        """The recipe file: the notes as comments, then the keys."""
        comments = [f"# {line}" for note in self.notes for line in note.show().splitlines()]
        return "\n".join([*comments, *(f"{key}: {_scalar(value)}" for key, value in self.values.items()), ""])


@dataclass(frozen=True)
class XtunerName:
    """What the name of a shipped XTuner configuration says; `epochs` is None where it says nothing."""

    model: str
    method: str
    dataset: str
    epochs: int | None
    is_quantized: bool


def parse_name(name: str) -> XtunerName:
    """Read a name such as `internlm2_5_chat_7b_qlora_alpaca_e3` (with `_copy.py` or without).

    Raises:
        UsageError: train.xtuner-name: no method stands in it
    """
    words = PurePosixPath(name).name.removesuffix(".py").removesuffix("_copy").split("_")
    places = [index for index, word in enumerate(words) if word in METHODS]
    methods = [words[index] for index in places]
    if not places or words[0] in METHODS:
        raise UsageError("train.xtuner-name", name=name, known=", ".join(METHODS))
    # in `dpo_qlora` and `full_custom_pretrain` the objective counts, whichever of the two stands first
    method = next((each for each in methods if each not in ("full", "lora", "qlora")), methods[0])
    epochs = next((int(word[1:]) for word in words if re.fullmatch(r"e\d{1,4}", word)), None)
    rest = [
        word
        for word in words[places[0] :]
        if word not in METHODS and not re.fullmatch(r"e\d+|gpu\d+|varlenattn|sft|finetune", word)
    ]
    return XtunerName("_".join(words[: places[0]]), method, "_".join(rest), epochs, "qlora" in methods)


def convert_name(name: str) -> Converted:
    """A recipe for the name alone: method, model and epochs. Raises UsageError train.xtuner-name."""
    parsed = parse_name(name)
    values = _head(parsed.method, name)
    hub_id = _hub_id(parsed.model)
    notes = [
        Text(
            f"fetch the model: lianlu model fetch {hub_id} --to models/{hub_id.rpartition('/')[2]}",
            f"先下载模型：lianlu model fetch {hub_id} --to models/{hub_id.rpartition('/')[2]}",
        )
        if hub_id
        else Text(f"name the folder of {parsed.model} as `model`", f"请把 {parsed.model} 的文件夹写到 `model`"),
        Text(
            f"put your file in the place of `data` (there: {parsed.dataset or 'your own'})",
            f"请把 `data` 换成自己的文件（原配置：{parsed.dataset or '自定义'}）",
        ),
    ]
    values["model"] = f"models/{hub_id.rpartition('/')[2] or parsed.model}"
    values["data"] = ["chats.jsonl"]
    if parsed.epochs:
        values["epochs"] = parsed.epochs
    return Converted(values | _four_bits(parsed), tuple(notes))


def _four_bits(parsed: XtunerName) -> dict[str, Any]:
    """An adapter over a base in four bits, for any objective: the recipes of all weights know no such base."""
    if not parsed.is_quantized:
        return {}
    objective = {} if parsed.method == "qlora" else {"objective": parsed.method, **_QLORA}
    return {"kind": METHODS["qlora"], **objective, "quantize": "nf4"}


def read_config(path: Path) -> dict[str, Any]:
    """The recipe keys that an XTuner configuration corresponds to; see `convert_config`."""
    return convert_config(path).values


def convert_config(path: Path) -> Converted:
    """Read an XTuner configuration without running it.

    Raises:
        UsageError: file.missing, file.unreadable, train.not-xtuner
        DataError: train.bad-xtuner
        LimitError: train.xtuner-too-large
    """
    names = _assigned(_parsed(path))
    if _MODEL not in names:
        raise UsageError("train.not-xtuner", path=str(path), name=_MODEL)
    return _Converting(names, path).done()


def _parsed(path: Path) -> ast.Module:
    try:
        content = path.read_bytes() if path.stat().st_size <= _MOST_BYTES else None
    except FileNotFoundError:
        raise UsageError("file.missing", path=str(path)) from None
    except OSError as error:
        raise UsageError("file.unreadable", path=str(path), why=error.strerror or str(error)) from error
    if content is None:
        raise LimitError("train.xtuner-too-large", path=str(path), limit=f"{_MOST_BYTES:,}")
    try:
        return ast.parse(content)
    except SyntaxError as error:
        raise DataError("train.bad-xtuner", at=f"{path}:{error.lineno or 1}", why=error.msg) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise DataError("train.bad-xtuner", at=str(path), why=str(error) or "nested too deeply") from error


def _assigned(module: ast.Module) -> dict[str, Any]:
    """The names that the top level gives plain values, the last one winning."""
    names: dict[str, Any] = {}
    for statement in module.body:
        if isinstance(statement, ast.Assign):
            targets, value = statement.targets, statement.value
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            targets, value = [statement.target], statement.value
        else:
            continue
        for target in targets:
            if isinstance(target, ast.Name):
                try:
                    names[target.id] = _value(value, names)
                except RecursionError:
                    names[target.id] = None
    return names


def _value(node: ast.expr, names: Mapping[str, Any]) -> Any:
    """What an expression is, as far as it can be told; None for what cannot."""
    match node:
        case ast.Constant():
            return node.value
        case ast.Name():
            return names.get(node.id, _Symbol(node.id))
        case ast.Attribute():
            owner = _value(node.value, names)
            return _Symbol(f"{owner.name}.{node.attr}") if isinstance(owner, _Symbol) else None
        case ast.List() | ast.Tuple():
            return [_value(each, names) for each in node.elts]
        case ast.Dict():
            pairs = zip(node.keys, node.values, strict=True)
            return {str(_value(key, names)): _value(each, names) for key, each in pairs if key is not None}
        case ast.Call(func=ast.Name(id="dict")):
            return {word.arg: _value(word.value, names) for word in node.keywords if word.arg}
        case ast.UnaryOp(op=ast.USub()):
            number = _number(_value(node.operand, names))
            return None if number is None else -number
        case ast.BinOp():
            return _reckoned(node.op, _value(node.left, names), _value(node.right, names))
        case _:
            return None


def _reckoned(operator: ast.operator, left: Any, right: Any) -> Any:
    if isinstance(operator, ast.Add) and isinstance(left, str) and isinstance(right, str):
        return left + right if len(left) + len(right) <= _MOST_BYTES else None
    one, other = _number(left), _number(right)
    if one is None or other is None:
        return None
    match operator:
        case ast.Add():
            return one + other
        case ast.Sub():
            return one - other
        case ast.Mult():
            return one * other
        case ast.Div() | ast.FloorDiv() if other:
            return one / other if isinstance(operator, ast.Div) else one // other
        case _:
            return None  # a power can fill the memory


def _number(value: Any) -> int | float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number and abs(value) < _LARGEST_NUMBER else None


class _Converting:
    """One configuration on its way, with the notes it gives rise to."""

    def __init__(self, names: Mapping[str, Any], path: Path) -> None:
        self._names = names
        self._path = path
        self._notes: list[Text] = []
        model = names.get("model")
        self._model: Mapping[str, Any] = cast("Mapping[str, Any]", model) if isinstance(model, dict) else {}
        self._method = self._found_method()

    def done(self) -> Converted:
        values = _head(self._method, self._path.name)
        values["model"] = self._model_folder()
        values["data"] = self._files()
        values |= self._numbers()
        values |= self._adapter()
        values |= self._words()
        return Converted({key: value for key, value in values.items() if value is not None}, tuple(self._notes))

    def _found_method(self) -> str:
        kind = _symbol(self._model.get("type")).rpartition(".")[2]
        maps = [_symbol(each.get("dataset_map_fn")) for each in _dicts(dict(self._names))]
        if kind in _MODEL_TYPES:
            return _MODEL_TYPES[kind]
        if any("pretrain" in each for each in maps):
            return "pretrain"
        return "lora" if self._lora() else "full"

    def _lora(self) -> Mapping[str, Any]:
        return next((each for each in _dicts(dict(self._model)) if "lora_alpha" in each and "r" in each), {})

    def _model_folder(self) -> str | None:
        name = self._text(_MODEL)
        if name and not _FILE.search(name) and not Path(name).exists():
            self._note(
                f"fetch the model first: lianlu model fetch {name} --to {name}",
                f"先下载模型：lianlu model fetch {name} --to {name}",
            )
        return name

    def _files(self) -> list[str]:
        found = list(dict.fromkeys([*self._loaded(), *self._named()]))
        for name in found:
            if not _FILE.search(name) and not Path(name).exists():
                self._note(
                    f"{name} is a data set on a hub: save it as a file and name that in `data`",
                    f"{name} 是 hub 上的数据集：请先保存为文件，再写入 `data`",
                )
        if not found:
            self._note("no data file was found: name yours in `data`", "没有找到数据文件：请在 `data` 中填写")
        return found

    def _loaded(self) -> Iterator[str]:
        """What `load_dataset` is told to read, wherever it stands."""
        for each in _dicts(dict(self._names)):
            if _symbol(each.get("type")).rpartition(".")[2] != "load_dataset":
                continue
            files = list(_texts(each.get("data_files")))
            yield from files or (name for name in _texts(each.get("path")) if name not in _BUILDERS)

    def _named(self) -> Iterator[str]:
        """Files in assignments that no `load_dataset` uses: `data_files = [...]`, `alpaca_en_path = '…'`."""
        for name, value in self._names.items():
            if name != _MODEL and re.search(r"(^|_)(path|paths|files)$", name):
                yield from (each for each in _texts(value) if _FILE.search(each))

    def _numbers(self) -> dict[str, Any]:
        batch, counts = self._whole("batch_size"), self._whole("accumulative_counts") or 1
        if self._names.get("pack_to_max_length") is True:
            self._note(
                "there batch_size counts full rows of max_length tokens (pack_to_max_length), here samples: short"
                " samples may want more",
                "原配置的 batch_size 数的是装满 max_length 的行（pack_to_max_length），这里数的是样本：样本较短时可调大",
            )
        betas = self._names.get("betas")
        both = [_number(each) for each in cast("list[Any]", betas)] if isinstance(betas, list) else []
        return {
            "max_tokens": self._whole("max_length"),
            "batch_size": batch * counts if batch else None,
            "epochs": self._whole("max_epochs"),
            "learning_rate": self._positive("lr"),
            "weight_decay": _number(self._names.get("weight_decay")),
            "betas": both if len(both) == 2 and None not in both else None,
            "clip": self._positive("max_norm"),
            "warmup": _number(self._names.get("warmup_ratio")),
        }

    def _adapter(self) -> dict[str, Any]:
        lora = self._lora()
        if not lora:
            return {}
        is_4bit = any(each.get("load_in_4bit") is True for each in _dicts(dict(self._model)))
        if any(each.get("load_in_8bit") is True for each in _dicts(dict(self._model))):
            self._note("8-bit weights have no counterpart: left out", "8 比特权重没有对应项，已略去")
        return {
            "rank": _number(lora.get("r")),
            "alpha": _number(lora.get("lora_alpha")),
            "dropout": _number(lora.get("lora_dropout")),
            "quantize": "nf4" if is_4bit else None,
        }

    def _words(self) -> dict[str, Any]:
        prompts = list(_texts(self._names.get("evaluation_inputs")))
        system = self._text("SYSTEM") or _symbol(self._names.get("SYSTEM"))
        if system and prompts:
            self._note(
                f"there the sample prompts have the system prompt {system!r}; here they have none",
                f"原配置的试答带有系统提示词 {system!r}；这里没有",
            )
        named = _symbol(self._names.get("prompt_template")).rpartition(".")[2]
        template = next((each for each in _TEMPLATES if named.startswith(each)), None)
        if named and template is None:
            self._note(
                f"the template {named} has no counterpart; the model's own is used",
                f"模板 {named} 没有对应项；将使用模型自带的模板",
            )
        return {"template": template, "sample_prompts": prompts or None}

    def _whole(self, name: str) -> int | None:
        return self._checked(name, lambda value: isinstance(value, int) and value > 0)

    def _positive(self, name: str) -> float | None:
        return self._checked(name, lambda value: value > 0)

    def _checked(self, name: str, is_right: Callable[[Any], bool]) -> Any:
        value = _number(self._names.get(name))
        if value is not None and is_right(value):
            return value
        if name in self._names:
            self._note(f"{name} could not be read: set it yourself", f"无法读取 {name}：请自行填写")
        return None

    def _text(self, name: str) -> str | None:
        return next(iter(_texts(self._names.get(name))), None)

    def _note(self, en: str, zh: str) -> None:
        self._notes.append(Text(_one_line(en), _one_line(zh)))


def _head(method: str, name: str) -> dict[str, Any]:
    shown = _one_line(name).removesuffix(".py")
    title = {"en": f"What {shown} does in XTuner", "zh": f"对应 XTuner 的 {shown}"}
    return {"kind": METHODS[method], "version": 1, "title": title}


def _hub_id(model: str) -> str:
    """`internlm2_5_chat_7b` -> `internlm/internlm2_5-7b-chat`; empty for models whose names follow no rule."""
    found = re.fullmatch(r"(internlm2(?:_5)?)(_chat)?_(\d+(?:_\d+)?b)", model)
    if found is None:
        return ""
    family, chat, size = found[1], "-chat" if found[2] else "", found[3]
    return f"internlm/{family}-{size}{chat}" if family.endswith("_5") else f"internlm/{family}{chat}-{size}"


def _containers(value: Any) -> Iterator[Any]:
    """What stands inside a value, the outer first, each list and dict once: names can be used over and over."""
    waiting = deque([value])
    seen: set[int] = set()
    while waiting:
        each = waiting.popleft()
        if isinstance(each, list | dict):
            if id(each) in seen:
                continue
            seen.add(id(each))
            waiting += cast("dict[str, Any]", each).values() if isinstance(each, dict) else cast("list[Any]", each)
        yield each


def _dicts(value: Any) -> Iterator[Mapping[str, Any]]:
    """Every dict inside a value."""
    return (each for each in _containers(value) if isinstance(each, dict))


def _texts(value: Any) -> Iterator[str]:
    """The texts inside a value; empty ones and those that cannot be written are left out."""
    found = (each for each in _containers(value) if isinstance(each, str) and each)
    return (each for each in found if not any("\ud800" <= letter <= "\udfff" for letter in each))


def _symbol(value: Any) -> str:
    return value.name if isinstance(value, _Symbol) else ""


def _scalar(value: Any) -> str:
    """JSON is YAML; what YAML takes for steering characters is escaped."""
    plain = json.dumps(value, ensure_ascii=False)
    return plain if plain.isprintable() else json.dumps(value)


def _one_line(text: str) -> str:
    return "".join(each if each.isprintable() else " " for each in text)
