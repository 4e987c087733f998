"""A hub of Spaces on this machine, over HTTP: makes repositories, takes large files, commits and secrets as the real one does.

A commit is taken whole or not at all. `faults` are taken by the name of a call, each once for as often as it stands in the
list: a status, `drop` (the connection breaks), `hang` (no answer until the client leaves).
"""

# ruff: noqa: TID253 - a server for tests

from __future__ import annotations

import base64
import fnmatch
import hashlib
import json
import threading
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
from ruamel.yaml import YAML
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from lianlu.web import running

__all__ = ["FakeSpaces", "Repository", "fake_spaces"]

_SDKS = ("gradio", "docker", "static")
_COLOURS = ("red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray")
_FIRST = {".gitattributes": b"*.bin filter=lfs diff=lfs merge=lfs -text\n", "README.md": b"---\nsdk: docker\n---\n"}


@dataclass
class Repository:
    """One Space: its files as committed, its secrets, and the commits by number."""

    sdk: str
    is_private: bool = False
    files: dict[str, bytes] = field(default_factory=lambda: dict(_FIRST))
    secrets: dict[str, str] = field(default_factory=dict[str, str])
    commits: int = 0

    @property
    def head(self) -> str:
        return hashlib.sha1(str(self.commits).encode()).hexdigest()


@dataclass
class FakeSpaces:
    """The hub.

    Attributes:
        owners: whose namespaces the token may write to.
        stored: large files by SHA-256, whether committed or not.
        calls: (method, path) of each request.
        hanging: set as soon as a call hangs.
    """

    token: str
    owners: tuple[str, ...] = ("ann",)
    repositories: dict[str, Repository] = field(default_factory=dict[str, Repository])
    stored: dict[str, bytes] = field(default_factory=dict[str, bytes])
    faults: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    calls: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    hanging: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    async def refused(self, request: Request, call: str) -> Response | None:
        """What the hub says before it looks at a request: the scripted fault, or that the token is wrong."""
        self.calls.append((request.method, request.url.path))
        waiting = self.faults.get(call, [])
        fault = waiting.pop(0) if waiting else ""
        if fault == "drop":
            return StreamingResponse(_broken(), headers={"content-length": "1000"})
        if fault == "hang":
            self.hanging.set()
            await anyio.sleep(600)
        if fault:
            return self.no(int(fault), "the script says no")
        if call != "store" and request.headers.get("authorization") != f"Bearer {self.token}":
            return self.no(401, "Invalid username or password.")
        return None

    def no(self, status: int, why: str) -> Response:
        return JSONResponse({"error": why}, status, {"x-error-message": why})

    def repository(self, request: Request) -> Repository:
        return self.repositories[f"{request.path_params['owner']}/{request.path_params['name']}"]

    async def create(self, request: Request) -> Response:
        if (no := await self.refused(request, "create")) is not None:
            return no
        asked = await request.json()
        name = f"{asked['organization']}/{asked['name']}"
        if asked["organization"] not in self.owners:
            return self.no(403, "You don't have the rights to create a space under this namespace")
        assert asked["type"] == "space"
        assert asked["sdk"] in _SDKS
        if name in self.repositories:
            return JSONResponse(
                {"error": "You already created this space repo", "url": f"{self.url}/spaces/{name}"}, 409
            )
        self.repositories[name] = Repository(asked["sdk"], asked.get("visibility") == "private")
        return JSONResponse({"url": f"{self.url}/spaces/{name}", "name": name})

    async def info(self, request: Request) -> Response:
        if (no := await self.refused(request, "info")) is not None:
            return no
        found = self.repository(request)
        name = f"{request.path_params['owner']}/{request.path_params['name']}"
        files = [{"rfilename": each} for each in sorted(found.files)]
        return JSONResponse({"id": name, "sha": found.head, "private": found.is_private, "siblings": files})

    async def secret(self, request: Request) -> Response:
        if (no := await self.refused(request, "secret")) is not None:
            return no
        asked = await request.json()
        self.repository(request).secrets[asked["key"]] = asked["value"]
        return JSONResponse({})

    async def validate(self, request: Request) -> Response:
        """What is wrong with the front matter of a README, by the hub's configuration reference."""
        if (no := await self.refused(request, "validate")) is not None:
            return no
        asked = await request.json()
        wrong = _front_matter_problems(asked["content"])
        body = {"errors": [{"message": each} for each in wrong], "warnings": []}
        return JSONResponse(body, 400 if wrong else 200)

    async def preupload(self, request: Request) -> Response:
        if (no := await self.refused(request, "preupload")) is not None:
            return no
        found, asked = self.repository(request), await request.json()
        told = [
            {
                "path": each["path"],
                "uploadMode": _mode(each),
                "shouldIgnore": False,
                "oid": _git_oid(found.files.get(each["path"])),
            }
            for each in asked["files"]
        ]
        return JSONResponse({"files": told})

    async def batch(self, request: Request) -> Response:
        if (no := await self.refused(request, "batch")) is not None:
            return no
        objects: list[dict[str, Any]] = []
        for each in (await request.json())["objects"]:
            told = {"oid": each["oid"], "size": each["size"]}
            if each["oid"] not in self.stored:
                told["actions"] = {"upload": {"href": f"{self.url}/stored/{each['oid']}"}}
            objects.append(told)
        return JSONResponse({"transfer": "basic", "objects": objects})

    async def store(self, request: Request) -> Response:
        if (no := await self.refused(request, "store")) is not None:
            return no
        content = await request.body()
        if hashlib.sha256(content).hexdigest() != request.path_params["oid"]:
            return Response("not what was promised", 400)
        self.stored[request.path_params["oid"]] = content
        return Response("")

    async def commit(self, request: Request) -> Response:
        content = await request.body()
        if (no := await self.refused(request, "commit")) is not None:
            return no
        found = self.repository(request)
        lines = [json.loads(line) for line in content.splitlines()]
        assert lines[0]["key"] == "header"
        if lines[0]["value"].get("parentCommit") not in (None, found.head):
            return self.no(412, "A commit has happened since")
        files = dict(found.files)
        for line in lines[1:]:
            self._applied(files, line["key"], line["value"])
        found.files = files
        found.commits += 1
        name = f"{request.path_params['owner']}/{request.path_params['name']}"
        commit_url = f"{self.url}/spaces/{name}/commit/{found.head}"
        return JSONResponse({"commitUrl": commit_url, "commitOid": found.head, "pullRequestUrl": None})

    def _applied(self, files: dict[str, bytes], key: str, value: dict[str, Any]) -> None:
        if key == "file":
            files[value["path"]] = base64.b64decode(value["content"])
        elif key == "lfsFile":
            files[value["path"]] = self.stored[value["oid"]]
        else:
            assert key == "deletedFile", key
            del files[value["path"]]


