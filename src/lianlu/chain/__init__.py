"""Chains: YAML graphs of steps with services, a cache, resume after a kill, and lineage for everything they make."""

from lianlu.chain.result import RunResult, StepResult
from lianlu.chain.run import run_chain

__all__ = ["RunResult", "StepResult", "run_chain"]
