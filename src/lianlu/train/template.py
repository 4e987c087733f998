"""A conversation -> token ids and which of them are learned; and chat templates for tokenizers that have none.

The ids are those that `tokenizer.apply_chat_template` gives, so that training and serving see the same. Nothing is
searched for in token ids, where the same words may be cut differently: see `chat_text` for what is learned and
`chat_tokens` for which tokens that is.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Literal

from lianlu.core.errors import UsageError
from lianlu.core.files import write_bytes
from lianlu.records import Conversation
from lianlu.text.chat_templates import TEMPLATES, ChatTemplate, find_template
from lianlu.train.chat_text import ChatTexts, as_openai
from lianlu.train.chat_tokens import ChatTokens
from lianlu.train.samples import Encoded

__all__ = ["as_openai", "give_template", "render"]


def render(
    tokenizer: Any, conversation: Conversation, *, id: str = "", supervise: Literal["all", "last"] = "all"
) -> Encoded:
    """Ids and mask of one conversation; for many, `Encoder` is faster.

    Learned are the answers (all, or the last one) with their end marker, and what `Message.learn` says otherwise.

    Raises:
        DataError: train.bad-template; train.bad-sample: it has parts other than text, or the template refuses it or
            cannot be followed
        UsageError: train.no-template
    """
    text = ChatTexts(tokenizer).of(conversation, id, supervise=supervise)
    return ChatTokens(tokenizer).encode([text])[0]


def give_template(tokenizer: Any, folder: Path, template: str) -> None:
    """Write a chat template into the tokenizer `folder`, which then travels with the model.

    Args:
        template: a name that `lianlu.text.chat_templates` knows, or a Jinja file.

    Raises:
        UsageError: train.unknown-template, train.no-marker, file.missing, file.unreadable
    """
    named = find_template(template)
    if named is not None:
        _check_markers(tokenizer, named)
        text = named.jinja
    else:
        text = _from_file(template)
    path = folder / "tokenizer_config.json"
    settings = json.loads(path.read_bytes()) if path.is_file() else {}
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    write_bytes(path, json.dumps(settings | {"chat_template": text}, ensure_ascii=False, indent=2).encode() + b"\n")
    tokenizer.chat_template = text


def _check_markers(tokenizer: Any, template: ChatTemplate) -> None:
    known = tokenizer.get_vocab()
    missing = [marker for marker in template.markers if marker not in known]
    if not template.end and tokenizer.eos_token is None:
        missing.append("eos_token")
    if missing:
        raise UsageError("train.no-marker", marker=", ".join(missing), template=template.name)


def _from_file(name: str) -> str:
    if re.fullmatch(r"[\w.-]*\w", name) and not name.endswith((".jinja", ".j2", ".txt")) and not Path(name).exists():
        raise UsageError("train.unknown-template", template=name, known=", ".join(TEMPLATES))
    try:
        return Path(name).expanduser().read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError("file.missing", path=name) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError("file.unreadable", path=name, why=str(error)) from error
