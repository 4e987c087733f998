"""Artifacts: their bytes, manifests, names and lineage, and what was already done. Knows no step and no chain."""

from lianlu.store.collect import Garbage
from lianlu.store.difference import Difference, RecipeDifference, SourceDifference
from lianlu.store.lineage import Edge, Graph, Lineage, Node, SourceState, mermaid
from lianlu.store.opening import open_store, register_folder
from lianlu.store.steps import StepRecord
from lianlu.store.store import KEEP_DAYS, RunFolder, Store
from lianlu.store.verify import Finding, Verification

__all__ = [
    "KEEP_DAYS",
    "Difference",
    "Edge",
    "Finding",
    "Garbage",
    "Graph",
    "Lineage",
    "Node",
    "RecipeDifference",
    "RunFolder",
    "SourceDifference",
    "SourceState",
    "StepRecord",
    "Store",
    "Verification",
    "mermaid",
    "open_store",
    "register_folder",
]
