"""Pages from a real HTTP server on this machine, and what servers can do wrong."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lianlu import rag
from lianlu.core.errors import DataError, UsageError
from lianlu.rag import web

PAGES: dict[str, tuple[int, str, bytes]] = {}


class _Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, kind, content = PAGES.get(self.path, (404, "text/plain", b"no"))
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if 300 <= status < 400:
            self.send_header("Location", content.decode())
            content = b""
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    PAGES.clear()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


HTML = "<html><body><article><h1>备份</h1><p>{text}</p></article></body></html>"


def page(text: str) -> tuple[int, str, bytes]:
    return 200, "text/html; charset=utf-8", HTML.format(text=text).encode()


def test_a_page_is_read_updated_and_cited_by_its_address(site: str) -> None:
    PAGES["/backup"] = page("我们每晚两点做备份，保留三十天。")
    base, changes = rag.build("web", f"{site}/backup")
    with base:
        assert changes.added == [f"{site}/backup"]
        assert base.update().unchanged == 1
        PAGES["/backup"] = page("我们每晚三点做备份，保留六十天。")
        assert base.update().changed == [f"{site}/backup"]
        assert "六十天" in base.search("备份保留多久", 1)[0].text


def test_a_page_that_is_gone_leaves_the_base(site: str) -> None:
    PAGES["/a"] = page("第一页的内容在这里，讲的是安装。")
    PAGES["/b"] = page("第二页的内容在这里，讲的是训练。")
    base, _ = rag.build("web", [f"{site}/a", f"{site}/b"])
    with base:
        del PAGES["/b"]
        assert [failure.code for failure in base.update().failed] == ["rag.web-refused"]
        assert base.status().uris == (f"{site}/a",)


def test_a_server_that_fails_does_not_empty_the_base(site: str) -> None:
    PAGES["/a"] = page("第一页的内容在这里，讲的是安装。")
    base, _ = rag.build("web", f"{site}/a")
    with base:
        PAGES["/a"] = (503, "text/plain", b"busy")
        changes = base.update()
        assert [failure.code for failure in changes.failed] == ["rag.web-refused"]
        assert base.status().documents == 1
        PAGES["/a"] = page("第一页的内容在这里，讲的是安装。")
        assert base.update().unchanged == 1


def test_a_page_and_a_folder_stand_side_by_side(site: str, tmp_path: Path) -> None:
    PAGES["/docs/"] = (200, "text/plain", "网页上写着：端口是 8080。".encode())
    (tmp_path / "a.md").write_text("# 文件\n\n文件里写着：端口是 9090。\n", encoding="utf-8")
    base, changes = rag.build("both", [f"{site}/docs/", str(tmp_path / "a.md")])
    with base:
        assert sorted(changes.added) == sorted(["a.md", f"{site}/docs/"])


def test_redirects_are_followed_but_not_for_ever(site: str, tmp_path: Path) -> None:
    PAGES["/old"] = (302, "text/plain", b"/new")
    PAGES["/new"] = page("新地址的内容。")
    assert web.fetch(f"{site}/old", tmp_path).path is not None
    PAGES["/loop"] = (302, "text/plain", b"/loop")
    failed = web.fetch(f"{site}/loop", tmp_path).error
    assert failed is not None
    assert failed.code == "rag.web-failed"


def test_a_redirect_to_a_file_is_not_followed(site: str, tmp_path: Path) -> None:
    PAGES["/evil"] = (302, "text/plain", b"file:///etc/passwd")
    assert web.fetch(f"{site}/evil", tmp_path).path is None


def test_what_is_too_large_is_cut_off(site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "_MOST_BYTES", 1000)
    PAGES["/big"] = (200, "text/plain", b"x" * 5000)
    failed = web.fetch(f"{site}/big", tmp_path).error
    assert failed is not None
    assert failed.code == "rag.web-too-large"


def test_nobody_there_is_said(tmp_path: Path) -> None:
    failed = web.fetch("http://127.0.0.1:9/x", tmp_path).error
    assert failed is not None
    assert failed.code == "rag.web-failed"


def test_a_base_of_nothing_but_dead_pages_is_an_error(site: str) -> None:
    with pytest.raises(DataError, match="could be read"):
        rag.build("web", f"{site}/nothing")
    with pytest.raises(UsageError):
        rag.build("web", "http://")


@pytest.mark.parametrize(
    ("address", "kind", "name"),
    [
        ("https://a.example/../../etc/passwd", "text/plain", "passwd.txt"),
        ("https://a.example/", "text/html", "index.html"),
        ("https://a.example/x%2F..%2Fy.pdf", "application/pdf", "y.pdf"),
        ("https://a.example/.hidden", "", "hidden"),
    ],
)
def test_names_of_fetched_files_stay_in_their_folder(address: str, kind: str, name: str) -> None:
    assert web.file_name(address, kind) == name
