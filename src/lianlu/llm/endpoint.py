"""Named model services: three presets and the user's own, kept in one YAML file. Keys are named, never written down.

A key stands in an environment variable and only its name is kept, so that the file can be shown, copied and committed.
Values that look like keys are refused without being repeated in the error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from io import StringIO
from urllib.parse import urlsplit

from pydantic import Field

from lianlu.core import registry
from lianlu.core.errors import UsageError
from lianlu.core.files import write_bytes
from lianlu.core.i18n import suggest
from lianlu.core.recipe import Recipe, Tree, check, read_tree
from lianlu.core.settings import Settings
from lianlu.llm.backend import Ability
from lianlu.llm.limits import Limits
from lianlu.records import Usage

__all__ = [
    "PRESETS",
    "Endpoint",
    "Timeouts",
    "add_endpoint",
    "base_url",
    "checked_url",
    "cost_at",
    "endpoints",
    "remove_endpoint",
    "user_endpoints",
]

FILE_NAME = "endpoints.yaml"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,63}")
_CALL_PATHS = ("/chat/completions", "/completions", "/embeddings", "/rerank", "/models")
_ASKED_OF_CLIENTS: tuple[Ability, ...] = (
    "chat",
    "stream",
    "complete",
    "loglikelihood",
    "rolling_loglikelihood",
    "embed",
    "rerank",
    "health",
)


class Timeouts(Recipe):
    """How long to wait for a service, in seconds."""

    connect: float = Field(default=10.0, gt=0, description="until the connection stands")
    first_token: float = Field(default=600.0, gt=0, description="from the request to the first piece of the answer")
    between_tokens: float = Field(default=120.0, gt=0, description="from one piece of the answer to the next")


class Endpoint(Recipe):
    """An OpenAI-compatible service."""

    url: str = Field(description="base address, usually ending in /v1")
    key_env: tuple[str, ...] = Field(
        default=(), description="variables that may hold the key; the first one set is used"
    )
    model: str = Field(default="", description="model to ask when the ref names none")
    price_in: float | None = Field(default=None, ge=0, description="price of a million prompt tokens")
    price_out: float | None = Field(default=None, ge=0, description="price of a million answer tokens")
    currency: str = Field(default="USD", description="currency of the prices")
    pin: str = Field(default="", description="your word that the model does not change; results may then be cached")
    limits: Limits = Field(default=Limits(), description="how fast to ask, shared by all processes of this machine")
    timeouts: Timeouts = Field(default=Timeouts(), description="how long to wait")
    retries: int = Field(default=3, ge=0, le=20, description="further tries after a failure that may pass")
    embed_batch: int = Field(default=32, ge=1, description="texts in one request for vectors")
    embed_tokens: int = Field(default=0, ge=0, description="longest text it embeds, in tokens; 0: not known")
    query_prefix: str = Field(default="", description="put before a question that is embedded")
    document_prefix: str = Field(default="", description="put before a text that is embedded to be found")
    send_input_type: bool = Field(default=False, description="tell it whether `query` or `document` is embedded")
    max_tokens_field: str = Field(default="max_tokens", description="name the service gives to the answer limit")
    stream_usage: bool = Field(default=True, description="ask for token counts at the end of a stream")
    abilities: tuple[Ability, ...] = Field(default=_ASKED_OF_CLIENTS, description="what the service offers")

    def cost_of(self, usage: Usage) -> Usage:
        """`usage` with its price, where prices are known."""
        if self.price_in is None and self.price_out is None:
            return usage
        cost = usage.prompt_tokens * (self.price_in or 0) + usage.completion_tokens * (self.price_out or 0)
        return Usage(
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            cached_tokens=usage.cached_tokens,
            cost=cost / 1e6,
            currency=self.currency,
        )


PRESETS: dict[str, Endpoint] = {
    "openai": Endpoint(
        url="https://api.openai.com/v1",
        key_env=("OPENAI_API_KEY",),
        max_tokens_field="max_completion_tokens",
        abilities=("chat", "stream", "complete", "embed", "health"),
    ),
    "internlm": Endpoint(
        url="https://internlm-chat.intern-ai.org.cn/puyu/api/v1",
        key_env=("INTERNLM_API_KEY", "API_KEY"),
        abilities=("chat", "stream", "health"),
    ),
    "siliconflow": Endpoint(
        url="https://api.siliconflow.cn/v1",
        key_env=("SILICONFLOW_API_KEY",),
        currency="CNY",
        abilities=("chat", "stream", "embed", "rerank", "health"),
    ),
}


class _EndpointFile(Recipe):
    endpoints: dict[str, Endpoint] = Field(default={}, description="services by name")


def endpoints(settings: Settings) -> dict[str, Endpoint]:
    """All services by name: the presets, and above them the user's own.

    Raises:
        UsageError: recipe.* when the file does not read, llm.literal-key, llm.bad-url
    """
    return {**PRESETS, **user_endpoints(settings)}


def cost_at(ref: str, usage: Usage, settings: Settings) -> Usage:
    """`usage` with what it costs at the service that a ModelRef names, where its prices are known.

    Raises as `endpoints`.
    """
    known = endpoints(settings)
    name = ref.partition(":")[0]
    if name in known:
        return known[name].cost_of(usage)
    url = ref.partition("#")[0].rstrip("/")
    return next((each.cost_of(usage) for each in known.values() if each.url.rstrip("/") == url), usage)


def user_endpoints(settings: Settings) -> dict[str, Endpoint]:
    """Those in the user's file. Raises as `endpoints`."""
    path = settings.config_folder / FILE_NAME
    if not path.exists():
        return {}
    tree = read_tree(path, environment={})
    _refuse_keys(tree)
    found = check(tree, _EndpointFile, FILE_NAME).endpoints
    for endpoint in found.values():
        checked_url(endpoint.url)
    return found


