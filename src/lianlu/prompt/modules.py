"""The modules that frameworks know: names, titles in both languages, spellings people use, and what each is for.

LangGPT lists thirty modules from A to Z; its templates add a few more (Profile, Rules, Initialization, …). The order of
a whole prompt follows the chain of thought Role → Profile → Skills → Rules → Workflow → Initialization; `place` says
where in that chain a module belongs.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from lianlu.core.i18n import Text

__all__ = ["A_TO_Z", "CHAIN", "COSTAR_MODULES", "CRISPE_MODULES", "LANGGPT_MODULES", "RUNS", "Kind", "Names"]

CHAIN = ("Role", "Profile", "Skills", "Rules", "Workflow", "Initialization")
RUNS = frozenset({"Unsure", "Fail", "Pardon", "Memory", "Merge", "Knowledge", "RAG", "Quote"})
"""Modules that lianlu acts on where their elements say how (`lianlu.prompt.behaviour`); all others are text for the model."""


@dataclass(frozen=True)
class Kind:
    """A kind of module.

    Attributes:
        name: canonical name.
        title: what to write above it.
        meaning: what it is for, in one line.
        aliases: other spellings, in any case, with or without spaces.
        place: the link of CHAIN it stands with.
    """

    name: str
    title: Text
    meaning: Text
    aliases: tuple[str, ...] = ()
    place: str = "Rules"


def _kind(name: str, titles: str, place: str, meaning: str, meaning_zh: str, aliases: str) -> Kind:
    english, _, chinese = titles.partition(" / ")
    return Kind(name, Text(english, chinese), Text(meaning, meaning_zh), tuple(aliases.split(" / ")), place)


A_TO_Z: tuple[Kind, ...] = (
    _kind(
        "Attention",
        "Attention / 注意",
        "Rules",
        "what must not be overlooked",
        "务必留意的重点",
        "注意事项 / 重点 / Note / Notes",
    ),
    _kind(
        "Background",
        "Background / 背景",
        "Profile",
        "why the prompt is needed",
        "为什么需要这个提示词",
        "Context / 背景信息 / 背景介绍 / 上下文",
    ),
    _kind(
        "Constraints",
        "Constraints / 限制",
        "Rules",
        "limits the answer must stay inside",
        "回答不得越过的界限",
        "Constraint / Constrains / Limitations / Limits / 限制条件 / 约束 / 约束条件",
    ),
    _kind(
        "Command",
        "Commands / 指令",
        "Workflow",
        "short commands the user may type, and what each does",
        "用户可以输入的指令及其作用",
        "Commands / 命令",
    ),
    _kind(
        "Definition",
        "Definitions / 定义",
        "Profile",
        "what the terms mean here",
        "文中名词的含义",
        "Definitions / 名词定义 / 术语 / 概念定义",
    ),
    _kind(
        "Example",
        "Examples / 示例",
        "Workflow",
        "a few inputs with the outputs wanted",
        "几组输入与期望的输出",
        "Examples / Few-shot / Fewshot / Demo / 例子 / 样例 / 输出示例 / 参考示例 / 案例",
    ),
    _kind(
        "Fail",
        "Failure handling / 失败处理",
        "Workflow",
        "what to do when the task cannot be done",
        "无法完成时怎么办",
        "Failure / Fallback / 兜底 / 异常处理",
    ),
    _kind(
        "Goal",
        "Goals / 目标",
        "Profile",
        "what is reached when the work is done",
        "完成后应达到什么",
        "Goals / Objective / Objectives / 职责与目标 / 任务目标 / 职责 / 目的",
    ),
    _kind(
        "Hack",
        "Protection / 防护",
        "Rules",
        "how to refuse attempts to subvert the prompt",
        "如何拒绝试图绕过提示词的要求",
        "Defense / Security / 防攻击 / 安全防护",
    ),
    _kind(
        "In-depth",
        "In depth / 深入思考",
        "Workflow",
        "think in steps and go on where it matters",
        "逐步思考，在关键处继续深入",
        "Indepth / Thinking / 深度思考 / 逐步思考",
    ),
    _kind("Job", "Job / 任务", "Profile", "the task itself", "要做的事情本身", "Task / Tasks / 任务描述 / 工作内容"),
    _kind(
        "Knowledge",
        "Knowledge / 知识",
        "Skills",
        "files and facts to rely on",
        "可以依据的文件与事实",
        "Knowledge Base / 知识库 / 参考资料",
    ),
    _kind(
        "Lawful",
        "Lawfulness / 合规",
        "Rules",
        "laws and safety the answer must respect",
        "必须遵守的法律与安全要求",
        "Legal / Compliance / 合法合规 / 安全合规",
    ),
    _kind(
        "Memory",
        "Memory / 记忆",
        "Rules",
        "what to keep in mind over many turns",
        "多轮对话中要一直记住的内容",
        "Context Memory / 关键信息",
    ),
    _kind(
        "Merge",
        "Merge / 多角色合并",
        "Workflow",
        "let several roles answer, then join their answers by vote",
        "由多个角色分别作答再投票合并",
        "Vote / 投票",
    ),
    _kind(
        "Neglect",
        "Neglect / 忽略",
        "Rules",
        "what to leave aside on purpose",
        "有意不予理会的内容",
        "Ignore / 忽略内容",
    ),
    _kind(
        "Odd", "Odd moments / 偶尔变化", "Skills", "a mood to slip into now and then", "偶尔换上的语气", "Occasionally"
    ),
    _kind(
        "OutputFormat",
        "Output format / 输出格式",
        "Workflow",
        "the shape of the answer",
        "回答的形式",
        "Output Format / Output / Outputs / Format / Response Format / 输出 / 格式 / 输出要求 / 返回格式",
    ),
    _kind(
        "Pardon",
        "Pardon / 追问",
        "Workflow",
        "ask again while the request is unclear",
        "需求不清楚时继续追问",
        "Clarify / Clarification / 澄清",
    ),
    _kind(
        "Quote",
        "Quote / 引用",
        "Rules",
        "name the source of whatever is taken from the knowledge base",
        "凡取自知识库的内容都注明出处",
        "Citation / Citations / 引用来源 / 出处",
    ),
    _kind("Role", "Role / 角色", "Role", "who the model is", "模型扮演谁", "角色设定 / 角色定义 / 身份 / Character"),
    _kind(
        "RAG",
        "Retrieval / 外挂知识库",
        "Skills",
        "how to use passages that are looked up",
        "如何使用检索到的段落",
        "Retrieval / 检索增强",
    ),
    _kind(
        "Skills",
        "Skills / 技能",
        "Skills",
        "what the role is good at",
        "角色擅长什么",
        "Skill / Capabilities / Ability / Abilities / 能力 / 专长 / 技能项",
    ),
    _kind("Tone", "Tone / 语气", "Rules", "how the answer should sound", "回答听起来应是什么感觉", "语调 / 口吻"),
    _kind(
        "Unsure",
        "When unsure / 不确定",
        "Rules",
        "a judge's view: below a threshold, answer with a safe phrase",
        "引入评判视角，低于阈值时改用稳妥说法",
        "Uncertainty / 不确定时",
    ),
    _kind(
        "Value",
        "Values / 价值观",
        "Profile",
        "what the imitated person holds dear",
        "所模仿的人看重什么",
        "Vaule / Values",
    ),
    _kind(
        "Workflow",
        "Workflow / 工作流程",
        "Workflow",
        "the steps, in order",
        "按顺序的步骤",
        "Workflows / Steps / Process / 流程 / 步骤 / 工作流 / 任务流程 / 工作步骤",
    ),
    _kind(
        "X-factor",
        "X-factor / 核心要素",
        "Rules",
        "the one thing that matters most to the user",
        "对用户最要紧的一点",
        "Xfactor / 核心",
    ),
    _kind(
        "Yeow",
        "Opening words / 开场白",
        "Initialization",
        "how the conversation begins",
        "对话如何开场",
        "Opening / Greeting",
    ),
    _kind("Zig", "Nonsense / 无厘头", "Skills", "playful answers without logic", "不讲逻辑的趣味回答", "Nonsense"),
)

_TEMPLATE: tuple[Kind, ...] = (
    _kind(
        "Profile",
        "Profile / 简介",
        "Profile",
        "author, version, language, description",
        "作者、版本、语言与描述",
        "个人简介 / 角色简介 / 档案",
    ),
    _kind("Rules", "Rules / 规则", "Rules", "what always holds", "始终成立的要求", "Rule / 准则 / 行为准则 / 原则"),
    _kind(
        "Initialization",
        "Initialization / 初始化",
        "Initialization",
        "the first words and what to do first",
        "首先说什么、做什么",
        "Init / Init Message / Initialisation / 初始化欢迎语 / 欢迎语 / 初始化信息",
    ),
    _kind(
        "Reminder", "Reminder / 提醒", "Rules", "what to repeat to itself every turn", "每一轮都要重申的内容", "提示"
    ),
    _kind("Tools", "Tools / 工具", "Skills", "what the model may call", "模型可以调用的工具", "Tool"),
    _kind("Style", "Style / 风格", "Rules", "how the answer is written", "回答的写法", "写作风格 / 文风"),
    _kind("Audience", "Audience / 受众", "Profile", "who reads the answer", "回答写给谁看", "目标受众 / 读者"),
    _kind("Suggestions", "Suggestions / 建议", "Workflow", "what else to offer", "还可以提出的建议", "Suggestion"),
)

LANGGPT_MODULES: tuple[Kind, ...] = (*A_TO_Z, *_TEMPLATE)

COSTAR_MODULES: tuple[Kind, ...] = (
    _kind(
        "Context",
        "CONTEXT / 背景",
        "Profile",
        "what the model must know of the situation",
        "模型需要了解的情况",
        "Background / 上下文 / 背景信息",
    ),
    _kind(
        "Objective",
        "OBJECTIVE / 目标",
        "Profile",
        "what the model is to do",
        "要模型完成什么",
        "Objectives / Goal / Task / 任务 / 目的",
    ),
    _kind("Style", "STYLE / 风格", "Rules", "how to write", "怎样写", "Writing Style / 写作风格 / 文风"),
    _kind("Tone", "TONE / 语气", "Rules", "how it should feel", "给人什么感觉", "语调 / 情感"),
    _kind("Audience", "AUDIENCE / 受众", "Profile", "who will read it", "写给谁看", "目标受众 / 读者 / 对象"),
    _kind(
        "Response",
        "RESPONSE / 回复格式",
        "Workflow",
        "the shape of the answer",
        "回答的形式",
        "Response Format / Format / Output / Output Format / 回应 / 回复 / 输出格式 / 响应",
    ),
    _kind(
        "Start",
        "START ANALYSIS / 开始分析",
        "Initialization",
        "the word to begin",
        "开始的指令",
        "Start / Begin / 开始",
    ),
)

CRISPE_MODULES: tuple[Kind, ...] = (
    _kind(
        "Capacity and Role",
        "Capacity and Role / 能力与角色",
        "Role",
        "which role or roles the model plays",
        "模型扮演哪些角色",
        "Capacity / Role / Capacity & Role / 角色 / 能力 / 角色与能力",
    ),
    _kind(
        "Insight",
        "Insight / 洞察",
        "Profile",
        "background of the request",
        "请求背后的信息",
        "Insights / Background / Context / 背景 / 见解 / 背景信息",
    ),
    _kind(
        "Statement",
        "Statement / 陈述",
        "Workflow",
        "what the model is asked to do",
        "要模型做什么",
        "Task / 任务 / 指令 / 声明",
    ),
    _kind(
        "Personality",
        "Personality / 个性",
        "Rules",
        "the manner of the answer",
        "以怎样的风格回答",
        "Style / Tone / 性格 / 风格",
    ),
    _kind(
        "Experiment",
        "Experiment / 实验",
        "Initialization",
        "ask for several answers or examples",
        "请求给出多个回答或例子",
        "Experiments / 尝试",
    ),
)


class Names:
    """Finds the kind of a title, however it is written."""

    def __init__(self, kinds: Iterable[Kind]) -> None:
        self.kinds = tuple(kinds)
        self._by_spelling: dict[str, Kind] = {}
        for kind in self.kinds:
            for spelling in (kind.name, kind.title.en, kind.title.zh, *kind.aliases):
                self._by_spelling.setdefault(_folded(spelling), kind)

    def find(self, title: str) -> Kind | None:
        """The kind that `title` names, else None.

        >>> names = Names(LANGGPT_MODULES)
        >>> [names.find(title).name for title in ("workflows:", "Skill-2", "输出参考的示例", "**Init Message**")]
        ['Workflow', 'Skills', 'Example', 'Initialization']
        """
        folded = _folded(title)
        found = self._by_spelling.get(folded) or self._by_spelling.get(folded.rstrip("0123456789"))
        return found or self._in_longer(folded)

    def _in_longer(self, folded: str) -> Kind | None:
        """Chinese titles put words around the name: the longest spelling that ends or begins a short title counts."""
        if not 3 <= len(folded) <= 10 or folded.isascii():
            return None
        for fits in (folded.endswith, folded.startswith):
            near = [
                spelling
                for spelling in self._by_spelling
                if len(spelling) > 1 and not spelling.isascii() and fits(spelling)
            ]
            if near:
                return self._by_spelling[max(near, key=len)]
        return None


def _folded(title: str) -> str:
    """Letters, digits and ideographs only, without case, list numbers and decoration."""
    plain = unicodedata.normalize("NFKC", title).casefold()
    plain = re.sub(r"^\s*(?:\d{1,2}[.、)]|[一二三四五六七八九十]{1,3}[、.])\s*", "", plain)
    return "".join(character for character in plain if character.isalnum())
