"""The models of one evaluation: opened by name, given as weights, and asked what they are.

A server of lianlu tells its fingerprint, so its answers can be kept like those of a local model; of any other server
nothing is known, and its answers are kept only until the evaluation is finished.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from lianlu.core.errors import UsageError
from lianlu.core.files import Files
from lianlu.llm import Ability, Backend, Identity, open_backend
from lianlu.llm.wrapper import Wrapper
from lianlu.records import Conversation

__all__ = [
    "Candidate",
    "Pinned",
    "Served",
    "as_folder",
    "ask_server",
    "candidates",
    "opened",
    "rendered_by_server",
    "served_identity",
]

_NAMED = re.compile(r"(?P<name>[\w.-]+)=(?P<ref>.+)", re.DOTALL)
_SECONDS = 10.0


@dataclass(frozen=True)
class Candidate:
    """A model under the name that tables give it."""

    name: str
    ref: str


def candidates(refs: Sequence[str]) -> list[Candidate]:
    """ModelRefs, each with or without a name before it: `tuned=local:out/sft`.

    Raises:
        UsageError: evaluate.same-name
    """
    found: list[Candidate] = []
    for ref in refs:
        named = _NAMED.fullmatch(ref)
        found.append(Candidate(named["name"], named["ref"]) if named else Candidate(_short(ref), ref))
    names = [each.name for each in found]
    for name in names:
        if names.count(name) > 1:
            raise UsageError("evaluate.same-name", name=name)
    return found


def _short(ref: str) -> str:
    """A name that says little of this machine: the model behind `#`, else the end of the path."""
    if re.match(r"https?://", ref):
        return ref.partition("#")[2] or urlsplit(ref).netloc
    scheme, _, rest = ref.partition(":")
    if scheme == "local":
        return Path(rest).name or ref
    return ref.lstrip("@") if "/" not in rest else f"{scheme}:{Path(rest).name}"


@contextmanager
def as_folder(files: Files, name: str) -> Generator[str]:
    """A ModelRef for weights that lie as files under other names: a folder of links, gone when the block ends."""
    with tempfile.TemporaryDirectory(prefix="lianlu-") as place:
        folder = Path(place) / name
        for relative, path in files.items():
            link = folder / relative
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path.resolve())
        yield f"local:{folder}"


async def opened(candidate: Candidate) -> Backend:
    """The open model; a server of lianlu is asked for its fingerprint.

    Raises:
        UsageError: llm.*
    """
    backend = open_backend(candidate.ref)
    try:
        identity = await backend.identity()
        if identity.engine == "http" and identity.fingerprint is None:
            served = await served_identity(identity)
            if served is not None and served.fingerprint:
                return Pinned(backend, served)
    except BaseException:
        await backend.close()
        raise
    return backend


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """What a server of lianlu says of itself.

    Attributes:
        instance: which run of the server it is; `answered` is how many requests that run has answered.
    """

    model: str = ""
    engine: str = ""
    fingerprint: str | None = None
    tokenizer: str = ""
    template: str = ""
    dtype: str = ""
    abilities: tuple[Ability, ...] = ()
    instance: str = ""
    answered: int | None = None


class Pinned(Wrapper):
    """A served model that told what it is."""

    def __init__(self, inner: Backend, served: Served) -> None:
        super().__init__(inner)
        self._served = served
        if served.abilities:
            self.abilities = inner.abilities & frozenset(served.abilities)

    async def identity(self) -> Identity:
        """What the server says of itself; the address stays ours."""
        told = {name: getattr(self._served, name) for name in ("fingerprint", "tokenizer", "template", "dtype")}
        return msgspec.structs.replace(await self.inner.identity(), **told)


async def served_identity(identity: Identity) -> Served | None:
    """What a server of lianlu says of the model it serves; None where the server says nothing.

    Only the address that the user named is asked, and redirects are not followed.
    """
    content = await ask_server(identity.url + "/lianlu/fingerprint")
    try:
        return msgspec.json.decode(content, type=Served) if content else None
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


async def rendered_by_server(identity: Identity, conversation: Conversation) -> tuple[int, ...] | None:
    """The token ids a server makes of a conversation (`/tokenize`, as vLLM has it); None where it does not tell."""
    messages = [{"role": message.role, "content": message.text} for message in conversation.messages]
    body = {"model": identity.model, "messages": messages}
    for url in (identity.url.removesuffix("/v1") + "/tokenize", identity.url + "/tokenize"):
        content = await ask_server(url, body)
        if content:
            try:
                return msgspec.json.decode(content, type=_Tokens).tokens
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue
    return None


class _Tokens(msgspec.Struct, frozen=True):
    tokens: tuple[int, ...]


async def ask_server(
    url: str, body: Mapping[str, object] | None = None, *, environment: Mapping[str, str] = os.environ
) -> bytes | None:
    """The answer of a server beside the interface of `llm`; None where it has none."""
    import httpx

    key = environment.get("LIANLU_API_KEY", "")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    is_here = urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")
    try:
        async with httpx.AsyncClient(timeout=_SECONDS, follow_redirects=False, trust_env=not is_here) as http:
            if body is None:
                response = await http.get(url, headers=headers)
            else:
                content = msgspec.json.encode(body)
                response = await http.post(url, headers=headers | {"Content-Type": "application/json"}, content=content)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        return None
    return response.content if response.is_success else None
