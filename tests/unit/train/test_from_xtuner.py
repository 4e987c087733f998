from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from lianlu.core.errors import LianluError, UsageError
from lianlu.core.recipe import check, parse_tree
from lianlu.train.config import LoraRecipe
from lianlu.train.from_xtuner import (
    XTUNER_VERBS,
    answer,
    commands_in,
    nearest,
    read_config,
    refuse_config,
    translated,
)
from lianlu.train.xtuner_config import convert_config, convert_name, parse_name

CONFIG = """
from somewhere import LoraConfig, PROMPT_TEMPLATE, BitsAndBytesConfig, load_dataset, process, qa_map_fn

raise SystemExit("this file must not be run")

pretrained_model_name_or_path = './models/tiny-chat'
chats_path = '/data/chats.jsonl'
prompt_template = PROMPT_TEMPLATE.internlm2_chat
max_length: int = 512
pack_to_max_length = True
batch_size = 2
accumulative_counts = 4 * 2
max_epochs = 5
lr = 3e-4
betas = (0.9, 0.999)
weight_decay = 0
max_norm = 1
warmup_ratio = 0.05
SYSTEM = 'Be brief.'
evaluation_inputs = [
    '请介绍一下你自己', 'Who are you?'
]
model = dict(
    llm=dict(
        pretrained_model_name_or_path=pretrained_model_name_or_path,
        quantization_config=dict(type=BitsAndBytesConfig, load_in_4bit=True)),
    lora=dict(type=LoraConfig, r=32, lora_alpha=16 + 16, lora_dropout=0.1))
train_set = dict(
    type=process,
    dataset=dict(type=load_dataset, path='json', data_files=dict(train=chats_path)),
    dataset_map_fn=None)
"""
WANTED = {
    "kind": "train.lora",
    "version": 1,
    "model": "./models/tiny-chat",
    "data": ["/data/chats.jsonl"],
    "max_tokens": 512,
    "batch_size": 16,
    "epochs": 5,
    "learning_rate": 3e-4,
    "weight_decay": 0,
    "betas": [0.9, 0.999],
    "clip": 1,
    "warmup": 0.05,
    "rank": 32,
    "alpha": 32,
    "dropout": 0.1,
    "quantize": "nf4",
    "template": "internlm2",
    "sample_prompts": ["请介绍一下你自己", "Who are you?"],
}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "mine_copy.py"
    path.write_text(CONFIG, encoding="utf-8")
    return path


@pytest.fixture
def xtuner(monkeypatch: pytest.MonkeyPatch, lianlu: Callable[..., Any]) -> Callable[..., Any]:
    """`lianlu train` with the verbs of this module."""
    from lianlu.train.verbs import train

    monkeypatch.setattr(train, "commands", {**train.commands} | {str(each.name): each for each in XTUNER_VERBS})
    return lambda *words: lianlu("train", *words)


def test_a_configuration_is_read_and_not_run(config: Path) -> None:
    values = read_config(config)
    assert values.pop("title")["en"].startswith("What mine_copy")
    assert values == WANTED


def test_the_recipe_is_yaml_that_says_the_same_with_the_notes_above(config: Path) -> None:
    found = convert_config(config)
    assert parse_tree(found.yaml(), "x").values == found.values
    assert "# there batch_size counts full rows" in found.yaml()
    assert "'Be brief.'" in found.yaml()


def test_the_keys_are_those_of_our_recipes(config: Path) -> None:
    own = {key: value for key, value in read_config(config).items() if key not in ("kind", "version", "title")}
    known = {key: value for key, value in own.items() if key in LoraRecipe.model_fields}
    assert set(own) - set(known) <= {"quantize", "sample_prompts"}
    check(parse_tree(json.dumps(known), "x"), LoraRecipe, "train.lora")


