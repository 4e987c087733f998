"""`lianlu rag calibrate`: fit to labelled questions when a base refuses, and how `status` shows it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from lianlu.core.console import print_table, say
from lianlu.core.errors import UsageError
from lianlu.core.files import named_path
from lianlu.core.i18n import Text, pick
from lianlu.core.verb import Call, Outcome, argument, option, verb
from lianlu.rag.refusal import Calibration, write_calibration
from lianlu.rag.shelf import open_base
from lianlu.rag.status import Status

__all__ = ["calibrate", "how_refused"]

_SHOWN_POINTS = 9


@verb("calibrate", Text("fit to labelled questions when it refuses", "用标注的问题校准何时拒答"))
@argument("name")
@argument("questions", required=False)
@option("--forget", is_flag=True, help=Text("go back to the shipped weights", "恢复内置权重"))
def calibrate(call: Call, name: str, questions: str | None, forget: bool) -> Outcome:
    if forget == (questions is not None):
        raise UsageError("rag.calibrate-what", name=name)
    with open_base(name, root=call.store) as base:
        path = base.calibration_path
        if questions is None:
            was_there = path.exists()
            if not call.dry_run:
                path.unlink(missing_ok=True)
            told = {"name": name, "forgotten": was_there}
            return Outcome(told, lambda: say(pick("judged by the shipped weights", "改用内置权重判断")))
        from lianlu.rag.labels import read_labels
        from lianlu.rag.refusal_fit import calibrate as fitted

        labelled = read_labels(named_path(questions))
        now = datetime.now(UTC).isoformat(timespec="seconds")
        made = fitted(base, labelled, now=now, job=call.job("rag"))
        if not call.dry_run:
            write_calibration(path, made)
    facts: dict[str, Any] = {"name": name, "path": str(path), **msgspec.to_builtins(made)}
    return Outcome(facts, lambda: _show(name, made, is_kept=not call.dry_run))


def how_refused(status: Status) -> str:
    """By what it is decided whether a base answers."""
    below = pick(f"below {status.threshold:.2f}", f"低于 {status.threshold:.2f}")
    made = status.calibration
    if made is None:
        by = pick("shipped weights", "内置权重")
        return f"{below}, {by}"
    count = made.answerable + made.unanswerable
    measured = made.measured
    return "\n".join(
        (
            f"{below}, "
            + pick(f"calibrated on {count} questions, {made.made[:10]}", f"由 {count} 个问题校准，{made.made[:10]}"),
            pick("answers {} of what is answerable", "可回答的问题中回答 {}").format(_share(measured.recall)),
            pick("refuses {} of what is not", "不可回答的问题中拒答 {}").format(_share(measured.refused)),
        )
    )


def _show(name: str, made: Calibration, *, is_kept: bool) -> None:
    measured = made.measured
    print_table(
        (pick("cross-validated", "交叉验证"), pick("share (95 %)", "比例（95%）")),
        (
            (pick("of the answered, answerable", "已回答中确实可回答"), _share(measured.precision)),
            (pick("of the answerable, answered", "可回答中已回答"), _share(measured.recall)),
            (pick("of the unanswerable, refused", "不可回答中已拒答"), _share(measured.refused)),
            ("AUC", _share(measured.auc)),
            (pick("AUC of the shipped weights", "内置权重的 AUC"), _share(measured.auc_shipped)),
        ),
        title=name,
    )
    points = measured.curve[:: max(1, len(measured.curve) // _SHOWN_POINTS)]
    print_table(
        (pick("threshold", "阈值"), pick("precision", "精确率"), pick("recall", "召回率")),
        ((f"{each.threshold:.2f}", f"{each.precision:.2f}", f"{each.recall:.2f}") for each in points),
    )
    counted = pick(
        f"{made.answerable} answerable and {made.unanswerable} unanswerable questions; threshold {made.refusal.threshold:.2f}",
        f"可回答 {made.answerable} 个，不可回答 {made.unanswerable} 个；阈值 {made.refusal.threshold:.2f}",
    )
    own = pick("weights of its own", "自有权重") if made.has_own_weights else pick("shipped weights", "内置权重")
    say(f"{counted}, {own}" + ("" if is_kept else pick("; nothing was written", "；未写入")))


def _share(share: tuple[float, float, float] | None) -> str:
    return "–" if share is None else f"{share[0]:.2f} ({share[1]:.2f}–{share[2]:.2f})"
