"""What a model hub offers: the files of a model at one commit, with sizes and hashes. Two hubs, one listing.

A name from a hub is a path on our disk, so it is checked before anything is written. What a hub says is never believed
further than its hashes go.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from lianlu.core.errors import BackendError, DataError, UsageError
from lianlu.core.hashing import short_id
from lianlu.store.names import file_name_problem

if TYPE_CHECKING:
    from lianlu.model.wire import Wire

__all__ = ["Hub", "HuggingFace", "Listing", "ModelScope", "RemoteFile", "decoded", "hub_of"]

_ID = re.compile(r"[A-Za-z0-9][\w.\-]*(?:/[A-Za-z0-9][\w.\-]*)?")
_REVISION = re.compile(r"[\w][\w.\-/]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SHA1 = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class RemoteFile:
    """A file on a hub. `sha256` or `git_oid` (SHA-1 of a git blob) proves its content; either may be empty."""

    name: str
    size: int
    url: str
    sha256: str = ""
    git_oid: str = ""

    @property
    def content_id(self) -> str:
        """What a partial file is kept under: it can go on only with the same content."""
        return self.sha256 or self.git_oid


@dataclass(frozen=True)
class Listing:
    """The files of a model at `commit`, which is what `revision` pointed to."""

    model: str
    revision: str
    commit: str
    files: tuple[RemoteFile, ...]


class Hub(Protocol):
    """Where models are kept.

    Attributes:
        scheme: name before the colon of a model id.
        endpoint: its address; a token is sent nowhere else.
        token_variable: environment variable with the token.
        model: id of the model.
    """

    scheme: str
    endpoint: str
    token_variable: str
    model: str

    def page(self) -> str:
        """Where a person reads about the model and accepts its terms."""
        ...

    async def listing(self, wire: Wire, revision: str) -> Listing:
        """The files. Raises BackendError model.odd-answer and those of `Wire.json`."""
        ...


def hub_of(name: str, environment: Mapping[str, str]) -> Hub:
    """The hub of `ID`, `hf:ID` or `modelscope:ID`, at the address that the environment gives.

    Raises:
        UsageError: model.bad-id, model.bad-endpoint
    """
    scheme, colon, model = name.rpartition(":")
    kinds: dict[str, type[HuggingFace] | type[ModelScope]] = {
        "": HuggingFace,
        "hf": HuggingFace,
        "huggingface": HuggingFace,
        "modelscope": ModelScope,
        "ms": ModelScope,
    }
    if scheme not in kinds or (colon and not scheme) or not _ID.fullmatch(model) or ".." in model:
        raise UsageError("model.bad-id", id=name)
    return kinds[scheme](model, environment)


class HuggingFace:
    """huggingface.co, or the mirror that HF_ENDPOINT names."""

    scheme = "hf"
    token_variable = "HF_TOKEN"  # noqa: S105 - the name of a variable

    def __init__(self, model: str, environment: Mapping[str, str]) -> None:
        self.model = model
        self.endpoint = _endpoint(environment, "HF_ENDPOINT", "https://huggingface.co")

    def page(self) -> str:
        return f"{self.endpoint}/{self.model}"

    async def listing(self, wire: Wire, revision: str) -> Listing:
        revision = _checked_revision(revision or "main")
        url = f"{self.endpoint}/api/models/{self.model}/revision/{quote(revision, safe='')}?blobs=true"
        answer = await wire.json(url)
        commit, siblings = answer.get("sha"), answer.get("siblings")
        if not isinstance(commit, str) or not _SHA1.fullmatch(commit) or not isinstance(siblings, list):
            raise BackendError("model.odd-answer", url=url, why="no commit or no list of files")
        files = [self._file(each, commit, url) for each in siblings]
        return Listing(f"{self.scheme}:{self.model}", revision, commit, tuple(files))

    def _file(self, described: Any, commit: str, url: str) -> RemoteFile:
        try:
            name, lfs = described["rfilename"], described.get("lfs") or {}
            size = lfs.get("size", described.get("size"))
            sha256, oid = lfs.get("sha256") or lfs.get("oid") or "", described.get("blobId") or ""
        except (KeyError, TypeError, AttributeError) as error:
            raise BackendError("model.odd-answer", url=url, why=f"a file without {error}") from error
        place = f"{self.endpoint}/{self.model}/resolve/{commit}/{quote(str(name))}"
        return _checked(name, size, place, sha256, "" if sha256 else oid)


class ModelScope:
    """modelscope.cn, or the address that MODELSCOPE_ENDPOINT names."""

    scheme = "modelscope"
    token_variable = "MODELSCOPE_API_TOKEN"  # noqa: S105 - the name of a variable

    def __init__(self, model: str, environment: Mapping[str, str]) -> None:
        self.model = model
        self.endpoint = _endpoint(environment, "MODELSCOPE_ENDPOINT", "https://modelscope.cn")

    def page(self) -> str:
        return f"{self.endpoint}/models/{self.model}"

    async def listing(self, wire: Wire, revision: str) -> Listing:
        revision = _checked_revision(revision or "master")
        asked = urlencode({"Revision": revision, "Recursive": "true"})
        url = f"{self.endpoint}/api/v1/models/{self.model}/repo/files?{asked}"
        answer = await wire.json(url)
        found = answer.get("Data")
        listed = found.get("Files") if isinstance(found, dict) else None
        if not isinstance(listed, list):
            raise BackendError("model.odd-answer", url=url, why=str(answer.get("Message") or "no list of files"))
        files = [self._file(each, revision, url) for each in listed if not _is_tree(each)]
        commits = sorted(f"{each.name} {each.content_id}" for each in files)
        return Listing(f"{self.scheme}:{self.model}", revision, short_id(*commits), tuple(files))

    def _file(self, described: Any, revision: str, url: str) -> RemoteFile:
        try:
            name, size, sha256 = described["Path"], described["Size"], described.get("Sha256") or ""
            commit = described.get("Revision") or revision
        except (KeyError, TypeError, AttributeError) as error:
            raise BackendError("model.odd-answer", url=url, why=f"a file without {error}") from error
        asked = urlencode({"Revision": commit, "FilePath": name})
        return _checked(name, size, f"{self.endpoint}/api/v1/models/{self.model}/repo?{asked}", sha256, "")


def _is_tree(described: Any) -> bool:
    return isinstance(described, dict) and described.get("Type") == "tree"


def _endpoint(environment: Mapping[str, str], variable: str, usual: str) -> str:
    given = environment.get(variable, "").strip().rstrip("/") or usual
    try:
        parts = urlsplit(given)
        is_good = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.username
        parts.port  # noqa: B018 - raises for what is no port
    except ValueError:
        is_good = False
    if not is_good:
        raise UsageError("model.bad-endpoint", variable=variable, value=given)
    return given


def _checked_revision(revision: str) -> str:
    if not _REVISION.fullmatch(revision) or ".." in revision:
        raise UsageError("model.bad-revision", revision=revision)
    return revision


def _checked(name: Any, size: Any, url: str, sha256: Any, oid: Any) -> RemoteFile:
    """Raises DataError model.bad-name, BackendError model.odd-answer."""
    if not isinstance(name, str) or not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise BackendError("model.odd-answer", url=url, why=f"a file without a name or size: {str(name)[:80]!r}")
    problem = file_name_problem(name)
    if problem or "\\" in name or any(ord(each) < 32 for each in name):
        raise DataError("model.bad-name", name=name)
    good256 = isinstance(sha256, str) and _SHA256.fullmatch(sha256) is not None
    good_oid = isinstance(oid, str) and _SHA1.fullmatch(oid) is not None
    if (sha256 and not good256) or (oid and not good_oid):
        raise BackendError("model.odd-answer", url=url, why=f"{name}: a hash that is none")
    return RemoteFile(name, size, url, sha256, oid)


def decoded(content: bytes, url: str) -> dict[str, Any]:
    """A JSON object. Raises BackendError model.odd-answer."""
    try:
        return msgspec.json.decode(content, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BackendError("model.odd-answer", url=url, why=str(error)) from error
