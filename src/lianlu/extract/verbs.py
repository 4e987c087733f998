"""`lianlu extract FILES…`: read files into a folder of markdown and JSON, and say what could not be read and why."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from lianlu.core import registry
from lianlu.core.console import print_table, say
from lianlu.core.errors import UsageError, failure_text
from lianlu.core.files import Files
from lianlu.core.i18n import Text, pick
from lianlu.core.verb import Call, Outcome, argument, option, verb
from lianlu.extract.read import FoundFile
from lianlu.extract.step import EXTRACT, ExtractRecipe, extract_into
from lianlu.records import Failure, Source, StepStamp
from lianlu.text.documents import DocumentEntry, load_entries, load_failures

__all__ = ["extract"]

_MOST_ROWS = 60


@verb(
    "extract",
    Text(
        "Read files and folders (md, txt, rst, html, pdf, docx, pptx, xlsx, csv, epub, ipynb, source code) into markdown and JSON.",
        "把文件和文件夹（md、txt、rst、html、pdf、docx、pptx、xlsx、csv、epub、ipynb、源代码）读成 markdown 与 JSON。",
    ),
)
@argument("files", nargs=-1, required=True)
@option("--include", multiple=True, help=Text("read only files matching this pattern", "只读取匹配该模式的文件"))
@option("--exclude", multiple=True, help=Text("leave out files matching this pattern", "排除匹配该模式的文件"))
@option(
    "--all-text",
    is_flag=True,
    help=Text("of web pages keep all text, not the article only", "网页保留全部文字，而不只是正文"),
)
def extract(
    call: Call, files: tuple[str, ...], include: tuple[str, ...], exclude: tuple[str, ...], all_text: bool
) -> Outcome:
    """Raises UsageError file.missing, extract.no-files; DataError extract.all-failed; LimitError file.disk-full."""
    recipe = ExtractRecipe(files=list(files), include=list(include), exclude=list(exclude), main_content=not all_text)
    folder = call.out_folder(f"extract-{_name(recipe.files)}")
    found = _without_results(recipe.find_files(), folder)
    if call.dry_run:
        return _planned(folder, found)
    job = call.job("extract")
    summary = extract_into(folder, recipe, job, found)
    artifact_id = _register(call, folder, recipe, found, job)
    written = Files.of_folder(folder, kind="documents")
    entries, failures = load_entries(written), load_failures(written)
    shown: dict[str, Any] = {"out": str(folder), "artifact": artifact_id, **summary}
    return Outcome(shown, lambda: _show(folder, entries, failures))


def _name(files: list[str]) -> str:
    first = Path(os.path.realpath(files[0]))  # unlike resolve() it lets links that lead in a circle pass
    return (first.stem if first.is_file() else first.name) or "files"


def _without_results(found: list[FoundFile], folder: Path) -> list[FoundFile]:
    """Leave out what an earlier run wrote: tomorrow's input must not be today's output.

    Raises:
        UsageError: extract.out-is-input, extract.no-files
    """
    target = Path(os.path.realpath(folder))
    for root in {file.root for file in found if file.root is not None}:
        if root.resolve() == target:
            raise UsageError("extract.out-is-input", out=str(folder))
    kept = [file for file in found if file.root is None or not file.path.absolute().is_relative_to(target)]
    if not kept:
        raise UsageError("extract.no-files", paths=", ".join(sorted({str(file.root) for file in found})))
    return kept


def _planned(folder: Path, found: list[FoundFile]) -> Outcome:
    uris = [file.uri for file in found]

    def show() -> None:
        for uri in uris:
            say(uri)
        say(pick(f"{len(uris)} files would be read into {folder}", f"将读取 {len(uris)} 个文件，写入 {folder}"))

    return Outcome({"out": str(folder), "files": uris}, show)


def _register(call: Call, folder: Path, recipe: ExtractRecipe, found: list[FoundFile], job: Any) -> str | None:
    from lianlu.core.hashing import canonical_json, code_fingerprint, sha256_file, short_id
    from lianlu.store import register_folder

    sources: list[Source] = []
    root = _common_root(found)
    for file in found:
        if file.path.is_file():
            uri = file.path.absolute().relative_to(root).as_posix()
            sources.append(Source(uri=uri, sha256=sha256_file(file.path), size=file.path.stat().st_size))
    settings = recipe.model_dump(mode="json") | {"files": [Path(path).name for path in recipe.files]}
    modules = {target.partition(":")[0] for each in registry.claims("reader").values() for target in each}
    code = [code_fingerprint(module) for module in ("lianlu.extract.step", *sorted(modules))]
    hashes = canonical_json([(source.uri, source.sha256) for source in sources])
    key = short_id(EXTRACT.name, str(EXTRACT.version), *code, canonical_json(settings), hashes)
    stamp = StepStamp(name=EXTRACT.name, version=EXTRACT.version, key=key, output="documents", recipe=settings)
    artifact = register_folder(
        folder, kind="documents", step=stamp, sources=sources, sources_root=str(root), store_root=call.store, job=job
    )
    return artifact.id if artifact is not None else None


def _common_root(found: list[FoundFile]) -> Path:
    import os

    return Path(os.path.commonpath([file.path.absolute().parent for file in found]))


def _show(folder: Path, entries: list[DocumentEntry], failures: list[Failure]) -> None:
    columns = (
        pick("file", "文件"),
        pick("title", "标题"),
        pick("blocks", "块"),
        pick("pages", "页"),
        pick("language", "语言"),
    )
    rows = [(entry.uri, entry.title[:50], entry.blocks, entry.pages or "", entry.language) for entry in entries]
    print_table(columns, rows[:_MOST_ROWS])
    if len(rows) > _MOST_ROWS:
        say(pick(f"… and {len(rows) - _MOST_ROWS} more", f"…… 另有 {len(rows) - _MOST_ROWS} 个"))
    if failures:
        say()
        print_table(
            (pick("not read", "未能读取"), pick("reason", "原因"), pick("what to do", "处理办法")),
            [_why(failure) for failure in failures[:_MOST_ROWS]],
        )
    say(
        pick(
            f"{len(entries)} documents in {folder}" + (f", {len(failures)} files not read" if failures else ""),
            f"{folder} 中有 {len(entries)} 篇文档" + (f"，{len(failures)} 个文件未能读取" if failures else ""),
        )
    )


def _why(failure: Failure) -> tuple[str, str, str]:
    text = failure_text(failure)
    return failure.uri, text.message.show(), text.hint.show()
