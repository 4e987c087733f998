"""Named services: kept without keys, shown, tried, forgotten."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lianlu.core.errors import UsageError
from lianlu.core.settings import Settings
from lianlu.llm import FakeBackend, open_backend
from lianlu.llm.endpoint import Endpoint, add_endpoint, checked_url, endpoints
from unit.llm.service import KEY, service


@pytest.fixture
def file() -> Path:
    return Settings.from_environment().config_folder / "endpoints.yaml"


def test_add_list_remove(lianlu: Callable[..., Any], file: Path) -> None:
    done = lianlu(
        "endpoint", "add", "mine", "http://127.0.0.1:8/v1/chat/completions", "--key-env", "MY_KEY", "--model", "m"
    )
    assert done.code == 0
    listed = json.loads(lianlu("endpoint", "list", "--json").out)["endpoints"]
    assert list(listed) == ["openai", "internlm", "siliconflow", "mine"]
    assert listed["mine"]["url"] == "http://127.0.0.1:8/v1"
    assert listed["mine"]["key_env"] == ["MY_KEY"]
    assert "mine" in lianlu("endpoint", "list").out
    assert lianlu("endpoint", "remove", "mine").code == 0
    assert "mine" not in file.read_text()
    assert lianlu("endpoint", "remove", "openai").code == 2


@pytest.mark.parametrize("key", ["sk-abcdef0123456789", "abcdef", "A KEY", ""])
def test_a_literal_key_is_refused_unshown(lianlu: Callable[..., Any], file: Path, key: str) -> None:
    done = lianlu("endpoint", "add", "mine", "http://h/v1", "--key-env", key)
    assert done.code == 2
    assert "llm.literal-key" in done.err
    assert not key or key not in done.err
    assert not file.exists()


@pytest.mark.parametrize("written", ["key_env: [sk-abc123]", "key_env: sk-abc123"])
def test_a_literal_key_in_the_file_is_refused_unshown(file: Path, written: str) -> None:
    file.parent.mkdir(parents=True)
    file.write_text(f"endpoints:\n  mine:\n    url: http://h/v1\n    {written}\n")
    with pytest.raises(UsageError) as caught:
        endpoints(Settings.from_environment())
    assert caught.value.code == "llm.literal-key"
    assert "sk-abc123" not in caught.value.message()
    assert "endpoints.yaml:4" in caught.value.message()


@pytest.mark.parametrize("url", ["h/v1", "ftp://h", "http://", "http://h:0/v1", "http://[::1", "http://h/v1?key=1", ""])
def test_a_bad_url_is_refused(lianlu: Callable[..., Any], url: str) -> None:
    done = lianlu("endpoint", "add", "mine", url)
    assert done.code == 2
    assert "llm.bad-url" in done.err


@pytest.mark.parametrize("name", ["fake", "http", "a:b", "", "x" * 80, "-"])
def test_a_bad_name_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="cannot name an endpoint"):
        add_endpoint(Settings.from_environment(), name, Endpoint(url="http://h/v1"))


def test_unknown_fields_in_the_file_are_named_with_line(lianlu: Callable[..., Any], file: Path) -> None:
    file.parent.mkdir(parents=True)
    file.write_text("endpoints:\n  mine:\n    url: http://h/v1\n    modell: x\n")
    done = lianlu("endpoint", "list")
    assert done.code == 2
    assert "endpoints.yaml:4" in done.err
    assert "'model'" in done.err


def test_a_call_path_is_cut_off() -> None:
    assert checked_url("https://h/puyu/api/v1/chat/completions/") == "https://h/puyu/api/v1"


def test_test_tells_latency_and_answers(lianlu: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    with service(FakeBackend(model="big-1")) as its:
        lianlu("endpoint", "add", "mine", its.url, "--key-env", "MY_KEY")
        done = lianlu("endpoint", "test", "mine", "--json")
        found = json.loads(done.out)
        assert (done.code, found["ok"], found["models"], found["model"]) == (0, True, ["big-1"], "big-1")
        assert "mine:big-1" in lianlu("endpoint", "test", "mine").out
        monkeypatch.setenv("MY_KEY", "sk-wrong-0000")
        refused = lianlu("endpoint", "test", "mine")
    assert refused.code == 1
    assert "MY_KEY" in refused.out
    assert "sk-wrong" not in refused.out + refused.err


def test_test_of_a_dead_or_unknown_endpoint(lianlu: Callable[..., Any]) -> None:
    lianlu("endpoint", "add", "mine", "http://127.0.0.1:9/v1", "--model", "m")
    done = lianlu("endpoint", "test", "mine")
    assert done.code == 1
    assert "llm.unreachable" in done.out
    assert lianlu("endpoint", "test", "min").code == 2
    assert lianlu("endpoint", "test", "openai").code == 2


def test_an_endpoint_names_a_model_and_its_limits_are_kept() -> None:
    from lianlu.llm import Limits
    from lianlu.llm.limiter import LimitedBackend

    settings = Settings.from_environment()
    add_endpoint(settings, "mine", Endpoint(url="http://127.0.0.1:9/v1", model="m", limits=Limits(concurrency=1)))
    assert isinstance(open_backend("mine:other"), LimitedBackend)
    assert isinstance(open_backend("mine"), LimitedBackend)


def test_what_is_replaced_is_said(lianlu: Callable[..., Any], file: Path) -> None:
    assert "https://api.openai.com/v1" in lianlu("endpoint", "add", "openai", "http://127.0.0.1:8/v1").out
    assert (
        json.loads(lianlu("endpoint", "add", "openai", "http://h/v1", "--json").out)["replaced"]
        == "http://127.0.0.1:8/v1"
    )
