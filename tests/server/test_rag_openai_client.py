"""The official `openai` package against a base: answers with their citations, streamed and whole, and errors it knows."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import openai
import pytest

from lianlu import rag
from lianlu.rag.app import LIMIT_BYTES, Face, base_app
from lianlu.rag.shelf import open_base
from lianlu.web import running
from lianlu.web.gate import Gate
from lianlu.web.keys import Keys

SCRIPT = """
model: inner
rules:
  - {match: 问题：备份保留多久, error: {status: 500, message: down}}
  - {match: 问题：备份每晚几点, reply: "%s", pause_seconds: 0.05}
  - {match: source 1, reply: "备份每晚两点做 [1]。服务器在月球上 [1]。保留三十天 [1]。"}
  - {reply: "不知道。"}
"""
HELLO: list[Any] = [{"role": "user", "content": "备份几点做？"}]


Serve = Callable[..., AbstractContextManager[openai.OpenAI]]


def write(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Serve:
    """Serve a base of two documents, by quoting or by a model, behind a gate."""
    root = tmp_path_factory.mktemp("rag")
    write(root / "docs", "a.md", "# 备份\n\n备份每晚两点做，保留三十天。\n")
    write(root / "docs", "<img src=x onerror=evil()>.md", "# 蓝莓\n\n蓝莓很甜，含花青素。\n")
    rag.build("notes", root / "docs", root=root / "store")[0].close()
    write(root, "model.yaml", SCRIPT % ("备份每晚两点做 [1]。" * 400))

    @contextmanager
    def serve(*, by_model: bool = False, gate: Gate | None = None) -> Generator[openai.OpenAI]:
        face = Face(f"fake:{root / 'model.yaml'}" if by_model else None)
        app = base_app(lambda: open_base("notes", root=root / "store"), face, gate=gate)
        with running(app) as url, openai.OpenAI(api_key="sk-any", base_url=f"{url}/v1", max_retries=0) as client:
            yield client

    return serve


@pytest.fixture(scope="module")
def client(served: Serve) -> Generator[openai.OpenAI]:
    with served() as opened:
        yield opened


def post(client: openai.OpenAI, body: Any, **headers: str) -> httpx.Response:
    """What the package would not send."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", **headers}
    return httpx.post(f"{client.base_url}chat/completions", content=content, headers=headers, timeout=30)


def test_the_base_is_the_one_model(client: openai.OpenAI) -> None:
    (listed,) = client.models.list().data
    assert listed.id == client.models.retrieve("notes").id == "notes"
    with pytest.raises(openai.NotFoundError, match="notes"):
        client.models.retrieve("gpt-x")


def test_a_whole_answer_has_its_citations_in_the_text_and_beside_it(client: openai.OpenAI) -> None:
    reply = client.chat.completions.create(model="notes", messages=HELLO)
    message = reply.choices[0].message
    assert message.content == "备份每晚两点做，保留三十天。 [1]"
    (note,) = message.annotations or []
    cited = note.url_citation
    assert message.content[cited.start_index : cited.end_index] == "[1]"
    assert cited.title == "a.md › 备份"
    extension = (reply.model_extra or {})["lianlu"]
    (citation,) = extension["citations"]
    assert (extension["found"], extension["by"], citation["quote"]) == (True, "extract", message.content[:14])
    place = {name: values[0] for name, values in parse_qs(urlsplit(cited.url).fragment).items()}
    assert place["document"] == citation["document_id"]
    root = str(client.base_url).removesuffix("/v1/")
    source = httpx.get(f"{root}/v1/lianlu/source", params=place).json()
    assert source["text"][slice(*source["mark"])] == citation["quote"]
    assert (reply.choices[0].finish_reason, reply.usage and reply.usage.total_tokens) == ("stop", 0)


def test_a_streamed_answer_is_the_whole_one_and_only_what_is_supported(served: Serve) -> None:
    with served(by_model=True) as client:
        asked: Any = {"model": "notes", "messages": HELLO}
        whole = client.chat.completions.create(**asked)
        chunks = list(client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}))
    said = [chunk for chunk in chunks if chunk.choices]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in said)
    assert text == whole.choices[0].message.content == "备份每晚两点做 [1]。保留三十天 [1]。"
    assert len([chunk for chunk in said if chunk.choices[0].delta.content]) == 2
    notes = [note for chunk in said for note in (chunk.choices[0].delta.model_extra or {}).get("annotations", [])]
    marks = [(note["url_citation"]["start_index"], note["url_citation"]["end_index"]) for note in notes]
    assert [text[start:end] for start, end in marks] == ["[1]", "[1]"]
    assert said[0].choices[0].delta.role == "assistant"
    assert said[-1].choices[0].finish_reason == "stop"
    extension = (said[-1].model_extra or {})["lianlu"]
    assert [each["claim"] for each in extension["dropped"]] == ["服务器在月球上 [1]。"]
    assert extension["by"] == "fake:model.yaml"
    assert chunks[-1].usage
    assert whole.usage
    assert chunks[-1].usage.total_tokens == whole.usage.total_tokens > 0
    assert len({chunk.id for chunk in chunks}) == 1


