"""The place that a Space runs in, for tests: a home of user 1000 with what its requirements name and nothing else.

The Python that runs the tests may lie where user 1000 may not look (a root's home, in many containers), and so may its
packages. Both are put into the home as hard links to the very files, or as copies where that cannot be. The owner and
the mode of a linked file are those of the original too, so nothing here changes them; only folders are new.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from configparser import ConfigParser
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

__all__ = ["USER", "Home", "link", "own", "python_for_user", "started"]

USER = 1000
_VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"
_LEFT_OUT = {"__pycache__", "ensurepip", "idlelib", "lib2to3", "site-packages", "test", "tkinter", "turtledemo"}
_SCRIPT = "#!{python}\nimport sys\nfrom {module} import {name}\nsys.exit({name}())\n"


@dataclass(frozen=True)
class Home:
    """A home below a folder that everybody may enter.

    Attributes:
        path: the home itself.
        python: an interpreter that the user may run.
    """

    path: Path
    python: Path

    @classmethod
    def make(cls, path: Path, python: Path) -> Home:
        path.mkdir(parents=True)
        own(path)
        return cls(path, python)

    @property
    def site(self) -> Path:
        return self.path / ".local" / "lib" / _VERSION / "site-packages"

    def install(self, requirements: Path) -> None:
        """What `pip install --user -r` does, from the packages of the tests: those named, what they need, no more."""
        lines = requirements.read_text(encoding="utf-8").splitlines()
        for found in _closure(Requirement(line) for line in lines):
            for file in found.files or ():
                source = Path(str(found.locate_file(file)))
                if ".." not in file.parts and file.suffix != ".pth" and source.is_file():
                    link(source, self.site / file)

    def install_wheel(self, wheel: Path) -> None:
        """What `pip install --user --no-deps` does with a wheel of plain Python: unpack it, write its commands."""
        with zipfile.ZipFile(wheel) as packed:
            packed.extractall(self.site)
            (named,) = [each for each in packed.namelist() if each.endswith(".dist-info/entry_points.txt")]
            points = ConfigParser()
            points.read_string(packed.read(named).decode())
        folder = self.path / ".local" / "bin"
        folder.mkdir(parents=True, exist_ok=True)
        for command, place in points["console_scripts"].items():
            module, _, name = place.partition(":")
            (folder / command).write_text(_SCRIPT.format(python=self.python, module=module, name=name))
            (folder / command).chmod(0o755)


def python_for_user(place: Path) -> Path:
    """The Python of the tests, put into `place` where it is closed to the user; without one the test is skipped."""
    if not _can_run(Path("/bin/true")):
        pytest.skip(f"this root may not become user {USER}")
    python = Path(os.path.realpath(sys.executable))
    if not _can_run(python):
        python = _linked_python(place)
        if not _can_run(python):
            pytest.skip(f"user {USER} cannot be given a Python to run here")
    return python


def started(words: Sequence[str], folder: Path, environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    """A process of the user, in an environment of nothing but what is given; what it says goes to `log`."""
    command = shutil.which(words[0], path=environment["PATH"])
    assert command is not None, f"{words[0]} is not on {environment['PATH']}"
    with log.open("wb") as said:
        return subprocess.Popen(
            [command, *words[1:]],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            **_as_user(),
        )


def own(path: Path) -> None:
    """Give files and folders that are ours alone to the user. Links are not followed, linked files not touched."""
    if os.getuid() != 0:
        return
    for each in (path, *path.rglob("*")):
        status = each.lstat()
        if each.is_dir() or status.st_nlink == 1:
            os.chown(each, USER, USER, follow_symlinks=False)


def link(source: Path, target: Path) -> None:
    """Put a file into a place of the user's, readable by everybody."""
    target.parent.mkdir(parents=True, exist_ok=True)
    is_open = source.stat().st_mode & 0o004
    try:
        if not is_open or source.is_symlink():
            raise OSError("a link would be closed to the user")
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
        target.chmod(0o755 if os.access(source, os.X_OK) else 0o644)


def _as_user() -> dict[str, object]:
    """How to become the user; where one may not, the tests' own user is no root either."""
    return {"user": USER, "group": USER, "extra_groups": ()} if os.getuid() == 0 else {}


def _can_run(program: Path) -> bool:
    try:
        done = subprocess.run(
            [program, "-c", "import ssl, sqlite3"], env={}, cwd="/", capture_output=True, **_as_user()
        )
    except PermissionError:
        return False
    return done.returncode == 0


def _linked_python(place: Path) -> Path:
    """The tests' own Python in another place: the interpreter finds its library by where it stands itself."""
    base = Path(sys.base_prefix)
    for source in (base / "lib" / _VERSION).rglob("*"):
        below = source.relative_to(base)
        if source.is_file() and not set(below.parts) & _LEFT_OUT:
            link(source, place / below)
    executable = Path(os.path.realpath(sys.executable))
    copy = place / "bin" / _VERSION
    copy.parent.mkdir(parents=True)
    content = executable.read_bytes()
    if sysconfig.get_config_var("Py_ENABLE_SHARED"):
        library = Path(sysconfig.get_config_var("LIBDIR")) / sysconfig.get_config_var("INSTSONAME")
        link(library.resolve(), place / "lib" / library.name)
        old, new = str(library.parent).encode() + b"\0", b"$ORIGIN/../lib\0"
        if len(new) <= len(old):  # where the loader looks for it, which stands in the file
            content = content.replace(old, new.ljust(len(old), b"\0"))
    copy.write_bytes(content)
    copy.chmod(0o755)
    return copy


def _closure(wanted: Iterable[Requirement]) -> list[Distribution]:
    """The installed packages that requirements name, and all that these need in turn."""
    found: dict[tuple[str, str], Distribution] = {}
    waiting = [(each, extra) for each in wanted for extra in ("", *each.extras)]
    while waiting:
        requirement, extra = waiting.pop()
        key = (canonicalize_name(requirement.name), extra)
        if key in found:
            continue
        try:
            there = distribution(requirement.name)
        except PackageNotFoundError:
            pytest.fail(f"{requirement} is required and not installed")
        assert requirement.specifier.contains(there.version, prereleases=True), f"{requirement} but {there.version}"
        found[key] = there
        for line in there.requires or ():
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                waiting += [(needed, each) for each in ("", *needed.extras)]
    return list({key[0]: there for key, there in found.items()}.values())
