"""`lianlu run CHAIN.yaml [key=value …]`: run a chain and show what it made."""

from __future__ import annotations

from lianlu.chain import RunResult, run_chain
from lianlu.cli.show import show_run
from lianlu.core.i18n import Text
from lianlu.core.verb import Call, Outcome, argument, option, verb

__all__ = ["execute", "run"]


def execute(call: Call, chain: str, overrides: tuple[str, ...], from_step: str | None = None) -> RunResult:
    """Run a chain with the common options of a call."""
    return run_chain(
        chain,
        overrides,
        store=call.store,
        out=call.out,
        from_step=from_step,
        seed=call.seed,
        resume=call.resume,
        dry_run=call.dry_run,
        sink=call.sink(),
    )


@verb("run", Text("Run a chain file or a ready recipe by name.", "运行一个链文件，或按名字运行现成配方。"))
@argument("chain")
@argument("overrides", nargs=-1)
@option(
    "--from",
    "from_step",
    metavar="STEP",
    help=Text("do this step and what needs it again", "从该步骤起重新执行（包括依赖它的步骤）"),
)
def run(call: Call, chain: str, overrides: tuple[str, ...], from_step: str | None) -> Outcome:
    result = execute(call, chain, overrides, from_step)
    return Outcome(result.as_json(), lambda: show_run(result))
