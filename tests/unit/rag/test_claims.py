"""The check of claims: code on our side of the model."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from lianlu.rag.claims import Claim, ClaimStream, check_claim, reason_text, split_claims

LABELLED = YAML(typ="safe").load(Path(__file__).with_name("claims.yaml").read_text(encoding="utf-8"))
CASES = [
    (part, group["source"], labelled[2:], labelled[0] == "+")
    for part, groups in LABELLED.items()
    for group in groups
    for labelled in group["claims"]
]
XTUNER = "XTuner 支持 QLoRA 微调，7B 模型只需 8GB 显存。"
LMDEPLOY = "LMDeploy 是部署工具，默认端口为 23333。"


def verdict(text: str, *sources: str) -> str | None:
    (claim,) = split_claims(text)
    return check_claim(claim, sources)


def measured(part: str) -> tuple[float, float, list[str]]:
    """Precision and recall of what is kept, and the claims judged wrongly."""
    kept_right = kept_wrong = dropped_wrong = 0
    wrong: list[str] = []
    for which, source, claim, is_supported in CASES:
        if which != part:
            continue
        code = check_claim(Claim(text=claim, numbers=(1,), shown=claim), [source])
        kept_right += code is None and is_supported
        kept_wrong += code is None and not is_supported
        dropped_wrong += code is not None and is_supported
        if (code is None) != is_supported:
            wrong.append(f"{'+' if is_supported else '-'} {code} {claim}")
    return kept_right / (kept_right + kept_wrong), kept_right / (kept_right + dropped_wrong), wrong


def test_at_least_a_hundred_claims_are_labelled() -> None:
    assert len(CASES) >= 100
    assert 0.35 < sum(case[3] for case in CASES) / len(CASES) < 0.65


@pytest.mark.parametrize("part", list(LABELLED))
def test_precision_and_recall_of_the_check(part: str) -> None:
    precision, recall, wrong = measured(part)
    assert precision >= 0.9, wrong
    assert recall >= 0.9, wrong


@pytest.mark.parametrize(
    ("claim", "code"),
    {
        "supported": ("XTuner 支持 QLoRA 微调。[1]", None),
        "a source that does not exist": ("XTuner 支持 QLoRA 微调。[3]", "no-such-source"),
        "one of its sources does not exist": ("XTuner 支持 QLoRA 微调。[1][3]", "no-such-source"),
        "source zero": ("XTuner 支持 QLoRA 微调。[0]", "no-such-source"),
        "the wrong source": ("XTuner 支持 QLoRA 微调。[2]", "name"),
        "an invented number": ("7B 模型只需 6GB 显存。[1]", "number"),
        "no citation": ("XTuner 支持 QLoRA 微调。", "uncited"),
        "an invented name": ("XTuner 支持 DoRA 微调。[1]", "name"),
        "a negation": ("XTuner 不支持 QLoRA 微调。[1]", "negated"),
        "another language": ("The default port is documented in the deployment guide. [2]", "other-language"),
        "invented words": ("XTuner 团队每周组织线下聚餐活动。[1]", "unsupported"),
        "a refusal": ("文档中没有相关内容。", "refusal"),
    }.values(),
)
def test_why_a_claim_is_dropped(claim: str, code: str | None) -> None:
    assert verdict(claim, XTUNER, LMDEPLOY) == code


def test_numbers_agree_in_all_their_forms() -> None:
    source = "该库有 12,000 名用户，增长了百分之五，于 2023年8月30日 发布。"
    for claim in ("该库有 1.2 万名用户。", "该库有 １２０００ 名用户。", "用户增长了 5%。", "发布于 2023/08/30。"):
        assert verdict(claim + "[1]", source) is None, claim


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("甲是一。[1] 乙是二。[2]", [("甲是一。", (1,)), ("乙是二。", (2,))]),
        ("甲是一【1】。", [("甲是一。", (1,))]),
        ("甲是一[1,2]。", [("甲是一。", (1, 2))]),
        ("甲是一[1-3]。", [("甲是一。", (1, 2, 3))]),
        ("甲是一 [1]，乙是二 [2]。", [("甲是一", (1,)), ("，乙是二。", (2,))]),
        ("According to [1], it works.", [("According to , it works.", (1,))]),
        ("甲是一。\n[1]", [("甲是一。", (1,))]),
        ("根据资料：\n- 甲是一 [1]", [("甲是一", (1,))]),
        ("", []),
        ("[1]", []),
        ("……", []),
    ],
)
def test_splitting(text: str, expected: list[tuple[str, tuple[int, ...]]]) -> None:
    assert [(claim.text, claim.numbers) for claim in split_claims(text)] == expected


def test_an_uncited_sentence_is_not_carried_by_the_next_one() -> None:
    first, second = split_claims("它很慢。它支持 QLoRA。[1]")
    assert (first.numbers, second.numbers) == ((), (1,))


def test_the_reason_is_said_in_both_languages() -> None:
    (claim,) = split_claims("X 是 Y。[3]")
    words = reason_text("no-such-source", claim, 2)
    assert words.show("en") == "it cites [3], but there are only 2 sources"
    assert words.show("zh") == "引用了 [3]，但只有 2 条资料"


@given(st.text(max_size=200), st.lists(st.text(max_size=60), max_size=3))
def test_any_text_of_a_model_can_be_split_and_checked(text: str, sources: list[str]) -> None:
    for claim in split_claims(text):
        check_claim(claim, sources)


@given(
    st.lists(
        st.sampled_from(["[1]", "[9-1]", "【2】", "。", "a", "字", "[", "]", " ", "\n", "12", "-"]), max_size=30
    ).map("".join)
)
def test_broken_marks_do_no_harm(text: str) -> None:
    for claim in split_claims(text):
        check_claim(claim, ["字 a 12"])


@given(st.integers(1, 7))
def test_a_text_gives_the_same_claims_piece_by_piece(length: int) -> None:
    text = "甲是一。[1] 乙是 v3.14，丙是三 [2][3]。\n\n- 丁是四 [1]\n- It works, e.g. here. [2] Done. [1]"
    stream = ClaimStream()
    claims = [each for at in range(0, len(text), length) for each in stream.add(text[at : at + length])]
    assert [*claims, *stream.rest()] == split_claims(text)
