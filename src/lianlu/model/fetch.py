"""Fetch a model from a hub so that a killed fetch goes on where it was, and nothing unproved is left in the folder.

A file grows below `.fetch/` under the hash of its content, is proved, and then renamed to its place; so a folder holds
whole, right files only, and a partial one can go on only with the same content. Pickle weights and code are left out
unless asked for: nothing here ever runs what it fetched.
"""

from __future__ import annotations

import fnmatch
import hashlib
import os
import shutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

import anyio
import anyio.to_thread
import msgspec

from lianlu.core import aio
from lianlu.core.errors import BackendError, DataError, LianluError, LimitError, UsageError
from lianlu.core.files import as_lianlu_error, sync_folder, write_bytes
from lianlu.core.hashing import sha256_file
from lianlu.core.i18n import Text
from lianlu.core.job import Job
from lianlu.model.headers import is_pickle
from lianlu.model.hub import Hub, Listing, RemoteFile, hub_of
from lianlu.model.wire import Broken, Wire
from lianlu.store.locks import held

if TYPE_CHECKING:
    import httpx

__all__ = ["LOCK_FILE", "Fetched", "fetch", "listing"]

LOCK_FILE = "lianlu-model.json"
_PARTIAL = ".fetch"
_TRIES = 5
_FIRST_WAIT_SECONDS = 0.5
_LONGEST_WAIT_SECONDS = 20.0
_PARALLEL = 4
_BLOCK_BYTES = 1 << 20
_OTHER_FRAMEWORKS = (".h5", ".msgpack", ".onnx", ".ot", ".tflite", ".mlmodel", ".onnx_data")
_CODE = (".py", ".so", ".dll", ".dylib", ".sh")


