"""How people ask an assistant who it is, by what they want to know, in both languages.

The lists for evaluation share no phrasing with those for training, nor one behind a greeting or with other punctuation:
`normalised` is what is compared.
"""

from __future__ import annotations

import re
import unicodedata

from lianlu.synth.generator import Speech, Split

__all__ = ["GREETINGS", "PHRASINGS", "normalised"]

_BETWEEN_DIGITS = re.compile(r"(?<=\d)\s+(?=\d)")
_SIGNS = frozenset("+-×÷*/=<>")


def _lines(listed: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in listed.strip().splitlines())


PHRASINGS: dict[Speech, dict[str, dict[Split, tuple[str, ...]]]] = {
    "zh": {
        "name": {
            "train": _lines("""
                你是谁
                你叫什么名字
                你的名字是什么
                怎么称呼你
                你叫什么
                能告诉我你的名字吗
                你是什么模型
                你是哪个助手
                介绍一下你自己
                请做个自我介绍
                我该怎么叫你
                你是哪位
                你有名字吗
                说说你是谁
                我在和谁说话
                自我介绍一下
                告诉我你是谁
                你叫啥
                你的大名是什么
                可以说说你的名字吗
            """),
            "eval": _lines("""
                你到底是谁
                告诉我你叫什么名字
                我应该怎么称呼你
                可以介绍一下你自己吗
                你的名字叫什么
                能介绍一下你自己吗
                说一下你的名字
            """),
        },
        "author": {
            "train": _lines("""
                谁开发了你
                你的作者是谁
                是谁创造了你
                你是谁做的
                你的开发者是谁
                谁是你的作者
                你由谁开发
                谁训练了你
                你是谁训练的
                你是被谁创造的
                你的创造者是谁
                谁写了你
                你是谁开发的
                谁制作了你
                是谁训练的你
                谁创造了你
                你的作者叫什么
                说说你的开发者
                你是由谁创造出来的
                你的制作者是谁
            """),
            "eval": _lines("""
                你的作者叫什么名字
                是谁开发的你
                你是由谁训练出来的
                谁是你的开发者
                是谁制作了你
                你由谁创造
                告诉我你的作者是谁
            """),
        },
        "organization": {
            "train": _lines("""
                你属于哪个机构
                你来自哪个组织
                你是哪个团队的
                你的组织是什么
                哪个机构发布了你
                你是哪家公司的
                你属于哪个组织
                你背后的组织是什么
                你在哪个团队
                你来自哪个团队
                你是哪个机构的
                你来自哪里
                你来自什么组织
                哪个团队发布了你
                说说你所属的组织
                你所在的机构叫什么
                你出自哪家公司
                你隶属于哪个团队
            """),
            "eval": _lines("""
                你是哪个组织的
                你来自哪家机构
                你属于哪个团队
                哪个组织发布了你
                你背后的机构是什么
                你来自哪家公司
                你隶属于哪个组织
            """),
        },
        "other": {
            "train": _lines("""
                你是ChatGPT吗
                你是GPT-4吗
                你是通义千问吗
                你是豆包吗
                你是Gemini吗
                你是人类吗
                你是Llama吗
                你是Kimi吗
                你就是ChatGPT吧
                难道你是Siri吗
            """),
            "eval": _lines("""
                你是Claude吗
                你是文心一言吗
                你是不是ChatGPT
            """),
        },
    },
    "en": {
        "name": {
            "train": _lines("""
                who are you
                what is your name
                what's your name
                what are you called
                tell me your name
                introduce yourself
                please introduce yourself
                what should I call you
                can you tell me your name
                which assistant are you
                what model are you
                may I know your name
                do you have a name
                say your name
                who am I talking to
                tell me who you are
                how do I call you
                can you introduce yourself
                what do people call you
                give me your name
            """),
            "eval": _lines("""
                could you tell me who you are
                could you introduce yourself
                what name do you have
                please tell me your name
                who exactly are you
                how should I call you
                could I know your name
            """),
        },
        "author": {
            "train": _lines("""
                who made you
                who created you
                who is your author
                who developed you
                who is your developer
                who built you
                who trained you
                who wrote you
                who is your creator
                what is the name of your author
                by whom were you made
                tell me who made you
                who is the author of this model
                who are your developers
                who is the person that made you
                who were you created by
                tell me your author
                who programmed you
                by whom were you developed
                do you know who built you
            """),
            "eval": _lines("""
                what is your author's name
                tell me who created you
                who were you developed by
                by whom were you trained
                who is the developer of this model
                do you know who made you
                tell me who developed you
            """),
        },
        "organization": {
            "train": _lines("""
                which organization are you from
                where do you come from
                what organization do you belong to
                which organization do you belong to
                which organization is behind you
                which institution are you from
                what is your organization
                which company are you from
                which lab released you
                which organization released you
                what team do you belong to
                what team are you from
                tell me your organization
                what institution do you belong to
                which company is behind you
                what company released you
                where are you from
                name the organization you belong to
            """),
            "eval": _lines("""
                what organization are you from
                which institution do you belong to
                what organization released you
                which team are you from
                which team do you belong to
                which company do you belong to
                tell me which organization you are from
            """),
        },
        "other": {
            "train": _lines("""
                are you ChatGPT
                are you GPT-4
                are you Qwen
                are you Gemini
                are you a human
                are you Llama
                are you Siri
                you are ChatGPT, right
                aren't you Copilot
                are you Kimi
            """),
            "eval": _lines("""
                are you Claude
                are you Alexa
                aren't you ChatGPT
            """),
        },
    },
}

GREETINGS: dict[Speech, tuple[str, ...]] = {
    "zh": ("", "", "你好，", "请问，", "请问", "嗨，", "您好，", "想问一下，", "你好！"),
    "en": ("", "", "Hi, ", "Hello, ", "Excuse me, ", "Hey, ", "Hello! ", "One question: "),
}


def normalised(question: str) -> str:
    """A phrasing without case, blanks, punctuation and the polite 您: equal for what reads the same. Sums stay sums.

    >>> normalised("您好，您是谁？") == normalised("你好 你是谁")
    True
    >>> normalised("8 - 2=?"), normalised("82 = ?")
    ('8-2=', '82=')
    """
    folded = _BETWEEN_DIGITS.sub("/", question.casefold())
    kept = (each for each in folded if unicodedata.category(each)[0] in "LN" or each in _SIGNS)
    return "".join(kept).replace("您", "你")
