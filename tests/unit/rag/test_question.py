"""What a question asks for."""

import pytest

from lianlu.rag.question import QuestionKind, read_question


@pytest.mark.parametrize(
    ("text", "kind", "subject"),
    [
        ("xtuner是什么？", "definition", "xtuner"),
        ("什么是 LoRA", "definition", "lora"),
        ("请问链路是什么？", "definition", "链路"),
        ("介绍一下 XTuner", "definition", "xtuner"),
        ("What is XTuner?", "definition", "xtuner"),
        ("what is a knowledge base", "definition", "knowledge base"),
        ("What does MoE stand for?", "definition", "moe"),
        ("What is the capital of Iceland?", "other", ""),
        ("法国的首都是什么？", "other", ""),
        ("怎么安装 XTuner？", "how-to", ""),
        ("How do I resume a run?", "how-to", ""),
        ("7B 模型需要多少显存？", "number", ""),
        ("How many users does it have?", "number", ""),
        ("它什么时候发布？", "time", ""),
        ("XTuner 支持 QLoRA 吗", "other", ""),
    ],
)
def test_kind_and_subject(text: str, kind: QuestionKind, subject: str) -> None:
    question = read_question(text)
    assert (question.kind, question.subject) == (kind, subject)


def test_names_are_what_must_be_there() -> None:
    assert read_question("XTuner 怎么部署到 Kubernetes").names == {"xtuner", "kubernet"}
    assert read_question("Where does Larkspur keep files?").names == {"larkspur"}
    assert read_question("where are files kept?").names == frozenset()
