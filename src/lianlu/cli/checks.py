"""What `lianlu doctor` looks at. Each check is a function that returns findings; none changes the machine.

torch is asked in a child process: importing it takes seconds, and a broken CUDA may take the process with it. Keys and
proxies are named, never shown.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any, Literal

import msgspec

from lianlu.core import registry
from lianlu.core.errors import LianluError, UsageError
from lianlu.core.extras import pip_command
from lianlu.core.i18n import Text, language
from lianlu.core.settings import Settings

__all__ = [
    "CHECKS",
    "Finding",
    "State",
    "Surroundings",
    "config",
    "disk",
    "extras",
    "keys",
    "memory",
    "network",
    "plugins",
    "python",
    "sqlite",
    "store",
    "system",
    "terminal",
    "torch",
]

State = Literal["ok", "note", "problem"]
_GIB = 1 << 30
_TORCH_SECONDS = 90
_TORCH_PROBE = """
import json, torch
cuda = torch.cuda.is_available()
print(json.dumps({
    "version": torch.__version__,
    "cuda": torch.version.cuda if cuda else None,
    "devices": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())] if cuda else [],
    "bf16": bool(torch.cuda.is_bf16_supported()) if cuda else None,
    "mps": bool(getattr(torch.backends, "mps", None) and torch.backends.mps.is_available()),
}))
"""


@dataclass(frozen=True)
class Finding:
    """One row: what was looked at, what was found, and what to do where something should be done."""

    name: Text
    state: State
    found: Text | str
    advice: Text | None = None


@dataclass(frozen=True)
class Surroundings:
    """What the checks look at, so that a test can give another machine."""

    settings: Settings
    store: Path | None
    environment: Mapping[str, str]
    torch_python: str = sys.executable


def python(at: Surroundings) -> Iterator[Finding]:
    del at
    enough = sys.version_info >= (3, 11)
    advice = None if enough else Text("install Python 3.11 or newer", "请安装 Python 3.11 或更新版本")
    yield Finding(Text("Python", "Python"), "ok" if enough else "problem", platform.python_version(), advice)


def system(at: Surroundings) -> Iterator[Finding]:
    name = f"{platform.system()} {platform.release()} {platform.machine()}"
    known = platform.system() in ("Linux", "Darwin")
    advice = None if known else Text("on Windows use WSL", "Windows 请使用 WSL")
    yield Finding(Text("system", "系统"), "ok" if known else "problem", name, advice)
    features = _cpu_features()
    found = f"{at.settings.threads} × {', '.join(features) or platform.machine()}"
    yield Finding(Text("processor", "处理器"), "ok", found)


def memory(at: Surroundings) -> Iterator[Finding]:
    del at
    available = _available_memory()
    name = Text("memory", "内存")
    if available is None:
        yield Finding(name, "note", Text("unknown", "未知"))
        return
    enough = available >= 2 * _GIB
    advice = Text("large documents and local models want 2 GiB", "大文档和本地模型建议至少 2 GiB")
    yield Finding(name, "ok" if enough else "note", _free(available), None if enough else advice)


def disk(at: Surroundings) -> Iterator[Finding]:
    places = {
        Text("disk of the store", "存储库所在磁盘"): _store_root(at),
        Text("disk for temporary files", "临时文件所在磁盘"): Path(tempfile.gettempdir()),
    }
    for name, place in places.items():
        free = shutil.disk_usage(_nearest(place)).free
        state: State = "ok" if free >= 2 * _GIB else "note" if free >= _GIB // 5 else "problem"
        advice = Text("free some space; `lianlu store gc` may help", "请清理磁盘；可试 `lianlu store gc`")
        yield Finding(name, state, _free(free, str(place)), None if state == "ok" else advice)


def store(at: Surroundings) -> Iterator[Finding]:
    from lianlu.store import open_store

    name = Text("store", "存储库")
    root = _store_root(at)
    try:
        open_store(root, create=False)
        open_store(root)
    except UsageError as error:
        if error.code == "store.absent" and _writable(root):
            yield Finding(name, "ok", Text(f"{root} (made when first used)", f"{root}（首次使用时创建）"))
            return
        if error.code == "store.absent":
            error = UsageError("file.unwritable", path=str(root), why="permission denied")
        yield _from_error(name, error)
    except LianluError as error:
        yield _from_error(name, error)
    else:
        yield Finding(name, "ok", str(root))


def config(at: Surroundings) -> Iterator[Finding]:
    folder = at.settings.config_folder
    writable = _writable(folder)
    advice = Text("mend its permissions, or set LIANLU_CONFIG", "请修改权限，或设置 LIANLU_CONFIG")
    yield Finding(
        Text("settings folder", "配置文件夹"),
        "ok" if writable else "problem",
        str(folder) if writable else Text(f"{folder} cannot be written", f"{folder} 不可写"),
        None if writable else advice,
    )


def extras(at: Surroundings) -> Iterator[Finding]:
    del at
    for extra, packages in sorted(_extras().items()):
        found = {package: _version(package) for package in packages}
        absent = [package for package, number in found.items() if number is None]
        there = ", ".join(f"{package} {number}" for package, number in found.items() if number)
        missing = Text(f"without {', '.join(absent)}", f"缺少 {'、'.join(absent)}")
        text = Text(f"{there}; {missing.en}", f"{there}；{missing.zh}") if there else missing
        name = Text(f"extra [{extra}]", f"附加组件 [{extra}]")
        command = pip_command(extra)
        yield Finding(name, "note", text, Text(command, command)) if absent else Finding(name, "ok", there)


def torch(at: Surroundings) -> Iterator[Finding]:
    name = Text("torch", "torch")
    if _version("torch") is None:
        command = pip_command("torch")
        need = Text(f"only models run in this process need it: {command}", f"仅在本进程运行模型时需要：{command}")
        yield Finding(name, "note", Text("not installed", "未安装"), need)
        return
    try:
        done = subprocess.run(
            [at.torch_python, "-c", _TORCH_PROBE], capture_output=True, text=True, timeout=_TORCH_SECONDS, check=False
        )
    except (subprocess.TimeoutExpired, OSError) as error:
        yield Finding(name, "problem", str(error), Text("reinstall torch", "请重新安装 torch"))
        return
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        yield Finding(name, "problem", last[:200], Text("reinstall torch", "请重新安装 torch"))
        return
    yield Finding(name, "ok", _torch_words(msgspec.json.decode(done.stdout)))


def sqlite(at: Surroundings) -> Iterator[Finding]:
    del at
    enough = sqlite3.sqlite_version_info >= (3, 35)
    with sqlite3.connect(":memory:") as connection:
        options = {row[0] for row in connection.execute("PRAGMA compile_options")}
    connection.close()
    words = "FTS5" if "ENABLE_FTS5" in options else "no FTS5"
    advice = None if enough else Text("SQLite 3.35 or newer is needed", "需要 SQLite 3.35 或更新版本")
    yield Finding(Text("SQLite", "SQLite"), "ok" if enough else "problem", f"{sqlite3.sqlite_version}, {words}", advice)


def plugins(at: Surroundings) -> Iterator[Finding]:
    del at
    name = Text("plug-ins", "插件")
    loaded = 0
    for group in registry.groups():
        for each, targets in registry.claims(group).items():
            if len(targets) > 1:
                first, second = targets[:2]
                twice = UsageError("registry.claimed-twice", group=group, name=each, first=first, second=second)
                yield _from_error(name, twice)
                continue
            if targets[0].startswith("lianlu."):
                continue
            try:
                registry.find(group, each)
            except LianluError as error:
                yield _from_error(name, error)
            else:
                loaded += 1
    yield Finding(name, "ok", Text(f"{loaded} from other packages", f"来自其他软件包：{loaded} 个"))


def network(at: Surroundings) -> Iterator[Finding]:
    wanted = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
    proxies = [name for name, value in sorted(at.environment.items()) if name.upper() in wanted and value]
    none = Text("none set", "未设置")
    advice = Text("requests to models go through them", "对模型的请求会经过这些代理")
    found = ", ".join(proxies)
    name = Text("proxies", "代理")
    yield Finding(name, "note", found, advice) if found else Finding(name, "ok", none)


def keys(at: Surroundings) -> Iterator[Finding]:
    from lianlu.llm.endpoint import endpoints

    name = Text("keys of model services", "模型服务密钥")
    try:
        known = endpoints(at.settings)
    except LianluError as error:
        yield _from_error(name, error)
        return
    variables = sorted({variable for endpoint in known.values() for variable in endpoint.key_env})
    found = [variable for variable in variables if at.environment.get(variable)]
    none = Text(f"none set ({', '.join(variables)})", f"未设置（{', '.join(variables)}）")
    yield Finding(name, "ok", ", ".join(found) or none)


def terminal(at: Surroundings) -> Iterator[Finding]:
    encoding = (getattr(sys.stdout, "encoding", None) or "unknown").lower()
    good = encoding.replace("-", "").replace("_", "") == "utf8"
    place = at.environment.get("LC_ALL") or at.environment.get("LANG") or "—"
    advice = Text("Chinese may not show: `export LANG=C.UTF-8`", "中文可能无法显示：`export LANG=C.UTF-8`")
    found = f"{encoding}, {place}, {language()}"
    yield Finding(Text("terminal", "终端"), "ok" if good else "note", found, None if good else advice)


CHECKS: tuple[Callable[[Surroundings], Iterator[Finding]], ...] = (
    python,
    system,
    memory,
    disk,
    store,
    config,
    sqlite,
    extras,
    torch,
    plugins,
    network,
    keys,
    terminal,
)


def _from_error(name: Text, error: LianluError) -> Finding:
    said = Text(error.message("en"), error.message("zh"))
    return Finding(name, "problem", said, Text(error.hint("en"), error.hint("zh")))


def _store_root(at: Surroundings) -> Path:
    """Where the store is or would be."""
    from lianlu.store import open_store

    try:
        return open_store(at.store, settings=at.settings, create=False).root
    except UsageError as error:
        return Path(str(error.facts.get("path", at.settings.data_folder)))


def _nearest(place: Path) -> Path:
    """The folder itself, or the nearest one above it that exists."""
    return next(folder for folder in (place.absolute(), *place.absolute().parents) if folder.exists())


def _writable(folder: Path) -> bool:
    nearest = _nearest(folder)
    return nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)


def _free(count: float, where: str = "") -> Text:
    amount = f"{count / _GIB:.1f} GiB"
    return Text(f"{amount} free {where}".rstrip(), f"可用 {amount} {where}".rstrip())


def _available_memory() -> int | None:
    try:
        found = re.search(r"MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text(encoding="utf-8"))
        if found:
            return int(found.group(1)) * 1024
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return None


def _cpu_features() -> list[str]:
    try:
        words = set(Path("/proc/cpuinfo").read_text(encoding="utf-8").split())
    except OSError:
        return []
    return [
        name for name in ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "amx_int8", "asimd", "bf16") if name in words
    ]


def _extras() -> dict[str, list[str]]:
    try:
        wanted = requires("lianlu") or []
    except PackageNotFoundError:
        return {}
    found: dict[str, list[str]] = {}
    for line in wanted:
        package = re.match(r"[A-Za-z0-9._-]+", line)
        extra = re.search(r"extra\s*==\s*['\"]([^'\"]+)['\"]", line)
        if package and extra and extra.group(1) != "all":
            found.setdefault(extra.group(1), []).append(package.group())
    return found


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _torch_words(seen: Mapping[str, Any]) -> str:
    if seen["cuda"]:
        bf16 = "bf16" if seen["bf16"] else "no bf16"
        return f"{seen['version']}, CUDA {seen['cuda']}, {', '.join(seen['devices'])}, {bf16}"
    return f"{seen['version']}, {'MPS' if seen['mps'] else 'CPU'}"
