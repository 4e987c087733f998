"""A model hub on this machine: the API and small files on one server, large files behind a redirect on another.

Faults are taken by name of file, each once for as often as it stands in the list.
"""

# ruff: noqa: TID253 - a server for tests

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import anyio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from lianlu.web import running

__all__ = ["COMMIT", "FakeHub", "fake_hub"]

COMMIT = "c" * 40


@dataclass
class FakeHub:
    """What the hub has, does wrong, and saw.

    Attributes:
        large: names that are kept on the other server, as LFS files are.
        faults: name -> what to do wrong, in order: cut, cut-silently, wrong, long, range-ignored, other-range, 500,
            redirect-file; under "api": 401, 403, 404, 429, gated, no-revision, web-page.
        seen: (server, path, headers) of each request.
        pause: seconds between pieces of 64 KiB.
    """

    files: dict[str, bytes]
    large: frozenset[str]
    faults: dict[str, list[str]] = field(default_factory=dict)
    token: str = ""
    pause: float = 0.0
    seen: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    listed: dict[str, bytes] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    hub: str = ""
    storage: str = ""

    def fault(self, name: str) -> str:
        waiting = self.faults.get(name, [])
        return waiting.pop(0) if waiting else ""

    def headers(self, server: str, name: str) -> list[dict[str, str]]:
        return [headers for where, path, headers in self.seen if where == server and path.endswith(name)]

    def described(self, name: str, content: bytes) -> dict[str, object]:
        shown: dict[str, object] = {"rfilename": self.names.get(name, name), "size": len(content)}
        if name in self.large:
            return shown | {"lfs": {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}}
        return shown | {"blobId": hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()}

    async def api(self, request: Request) -> Response:
        self.seen.append(("hub", request.url.path, dict(request.headers)))
        fault = self.fault("api")
        codes = {"gated": "GatedRepo", "no-revision": "RevisionNotFound"}
        if fault == "web-page":
            return Response("<html>please log in</html>", media_type="text/html")
        if fault:
            status = int(fault) if fault.isdecimal() else 403 if fault == "gated" else 404
            return Response("no", status, {"x-error-code": codes.get(fault, ""), "retry-after": "0"})
        if self.token and request.headers.get("authorization") != f"Bearer {self.token}":
            return Response("no", 401)
        listed = self.listed or self.files
        return JSONResponse({"sha": COMMIT, "siblings": [self.described(*each) for each in listed.items()]})

    async def scope(self, request: Request) -> Response:
        """The listing as ModelScope gives it."""
        self.seen.append(("hub", request.url.path, dict(request.headers)))
        files: list[dict[str, object]] = [{"Path": "sub", "Type": "tree", "Size": 0}]
        for name, content in self.files.items():
            sha256 = hashlib.sha256(content).hexdigest()
            files.append({"Path": name, "Type": "blob", "Size": len(content), "Sha256": sha256, "Revision": COMMIT})
        return JSONResponse({"Code": 200, "Data": {"Files": files}})

    async def resolve(self, request: Request) -> Response:
        name = request.path_params.get("path") or request.query_params["FilePath"]
        self.seen.append(("hub", request.url.path, dict(request.headers)))
        if name in self.large or self.faults.get(name, [""])[:1] == ["redirect-file"]:
            return Response("", 302, {"location": f"{self.storage}/blob/{name}?signature=secret"})
        return self.content(name, request.headers)

    async def blob(self, request: Request) -> Response:
        self.seen.append(("storage", request.url.path, dict(request.headers)))
        return self.content(request.path_params["path"], request.headers)

    def content(self, name: str, headers: Mapping[str, str]) -> Response:
        body = self.files[name]
        fault = self.fault(name)
        if fault == "500":
            return Response("busy", 503)
        if fault == "wrong":
            body = bytes(reversed(body))
        if fault == "long":
            body += b"more" * 1000
        tag = '"' + hashlib.sha256(self.files[name]).hexdigest()[:16] + '"'
        start = 0
        asked = headers.get("range", "")
        is_same = headers.get("if-range", tag) == tag
        if asked and is_same and fault != "range-ignored":
            start = int(asked.removeprefix("bytes=").rstrip("-"))
        shown = {"etag": tag}
        if fault != "cut-silently":
            shown["content-length"] = str(len(body) - start)
        if start:
            begin = 0 if fault == "other-range" else start
            shown["content-range"] = f"bytes {begin}-{len(body) - 1}/{len(body)}"
        sent = body[start:]
        if fault.startswith("cut"):
            sent = sent[: len(sent) // 2]
        return StreamingResponse(self._pieces(sent, breaks=fault == "cut"), 206 if start else 200, shown)

    async def _pieces(self, content: bytes, *, breaks: bool) -> AsyncGenerator[bytes, None]:
        for at in range(0, len(content), 1 << 16):
            yield content[at : at + (1 << 16)]
            await anyio.sleep(self.pause)
        if breaks:
            raise ConnectionAbortedError("the script drops the connection here")


@contextmanager
def fake_hub(files: dict[str, bytes], *, large: tuple[str, ...] = ()) -> Generator[FakeHub]:
    """A running hub; `hub.hub` is what HF_ENDPOINT and MODELSCOPE_ENDPOINT are set to."""
    hub = FakeHub(files, frozenset(large))
    front = Starlette(
        routes=[
            Route("/api/models/{owner}/{name}/revision/{revision}", hub.api),
            Route("/api/v1/models/{owner}/{name}/repo/files", hub.scope),
            Route("/api/v1/models/{owner}/{name}/repo", hub.resolve),
            Route("/{owner}/{name}/resolve/{commit}/{path:path}", hub.resolve),
        ]
    )
    back = Starlette(routes=[Route("/blob/{path:path}", hub.blob)])
    with running(back) as storage, running(front) as address:
        hub.storage, hub.hub = storage, address
        yield hub