@pytest.mark.parametrize(
    ("changed", "kind", "lacking"),
    [
        (("lora=dict(type=LoraConfig, r=32, lora_alpha=16 + 16, lora_dropout=0.1)", ""), "train.sft", "rank"),
        (("load_in_4bit=True", "load_in_4bit=False"), "train.lora", "quantize"),
        (("model = dict(", "model = dict(type=DPO,"), "train.dpo", "no"),
        (("model = dict(", "model = dict(type=xtuner.ORPO,"), "train.orpo", "no"),
        (("model = dict(", "model = dict(type=RewardModel,"), "train.reward", "no"),
        (("dataset_map_fn=None", "dataset_map_fn=pretrain_map_fn"), "train.pretrain", "no"),
        (("max_epochs = 5", "max_epochs = rounds()"), "train.lora", "epochs"),
        (("lr = 3e-4", "lr = 10 ** 9 ** 9"), "train.lora", "learning_rate"),
        (("lr = 3e-4", "lr = True"), "train.lora", "learning_rate"),
        (("batch_size = 2", "batch_size = 0"), "train.lora", "batch_size"),
    ],
)
def test_method_and_unreadable_values(config: Path, changed: tuple[str, str], kind: str, lacking: str) -> None:
    config.write_text(CONFIG.replace(*changed), encoding="utf-8")
    values = read_config(config)
    assert values["kind"] == kind
    assert lacking not in values


def test_what_stands_on_a_hub_is_named_with_what_to_do(config: Path) -> None:
    config.write_text(
        CONFIG.replace("./models/tiny-chat", "internlm/tiny").replace(
            "path='json', data_files=dict(train=chats_path)", "path='some/set'"
        )
    )
    found = convert_config(config)
    assert found.values["data"] == ["some/set", "/data/chats.jsonl"]
    text = " ".join(note.en for note in found.notes)
    assert "lianlu model fetch internlm/tiny --to internlm/tiny" in text
    assert "some/set is a data set on a hub" in text


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"lr = 1e-4\n", "train.not-xtuner"),
        (b"", "train.not-xtuner"),
        (b"a = (\n", "train.bad-xtuner"),
        (b"a = 1\0", "train.bad-xtuner"),
        (b"a = '\xff'\n", "train.bad-xtuner"),
        (b"a = " + b"(" * 500 + b")" * 500, "train.bad-xtuner"),
        (b"#" * (1 << 21), "train.xtuner-too-large"),
    ],
    ids=["other python", "empty", "torn", "nul", "not utf-8", "deep", "large"],
)
def test_what_is_no_configuration_is_an_error_with_a_hint(tmp_path: Path, content: bytes, code: str) -> None:
    path = tmp_path / "x.py"
    path.write_bytes(content)
    with pytest.raises(LianluError) as caught:
        read_config(path)
    assert caught.value.code == code
    assert caught.value.hint("en")
    assert caught.value.hint("zh")


def test_names_used_over_and_over_and_steering_characters_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    lines = ["a0 = ['x']", *(f"a{n} = [a{n - 1}, a{n - 1}]" for n in range(1, 200)), "model = dict(a=a199)"]
    lines += [r"pretrained_model_name_or_path = './a\x1b\x85b'", r"evaluation_inputs = ['\ud800', 'ok \U0001f600']"]
    path.write_text("\n".join(lines))
    found = convert_config(path)
    assert found.values["sample_prompts"] == ["ok 😀"]
    assert parse_tree(found.yaml(), "x").values["model"] == "./a\x1b\x85b"


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("internlm2_5_chat_7b_qlora_alpaca_e3", ("internlm2_5_chat_7b", "qlora", "alpaca", 3, True)),
        ("./config/internlm2_7b_full_custom_pretrain_e1_copy.py", ("internlm2_7b", "pretrain", "custom", 1, False)),
        ("internlm2_chat_1_8b_dpo_full", ("internlm2_chat_1_8b", "dpo", "", None, False)),
        ("internlm2_chat_7b_orpo_qlora_varlenattn_ultrafeedback_e5", ("internlm2_chat_7b", "orpo", "ultrafeedback", 5, True)),
        ("llama2_7b_lora_moss_sft_e2_gpu8", ("llama2_7b", "lora", "moss", 2, False)),
    ],
)  # fmt: skip
def test_a_name_says_model_method_data_and_epochs(name: str, wanted: tuple[Any, ...]) -> None:
    found = parse_name(name)
    assert (found.model, found.method, found.dataset, found.epochs, found.is_quantized) == wanted


