"""Language of a text without a model."""

import pytest

from lianlu.text.language import language_of


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("微调大语言模型的工具库", "zh"),
        ("這是一個關於學習與開發的說明", "zh-Hant"),
        ("How to fine-tune a large language model", "en"),
        ("これは日本語の文章です。大規模言語モデル", "ja"),
        ("이것은 한국어 문장입니다", "ko"),
        ("Это предложение на русском языке", "ru"),
        ("Das ist ein Satz und er ist nicht auf Englisch, die Sprache wird erkannt", "de"),
        ("", "und"),
        ("1234 !!!", "und"),
        ("运行 `pip install xtuner[deepspeed] --no-cache-dir --upgrade` 即可安装到环境", "zh"),
    ],
)
def test_language(text: str, language: str) -> None:
    assert language_of(text) == language


def test_code_does_not_outvote_the_prose() -> None:
    assert language_of("安装方法如下：\n```\n" + "import torch\nmodel.train()\n" * 40 + "```\n完成。") == "zh"
