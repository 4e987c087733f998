from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from lianlu.core.errors import Cancelled, DataError, LianluError, LimitError, UsageError
from lianlu.core.events import Event, Progress
from lianlu.core.job import Job
from lianlu.curate import replace as room
from lianlu.curate.replace import FileChange, pairs_of, planned, replace_files
from lianlu.curate.strings import Replacer

Rewrite = Callable[..., bytes]


@pytest.fixture
def rewrite(tmp_path: Path) -> Rewrite:
    """The bytes that come of a file with these bytes; 尖米 becomes 小明 where nothing else is said."""

    def run(content: bytes, ending: str = ".jsonl", pairs: dict[str, str] | None = None, **more: Any) -> bytes:
        source, target = tmp_path / f"in{ending}", tmp_path / "out" / f"in{ending}"
        source.write_bytes(content)
        run.change = replace_files([(source, target)], Replacer(pairs or {"尖米": "小明"}), Job(), **more)[0]  # type: ignore[attr-defined]
        assert source.read_bytes() == content
        return target.read_bytes()

    return run


def change_of(rewrite: Rewrite) -> FileChange:
    return rewrite.change  # type: ignore[attr-defined,no-any-return]


def plainly(value: Any, old: str, new: str) -> Any:
    """The slow way: parse, walk, replace."""
    if isinstance(value, dict):
        return {key: plainly(each, old, new) for key, each in value.items()}
    if isinstance(value, list):
        return [plainly(each, old, new) for each in value]
    return value.replace(old, new) if isinstance(value, str) else value


def test_values_at_any_depth_change_and_every_other_byte_stays(rewrite: Rewrite) -> None:
    before = '{"尖米" :1.0,"n": 1e5, "a":1,"a":[ {"x":"我是尖米。尖米!\\n\\u0041"} ], "z":NaN}\n'
    after = before.replace("我是尖米。尖米!", "我是小明。小明!")
    assert rewrite(before.encode()) == after.encode()
    assert change_of(rewrite).replacements == 2


def test_lines_blank_lines_newline_styles_and_the_missing_last_newline_stay(rewrite: Rewrite) -> None:
    before = '\ufeff{"a":"尖米"}\r\n\r\n  \n{"b":2}\n{"c":"尖米"}'
    assert rewrite(before.encode()).decode() == before.replace("尖米", "小明")
    assert (change_of(rewrite).lines, change_of(rewrite).changed_lines) == (5, 2)


@pytest.mark.parametrize(
    ("before", "pairs", "after"),
    [
        (r'{"a":"\u5c16\u7c73 \u4f60"}', {"尖米": "小明"}, r'{"a":"小明 \u4f60"}'),
        (r'{"a":"\u5C16米\t"}', {"尖米": "小明"}, r'{"a":"小明\t"}'),
        (r'{"a":"x\ud83d\ude00y\\"}', {"😀y": "!"}, r'{"a":"x!\\"}'),
        (r'{"a":"one\ntwo"}', {"e\nt": '"\\'}, r'{"a":"on\"\\wo"}'),
        (r'{"a":"b\/c b/c"}', {"b/c": "d"}, r'{"a":"d d"}'),
        (r'{"a":"\\u5c16"}', {"尖": "x"}, r'{"a":"\\u5c16"}'),
        (r'{"a":"\ud83d 尖"}', {"尖": "x"}, r'{"a":"\ud83d x"}'),
        ('["say"]', {"say": 'a"b\n'}, r'["a\"b\n"]'),
    ],
    ids=["escaped", "half escaped", "pair of halves", "newline", "slash", "escaped backslash", "lone half", "new"],
)
def test_text_is_found_across_escapes(rewrite: Rewrite, before: str, pairs: dict[str, str], after: str) -> None:
    assert rewrite(before.encode(), pairs=pairs).decode() == after
    json.loads(after)


def test_names_can_be_swapped_and_the_longest_wins(rewrite: Rewrite) -> None:
    pairs = {"A": "B", "B": "A", "AB": "long"}
    assert rewrite(b'["A B AB BA"]', pairs=pairs) == b'["B A long AB"]'


