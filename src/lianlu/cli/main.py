"""The entry point: print help from the static table, or import the one verb that was asked for; turn errors into words.

This is one of the five places where any exception is caught: what is not ours is a bug, logged and reported as such.
"""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from typing import TYPE_CHECKING, NoReturn

from lianlu.cli.table import AREAS, VERBS

if TYPE_CHECKING:
    import click

__all__ = ["help_text", "main"]


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run one command and exit with its code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal that knows no Chinese shows escapes instead of failing
            stream.reconfigure(errors="backslashreplace")
    sys.exit(_run(given))


def _open_closed_streams() -> None:
    """A service may start us without stdin, stdout or stderr (`>&-`): Python has None there then."""
    streams: list[object] = [sys.stdin, sys.stdout, sys.stderr]
    if None in streams:
        sys.stdin = sys.stdin or open(os.devnull, encoding="utf-8")  # noqa: PTH123, SIM115 - until we exit
        sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
        sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115


def _run(given: list[str]) -> int:
    if not given or given[0] in ("-h", "--help", "help"):
        return _written(help_text())
    if given[0] in ("-V", "--version"):
        from lianlu import __version__

        return _written(f"lianlu {__version__}\n")
    return _guarded(given)


def _written(text: str) -> int:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        return _not_written(error)
    return 0


def _not_written(error: OSError) -> int:
    """Standard output takes no more: its reader (`| head`) has what it wanted, or the disk behind it is full."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing may be written at exit either
    if isinstance(error, BrokenPipeError):
        return 0
    from pathlib import Path

    from lianlu.core.files import as_lianlu_error

    return _report(as_lianlu_error(error, Path("/dev/stdout")), [])


def help_text() -> str:
    """What `lianlu --help` prints."""
    from lianlu.core.i18n import pick

    planned = pick("planned", "计划中")
    lines = [
        pick("lianlu — from your own files to an assistant you can trust", "lianlu（链路）—— 从自己的文件到可信的助手"),
        "",
        pick(
            "usage: lianlu VERB [options]      lianlu VERB --help",
            "用法：lianlu 子命令 [选项]      lianlu 子命令 --help",
        ),
    ]
    for area, title in AREAS.items():
        lines += ["", f"{title}:"]
        for name, each in VERBS.items():
            if each.area == area:
                note = "" if each.target else f" [{planned}]"
                lines.append(f"  {name:<10} {each.help}{note}")
    lines += ["", pick("start with: lianlu demo", "从这里开始：lianlu demo"), ""]
    return "\n".join(lines)


def _guarded(given: list[str]) -> int:
    from lianlu.core.errors import Cancelled, LianluError

    _let_terminate_stop_as_ctrl_c_does()
    try:
        code = _invoke(given)
    except KeyboardInterrupt:
        return _report(Cancelled(), given)
    except LianluError as error:
        return _report(error, given)
    except BrokenPipeError as error:
        return _not_written(error)
    except OSError as error:
        from lianlu.core.files import refused

        stuck = 0 if error.filename else _written("")
        if stuck:
            return stuck
        known = refused(error)
        return _report(known, given) if known else _report_bug(error, given)
    except Exception as error:  # noqa: BLE001 - the command line's boundary of design.md §4
        return _report_bug(error, given)
    return _written("") or code


def _let_terminate_stop_as_ctrl_c_does() -> None:
    """`docker stop`, `timeout` and shutdowns send SIGTERM: temporary files go, children end. A second one kills."""
    import signal
    import threading

    def stop(number: int, _: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        raise KeyboardInterrupt

    is_ours = threading.current_thread() is threading.main_thread()
    if is_ours and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, stop)


def _invoke(given: list[str]) -> int:
    from lianlu.core.errors import UsageError
    from lianlu.core.i18n import suggest
    from lianlu.core.registry import load_target

    name = given[0]
    verb = VERBS.get(name)
    if verb is None:
        working = [known for known, each in VERBS.items() if each.target]
        raise UsageError("cli.unknown-verb", verb=name, suggestion=suggest(name, working), command="lianlu")
    if verb.target is None:
        raise UsageError("cli.planned-verb", verb=name)
    command: click.Command = load_target(verb.target)
    return _invoke_command(command, given[1:], f"lianlu {name}")


def _invoke_command(command: click.Command, arguments: list[str], path: str) -> int:
    """What `command.main` does, less its own ideas of Ctrl-C and broken pipes."""
    import click

    from lianlu.core.errors import UsageError
    from lianlu.core.usage import said

    try:
        with command.make_context(path, arguments) as context:
            command.invoke(context)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except (click.exceptions.Abort, EOFError):
        raise KeyboardInterrupt from None
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        path = context.command_path if context is not None else path
        raise UsageError("cli.bad-usage", what=said(error.format_message()), command=path) from None
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    return 0


def _report(error: Exception, given: list[str]) -> int:
    from lianlu.core.errors import BUG_EXIT, LianluError
    from lianlu.core.i18n import pick

    assert isinstance(error, LianluError)
    hint = f"{pick('hint', '提示')}: {error.hint()}\n" if error.hint() else ""
    try:
        sys.stderr.write(f"{pick('error', '错误')}: {error.message()} [{error.code}]\n{hint}")
        sys.stderr.flush()
    except OSError:  # who cannot be told still gets the exit code
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    if "--json" in given:
        import msgspec

        shown = {"code": error.code, "message": error.message("en"), "hint": error.hint("en")}
        _written(msgspec.json.encode({"error": shown}).decode() + "\n")
    return error.exit_code or BUG_EXIT


def _report_bug(error: Exception, given: list[str]) -> int:
    import tempfile
    import traceback

    from lianlu.core.errors import BUG_EXIT, LianluError

    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", errors="backslashreplace", prefix="lianlu-bug-", suffix=".log", delete=False
        ) as log:
            log.writelines(traceback.format_exception(error))
        where = log.name
    except OSError:
        traceback.print_exception(error)
        where = "stderr"
    _report(LianluError("bug", what=f"{type(error).__name__}: {error}", log=where), given)
    return BUG_EXIT