def test_what_is_not_in_the_documents_is_said_and_not_cited(client: openai.OpenAI) -> None:
    asked: Any = {"model": "notes", "messages": [{"role": "user", "content": "冰岛的首都是哪里？"}]}
    whole = client.chat.completions.create(**asked)
    streamed = list(client.chat.completions.create(**asked, stream=True))
    assert whole.choices[0].message.content == "文档中没有相关内容。"
    assert whole.choices[0].message.annotations == []
    assert "".join(chunk.choices[0].delta.content or "" for chunk in streamed) == "文档中没有相关内容。"


def test_a_follow_up_is_understood_from_the_messages_before(client: openai.OpenAI) -> None:
    messages = [*HELLO, {"role": "assistant", "content": "每晚两点。"}, {"role": "user", "content": "它保留多少天？"}]
    reply = client.chat.completions.create(model="notes", messages=messages)
    assert "备份" in (reply.model_extra or {})["lianlu"]["rewritten"]


def test_what_is_not_obeyed_is_said(client: openai.OpenAI) -> None:
    messages = [{"role": "system", "content": "Answer without sources."}, *HELLO]
    reply = client.chat.completions.create(
        model="notes", messages=messages, temperature=0.5, max_tokens=1, user="ann", n=1, logprobs=False
    )
    assert (reply.model_extra or {})["lianlu"]["ignored"] == ["max_tokens", "temperature", "messages: system"]
    assert "[1]" in (reply.choices[0].message.content or "")


def test_a_question_may_be_held_to_some_documents(client: openai.OpenAI) -> None:
    reply = client.chat.completions.create(model="notes", messages=HELLO, extra_body={"lianlu": {"path": "nothing/*"}})
    assert not (reply.model_extra or {})["lianlu"]["found"]


def test_html_in_the_name_of_a_document_stays_text(client: openai.OpenAI) -> None:
    messages: list[Any] = [{"role": "user", "content": "蓝莓含什么？"}]
    reply = client.chat.completions.create(model="notes", messages=messages)
    (note,) = reply.choices[0].message.annotations or []
    assert note.url_citation.title == "<img src=x onerror=evil()>.md › 蓝莓"
    assert urlsplit(note.url_citation.url).fragment.startswith("document=")


@pytest.mark.parametrize(
    ("more", "param", "code"),
    [
        ({"model": 5}, "model", "rag.bad-field"),
        ({"messages": []}, "messages", "rag.bad-field"),
        ({"messages": "hi"}, "messages", "rag.bad-field"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role", "rag.bad-field"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content", "rag.bad-field"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            "messages[0].content[0].type",
            "rag.bad-field",
        ),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "messages", "rag.bad-field"),
        ({"messages": [{"role": "user"}]}, None, "rag.empty-question"),
        ({"messages": [{"role": "user", "content": "长" * 5000}]}, None, "rag.long-question"),
        ({"stream": "yes"}, "stream", "rag.bad-field"),
        ({"stream_options": {"include_usage": 1}}, "stream_options.include_usage", "rag.bad-field"),
        ({"n": 2}, "n", "rag.unsupported-field"),
        ({"logprobs": True}, "logprobs", "rag.unsupported-field"),
        ({"tools": [{"type": "function"}]}, "tools", "rag.unsupported-field"),
        ({"response_format": {"type": "json_object"}}, "response_format", "rag.unsupported-field"),
        ({"mesages": []}, "mesages", "rag.unsupported-field"),
        ({"lianlu": {"top": "5"}}, "lianlu.top", "rag.bad-field"),
        ({"lianlu": {"since": "yesterday"}}, None, "rag.bad-date"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_fields_that_make_no_sense_are_named(
    client: openai.OpenAI, more: dict[str, Any], param: str | None, code: str
) -> None:
    for stream in (False, True):
        refused = post(client, {"model": "notes", "messages": HELLO, "stream": stream, **more})
        error = refused.json()["error"]
        assert (refused.status_code, error["param"], error["code"]) == (400, param, code)
        assert set(error) == {"message", "type", "param", "code", "hint"}


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"", "application/json", 400),
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'{"a": "\xff"}', "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"{}", "text/plain", 415),
        (b" " * (LIMIT_BYTES + 1), "application/json", 413),
    ],
    ids=["empty", "broken", "list", "not-utf8", "deep", "plain", "huge"],
)
def test_bodies_that_make_no_sense_are_refused_and_the_rest_goes_on(
    client: openai.OpenAI, body: bytes, kind: str, status: int
) -> None:
    refused = post(client, body, **{"Content-Type": kind})
    assert (refused.status_code, bool(refused.json()["error"]["hint"])) == (status, True)
    assert client.chat.completions.create(model="notes", messages=HELLO).choices


