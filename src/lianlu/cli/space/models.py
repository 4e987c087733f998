"""How the models of a base come along into a Space: a folder is copied, a service is named, everything else stays.

Keys are named, never copied: an endpoint of the user's own travels as an entry of `config/endpoints.yaml` that tells the
variables its key may stand in, and the variables given as secrets are among them.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from urllib.parse import urlsplit

from lianlu.core.errors import UsageError
from lianlu.core.files import named_path, walk, write_bytes
from lianlu.core.hashing import digest
from lianlu.core.settings import Settings
from lianlu.engine.needs import BUNDLES, extras_for
from lianlu.llm.endpoint import PRESETS, Endpoint, checked_url, endpoints

__all__ = ["CONFIG", "Carried", "carry", "carry_service", "write_endpoints"]

CONFIG = "config/endpoints.yaml"
_OTHER_WEIGHTS = (".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack", ".ot", ".tflite", ".pkl", ".py")


@dataclass(frozen=True)
class Carried:
    """A model as the Space knows it.

    Attributes:
        ref: its ModelRef there.
        folder, place: what is copied, and where to.
        extras, packages: what computes it.
        endpoints: services to be known by name.
        keys: variables that may hold the key of a service.
    """

    ref: str
    folder: Path | None = None
    place: str = ""
    extras: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    endpoints: Mapping[str, Endpoint] = field(default_factory=dict[str, Endpoint])
    keys: tuple[str, ...] = ()

    def copy_into(self, space: Path) -> None:
        """Copy the files of the model; weights that nothing here reads stay."""
        if self.folder is None:
            return
        for path in walk(self.folder):
            if path.suffix.lower() in _OTHER_WEIGHTS or (path.suffix == ".onnx" and "onnx" not in self.extras):
                continue
            target = space / self.place / path.relative_to(self.folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)


def carry(ref: str, place: str, settings: Settings, secrets: Sequence[str]) -> Carried:
    """An embedder or reranker for the Space.

    Args:
        place: the folder there that its files are copied to.

    Raises:
        UsageError: cli.space-model-stays, file.missing, llm.bad-url, engine.*
        DataError: engine.*: it is no embedder
    """
    scheme, _, rest = ref.partition(":")
    if scheme in ("local", "onnx") and rest:
        folder = named_path(rest)
        if not folder.is_dir():
            raise UsageError("cli.space-model-stays", ref=ref)
        extras = ("onnx",) if scheme == "onnx" else extras_for(folder)
        return Carried(f"{scheme}:{place}", folder, place, extras)
    if scheme == "bundled" and rest.lower() in BUNDLES:
        return Carried(ref, packages=(BUNDLES[rest.lower()][0],))
    return carry_service(ref, settings, secrets)


def carry_service(ref: str, settings: Settings, secrets: Sequence[str]) -> Carried:
    """A model behind an address, as a Space can ask it.

    Raises:
        UsageError: cli.space-model-stays, llm.bad-url, llm.literal-key
    """
    known = endpoints(settings)
    scheme, _, model = ref.partition(":")
    if scheme in ("http", "https"):
        url = checked_url(ref.partition("#")[0])
        name = next((name for name, each in known.items() if each.url.rstrip("/") == url), "")
        endpoint = known[name] if name else Endpoint(url=url)
        name = name or (f"{(urlsplit(url).hostname or '')[:48]}-{digest(url)[:6]}" if secrets else "")
    elif scheme in known and (model or known[scheme].model):
        name, endpoint = scheme, known[scheme]
    else:
        raise UsageError("cli.space-model-stays", ref=ref)
    if secrets and not set(secrets) & set(endpoint.key_env):
        endpoint = endpoint.model_copy(update={"key_env": (*secrets, *endpoint.key_env)})
    is_told = bool(name) and PRESETS.get(name) != endpoint
    return Carried(ref, endpoints={name: endpoint} if is_told else {}, keys=endpoint.key_env)


def write_endpoints(path: Path, known: Mapping[str, Endpoint]) -> None:
    """The entries in the form that `lianlu` reads at its start."""
    from ruamel.yaml import YAML

    values = {name: each.model_dump(mode="json", exclude_defaults=True) for name, each in sorted(known.items())}
    text = StringIO()
    YAML(typ="safe", pure=True).dump({"endpoints": values}, text)
    write_bytes(path, text.getvalue().encode())