def add_endpoint(settings: Settings, name: str, endpoint: Endpoint) -> None:
    """Keep an endpoint under a name; one of that name is replaced.

    Raises:
        UsageError: llm.bad-endpoint-name, llm.literal-key, llm.bad-url, file.unwritable
    """
    if not _NAME.fullmatch(name) or name in registry.names("backend"):
        raise UsageError("llm.bad-endpoint-name", name=name)
    for variable in endpoint.key_env:
        _check_variable(variable)
    checked_url(endpoint.url)
    _write(settings, {**user_endpoints(settings), name: endpoint})


def remove_endpoint(settings: Settings, name: str) -> None:
    """Forget one of the user's endpoints.

    Raises:
        UsageError: llm.unknown-endpoint (also for presets), file.unwritable
    """
    kept = user_endpoints(settings)
    if name not in kept:
        raise UsageError("llm.unknown-endpoint", name=name, suggestion=suggest(name, kept))
    del kept[name]
    _write(settings, kept)


def checked_url(url: str) -> str:
    """The address as it will be used: no slash and no call path at its end.

    Raises:
        UsageError: llm.bad-url, llm.literal-key when a password stands in the address
    """
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise UsageError("llm.bad-url", url=_shown(url)) from None
    if parts.username or parts.password or "@" in parts.netloc:
        raise UsageError("llm.literal-key", where="URL")
    if not is_good or re.search(r"\s", url) or parts.query or parts.fragment:
        raise UsageError("llm.bad-url", url=_shown(url))
    return base_url(url)


def base_url(url: str) -> str:
    """
    >>> base_url("https://host/v1/chat/completions")
    'https://host/v1'
    """
    trimmed = url.rstrip("/")
    for path in _CALL_PATHS:
        trimmed = trimmed.removesuffix(path)
    return trimmed.rstrip("/")


def _shown(url: str) -> str:
    return re.sub(r"//[^/@]*@", "//…@", url)[:200]


def _refuse_keys(tree: Tree) -> None:
    listed = tree.values.get("endpoints")
    if not isinstance(listed, Mapping):
        return
    for name, endpoint in listed.items():
        given = endpoint.get("key_env", ()) if isinstance(endpoint, Mapping) else ()
        for variable in given if isinstance(given, list) else (given,) if isinstance(given, str) else ():
            _check_variable(variable, tree.at(("endpoints", str(name), "key_env")))


def _check_variable(variable: object, where: str = "--key-env") -> None:
    if not isinstance(variable, str) or not _VARIABLE.fullmatch(variable):
        raise UsageError("llm.literal-key", where=where)


def _write(settings: Settings, kept: Mapping[str, Endpoint]) -> None:
    from ruamel.yaml import YAML

    values = {name: each.model_dump(mode="json", exclude_defaults=True) for name, each in sorted(kept.items())}
    text = StringIO()
    YAML(typ="safe", pure=True).dump({"endpoints": values}, text)
    write_bytes(settings.config_folder / FILE_NAME, text.getvalue().encode())