@pytest.mark.parametrize("name", ["", "internlm2_7b", "qlora_alpaca", "../../etc/passwd", "x.py"])
def test_a_name_without_a_method_is_an_error(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_name(name)
    assert caught.value.code == "train.xtuner-name"


def test_a_name_gives_the_hub_id_of_the_model() -> None:
    ids = {
        name: convert_name(f"{name}_full_x_e1").notes[0].en
        for name in ("internlm2_5_chat_7b", "internlm2_chat_1_8b", "internlm2_7b", "qwen_7b")
    }
    for wanted, note in zip(
        (
            "fetch internlm/internlm2_5-7b-chat ",
            "internlm/internlm2-chat-1_8b ",
            "internlm/internlm2-7b ",
            "of qwen_7b",
        ),
        ids.values(),
        strict=True,
    ):
        assert wanted in note


def test_the_nearest_recipe_does_the_method_of_the_name() -> None:
    ours = ["train/full", "train/lora", "train/qlora", "train/nano"]
    assert nearest("internlm2_5_chat_7b_qlora_alpaca_e3", ours) == "train/qlora"
    assert nearest("llama_full_x", ours) == "train/full"
    assert nearest("nan", ours) == "train/nano"
    assert nearest("internlm2_chat_7b_dpo_full", ours) == ""


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("xtuner list-cfg -p internlm2", "lianlu train list-cfg -p internlm2"),
        ("xtuner copy-cfg internlm2_5_chat_7b_qlora_alpaca_e3 ./", "lianlu train copy-cfg internlm2_5_chat_7b_qlora_alpaca_e3 ./"),
        (
            "NPROC_PER_NODE=8 xtuner train ./config/x_copy.py --deepspeed deepspeed_zero2 --work-dir ./work",
            "lianlu train from-xtuner ./config/x_copy.py --out ./config/x_copy.yaml\n"
            "lianlu train ./config/x_copy.yaml --out ./work",
        ),
        ("xtuner train some_qlora_x_e3", "lianlu train copy-cfg some_qlora_x_e3 .\nlianlu train some_qlora_x_e3_copy.yaml"),
        ("xtuner convert pth_to_hf ./x_copy.py ${pth_file} ./hf", ""),
        ("xtuner convert merge /m/base ./hf ./merged --max-shard-size 2GB", "lianlu model merge /m/base ./hf --out ./merged --max-shard-size 2GB"),
        ("xtuner convert merge $BASE ./hf './my m'", "lianlu model merge \"$BASE\" ./hf --out './my m' --max-shard-size 2GB"),
        ("xtuner convert split M OUT", ""),
        ("xtuner chat ./m --adapter ./hf --prompt-template internlm2_chat", "lianlu model merge ./m ./hf --out ./m-merged\nlianlu chat local:./m-merged"),
        ("xtuner chat ./merged --prompt-template internlm2_chat", "lianlu chat local:./merged"),
        ("xtuner log-dataset x.py", "lianlu train preview x.yaml\nlianlu train check-data FILE"),
        ("xtuner check-custom-dataset x.py", "lianlu train preview x.yaml\nlianlu train check-data FILE"),
        ("xtuner preprocess arxiv IN OUT --categories cs.AI cs.CL", "lianlu train check-data FILE"),
        ("xtuner mmbench ./m --data-path d.tsv", "lianlu eval run --model local:./m --benchmark zh-choice"),
        ("pip install torch==2.1.0+cu121 transformers==4.47.1", "lianlu doctor"),
        ("python -m pip install -e '.[deepspeed]'", "lianlu doctor"),
        ("conda activate xtuner", "lianlu doctor"),
        ("streamlit run /root/finetune/xtuner_streamlit_demo.py", "lianlu serve local:MERGED"),
        ("python change_script.py ./a.jsonl ./b.jsonl", "lianlu curate replace ./a.jsonl --old 尖米 --new your_name --out ./b.jsonl"),
        ("python3 change_script.py a b --old_text=x --new_text 'y z'", "lianlu curate replace a --old x --new 'y z' --out b"),
        ("git clone https://example.org/xtuner.git", ""),
        ("cd ~ && true", "cd ~"),
        ("cat ~/a.jsonl ''", "cat ~/a.jsonl ''"),
        ("pth_file=`ls -t ./work_dirs/*.pth`", ""),
    ],
)  # fmt: skip
def test_a_command_of_theirs_gets_one_of_ours_and_a_reason(line: str, command: str) -> None:
    words, *_ = commands_in(line)
    found = translated(words)
    assert found.command == command
    assert found.why.zh
    assert answer(words).en == f"{command}\n{found.why.en}".lstrip("\n")


