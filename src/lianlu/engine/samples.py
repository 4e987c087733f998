"""Sample answers of a module that is being trained, between two of its steps. Leaves the module as it was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lianlu.core.errors import LianluError
from lianlu.engine.engine import Engine
from lianlu.engine.load import end_tokens
from lianlu.engine.request import sequences_of
from lianlu.engine.runner import open_runner, token_limit
from lianlu.engine.tokenizer import Tokenizer
from lianlu.llm import Completion, Sampling
from lianlu.records import Conversation, Usage

__all__ = ["sample"]


def sample(
    module: Any,
    tokenizer: Any,
    prompts: Sequence[str | Sequence[int] | Conversation],
    sampling: Sampling = Sampling(max_tokens=64, temperature=0.0),  # noqa: B008 - a frozen record
) -> list[Completion]:
    """One answer to each prompt, computed together.

    Args:
        module: a transformers causal LM, or a peft model around one.
        tokenizer: a fast tokenizer of transformers.
        prompts: text, token ids, or a conversation (rendered with the tokenizer's chat template).

    Raises:
        UsageError: engine.*: a prompt or a field of `sampling` that cannot be used
        BackendError: engine.step-failed, engine.not-finite
        LimitError: engine.out-of-memory
    """
    import torch

    reader = Tokenizer(tokenizer)
    was_training = module.training
    module.eval()
    try:
        with torch.no_grad():
            return _answers(module, reader, [_ids(reader, prompt) for prompt in prompts], sampling)
    finally:
        module.train(was_training)


def _ids(tokenizer: Tokenizer, prompt: str | Sequence[int] | Conversation) -> tuple[int, ...]:
    if isinstance(prompt, Conversation):
        return tokenizer.render(prompt)
    return tokenizer.encode(prompt).ids if isinstance(prompt, str) else tuple(prompt)


def _answers(
    module: Any, tokenizer: Tokenizer, prompts: Sequence[tuple[int, ...]], sampling: Sampling
) -> list[Completion]:
    ends = end_tokens({}, module.config.get_text_config().to_dict(), tokenizer)
    limit = token_limit(module.config)
    engine = Engine(open_runner(module))
    made = [sequences_of(ids, sampling, tokenizer, generation={}, ends=ends, limit=limit)[0] for ids in prompts]
    for sequence in made:
        engine.add(sequence)
    while engine.has_work:
        engine.step()
    completions: list[Completion] = []
    for sequence in made:
        news = sequence.news()
        error: LianluError | None = sequence.error
        if error is not None:
            raise error
        usage = Usage(prompt_tokens=len(sequence.prompt), completion_tokens=len(sequence.tokens))
        completions.append(
            Completion(text=news.text if news else "", finish_reason=sequence.finish_reason or "error", usage=usage)
        )
    return completions