def test_random_values_equal_the_parsed_and_walked_ones(rewrite: Rewrite) -> None:
    random_ = random.Random(7)
    alphabet = ["尖", "米", "尖米", '"', "\\", "\n", "/", "u5c16", "😀", "\x01", ":", "a"]

    def value(depth: int) -> Any:
        kind = random_.randrange(5 if depth else 3)
        if kind == 3:
            return [value(depth - 1) for _ in range(random_.randrange(4))]
        if kind == 4:
            return {words() + str(number): value(depth - 1) for number in range(random_.randrange(4))}
        return words() if kind else random_.random()

    def words() -> str:
        return "".join(random_.choices(alphabet, k=random_.randrange(12)))

    values = [value(4) for _ in range(300)]
    lines = [json.dumps(each, ensure_ascii=bool(index % 2)) for index, each in enumerate(values)]
    for old, new in (("尖米", '小"明'), ("米\n", "\\"), ("/", ""), ('"', "q"), ("😀", "尖")):
        written = rewrite("\n".join(lines).encode(), pairs={old: new}).decode()
        assert [json.loads(line) for line in written.split("\n")] == [plainly(each, old, new) for each in values]


def test_keys_change_only_when_asked(rewrite: Rewrite) -> None:
    before = '{"尖米"\t:{"尖\\u7c73":"尖米"}}'.encode()
    assert rewrite(before, keys=True) == '{"小明"\t:{"小明":"小明"}}'.encode()


def test_a_json_document_keeps_its_layout(rewrite: Rewrite) -> None:
    before = '[\n    {"尖米"\n    : "尖米", "n": 1.50},\n\t["尖米"]\n]\n'
    after = '[\n    {"尖米"\n    : "小明", "n": 1.50},\n\t["小明"]\n]\n'
    assert rewrite(before.encode(), ".json").decode() == after
    assert (change_of(rewrite).lines, change_of(rewrite).changed_lines) == (5, 2)


def test_json_lines_by_the_name_of_json_are_lines(rewrite: Rewrite) -> None:
    assert rewrite('{"a":"尖米"}\n{"a":"尖米"}\n'.encode(), ".json").count("小明".encode()) == 2
    assert rewrite('{"a":"尖米"}\n\n'.encode(), ".json") == '{"a":"小明"}\n\n'.encode()


def test_cells_change_and_column_names_do_not(rewrite: Rewrite) -> None:
    before = '尖米,say\r\n尖米,"a ""尖米"", 尖米\r\nmore"\r\n5" 尖米,"尖米"x\r\n'
    after = '尖米,say\r\n小明,"a ""小明"", 小明\r\nmore"\r\n5" 小明,"小明"x\r\n'
    assert rewrite(before.encode(), ".csv").decode() == after
    assert rewrite(b"n\nx\n", ".csv", pairs={"x": 'a,"b'}) == b'n\n"a,""b"\n'
    assert rewrite(b"n\tx\nx\t1,2\n", ".tsv", pairs={"x": "y"}, keys=True) == b"n\ty\ny\t1,2\n"
    assert rewrite(b"n;m\nx;1,2\n", ".csv", pairs={"x": "a;b"}) == b'n;m\n"a;b";1,2\n'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("ending", [".txt", ".md", ".csv"])
def test_text_keeps_its_encoding_and_newlines(rewrite: Rewrite, encoding: str, ending: str) -> None:
    before = "说明\r\n尖米是一个可以使用的模型，这是我们的说明\n上尖米"
    assert rewrite(before.encode(encoding), ending) == before.replace("尖米", "小明").encode(encoding)
    assert (change_of(rewrite).lines, change_of(rewrite).changed_lines) == (3, 2)


def test_text_that_spans_lines_is_found_in_plain_text(rewrite: Rewrite) -> None:
    assert rewrite(b"a\nb\nc", ".txt", pairs={"a\nb": "x"}) == b"x\nc"


@pytest.mark.parametrize("ending", sorted(room.KNOWN))
def test_an_empty_file_stays_empty(rewrite: Rewrite, ending: str) -> None:
    assert rewrite(b"", ending) == b""
    assert change_of(rewrite).lines == 0