def test_the_reasons_name_what_was_typed() -> None:
    train = translated(["xtuner", "train", "x.py", "--deepspeed", "deepspeed_zero3"])
    assert "deepspeed_zero3" in train.why.zh
    assert "./hf" in translated(["xtuner", "convert", "pth_to_hf", "x.py", "y.pth", "./hf"]).why.en


@pytest.mark.parametrize(
    "words", [["xtuner", "trian"], ["xtuner", "convert"], ["xtuner", "convert", "x"], ["python", "a.py"], ["rmdir"]]
)
def test_an_unknown_command_is_an_error_with_the_nearest(words: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        answer(words)
    assert caught.value.code == "train.xtuner-unknown"
    assert "'train'" in caught.value.hint() or "known" in caught.value.hint()


def test_every_command_that_we_name_has_a_verb_and_known_options() -> None:
    from lianlu.cli.table import VERBS
    from lianlu.core.registry import load_target

    lines = [
        "xtuner list-cfg -p x", "xtuner copy-cfg a_full_b .", "xtuner train x.py --work-dir w", "xtuner chat m --adapter a",
        "xtuner convert merge a b c", "xtuner log-dataset x.py", "xtuner preprocess x", "xtuner mmbench m",
        "pip install x", "streamlit run x.py", "python change_script.py a b", "xtuner help",
    ]  # fmt: skip
    for typed in [
        each for line in lines for each in answer(line.split()).en.splitlines() if each.startswith("lianlu ")
    ]:
        _, name, *rest = typed.split()
        command: click.Command = load_target(str(VERBS[name].target))
        if isinstance(command, click.Group):
            commands = dict(command.commands) | (
                {str(each.name): each for each in XTUNER_VERBS} if name == "train" else {}
            )
            command = commands.get(rest[0]) or commands["run"]
        known = {option for each in command.params for option in each.opts} | {"--help"}
        assert {word for word in rest if word.startswith("-")} <= known, typed


def test_the_commands_of_a_pasted_block_are_told_apart() -> None:
    block = "# a comment\n$ cd /x && conda activate xtuner\nxtuner train \\\n  x.py; echo 'it'\n\necho it's"
    assert list(commands_in(block)) == [
        ["cd", "/x"], ["conda", "activate", "xtuner"], ["xtuner", "train", "x.py"], ["echo", "it"], ["echo", "it's"],
    ]  # fmt: skip


def test_python_in_the_place_of_a_recipe_is_refused_with_the_command_that_helps(tmp_path: Path) -> None:
    refuse_config(tmp_path / "x.yaml")
    with pytest.raises(UsageError) as caught:
        refuse_config(Path("my dir/x.py"))
    assert "lianlu train from-xtuner 'my dir/x.py' --out 'my dir/x.yaml'" in caught.value.hint("zh")


def test_from_xtuner_writes_the_recipe_once(xtuner: Callable[..., Any], config: Path, tmp_path: Path) -> None:
    done = xtuner("from-xtuner", config, "--out", tmp_path / "mine.yaml")
    assert done.code == 0, done.err
    assert parse_tree((tmp_path / "mine.yaml").read_text(encoding="utf-8"), "x").values["rank"] == 32
    again = xtuner("from-xtuner", config, "--out", tmp_path / "mine.yaml")
    assert (again.code, "file.refused" in again.err) == (2, True)
    assert 'kind: "train.lora"' in xtuner("from-xtuner", config).out


def test_from_xtuner_answers_quoted_and_bare_lines_and_whole_blocks(xtuner: Callable[..., Any]) -> None:
    line = "xtuner train x.py --deepspeed deepspeed_zero2 --work-dir ./w"
    assert "$ lianlu train x.yaml --out ./w" in xtuner("from-xtuner", line).out
    assert xtuner("from-xtuner", *line.split()).out == xtuner("from-xtuner", line).out
    found = json.loads(xtuner("from-xtuner", "cd x\nwhatever it is\nxtuner chat m", "--json").out)["answers"]
    assert [each["command"] for each in found] == ["cd x", "", "lianlu chat local:m"]
    assert xtuner("from-xtuner", "whatever it is").code == 2
    assert xtuner("from-xtuner", "").code == 2


def test_convert_tells_what_is_to_be_done(xtuner: Callable[..., Any]) -> None:
    done = xtuner("convert", "pth_to_hf", "x.py", "iter_96.pth", "./hf")
    assert (done.code, "No step is needed" in done.out, "./hf" in done.out) == (0, True, True)
    done = xtuner("convert", "merge", "b", "a", "m", "--max-shard-size", "1GB")
    assert "$ lianlu model merge b a --out m --max-shard-size 1GB" in done.out
    assert xtuner("convert", "whatever").code == 2


def test_copy_cfg_writes_a_recipe_with_model_and_epochs_of_the_name(xtuner: Callable[..., Any], tmp_path: Path) -> None:
    done = xtuner("copy-cfg", "internlm2_5_chat_7b_qlora_alpaca_e7", tmp_path)
    assert done.code == 0, done.err
    path = tmp_path / "internlm2_5_chat_7b_qlora_alpaca_e7_copy.yaml"
    values = parse_tree(path.read_text(encoding="utf-8"), "x").values
    assert (values["kind"], values["epochs"], values["model"]) == ("train.lora", 7, "models/internlm2_5-7b-chat")
    assert xtuner("copy-cfg", "internlm2_5_chat_7b_qlora_alpaca_e7", tmp_path).code == 2
    assert xtuner("copy-cfg", "train/nano", tmp_path).code == 0
    assert (tmp_path / "nano.yaml").read_text(encoding="utf-8").count("train.pretrain")
    assert xtuner("copy-cfg", "something", tmp_path).code == 2


@pytest.mark.parametrize("objective", ["dpo", "orpo", "pretrain"])
def test_copy_cfg_keeps_four_bits_for_any_objective(xtuner: Callable[..., Any], tmp_path: Path, objective: str) -> None:
    done = xtuner("copy-cfg", f"internlm2_chat_7b_{objective}_qlora_x_e5", tmp_path)
    assert done.code == 0, done.err
    text = (tmp_path / f"internlm2_chat_7b_{objective}_qlora_x_e5_copy.yaml").read_text(encoding="utf-8")
    values = {key: value for key, value in parse_tree(text, "x").values.items() if key not in ("version", "title")}
    assert (values.pop("kind"), values["objective"], values["quantize"]) == ("train.lora", objective, "nf4")
    assert (values["rank"], values["epochs"]) == (64, 5)
    check(parse_tree(json.dumps(values), "x"), LoraRecipe, "train.lora")


def test_copy_cfg_refuses_four_bits_for_a_reward_model(xtuner: Callable[..., Any], tmp_path: Path) -> None:
    done = xtuner("copy-cfg", "internlm2_chat_7b_reward_qlora_x", tmp_path)
    assert (done.code, "reward has no method qlora" in done.err) == (2, True)
    assert list(tmp_path.iterdir()) == []


def test_list_cfg_lists_our_recipes_of_training(xtuner: Callable[..., Any]) -> None:
    names = [each["name"] for each in json.loads(xtuner("list-cfg", "--json").out)["recipes"]]
    assert "train/nano" in names
    assert "synth/rules" not in names
    done = xtuner("list-cfg", "-p", "nano")
    assert "does what nano does: train/nano" in done.out
