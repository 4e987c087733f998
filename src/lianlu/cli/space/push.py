"""Bring the folder of a Space to the hub: one commit, so that a push that is cut off leaves the Space as it was.

Secrets go first, through the hub's own call for them, so that the first start has them. A Space that was not made here is
not written over. Of files of an earlier push only those that we write are removed.
"""

from __future__ import annotations

import fnmatch
import warnings
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lianlu import __version__
from lianlu.cli.space.folder import MARKER
from lianlu.core.errors import BackendError, LianluError, UsageError
from lianlu.core.extras import need
from lianlu.core.job import Job

if TYPE_CHECKING:
    from huggingface_hub import HfApi

__all__ = ["Pushed", "Target", "push", "target_of"]

_HUB = "https://huggingface.co"
_FIRST_FILES = frozenset({".gitattributes", "README.md", ".gitignore"})  # of a Space that was just made
_OURS = (
    "app.py",
    "Dockerfile",
    "index.html",
    "requirements.txt",
    "base/*",
    "config/*",
    "embedder/*",
    "reranker/*",
    "wheels/*",
)


@dataclass(frozen=True)
class Target:
    """A Space on a hub, and the right to write there. The token is never shown."""

    name: str
    endpoint: str
    token: str

    @property
    def url(self) -> str:
        return f"{self.endpoint}/spaces/{self.name}"

    def __repr__(self) -> str:
        return f"Target({self.url})"


@dataclass(frozen=True)
class Pushed:
    """What stands on the hub now."""

    url: str
    commit: str


def target_of(name: str, environment: Mapping[str, str]) -> Target:
    """Where to push to, with the token of HF_TOKEN or of `hf auth login`. Nothing is sent.

    Raises:
        UsageError: extra.missing, cli.hub-no-token, cli.hub-bad-endpoint
    """
    need("hub", "huggingface_hub")
    endpoint = (environment.get("HF_ENDPOINT") or _HUB).rstrip("/")
    if not endpoint.startswith(("https://", "http://")) or any(each.isspace() for each in endpoint):
        raise UsageError("cli.hub-bad-endpoint", endpoint=endpoint)
    from huggingface_hub import get_token

    token = environment.get("HF_TOKEN", "").strip() or get_token()
    if not token:
        raise UsageError("cli.hub-no-token")
    return Target(name, endpoint, token)


def push(
    folder: Path,
    names: Sequence[str],
    target: Target,
    job: Job,
    *,
    sdk: str,
    secrets: Mapping[str, str],
    is_private: bool = False,
) -> Pushed:
    """Make the Space if it is not there, give it its secrets, and commit the files.

    Args:
        names: of the files below `folder` that make the Space.

    Raises:
        UsageError: cli.hub-token, cli.hub-forbidden, cli.hub-payment, cli.hub-foreign-space
        BackendError: cli.hub-unreachable, cli.hub-refused, cli.hub-changed
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
    from huggingface_hub.utils import disable_progress_bars

    disable_progress_bars()
    api = HfApi(endpoint=target.endpoint, token=target.token, library_name="lianlu", library_version=__version__)
    with _told(target, secrets), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        job.progress("push", 0, 3)
        api.create_repo(target.name, repo_type="space", space_sdk=sdk, private=is_private or None, exist_ok=True)
        head, there = _state(api, target)
        _check_ours(target, there)
        job.progress("push", 1, 3)
        for variable, value in secrets.items():
            api.add_space_secret(target.name, variable, value)
        job.progress("push", 2, 3)
        gone = [name for name in there if name not in names and _is_ours(name)]
        operations = [
            *(CommitOperationDelete(name) for name in sorted(gone)),
            *(CommitOperationAdd(name, folder / name) for name in names),
        ]
        made = api.create_commit(
            target.name, operations, commit_message="Write the Space", repo_type="space", parent_commit=head or None
        )
        job.progress("push", 3, 3)
    return Pushed(target.url, made.oid)


def _state(api: HfApi, target: Target) -> tuple[str, list[str]]:
    """The commit that the Space stands at, and its files."""
    found = api.space_info(target.name)
    return str(found.sha or ""), [each.rfilename for each in found.siblings or ()]


def _check_ours(target: Target, there: Sequence[str]) -> None:
    if MARKER not in there and set(there) - _FIRST_FILES:
        raise UsageError("cli.hub-foreign-space", name=target.name, url=target.url)


def _is_ours(name: str) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in _OURS)


@contextmanager
def _told(target: Target, secrets: Mapping[str, str]) -> Generator[None]:
    """Turn what the hub and the network say into errors a person can act on; no secret gets into their words."""
    from huggingface_hub.errors import HfHubHTTPError

    # those of the HTTP client that this version of the hub's library is built on
    network: tuple[type[Exception], ...] = tuple(
        each for each in HfHubHTTPError.__bases__ if issubclass(each, Exception)
    )
    try:
        yield
    except LianluError:
        raise
    except HfHubHTTPError as error:
        raise _of_status(error.response.status_code, target, _clean(error, target, secrets)) from None
    except network as error:
        raise BackendError("cli.hub-unreachable", url=target.endpoint, why=_clean(error, target, secrets)) from None
    except (KeyError, RuntimeError, ValueError) as error:  # a large file that did not get through; an odd answer
        cause: BaseException = error.__cause__ or error
        raise BackendError("cli.hub-refused", url=target.url, why=_clean(cause, target, secrets)) from None


def _of_status(status: int, target: Target, why: str) -> LianluError:
    facts: dict[str, Any] = {"name": target.name, "url": target.url, "why": why}
    by_status: dict[int, LianluError] = {
        401: UsageError("cli.hub-token", **facts),
        402: UsageError("cli.hub-payment", **facts),
        403: UsageError("cli.hub-forbidden", **facts),
        412: BackendError("cli.hub-changed", **facts),
    }
    return by_status.get(status) or BackendError("cli.hub-refused", **facts)


def _clean(error: BaseException, target: Target, secrets: Mapping[str, str]) -> str:
    """The first line of what an error says."""
    said = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    for value in (target.token, *secrets.values()):
        said = said.replace(value, "…")
    return said[:300]