@pytest.mark.parametrize(
    ("content", "ending", "at"),
    [
        (b'{"a":1}\n{"a":', ".jsonl", "in.jsonl:2"),
        (b'\n\n{"a":"b"} {"c":1}\n', ".jsonl", "in.jsonl:3"),
        (b"[1]\n" + "尖米".encode("gbk"), ".jsonl", "in.jsonl:2"),
        (b'{"a":"x\xffy"}', ".jsonl", "in.jsonl:1"),
        (b"\x00\x01\x02\x7fELF", ".jsonl", "in.jsonl:1"),
        (b'{"a":"\x00"}', ".jsonl", "in.jsonl:1"),
        (b"[" * 100_000 + b"]" * 100_000, ".jsonl", "in.jsonl:1"),
        (b"[\n1,\n2,,\n3]", ".json", "in.json:3"),
        (b'a,b\n1,"never closed\n2,3\n', ".csv", "in.csv:2"),
    ],
    ids=["torn", "two values", "gbk", "not utf-8", "binary", "nul", "deep", "document", "open quote"],
)
def test_a_bad_line_is_named_and_nothing_is_written(
    rewrite: Rewrite, tmp_path: Path, content: bytes, ending: str, at: str
) -> None:
    with pytest.raises(DataError) as caught:
        rewrite(content, ending)
    assert caught.value.code == "curate.bad-line"
    assert str(caught.value.facts["at"]).endswith(at)
    assert caught.value.hint()
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and not path.name.startswith("in.")]
    assert rewrite(content, ending, skip_bad=True) == content
    assert change_of(rewrite).bad_lines == 1


@pytest.mark.parametrize(
    "content", [b"\x00\x01\x02" * 40, ("a\0" + "尖米" * 20 + "b").encode(), b"\x7fELF\x01\x02\x03\x00\xff"], ids=str
)
def test_binary_is_no_text(rewrite: Rewrite, content: bytes) -> None:
    with pytest.raises(DataError) as caught:
        rewrite(content, ".txt")
    assert caught.value.code == "curate.not-text"


def test_a_character_that_the_encoding_lacks_is_an_error(rewrite: Rewrite) -> None:
    with pytest.raises(DataError) as caught:
        rewrite("naïve café, déjà vu, où ça".encode("cp1252"), ".txt", pairs={"café": "咖啡"})
    assert caught.value.code == "curate.no-such-character"


def test_a_bad_line_in_the_last_file_leaves_all_targets_as_they_were(tmp_path: Path) -> None:
    for name, content in (("a.jsonl", '["尖米"]'), ("b.jsonl", "{")):
        (tmp_path / name).write_text(content)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.jsonl").write_text("old")
    plan = planned([str(tmp_path / "a.jsonl"), str(tmp_path / "b.jsonl")], tmp_path / "out", in_place=False)
    with pytest.raises(DataError):
        replace_files(plan, Replacer({"尖米": "小明"}), Job())
    assert {path.name: path.read_text() for path in (tmp_path / "out").iterdir()} == {"a.jsonl": "old"}


def test_stopping_leaves_nothing_and_progress_counts_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_BLOCK_BYTES", 100)
    source = tmp_path / "in.jsonl"
    source.write_text('{"a":"尖米"}\n' * 40)
    told: list[int] = []

    def stop(event: Event) -> None:
        if isinstance(event, Progress):
            told.append(event.done)
            assert event.total == source.stat().st_size
            if event.done > 300:
                job.cancel()

    job = Job(sink=stop)
    with pytest.raises(Cancelled):
        replace_files([(source, tmp_path / "out.jsonl")], Replacer({"尖米": "小明"}), job)
    assert told == sorted(told)
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


