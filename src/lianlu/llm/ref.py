"""From a ModelRef, the string by which a model is named everywhere, to an open Backend. Knows no scheme itself.

`fake:SCRIPT`, `replay:FILE`, `http(s)://host/v1#model`, `local:FOLDER`, `@name` and whatever plug-ins add are found in
the registry group `backend`; any other `NAME:MODEL` is an endpoint (`lianlu endpoint list`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from lianlu.core import registry
from lianlu.core.errors import UsageError
from lianlu.core.i18n import suggest
from lianlu.core.settings import Settings
from lianlu.llm.backend import Backend, Opener

__all__ = ["open_backend"]

_ARTIFACT = "artifact"


def open_backend(ref: str, *, settings: Settings | None = None, environment: Mapping[str, str] = os.environ) -> Backend:
    """Open the model that `ref` names. Nothing is sent until it is asked.

    Args:
        settings: where endpoints are kept; by default read from `environment`.
        environment: where the variables that hold keys are looked up.

    Raises:
        UsageError: llm.bad-ref, llm.unknown-endpoint, llm.key-unset, llm.bad-url, and what the
            scheme itself raises (file.missing, recipe.*, extra.missing)
        DataError: engine.*: a folder of weights that cannot be used

    >>> open_backend("fake:echo").abilities >= {"chat", "embed"}
    True
    """
    settings = settings or Settings.from_environment(environment)
    scheme, colon, rest = ref.partition(":")
    if ref.startswith("@"):
        scheme, colon, rest = _ARTIFACT, ":", ref[1:]
    if colon and scheme in registry.names("backend"):
        opener: Opener = registry.find("backend", scheme)
        return opener(ref, rest, settings=settings, environment=environment)
    return _open_endpoint(ref, scheme, rest, settings, environment)


def _open_endpoint(ref: str, name: str, model: str, settings: Settings, environment: Mapping[str, str]) -> Backend:
    from lianlu.llm.client import open_endpoint
    from lianlu.llm.endpoint import endpoints

    known = endpoints(settings)
    if name not in known:
        schemes = [f"{each}:" for each in (*registry.names("backend"), *known)]
        raise UsageError("llm.unknown-ref", ref=ref, suggestion=suggest(f"{name}:", schemes))
    return open_endpoint(ref, known[name], model, settings=settings, environment=environment)
