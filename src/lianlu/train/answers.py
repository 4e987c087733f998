"""Answers to a few fixed questions while a model is trained: what a loss does not show.

They change nothing of the run: random numbers, the mode of the module and its attention are afterwards what they were, so
that metrics are the same to the bit with and without them. samples.jsonl has a line for each question and time.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from lianlu.core.errors import LianluError
from lianlu.engine import sample
from lianlu.llm import Completion, Sampling
from lianlu.nn.segments import ATTENTION
from lianlu.records import Conversation
from lianlu.train.lines import StepLines

__all__ = ["SampleAnswers"]

_SAMPLING = Sampling(max_tokens=64, temperature=0.0)


class SampleAnswers:
    """The questions of a run and the file of their answers.

    Args:
        prompts: plain text, which the model goes on with, or conversations, which are rendered by the chat template.
        path: samples.jsonl.
    """

    def __init__(self, prompts: Sequence[str | Conversation], path: Path) -> None:
        self._prompts = list(prompts)
        self._lines = StepLines(path)

    def resume(self, step: int) -> None:
        """Drop the answers after the step that is gone on from; 0 begins anew. Raises as `StepLines.keep_until`."""
        self._lines.keep_until(step)

    def ask(self, step: int, module: Any, tokenizer: Any) -> list[dict[str, Any]]:
        """Ask all questions after `step` and append what was answered.

        Args:
            module: a transformers causal LM, or a peft model around one; it may be in training with packed rows.
            tokenizer: a fast tokenizer of transformers.

        Returns:
            The lines: step, prompt, answer, tokens (of the answer); a question that cannot be answered has an empty
            answer and `error` with code, en and zh.

        Raises:
            LimitError: file.disk-full
            UsageError: file.unwritable
        """
        if not self._prompts:
            return []
        with _undisturbed(module):
            found = _completions(module, tokenizer, self._prompts)
        lines = [
            {"step": step, "prompt": _shown(prompt), **_answer(each)}
            for prompt, each in zip(self._prompts, found, strict=True)
        ]
        self._lines.append(lines)
        return lines

    def read(self) -> list[dict[str, Any]]:
        return self._lines.read()


def _completions(module: Any, tokenizer: Any, prompts: Sequence[str | Conversation]) -> list[Completion | LianluError]:
    """All together, which is fast; where one of them fails, each alone."""
    try:
        return list(sample(module, tokenizer, prompts, _SAMPLING))
    except LianluError as error:
        if len(prompts) == 1:
            return [error]
    return [each for prompt in prompts for each in _completions(module, tokenizer, [prompt])]


def _answer(found: Completion | LianluError) -> dict[str, Any]:
    if isinstance(found, LianluError):
        error = {"code": found.code, "en": found.message("en"), "zh": found.message("zh")}
        return {"answer": "", "tokens": 0, "error": error}
    return {"answer": found.text, "tokens": found.usage.completion_tokens}


def _shown(prompt: str | Conversation) -> str:
    """A lone question as it stands, a longer conversation with its roles."""
    if isinstance(prompt, str):
        return prompt
    if [each.role for each in prompt.messages] == ["user"]:
        return prompt.messages[0].text
    return "\n".join(f"{each.role}: {each.text}" for each in prompt.messages)


@contextmanager
def _undisturbed(module: Any) -> Generator[None]:
    """Inside, the module has an attention that needs no `segments=`; after, it and the random numbers are as before.

    The engine gives the mode back too, but as one for all parts; a part may be kept out of training.
    """
    modes = [(each, each.training) for each in module.modules()]
    configs = {id(each.config): each.config for each, _ in modes if _is_packed(each)}
    plain = "sdpa" if getattr(module, "_supports_sdpa", True) else "eager"
    parameter = next(module.parameters())
    with torch.random.fork_rng([parameter.device] if parameter.is_cuda else []):
        try:
            for config in configs.values():
                config._attn_implementation = plain
            yield
        finally:
            for config in configs.values():
                config._attn_implementation = ATTENTION
            for each, mode in modes:
                each.training = mode


def _is_packed(module: Any) -> bool:
    return getattr(getattr(module, "config", None), "_attn_implementation", None) == ATTENTION
