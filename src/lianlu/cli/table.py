"""Every verb of `lianlu`, in one static table. `lianlu --help` is printed from it before click is imported.

`target` is None for what is planned: the README's status column is compared with this table by a test.
"""

from __future__ import annotations

from dataclasses import dataclass

from lianlu.core.i18n import Text

__all__ = ["AREAS", "VERBS", "Verb"]


@dataclass(frozen=True)
class Verb:
    """A verb or group: where its click command lives, and what it does in both languages."""

    area: str
    target: str | None
    help: Text


AREAS: dict[str, Text] = {
    "data": Text("Data", "数据"),
    "model": Text("Model", "模型"),
    "use": Text("Use", "使用"),
    "system": Text("System", "系统"),
}

VERBS: dict[str, Verb] = {
    "extract": Verb("data", "lianlu.extract.verbs:extract", Text("read files into documents", "把文件读成文档")),
    "curate": Verb(
        "data", "lianlu.curate.verbs:curate", Text("put words for words in training data", "在训练数据中替换文字")
    ),
    "synth": Verb(
        "data",
        "lianlu.synth.verbs:synth",
        Text("make data by rules, models and feedback", "用规则、模型与反馈合成数据"),
    ),
    "label": Verb("data", None, Text("annotate dialogues, images, audio, video", "标注对话、图像、音频与视频")),
    "train": Verb("model", "lianlu.train.verbs:train", Text("pretrain and fine-tune", "预训练与微调")),
    "model": Verb(
        "model",
        "lianlu.model.verbs:model",
        Text("fetch, merge, convert, inspect weights", "下载、合并、转换、查看权重"),
    ),
    "serve": Verb("model", "lianlu.serve.verbs:serve", Text("serve a model over HTTP", "以 HTTP 提供模型服务")),
    "eval": Verb("model", "lianlu.evaluate.verbs:evaluation", Text("evaluate on benchmarks", "在评测集上评测")),
    "chat": Verb("use", "lianlu.cli.chat:chat", Text("talk to a model in the terminal", "在终端与模型对话")),
    "rag": Verb("use", "lianlu.rag.group:rag", Text("build a knowledge base and ask it", "建立知识库并提问")),
    "prompt": Verb(
        "use", "lianlu.prompt.group:prompt", Text("write, check and compare prompts", "编写、检查与对比提示词")
    ),
    "agent": Verb("use", None, Text("agents that use tools", "会用工具的智能体")),
    "search": Verb("use", None, Text("search the web and cite", "联网搜索并给出引用")),
    "assistant": Verb("use", None, Text("answer in group chats", "群聊知识助手")),
    "demo": Verb(
        "system",
        "lianlu.cli.demo:demo",
        Text("from documents to cited answers, offline", "离线演示：从文档到带引用的回答"),
    ),
    "run": Verb("system", "lianlu.cli.run:run", Text("run a chain of steps", "运行一条链")),
    "recipe": Verb("system", "lianlu.cli.recipe:recipe", Text("list, copy and check recipes", "列出、复制、检查配方")),
    "store": Verb("system", "lianlu.store.verbs:store", Text("what was made, from what", "产物与血缘")),
    "endpoint": Verb("system", "lianlu.llm.verbs:endpoint", Text("named model services", "已命名的模型服务")),
    "keys": Verb("system", None, Text("accounts, keys and quotas", "账户、密钥与配额")),
    "studio": Verb("system", None, Text("the web interface", "网页界面")),
    "deploy": Verb("system", "lianlu.cli.deploy:deploy", Text("publish to a Space", "发布到 Space")),
    "doctor": Verb("system", "lianlu.cli.doctor:doctor", Text("check this machine and installation", "检查本机与安装")),
}