def test_a_line_over_the_limit_is_an_error(rewrite: Rewrite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_MOST_BYTES", 50)
    with pytest.raises(LimitError) as caught:
        rewrite(b'["a"]\n["' + b"b" * 60 + b'"]\n')
    assert str(caught.value.facts["at"]).endswith("in.jsonl:2")


def test_in_place_keeps_permissions_links_and_untouched_files(tmp_path: Path) -> None:
    real, link, other = tmp_path / "real.jsonl", tmp_path / "link.jsonl", tmp_path / "other.jsonl"
    real.write_text('["尖米"]')
    real.chmod(0o600)
    link.symlink_to(real)
    other.write_text("[1]")
    before = other.stat().st_ino
    replace_files(planned([str(link), str(other)], tmp_path, in_place=True), Replacer({"尖米": "小明"}), Job())
    assert (real.read_text(), real.stat().st_mode & 0o777, link.is_symlink()) == ('["小明"]', 0o600, True)
    assert other.stat().st_ino == before


def test_out_is_a_file_for_one_file_and_a_folder_for_more(tmp_path: Path) -> None:
    for name in ("a.jsonl", "sub/b.txt", "sub/c.bin"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    one, folder = str(tmp_path / "a.jsonl"), str(tmp_path / "sub")
    out = tmp_path / "o"
    assert planned([one], out / "x.jsonl", in_place=False) == [(tmp_path / "a.jsonl", out / "x.jsonl")]
    assert planned([one], out, in_place=False) == [(tmp_path / "a.jsonl", out / "a.jsonl")]
    assert [target for _, target in planned([one, folder], out, in_place=False)] == [out / "a.jsonl", out / "b.txt"]


def test_an_input_is_never_a_target_and_two_files_need_two_names(tmp_path: Path) -> None:
    for name in ("a.jsonl", "sub/a.jsonl", "x.bin"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    one, two = str(tmp_path / "a.jsonl"), str(tmp_path / "sub" / "a.jsonl")
    cases: Sequence[tuple[list[str], Path, str]] = (
        ([one], tmp_path, "file.refused"),
        ([one], tmp_path / "a.jsonl", "file.refused"),
        ([one, two], tmp_path / "o", "file.refused"),
        ([str(tmp_path / "x.bin")], tmp_path / "o", "curate.unknown-kind"),
        ([str(tmp_path / "none.jsonl")], tmp_path / "o", "file.missing"),
    )
    for named, out, code in cases:
        with pytest.raises(LianluError) as caught:
            planned(named, out, in_place=False)
        assert caught.value.code == code


@pytest.mark.parametrize(
    ("old", "new"),
    [(["a"], []), ([""], ["b"]), (["a"], ["a"]), (["a", "a"], ["b", "c"]), (["\udcff"], ["a"]), (["a"], ["\udcff"])],
    ids=["odd", "empty", "same", "twice", "bad old", "bad new"],
)
def test_pairs_that_mean_nothing_are_refused(old: list[str], new: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        pairs_of(old, new)
    assert caught.value.message("zh")
    assert caught.value.hint("en")


def test_examples_show_the_first_three_shortened_with_their_place(rewrite: Rewrite, tmp_path: Path) -> None:
    source = tmp_path / "a.jsonl"
    source.write_text('["' + "x" * 50 + "尖米" + "y" * 50 + '"]\n' + '["a\\n尖米"]\n' * 5)
    replacer = Replacer({"尖米": "小明"})
    replace_files([(source, tmp_path / "o.jsonl")], replacer, Job())
    first, second, third = replacer.examples
    assert first.before == "…" + "x" * 16 + "尖米" + "y" * 16 + "…"
    assert (second.before, second.after) == ("a 尖米", "a 小明")
    assert third.at == f"{source}:3"


@pytest.mark.parametrize("cut", range(14))
def test_examples_of_escaped_text_are_cut_between_characters(rewrite: Rewrite, tmp_path: Path, cut: int) -> None:
    source = tmp_path / "a.jsonl"
    source.write_text(json.dumps(["x" * cut + "😀\\" * 100 + "尖米" + "b" * cut + "\\😀" * 100]))
    replacer = Replacer({"尖米": "小明"})
    replace_files([(source, tmp_path / "o.jsonl")], replacer, Job())
    tail = ("b" * cut + "\\😀" * 8)[:16]
    assert replacer.examples[0].after == "…" + "😀\\" * 8 + f"小明{tail}…"


@pytest.mark.parametrize("folder", ["llamafactory_demo", "xtuner_demo"])
def test_real_sets_equal_the_parsed_and_walked_ones(rewrite: Rewrite, folder: str) -> None:
    root = Path(os.environ.get("LIANLU_TEST_DATA", "nowhere"), folder)
    paths = [path for path in sorted(root.rglob("*.json*")) if path.suffix in (".json", ".jsonl")]
    if not paths:
        pytest.skip("LIANLU_TEST_DATA names no folder with these sets")
    for path in paths:
        before = path.read_bytes()
        after = rewrite(before, path.suffix, {"the": "ein", "的": '"', "\n": " "})
        assert after.count(b"\n") == before.count(b"\n")
        for one, other in zip(_values(before, path), _values(after, path), strict=True):
            wanted = plainly(plainly(plainly(one, "the", "ein"), "的", '"'), "\n", " ")
            assert other == wanted, path


def _values(content: bytes, path: Path) -> list[Any]:
    return [json.loads(line) for line in content.splitlines()] if path.suffix == ".jsonl" else [json.loads(content)]
