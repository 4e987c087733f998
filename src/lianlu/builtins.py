"""The static table of everything that can be found by name. Reading it imports nothing."""

from __future__ import annotations

__all__ = ["BUILTINS", "OFFERED_BY_EXTRA"]

BUILTINS: dict[str, dict[str, str]] = {
    "recipe": {
        "chain": "lianlu.chain.recipe:ChainRecipe",
    },
    "step": {
        "extract": "lianlu.extract.step:EXTRACT",
        "extract.sql": "lianlu.extract.sql:SQL",
        "prompt.render": "lianlu.prompt.step:RENDER",
        "rag.build": "lianlu.rag.steps:BUILD",
        "rag.ask": "lianlu.rag.steps:ASK",
        "report": "lianlu.chain.report:REPORT",
        "eval.run": "lianlu.evaluate.steps:RUN",
        "eval.parity": "lianlu.evaluate.steps:PARITY",
        "train.dpo": "lianlu.train.steps:DPO",
        "train.kto": "lianlu.train.steps:KTO",
        "train.lora": "lianlu.train.steps:LORA",
        "train.orpo": "lianlu.train.steps:ORPO",
        "train.pretrain": "lianlu.train.steps:PRETRAIN",
        "train.reward": "lianlu.train.steps:REWARD",
        "train.sft": "lianlu.train.steps:SFT",
        "train.simpo": "lianlu.train.steps:SIMPO",
        "train.tokenizer": "lianlu.train.steps:TOKENIZER",
        "synth.rules": "lianlu.synth.step:RULES",
        "model.merge": "lianlu.model.step:MERGE",
    },
    "source": {
        "files": "lianlu.extract.read:read_named",
    },
    "reader": {
        "markdown": "lianlu.extract.markdown:read",
        "text": "lianlu.extract.plain:read",
        "rst": "lianlu.extract.rst:read",
        "html": "lianlu.extract.html:read",
        "pdf": "lianlu.extract.pdf:read",
        "docx": "lianlu.extract.docx:read",
        "xlsx": "lianlu.extract.xlsx:read",
        "pptx": "lianlu.extract.pptx:read",
        "epub": "lianlu.extract.epub:read",
        "csv": "lianlu.extract.csv_table:read",
        "ipynb": "lianlu.extract.notebook:read",
        "code": "lianlu.extract.code:read",
    },
    "backend": {
        "artifact": "lianlu.engine.backend:open_artifact",
        "bundled": "lianlu.engine.embed_backend:open_bundled",
        "fake": "lianlu.llm.fake:open_backend",
        "http": "lianlu.llm.client:open_backend",
        "https": "lianlu.llm.client:open_backend",
        "local": "lianlu.engine.backend:open_backend",
        "onnx": "lianlu.engine.embed_backend:open_onnx",
        "replay": "lianlu.llm.replay:open_backend",
    },
    "page": {
        "adapter": "lianlu.train.page:section",
        "weights": "lianlu.train.page:section",
        "documents": "lianlu.extract.page:section",
        "predictions": "lianlu.rag.page:section",
        "index": "lianlu.rag.page:index_section",
        "prompt": "lianlu.prompt.page:section",
        "scores": "lianlu.evaluate.page:section",
        "conversations": "lianlu.synth.page:section",
    },
    "benchmark": {
        "zh-choice": "lianlu.evaluate.benchmarks:zh_choice",
        "letters": "lianlu.evaluate.benchmarks:letters",
        "arithmetic": "lianlu.evaluate.benchmarks:arithmetic",
        "identity": "lianlu.evaluate.benchmarks:identity",
        "cloze": "lianlu.evaluate.benchmarks:cloze",
    },
    "framework": {
        "langgpt": "lianlu.prompt.langgpt:LANGGPT",
        "costar": "lianlu.prompt.costar:COSTAR",
        "crispe": "lianlu.prompt.crispe:CRISPE",
    },
    "prompt-format": {
        "prompty": "lianlu.prompt.foreign.prompty:PROMPTY",
        "dotprompt": "lianlu.prompt.foreign.dotprompt:DOTPROMPT",
        "promptfoo": "lianlu.prompt.foreign.promptfoo:PROMPTFOO",
        "skill": "lianlu.prompt.foreign.skill:SKILL",
    },
    "knowledge": {
        "base": "lianlu.rag.knowledge:open_knowledge",
    },
    "generator": {
        "identity": "lianlu.synth.identity:IDENTITY",
        "letters": "lianlu.synth.letters:LETTERS",
        "persona": "lianlu.synth.persona:PERSONA",
        "spelling": "lianlu.synth.spelling:SPELLING",
        "arithmetic": "lianlu.synth.arithmetic:ARITHMETIC",
        "cloze": "lianlu.synth.cloze:CLOZE",
    },
    "sink": {
        "swanlab": "lianlu.train.sinks:open_swanlab",
        "tensorboard": "lianlu.train.sinks:open_tensorboard",
        "wandb": "lianlu.train.sinks:open_wandb",
    },
}

OFFERED_BY_EXTRA: dict[str, dict[str, str]] = {}