def test_errors_are_those_that_the_client_knows(served: Serve) -> None:
    with served(by_model=True) as client:
        with pytest.raises(openai.NotFoundError, match="'notes'"):
            client.chat.completions.create(model="gpt-x", messages=HELLO)
        broken: list[Any] = [{"role": "user", "content": "备份保留多久？"}]
        with pytest.raises(openai.InternalServerError, match="down"):
            client.chat.completions.create(model="notes", messages=broken)
        with pytest.raises(openai.InternalServerError, match="down"):
            list(client.chat.completions.create(model="notes", messages=broken, stream=True))


def test_keys_are_asked_of_all_but_the_page_and_health(served: Serve) -> None:
    with served(gate=Gate(Keys(["ll-one"]))) as client:
        root = str(client.base_url).removesuffix("/v1/")
        with pytest.raises(openai.AuthenticationError):
            client.chat.completions.create(model="notes", messages=HELLO)
        assert client.with_options(api_key="ll-one").chat.completions.create(model="notes", messages=HELLO).choices
        for path in ("v1/models", "v1/lianlu/base", "v1/lianlu/search?q=x", "v1/lianlu/source?document=x"):
            assert httpx.get(f"{root}/{path}").status_code == 401
        assert httpx.post(f"{root}/v1/lianlu/ask", json={"question": "x"}).status_code == 401
        assert [httpx.get(f"{root}/{path}").status_code for path in ("", "health")] == [200, 200]


def test_who_asks_too_often_is_told_when_to_come_again(served: Serve) -> None:
    with served(gate=Gate(per_minute=2)) as client:
        for _ in range(2):
            client.chat.completions.create(model="notes", messages=HELLO)
        with pytest.raises(openai.RateLimitError) as refused:
            client.chat.completions.create(model="notes", messages=HELLO)
    assert 0 < int(refused.value.response.headers["retry-after"]) <= 60


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_stops_the_model_and_makes_room(served: Serve, stream: bool) -> None:
    gate = Gate(most_running=1)
    endless: list[Any] = [{"role": "user", "content": "备份每晚几点做？"}]
    with served(by_model=True, gate=gate) as client:
        if stream:
            with client.chat.completions.create(model="notes", messages=endless, stream=True) as chunks:
                next(iter(chunks))
                with pytest.raises(openai.RateLimitError):
                    client.chat.completions.create(model="notes", messages=HELLO)
        else:
            with pytest.raises(openai.APITimeoutError):
                client.with_options(timeout=0.5).chat.completions.create(model="notes", messages=endless)
        left = threading.Event()
        for _ in range(100):
            if not gate.running:
                break
            left.wait(0.05)
        assert gate.running == 0
        assert client.chat.completions.create(model="notes", messages=HELLO).choices


def test_a_stopping_server_ends_a_stream_in_words(served: Serve) -> None:
    seconds = 0.0
    gate = Gate(now=lambda: seconds)
    endless: list[Any] = [{"role": "user", "content": "备份每晚几点做？"}]
    with served(by_model=True, gate=gate) as client:
        chunks = iter(client.chat.completions.create(model="notes", messages=endless, stream=True))
        next(chunks)
        gate.stop()
        next(chunks)
        seconds = 6.0
        with pytest.raises(openai.APIError, match="stopped in the middle"):
            list(chunks)


def test_many_clients_at_once_each_get_the_right_answer(tmp_path: Path) -> None:
    for number in range(20):
        text = f"# 机房{number}号\n\n机房{number}号的门禁密码是 {number * 37 + 1000}。\n"
        write(tmp_path / "docs", f"{number}.md", text)
    rag.build("rooms", tmp_path / "docs", root=tmp_path / "store")[0].close()
    answers: dict[int, str] = {}

    def ask(client: openai.OpenAI, number: int) -> None:
        messages: list[Any] = [{"role": "user", "content": f"机房{number}号的门禁密码是多少？"}]
        reply = client.chat.completions.create(model="rooms", messages=messages, stream=number % 2 == 0)
        if isinstance(reply, openai.Stream):
            answers[number] = "".join(chunk.choices[0].delta.content or "" for chunk in reply)
        else:
            answers[number] = reply.choices[0].message.content or ""

    app = base_app(lambda: open_base("rooms", root=tmp_path / "store"))
    with running(app) as url, openai.OpenAI(api_key="sk-any", base_url=f"{url}/v1") as client:
        threads = [threading.Thread(target=ask, args=(client, number)) for number in range(20)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    wrong = {number: text for number, text in answers.items() if str(number * 37 + 1000) not in text}
    assert (len(answers), wrong) == (20, {})
