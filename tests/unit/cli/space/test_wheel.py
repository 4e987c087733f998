"""The wheel that a Space carries is a wheel: named, recorded and installable as any other."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import zipfile
from pathlib import Path

from conftest import python
from lianlu.cli.space.wheel import write_wheel


def test_its_record_names_every_file_with_its_hash(tmp_path: Path) -> None:
    with zipfile.ZipFile(write_wheel(tmp_path)) as wheel:
        names = wheel.namelist()
        record = names[-1]
        rows = {row[0]: row[1:] for row in csv.reader(io.StringIO(wheel.read(record).decode()))}
        assert set(rows) == set(names)
        for name in names[:-1]:
            told = base64.urlsafe_b64encode(hashlib.sha256(wheel.read(name)).digest()).rstrip(b"=").decode()
            assert rows[name][0] == f"sha256={told}"


def test_the_same_installation_gives_the_same_bytes(tmp_path: Path) -> None:
    assert write_wheel(tmp_path / "a").read_bytes() == write_wheel(tmp_path / "b").read_bytes()


def test_it_holds_the_whole_package_without_caches_and_demo_weights(tmp_path: Path) -> None:
    with zipfile.ZipFile(write_wheel(tmp_path)) as wheel:
        names = set(wheel.namelist())
    assert {"lianlu/cli/main.py", "lianlu/_recipes/demo.yaml", "lianlu/cli/space/page.html"} <= names
    assert not [name for name in names if "__pycache__" in name or "_examples" in name]


def test_unpacked_it_runs_alone(tmp_path: Path) -> None:
    with zipfile.ZipFile(write_wheel(tmp_path)) as wheel:
        wheel.extractall(tmp_path / "site")
    code = f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r}); import lianlu; print(lianlu.__file__)"
    assert python(["-c", code]).out.startswith(str(tmp_path / "site"))
