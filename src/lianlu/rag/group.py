"""Where the verbs of `lianlu rag` stand. Asking a question imports nothing of building, measuring or serving."""

from __future__ import annotations

from lianlu.core.i18n import Text
from lianlu.core.verb import LoadedVerbs, RoomGroup

__all__ = ["rag"]

rag = RoomGroup(
    "rag",
    Text("Build knowledge bases and ask them.", "建立知识库并提问。"),
    LoadedVerbs(
        {
            "build": "lianlu.rag.verbs:build_verb",
            "add": "lianlu.rag.verbs:add_verb",
            "update": "lianlu.rag.verbs:update_verb",
            "watch": "lianlu.rag.verbs:watch_verb",
            "remove": "lianlu.rag.verbs:remove_verb",
            "list": "lianlu.rag.verbs:list_verb",
            "status": "lianlu.rag.verbs:status_verb",
            "search": "lianlu.rag.verbs:search_verb",
            "ask": "lianlu.rag.chat_verbs:ask",
            "chat": "lianlu.rag.chat_verbs:chat",
            "summarize": "lianlu.rag.summary_verbs:summarize",
            "eval": "lianlu.rag.eval_verb:evaluate_base",
            "calibrate": "lianlu.rag.refusal_verbs:calibrate",
            "serve": "lianlu.rag.serve_verbs:serve",
            "export": "lianlu.rag.verbs:export_verb",
            "import": "lianlu.rag.verbs:import_verb",
        }
    ),
)
