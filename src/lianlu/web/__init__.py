"""The HTTP kit: app factory, errors to status codes, server-sent events, keys, limits, pages, serving (owns fastapi)."""

from __future__ import annotations

from lianlu.core.extras import require

require("fastapi", "web")
require("uvicorn", "web")

from lianlu.web.app import create_app  # noqa: E402 - the extra is checked first
from lianlu.web.problem import error_body, language_of  # noqa: E402
from lianlu.web.serve import announce, running, serve  # noqa: E402
from lianlu.web.sse import EventStream  # noqa: E402

__all__ = ["EventStream", "announce", "create_app", "error_body", "language_of", "running", "serve"]
