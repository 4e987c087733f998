"""The wheel of this very installation, so that a Space runs the code its base was made with.

Assembled from the files of the package and the metadata of the installation, because neither a build tool nor the source
tree may be there. The demo's data (`_examples`) stay out: a Space needs none of it, and its weights are most of the size.
The same files give the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import zipfile
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from lianlu.core.errors import UsageError

__all__ = ["write_wheel"]

_PACKAGE = "lianlu"
_LEFT_OUT = ("__pycache__", "_examples")
_TIME = (1980, 1, 1, 0, 0, 0)
_WHEEL = "Wheel-Version: 1.0\nGenerator: lianlu\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def write_wheel(folder: Path) -> Path:
    """Write the wheel into a folder.

    Raises:
        UsageError: cli.space-not-installed
    """
    try:
        installed = distribution(_PACKAGE)
    except PackageNotFoundError:
        raise UsageError("cli.space-not-installed") from None
    files = _package_files() | _metadata(installed)
    about = f"{_PACKAGE}-{installed.version}.dist-info"
    record = "".join(f"{name},sha256={_hash(content)},{len(content)}\n" for name, content in sorted(files.items()))
    record += f"{about}/RECORD,,\n"
    path = folder / f"{_PACKAGE}-{installed.version}-py3-none-any.whl"
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as wheel:
        for name, content in [*sorted(files.items()), (f"{about}/RECORD", record.encode())]:
            entry = zipfile.ZipInfo(name, _TIME)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            wheel.writestr(entry, content)
    return path


def _package_files() -> dict[str, bytes]:
    import lianlu

    root = Path(lianlu.__file__).parent
    found = {
        f"{_PACKAGE}/{path.relative_to(root).as_posix()}": path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and not set(path.relative_to(root).parts) & set(_LEFT_OUT) and _is_ours(path)
    }
    recipes = root.parents[1] / "recipes"
    if not (root / "_recipes").is_dir() and recipes.is_dir():  # a source tree: the build puts them there
        found |= {
            f"{_PACKAGE}/_recipes/{path.relative_to(recipes).as_posix()}": path.read_bytes()
            for path in recipes.rglob("*.yaml")
        }
    return found


def _is_ours(path: Path) -> bool:
    return path.suffix not in (".pyc", ".pyo") and not path.name.startswith(".")


def _metadata(installed: Distribution) -> dict[str, bytes]:
    about = f"{_PACKAGE}-{installed.version}.dist-info"
    named = ("METADATA", "entry_points.txt", "licenses/LICENSE")
    texts = {name: installed.read_text(name) for name in named} | {"WHEEL": _WHEEL}
    if not texts["METADATA"]:
        raise UsageError("cli.space-not-installed")
    return {f"{about}/{name}": text.encode() for name, text in texts.items() if text}


def _hash(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