class Fetched(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in the folder now: the model, the commit that was fetched, and each file with its proof."""

    model: str
    revision: str
    commit: str
    files: list[dict[str, str | int]]
    skipped: list[str]
    fetched_bytes: int
    kept_bytes: int


@dataclass(frozen=True)
class _Plan:
    listing: Listing
    chosen: tuple[RemoteFile, ...]
    skipped: tuple[str, ...]


def listing(
    name: str,
    *,
    revision: str = "",
    everything: bool = False,
    include: Sequence[str] = (),
    environment: Mapping[str, str] = os.environ,
) -> tuple[Listing, list[str]]:
    """What `fetch` would fetch, and the names it would leave out. Raises as `fetch`."""
    hub = hub_of(name, environment)

    async def ask() -> _Plan:
        async with _client() as client:
            return await _planned(hub, Wire(client, hub, environment), revision, everything, include)

    plan = aio.run(ask)
    found = plan.listing
    return Listing(found.model, found.revision, found.commit, plan.chosen), list(plan.skipped)


def fetch(
    name: str,
    folder: Path,
    job: Job,
    *,
    revision: str = "",
    everything: bool = False,
    include: Sequence[str] = (),
    environment: Mapping[str, str] = os.environ,
    free: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
) -> Fetched:
    """Fetch the files of a model into `folder`, going on where an earlier fetch ended.

    Args:
        name: `ID` or `hf:ID` of Hugging Face (HF_ENDPOINT, HF_TOKEN), `modelscope:ID` of ModelScope.
        revision: branch, tag or commit; the hub's main branch when empty.
        everything: also pickle weights, weights of other frameworks and code.
        include: fetch only names that match one of these patterns.

    Raises:
        UsageError: model.bad-id, model.bad-endpoint, model.bad-token, model.bad-revision, model.not-found, model.gated,
            model.no-revision, model.nothing-chosen, file.unwritable
        BackendError: model.unreachable, model.hub-refused, model.odd-answer
        DataError: model.bad-name, model.wrong-hash, model.wrong-size
        LimitError: model.no-space, file.disk-full
    """
    hub = hub_of(name, environment)
    partial = folder / _PARTIAL
    try:
        partial.mkdir(parents=True, exist_ok=True)
        with held(partial / "lock", on_wait=lambda: job.note(_WAITS)):
            fetched = aio.run(
                lambda: _Fetch(hub, folder, job, environment, free).run(revision, everything, include), job
            )
            write_bytes(folder / LOCK_FILE, _lock(fetched))
            shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise as_lianlu_error(error, folder) from error
    return fetched


_WAITS = Text("another process fetches into this folder; waiting for it", "另一个进程正在下载到该文件夹，等待其结束")


def _client() -> httpx.AsyncClient:
    import httpx

    return httpx.AsyncClient(
        follow_redirects=False,
        timeout=httpx.Timeout(30.0, read=60.0),
        headers={"Accept-Encoding": "identity", "User-Agent": "lianlu"},
    )


async def _planned(hub: Hub, wire: Wire, revision: str, everything: bool, include: Sequence[str]) -> _Plan:
    found = await _patiently(hub, lambda: hub.listing(wire, revision))
    names = [file.name for file in found.files]
    skipped = [name for name in names if not _is_wanted(name, everything, include)]
    chosen = tuple(file for file in found.files if file.name not in set(skipped))
    if not chosen:
        raise UsageError("model.nothing-chosen", model=hub.model, count=len(names))
    return _Plan(found, chosen, tuple(sorted(skipped)))


def _is_wanted(name: str, everything: bool, include: Sequence[str]) -> bool:
    if any(part.startswith(".") for part in name.split("/")) or name == LOCK_FILE:
        return False
    if include and not any(fnmatch.fnmatchcase(name, pattern) for pattern in include):
        return False
    plain = name.casefold()
    return everything or not (is_pickle(plain) or plain.endswith((*_OTHER_FRAMEWORKS, *_CODE)))


async def _patiently(hub: Hub, ask: Callable[[], Awaitable[Listing]]) -> Listing:
    """Ask again what may pass. Raises BackendError model.unreachable."""
    wait = _FIRST_WAIT_SECONDS
    for turn in range(_TRIES):
        try:
            return await ask()
        except Broken as error:
            if turn == _TRIES - 1:
                raise BackendError("model.unreachable", url=hub.endpoint, why=str(error)) from error
            await anyio.sleep(max(wait, error.wait_seconds))
            wait = min(2 * wait, _LONGEST_WAIT_SECONDS)
    raise AssertionError("the last turn returns or raises")


class _Fetch:
    """One fetch into one folder."""

    def __init__(
        self,
        hub: Hub,
        folder: Path,
        job: Job,
        environment: Mapping[str, str],
        free: Callable[[Path], int],
    ) -> None:
        self._hub = hub
        self._folder = folder
        self._job = job
        self._environment = environment
        self._free = free
        self._total = 0
        self._done = 0
        self._received = 0

    async def run(self, revision: str, everything: bool, include: Sequence[str]) -> Fetched:
        async with _client() as client:
            wire = Wire(client, self._hub, self._environment)
            plan = await _planned(self._hub, wire, revision, everything, include)
            self._total = sum(file.size for file in plan.chosen)
            waiting = [file for file in plan.chosen if not await self._stands(file)]
            self._check_space(waiting)
            await self._all(wire, waiting)
        found = plan.listing
        return Fetched(
            model=found.model,
            revision=found.revision,
            commit=found.commit,
            files=[
                {"name": file.name, "size": file.size, "sha256": await self._sum(file)}
                for file in sorted(plan.chosen, key=lambda each: each.name)
            ],
            skipped=list(plan.skipped),
            fetched_bytes=self._received,
            kept_bytes=self._total - sum(file.size for file in waiting),
        )

    async def _sum(self, file: RemoteFile) -> str:
        return file.sha256 or await anyio.to_thread.run_sync(sha256_file, self._folder / file.name)

    async def _stands(self, file: RemoteFile) -> bool:
        """Whether the file is there already, whole and right."""
        path = self._folder / file.name
        if not path.is_file() or path.stat().st_size != file.size:
            return False
        self._job.progress("checking", self._done, self._total, "bytes")
        if not await anyio.to_thread.run_sync(_is_right, path, file):
            return False
        self._advance(file.size)
        return True

    def _check_space(self, waiting: Sequence[RemoteFile]) -> None:
        needed = sum(max(file.size - _size(self._partial(file)), 0) for file in waiting)
        free = self._free(self._folder)
        if needed > free:
            raise LimitError("model.no-space", path=str(self._folder), needed=needed, free=free)

    async def _all(self, wire: Wire, waiting: Sequence[RemoteFile]) -> None:
        """All files, a few at a time, the largest first; the first failure stops the rest."""
        limiter = anyio.CapacityLimiter(_PARALLEL)
        failed: list[LianluError] = []

        async def work(file: RemoteFile) -> None:
            async with limiter:
                try:
                    await self._one(wire, file)
                except LianluError as error:
                    failed.append(error)
                    group.cancel_scope.cancel()

        async with anyio.create_task_group() as group:
            for file in sorted(waiting, key=lambda each: (-each.size, each.name)):
                group.start_soon(work, file)
        if failed:
            raise failed[0]

    def _partial(self, file: RemoteFile) -> Path:
        name = file.content_id or hashlib.sha256(f"{file.name}\0{file.size}\0{file.url}".encode()).hexdigest()
        return self._folder / _PARTIAL / name

    async def _one(self, wire: Wire, file: RemoteFile) -> None:
        partial = self._partial(file)
        self._advance(_size(partial))
        for is_last in (False, True):
            was_begun = _size(partial) > 0
            await self._grow(wire, file, partial)
            if await anyio.to_thread.run_sync(_is_right, partial, file):
                break
            self._advance(-_size(partial))
            partial.unlink(missing_ok=True)
            if is_last or not was_begun:  # an old beginning may be at fault, a fresh file may not
                raise DataError("model.wrong-hash", file=file.name, page=self._hub.page())
        self._settle(file, partial)

    def _settle(self, file: RemoteFile, partial: Path) -> None:
        target = self._folder / file.name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            partial.replace(target)
            sync_folder(target.parent)
            _tag(partial).unlink(missing_ok=True)
        except OSError as error:
            raise as_lianlu_error(error, target) from error

    async def _grow(self, wire: Wire, file: RemoteFile, partial: Path) -> None:
        """Bring a partial file to its full size. Raises BackendError model.unreachable, DataError model.wrong-size."""
        turn, wait = 0, _FIRST_WAIT_SECONDS
        if file.size == 0:
            _opened(partial, "wb").close()
        while (had := _size(partial)) < file.size:
            why = Broken("the connection ended early")
            try:
                await self._append(wire, file, partial, had)
            except Broken as error:
                why = error
            if _size(partial) > had:
                turn, wait = 0, _FIRST_WAIT_SECONDS
                continue
            turn += 1
            if turn == _TRIES:
                raise BackendError("model.unreachable", url=self._hub.endpoint, why=f"{file.name}: {why}") from why
            await anyio.sleep(max(wait, why.wait_seconds))
            wait = min(2 * wait, _LONGEST_WAIT_SECONDS)

    async def _append(self, wire: Wire, file: RemoteFile, partial: Path, had: int) -> None:
        async with wire.response(file.url, _range(partial, had)) as response:
            goes_on = had > 0 and response.status_code == 206 and _begins_at(response, had)
            if response.status_code == 206 and not goes_on:
                _drop(partial)
                self._advance(-had)
                raise Broken("the server sent another range than asked for")
            if not goes_on:
                self._advance(-had)
            _remember(partial, response)
            with _opened(partial, "ab" if goes_on else "wb") as out:
                try:
                    async for piece in response.aiter_bytes(_BLOCK_BYTES):
                        if out.tell() + len(piece) > file.size:
                            raise DataError("model.wrong-size", file=file.name, size=file.size)
                        out.write(piece)
                        out.flush()
                        self._received += len(piece)
                        self._advance(len(piece))
                    os.fsync(out.fileno())
                except OSError as error:
                    raise as_lianlu_error(error, partial) from error

    def _advance(self, count: int) -> None:
        self._done += count
        self._job.progress("fetching", max(self._done, 0), self._total, "bytes")


def _opened(path: Path, mode: Literal["ab", "wb"]) -> BinaryIO:
    try:
        return path.open(mode)
    except OSError as error:
        raise as_lianlu_error(error, path) from error


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _drop(path: Path) -> None:
    path.unlink(missing_ok=True)


def _tag(partial: Path) -> Path:
    return partial.with_name(partial.name + ".etag")


def _remember(partial: Path, response: httpx.Response) -> None:
    """Keep the tag of the answer, so that the next try goes on only if the server still has the same."""
    tag = response.headers.get("etag", "")
    is_strong = bool(tag) and not tag.startswith("W/")
    with suppress(OSError):
        _tag(partial).write_text(tag if is_strong else "", encoding="utf-8")


def _range(partial: Path, had: int) -> dict[str, str]:
    if not had:
        return {}
    tag = _tag(partial).read_text(encoding="utf-8") if _tag(partial).is_file() else ""
    return {"Range": f"bytes={had}-"} | ({"If-Range": tag} if tag else {})


def _begins_at(response: httpx.Response, had: int) -> bool:
    return response.headers.get("content-range", "").replace(" ", "").startswith(f"bytes{had}-")


def _is_right(path: Path, file: RemoteFile) -> bool:
    """Whether the content is what the hub announced; where it announced no hash, the size must do."""
    if path.stat().st_size != file.size:
        return False
    if file.sha256:
        return sha256_file(path) == file.sha256
    return not file.git_oid or _git_oid(path) == file.git_oid


def _git_oid(path: Path) -> str:
    running = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            running.update(block)
    return running.hexdigest()


def _lock(fetched: Fetched) -> bytes:
    kept = {
        "model": fetched.model,
        "revision": fetched.revision,
        "commit": fetched.commit,
        "files": fetched.files,
        "skipped": fetched.skipped,
    }
    return msgspec.json.format(msgspec.json.encode(kept), indent=2) + b"\n"
