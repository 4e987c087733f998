"""Fetch a web address that a person named, into a file. Bounded in size and time; follows few redirects, only to http(s).

Knows no HTML: what was fetched is read by the step `extract`, like any file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from lianlu.core.errors import BackendError, DataError, LianluError

__all__ = ["Fetched", "fetch", "file_name"]

_MOST_BYTES = 50_000_000
_TIMEOUT_SECONDS = 30.0
_MOST_REDIRECTS = 5
_OK = 200
_GONE = (404, 410)
_ENDINGS = {
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "text/plain": ".txt",
    "text/markdown": ".md",
    "text/csv": ".csv",
    "application/pdf": ".pdf",
    "application/json": ".json",
    "application/epub+zip": ".epub",
}


@dataclass(frozen=True)
class Fetched:
    """What came of an address: a file, or an error. `is_gone` when the page says that it exists no more."""

    path: Path | None = None
    error: LianluError | None = None
    is_gone: bool = False


def fetch(address: str, folder: Path) -> Fetched:
    """Fetch an address into a new file of `folder`."""
    import httpx

    headers = {"User-Agent": "lianlu", "Accept": "text/html,text/markdown;q=0.9,text/plain;q=0.9,*/*;q=0.5"}
    client = httpx.Client(
        timeout=_TIMEOUT_SECONDS, follow_redirects=True, max_redirects=_MOST_REDIRECTS, headers=headers
    )
    try:
        with client, client.stream("GET", address) as response:
            if response.status_code != _OK:
                error = DataError("rag.web-refused", address=address, status=response.status_code)
                return Fetched(error=error, is_gone=response.status_code in _GONE)
            kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
            path = folder / file_name(str(response.url), kind)
            received = 0
            with path.open("wb") as file:
                for part in response.iter_bytes():
                    received += len(part)
                    if received > _MOST_BYTES:
                        return Fetched(error=DataError("rag.web-too-large", address=address, limit=_MOST_BYTES))
                    file.write(part)
            return Fetched(path=path)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        why = str(error) or type(error).__name__
        return Fetched(error=BackendError("rag.web-failed", address=address, why=why))


def file_name(address: str, kind: str) -> str:
    """A file name for what an address gave; the ending is that of its media type, else its own.

    >>> file_name("https://a.example/docs/", "text/html")
    'docs.html'
    """
    parts = [part for part in PurePosixPath(unquote(urlsplit(address).path)).parts if part not in ("/", "..")]
    name = "".join(each if each.isalnum() or each in "._-" else "_" for each in (parts[-1] if parts else "index"))
    name = name.lstrip(".")[-100:] or "index"
    ending = _ENDINGS.get(kind, "")
    return name if not ending or name.lower().endswith(ending) else name + ending