async def _broken() -> AsyncGenerator[bytes]:
    yield b"{"
    raise ConnectionAbortedError("the script drops the connection here")


def _front_matter_problems(readme: str) -> list[str]:
    _, front, _ = readme.split("---\n", 2)
    told = YAML(typ="safe", pure=True).load(front)
    wrong = [name for name in ("title", "emoji", "sdk") if not told.get(name)]
    wrong += [name for name in ("colorFrom", "colorTo") if told.get(name) not in _COLOURS]
    if told.get("sdk") not in _SDKS:
        wrong.append("sdk")
    if len(told.get("short_description", "")) > 60:
        wrong.append("short_description")
    return wrong


def _mode(file: dict[str, Any]) -> str:
    patterns = ("*.sqlite", "*.lexical", "*.vectors", "*.whl", "*.safetensors")
    return "lfs" if any(fnmatch.fnmatch(file["path"], each) for each in patterns) else "regular"


def _git_oid(content: bytes | None) -> str | None:
    return None if content is None else hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@contextmanager
def fake_spaces(token: str = "hf_" + "t" * 34) -> Generator[FakeSpaces]:
    """A running hub; `hub.url` is what HF_ENDPOINT is set to."""
    hub = FakeSpaces(token)
    app = Starlette(
        routes=[
            Route("/api/repos/create", hub.create, methods=["POST"]),
            Route("/api/validate-yaml", hub.validate, methods=["POST"]),
            Route("/api/spaces/{owner}/{name}", hub.info),
            Route("/api/spaces/{owner}/{name}/secrets", hub.secret, methods=["POST"]),
            Route("/api/spaces/{owner}/{name}/preupload/{revision}", hub.preupload, methods=["POST"]),
            Route("/api/spaces/{owner}/{name}/commit/{revision}", hub.commit, methods=["POST"]),
            Route("/spaces/{owner}/{name}.git/info/lfs/objects/batch", hub.batch, methods=["POST"]),
            Route("/stored/{oid}", hub.store, methods=["PUT"]),
        ]
    )
    with running(app) as address:
        hub.url = address
        yield hub
