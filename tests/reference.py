"""docs/build.py as a module, so that the tests and the pages read the sources with the same eyes."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

__all__ = ["GROUPS", "ROOT", "error_texts", "raised_errors"]

ROOT = Path(__file__).resolve().parents[1]
_spec = importlib.util.spec_from_file_location("lianlu_docs_build", ROOT / "docs" / "build.py")
assert _spec is not None
assert _spec.loader is not None
_build = importlib.util.module_from_spec(_spec)
sys.modules["lianlu_docs_build"] = _build
_spec.loader.exec_module(_build)

GROUPS = _build.GROUPS
error_texts = _build.error_texts
raised_errors = _build.raised_errors
