"""From files to a base that can be searched by words, beside LlamaIndex that only reads and splits the same files.

Needs LIANLU_TEST_DATA: the markdown and reStructuredText files of xtuner_docs, lmdeploy_docs and mmpose_docs, copied to
one folder. Ours is `lianlu rag build` whole: files found and hashed, parsed in child processes under limits, cut, kept in
the base, indexed, saved. The peer has its defaults, and what it would need to search (an index, embeddings) is not asked
of it. The first row is the command that a person types: each run is a new process, imports and all, in turns, the first
pair not counted. The second row is the same in a process that has done it before, where the peer no longer loads its
tokenizers while ours starts its children anew; it is told, not aimed at. CPU seconds, those of child processes included.
`equal`: both came out with text from the same files.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from command import timed
from peer import SCRIPTS, Clock, Peer, one_thread, peer_python, peer_versions
from row import Row, arguments, median, show, versions

from lianlu.rag.shelf import build, open_base

SETS = ("xtuner_docs", "lmdeploy_docs", "mmpose_docs")
ENDINGS = (".md", ".rst")
NAME = "bench"
Run = Callable[[Path], tuple[float, list[str]]]
"""Does the work with a new store; tells CPU seconds and the files that were read."""


def laid_out(data: Path, folder: Path) -> list[str]:
    """Copy the files, and return their paths below the folder."""
    files = sorted(path for name in SETS for path in (data / name).rglob("*") if path.suffix in ENDINGS)
    for path in files:
        place = folder / path.relative_to(data)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
    return [path.relative_to(data).as_posix() for path in files]


def files_in(store: Path) -> list[str]:
    """The files that a base has chunks of."""
    with open_base(NAME, root=store) as base:
        return sorted({row.uri for row in base.truth.chunks(base.truth.chunk_ids()).values()})


def compared(case: str, ours: Run, theirs: Run, runs: int, place: Path, *, is_aim: bool, spoil: bool) -> Row:
    mine, peer, equal = [], [], True
    for turn in range(runs + 1):
        store = place / "store"
        (seconds, found), (other, read) = ours(store), theirs(store)
        shutil.rmtree(store)
        equal = equal and len(found) > 0 and (found[1:] if spoil else found) == read
        if turn:
            mine.append(seconds)
            peer.append(other)
    return Row(
        case=case,
        against="LlamaIndex reading and splitting alone",
        ours=median(mine),
        peer=median(peer),
        unit="CPU s",
        floor=2 if is_aim else None,
        goal=5 if is_aim else None,
        runs=runs,
        equal=equal,
        versions=versions("numpy", "cmarkgfm", "docutils") | peer_versions("llamaindex", "llama-index-core"),
    )


def measure(data: Path, runs: int, place: Path, *, spoil: bool) -> list[Row]:
    folder = place / "files"
    count = len(laid_out(data, folder))
    python = peer_python("llamaindex")

    def typed(store: Path) -> tuple[float, list[str]]:
        done = timed([sys.executable, "-m", "lianlu", "rag", "build", NAME, folder, "--store", store])
        return done.cpu, files_in(store)

    def peer_typed(_: Path) -> tuple[float, list[str]]:
        done = timed([python, SCRIPTS / "llamaindex_read.py", "read", folder])
        return done.cpu, json.loads(done.output)

    def called(store: Path) -> tuple[float, list[str]]:
        with Clock() as clock:
            build(NAME, [folder], root=store)[0].close()
        return clock.cpu, files_in(store)

    case = f"index {count} md and rst files, lexical"
    rows = [compared(case, typed, peer_typed, runs, place, is_aim=True, spoil=spoil)]
    with Peer("llamaindex", "llamaindex_read") as peer:

        def peer_called(_: Path) -> tuple[float, list[str]]:
            reply = peer("read", folder=str(folder))
            return reply.cpu, reply.value

        rows.append(compared(f"{case}, again", called, peer_called, runs, place, is_aim=False, spoil=spoil))
    return rows


def main() -> int:
    one_thread()
    given = arguments(__doc__).parse_args()
    data = Path(os.environ.get("LIANLU_TEST_DATA", ""))
    if not all((data / name).is_dir() for name in SETS):
        print(f"LIANLU_TEST_DATA with {', '.join(SETS)} is needed", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as place:
        rows = measure(data, 1 if given.quick or given.self_test else 5, Path(place), spoil=given.self_test)
    return show(rows, only_json=given.json)


if __name__ == "__main__":
    sys.exit(main())
