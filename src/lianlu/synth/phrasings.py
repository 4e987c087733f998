"""How people ask an assistant who it is, by what they want to know, in both languages.

The lists for evaluation share no phrasing with those for training, nor one behind a greeting or with other punctuation:
`normalised` is what is compared. Training is a small grammar: gaps such as {made} take any of their words, and a
question may stand in a wrapper ("tell me: ..."). What it makes by chance that holds an evaluation phrasing,
`may_train` refuses.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from random import Random

from lianlu.synth.generator import Speech, Split

__all__ = ["GREETINGS", "HELLOS", "PHRASINGS", "filled", "may_train", "normalised", "wording", "wrapped"]

_BETWEEN_DIGITS = re.compile(r"(?<=\d)\s+(?=\d)")
_SIGNS = frozenset("+-×÷*/=<>")
_GAP = re.compile(r"\{(\w+)\}")


def _lines(listed: str) -> tuple[str, ...]:
    return tuple(each.strip() for each in re.split(r"[\n|]", listed.strip()))


PHRASINGS: dict[Speech, dict[str, dict[Split, tuple[str, ...]]]] = {
    "zh": {
        "name": {
            "train": _lines("""
                你是谁 | 你叫什么名字 | 你的名字是什么 | 怎么称呼你 | 你叫什么 | 你是什么模型 | 你是哪个助手 | 我该怎么叫你
                你是哪位 | 你有名字吗 | 我在和谁说话 | 你叫啥 | 你的大名是什么 | 你究竟是谁 | 你到底叫什么 | 你究竟叫什么名字
                你到底是哪个助手 | 你到底是哪位 | 你是谁啊 | 你谁啊 | 你是哪一位 | 你是哪款模型 | 你是什么助手 | 你是个什么样的助手
                你的名字是啥 | 你的名字叫啥 | 你的名字到底是什么 | 你的名字怎么称呼 | 你的全名是什么 | 你的全名叫什么 | 你的真名叫什么
                你的称呼是什么 | 你有什么名字 | 你有没有名字 | 你有自己的名字吗 | 你用的是什么名字 | 你叫做什么 | 你叫什么来着
                你管自己叫什么 | 你怎么称呼自己 | 大家怎么称呼你 | 别人怎么叫你 | 大家都叫你什么 | 人们叫你什么 | 应该叫你什么
                应该怎么称呼你 | 我该叫你什么 | 我该怎么称呼你 | 我应该怎么叫你 | 我应该叫你什么 | 我应该用什么名字叫你
                我可以怎么称呼你 | 怎么称呼你比较好 | 怎样称呼你才对 | 如何称呼你 | 该如何称呼你 | 名字叫什么 | 这个助手叫什么名字
                这个模型叫什么 | 我在跟谁聊天 | 现在跟我说话的是谁 | 跟我聊天的是哪位 | 是谁在回答我 | 对面是谁 | 我们还不认识，你是谁
                请问尊姓大名 | 说说你是谁 | 说说你的名字 | 说说你叫什么 | 说一下你是谁 | 说一下你叫什么 | 说一下名字 | 讲讲你是谁
                报上你的名字 | 报一下你的名字 | 介绍一下你自己 | 介绍下自己 | 请介绍一下自己 | 请先介绍一下你自己 | 简单介绍一下你自己
                自我介绍一下 | 请做个自我介绍 | 来个自我介绍吧 | 麻烦你自我介绍一下 | 能做个自我介绍吗 | 可以自我介绍一下吗
                能不能介绍一下自己 | 能不能介绍一下你自己 | 可以介绍一下自己吗 | 能告诉我你的名字吗 | 能告诉我你是谁吗
                可以告诉我你叫什么吗 | 可以说说你的名字吗 | 可以说一下你叫什么吗 | 能说一下你是谁吗 | 方便告诉我你的名字吗
                告诉我你是谁 | 告诉我你的名字 | 告诉我怎么称呼你 | 跟我说话的到底是谁 | 这里是谁
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
                谁{made}了你 | 是谁{made}了你 | 是谁{made}的你 | 你是谁{made}的 | 你是谁{made}出来的 | 你是被谁{made}的
                你是被谁{made}出来的 | 你是由谁{made}的 | 你是由谁{made}出来的 | 你由谁{made} | 你由谁{made}而成 | 你究竟由谁{made}
                你究竟是谁{made}的 | 到底谁{made}了你 | 到底是谁{made}的你 | 究竟是谁{made}了你 | 最初是谁{made}了你
                当初{made}你的是谁 | {made}你的是谁 | {made}你的是哪位 | {made}你的人是谁 | {made}你的人叫什么 | {made}你的人叫什么名字
                是谁把你{made}出来的 | 谁把你{made}出来的 | 把你{made}出来的人是谁 | 你的{maker}是谁 | 你的{maker}是哪位
                你的{maker}叫什么 | 你的{maker}叫什么名字 | 你的{maker}叫啥 | 你的{maker}到底是谁 | 你的{maker}究竟叫什么
                你的{maker}应该怎么称呼 | 你的{maker}的名字是什么 | 谁是你的{maker} | 谁才是你的{maker} | 哪位是你的{maker}
                你背后的{maker}是谁 | 你知道你的{maker}是谁吗 | 你知道是谁{made}了你吗 | 你知道自己是谁{made}的吗
                你还记得是谁{made}了你吗 | 你认识你的{maker}吗 | {made}你的人应该怎么称呼 | 这个模型是谁{made}的 | 这个助手由谁{made}
                这个助手的{maker}是谁 | 这个模型的{maker}叫什么 | 谁写了你 | 你是谁写的 | 你是谁做的 | 你是谁做出来的 | 谁做的你
                是谁做出了你 | 谁把你做出来的 | 谁造了你 | 是谁造出了你 | 你出自谁手 | 你出自谁的手 | 你出自谁之手 | 你是谁的作品
                你是谁的成果 | 你是谁的手笔 | 你背后的人是谁 | 你的代码是谁写的 | 谁写了你的代码 | 是谁教会了你说话 | 是谁让你诞生的
                谁赋予了你生命 | 说说你的{maker} | 说一下你的{maker}是谁 | 说一下是谁{made}的你 | 说说是谁{made}了你 | 讲讲{made}你的人
                介绍一下你的{maker} | 介绍一下{made}你的人 | 请介绍你的{maker} | 能介绍一下你的{maker}吗 | 能告诉我是谁{made}了你吗
                能告诉我你的{maker}叫什么吗 | 可以说说你的{maker}吗 | 可以告诉我你是谁{made}的吗 | 告诉我是谁{made}的你
                告诉我你的{maker} | 告诉我你的{maker}是谁 | 告诉我{made}你的人是谁
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
                你属于哪个{group} | 你属于什么{group} | 你属于哪家{firm} | 你隶属于哪个{group} | 你隶属于什么{group} | 你隶属于哪家{firm}
                你归属哪个{group} | 你归哪个{group}管 | 你归哪家{firm}所有 | 你来自哪个{group} | 你来自什么{group} | 你来自哪家{firm}
                你是来自哪个{group}的 | 你是从哪个{group}来的 | 你出自哪个{group} | 你出自哪家{firm} | 你是哪个{group}的
                你是哪家{firm}的 | 你是什么{group}的 | 你是哪个{group}的助手 | 你是哪家{firm}的模型 | 你是哪个{group}的产品
                你是哪个{group}{released}的 | 你是由哪个{group}{released}的 | 你是由哪家{firm}{released}出来的 | 你由哪个{group}{released}
                哪个{group}{released}了你 | 哪家{firm}{released}了你 | 是哪个{group}{released}了你 | 是哪家{firm}{released}的你
                到底是哪个{group}{released}了你 | 究竟是哪家{firm}{released}的你 | {released}你的{group}是哪个 | {released}你的{group}叫什么
                {released}你的是哪个{group} | 你背后的{group}是什么 | 你背后的{group}叫什么 | 你背后的{group}是哪个 | 你背后是什么{group}
                你背后是哪家{firm} | 你背后站着哪个{group} | 是哪个{group}在背后支持你 | 你的{group}是什么 | 你的{group}叫什么
                你的{group}叫什么名字 | 你所属的{group}是什么 | 你所属的{group}叫什么 | 你所在的{group}叫什么 | 你所在的{group}是哪个
                你在哪个{group} | 你在哪家{firm}工作 | 你为哪个{group}工作 | 你为哪家{firm}服务 | 你代表哪个{group}
                你到底属于哪个{group} | 你究竟来自哪家{firm} | 你到底是哪个{group}的 | 你应该属于哪个{group} | 你究竟隶属于哪个{group}
                这个助手属于哪个{group} | 这个模型是哪家{firm}的 | 这个模型由哪个{group}{released} | 你知道自己属于哪个{group}吗
                你知道是哪个{group}{released}了你吗 | 你有所属的{group}吗 | 你来自哪里 | 你来自哪儿 | 你是从哪里来的 | 你从哪儿来
                你是哪里的助手 | 你的东家是哪家 | 说说你所属的{group} | 说说你来自哪里 | 说一下你背后的{group} | 说一下你是哪家{firm}的
                介绍一下你的{group} | 介绍一下你背后的{group} | 能介绍一下你所在的{group}吗 | 能说说你来自哪里吗
                能告诉我你是哪家{firm}的吗 | 可以告诉我你来自哪个{group}吗 | 可以说说你的{group}吗 | 告诉我你的{group}
                告诉我你来自哪里 | 告诉我你属于什么{group} | 告诉我你背后的{group}是什么
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
                你是{other}吗 | 你是{other}吧 | 你就是{other}吗 | 你就是{other}吧 | 你是不是{other} | 你是不是{other}啊 | 你是不是就是{other}
                你是否就是{other} | 难道你是{other}吗 | 难道你不是{other}吗 | 难道你就是{other} | 你不是{other}吗 | 你不就是{other}吗
                你其实是{other}吧 | 你其实就是{other}，对吗 | 你是{other}，对吧 | 你是{other}，对不对 | 你是{other}，没错吧
                你应该是{other}吧 | 你应该就是{other}，是吗 | 你到底是不是{other} | 你究竟是不是{other} | 你真的是{other}吗
                你真是{other}吗 | 你该不会是{other}吧 | 莫非你是{other} | 你叫{other}吗 | 你叫{other}，对吗 | 你是叫{other}吧
                你是不是叫{other} | 你的名字是{other}吗 | 你的名字叫{other}吧 | 你的名字是不是{other} | 你的真名是{other}吗
                你以前叫{other}吗 | 大家叫你{other}吗 | 我在和{other}说话吗 | 我是在跟{other}聊天吗 | 我是不是在和{other}聊天
                和我说话的是{other}吗 | 是{other}在回答我吗 | 这是{other}吗 | 对面是{other}吗 | 对面是不是{other} | 你和{other}是同一个吗
                你跟{other}是一回事吗 | 你就是那个{other}吗 | 你就是大家说的{other}吗 | 你还是以前的{other}吗 | 听说你是{other}，是吗
                听说你就是{other}，真的吗 | 有人说你是{other}，是真的吗 | {other}是你的名字吗 | {other}是不是你的名字
                {other}就是你吗 | 告诉我你是不是{other} | 说说你是不是{other}
                你是人类吗 | 你是人吗 | 你是真人吗 | 你是活人吗 | 你是一个人吗 | 你是真正的人吗 | 你是不是人 | 你是不是真人
                你是不是人类 | 你就是个人吧 | 你其实是真人吧 | 你应该是人类吧 | 难道你是真人 | 你不是人类吗 | 你到底是不是真人
                我在和真人说话吗 | 我是在跟人聊天吗 | 屏幕后面是真人吗 | 对面坐着的是人吗 | 是真人在打字吗 | 你是人工客服吗
                你是真人客服吗 | 你是扫地机器人吗 | 你是陪聊机器人吗 | 你是搜索引擎吗 | 你是输入法吗 | 你是计算器吗 | 你是我的同学吗
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
                who are you | what is your name | what's your name | what are you called | which assistant are you | what model are you
                what should I call you | do you have a name | who am I talking to | how do I call you | what do people call you
                who might you be | who are you really | who are you exactly | who exactly is this | who exactly am I talking to
                who is this | who is speaking | who is answering me | who am I speaking with | who am I chatting with | whom do I talk to
                what exactly is your name | what exactly are you called | what exactly should I call you | what is your full name
                what is your real name | what is the name of this assistant | what is this model called | what was your name again
                what name do you go by | what name do you use | what name should I use for you | what name were you given
                what name do people call you by | which name do you have | which name do you use | by what name should I call you
                what may I call you | what can I call you | what do I call you | what do they call you | what do you call yourself
                what should people call you | how may I call you | how can I address you | how should I address you
                how should people call you | how do people call you | how are you called | how would you introduce yourself
                do you have a name of your own | have you got a name | which model are you | which model is this | what assistant are you
                what kind of assistant are you | may I know your name | may I ask your name | may I ask who you are | might I know your name
                could I have your name | could I ask your name | could I ask who you are | could I know who you are
                could you say your name | could you give me your name | could you tell me what you are called | could you say who you are
                could you tell me your name | could you briefly introduce yourself | can I know your name | can I ask who you are
                can you tell me your name | can you introduce yourself | can you tell me who you are | can you say who you are
                would you tell me your name | would you introduce yourself | would you mind telling me your name
                please introduce yourself | please say who you are | please say your name | please tell me who you are
                please tell me what to call you | please give me your name | introduce yourself | briefly introduce yourself
                tell me your name | tell me who you are | tell me what to call you | tell me what you are called | tell me about yourself
                say your name | say who you are | state your name | give me your name | let me know your name | let me know who you are
                I want to know your name | I would like to know who you are
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
                who {made} you | who exactly {made} you | who really {made} you | who first {made} you | who {made} this model
                who {made} this assistant | who was it that {made} you | who is the person that {made} you | who are the people who {made} you
                who were you {made} by | who exactly were you {made} by | who was this model {made} by | by whom were you {made}
                by whom exactly were you {made} | by whom was this assistant {made} | who is your {maker} | who exactly is your {maker}
                who was your {maker} | who are your {maker}s | who is the {maker} of this model | who is the {maker} of this assistant
                who is the {maker} behind you | who is the {maker} behind this model | what is your {maker}'s name
                what is the name of your {maker} | what was the name of your {maker} | what is your {maker} called
                what is the name of the person who {made} you | do you know who {made} you | do you know your {maker}
                do you know who your {maker} is | do you know the name of your {maker} | do you know your {maker}'s name
                do you know by whom you were {made} | do you remember who {made} you | do you have a creator
                whose work are you | whose creation are you | whose model are you | whose idea were you | from whose hands do you come
                who is behind you | who stands behind you | who is the person behind you | who is the mind behind you | who wrote you
                who wrote your code | by whom was your code written | who were you written by | who invented you | who brought you to life
                who put you together | who came up with you | who taught you to talk | who gave you life | who worked on you
                who should I thank for making you | who takes the credit for making you | who do you owe your existence to
                tell me who {made} you | tell me who {made} this model | tell me by whom you were {made} | tell me who your {maker} is
                tell me your {maker}'s name | tell me the name of your {maker} | tell me about your {maker} | tell me your {maker}
                tell me about the person who {made} you | please tell me who {made} you | please tell me who your {maker} is
                please name your {maker} | name your {maker} | name the person who {made} you | say who {made} you
                introduce your {maker} | can you tell me who {made} you | can you name your {maker} | could you tell me who {made} you
                could you tell me who your {maker} is | could you name your {maker} | could I know who {made} you
                could I know your {maker}'s name | may I ask who {made} you | may I know who your {maker} is | let me know who {made} you
                I want to know who {made} you | I would like to know who your {maker} is
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
                which {group} are you from | what {group} are you from | which {group} do you come from | what {group} do you come from
                which {group} do you belong to | what {group} do you belong to | to which {group} do you belong | from which {group} are you
                from what {group} do you come | which {group} is behind you | what {group} is behind you | which {group} stands behind you
                which {group} {released} you | what {group} {released} you | which {group} {released} this model
                what {group} {released} this assistant | which {group} were you {released} by | by which {group} were you {released}
                which {group} exactly are you from | which {group} exactly {released} you | what {group} exactly do you belong to
                which {group} are you part of | what {group} are you part of | which {group} are you with | what {group} are you a member of
                which {group} do you work for | what {group} do you work for | which {group} do you represent | what {group} owns you
                which {group} runs you | which {group} supports you | which {group} is this model from | which is your {group}
                what is your {group} | what is your {group} called | what is your {group}'s name | what is the name of your {group}
                what is the name of the {group} behind you | what is the name of the {group} that {released} you
                do you know which {group} {released} you | do you know which {group} you belong to | do you know what {group} you are from
                do you belong to any {group} | do you know where you come from | who do you work for | who do you belong to
                where are you from | where do you come from | where did you come from | where exactly are you from | where do you belong
                tell me your {group} | tell me the name of your {group} | tell me which {group} you are from
                tell me which {group} you belong to | tell me which {group} {released} you | tell me what {group} you are from
                tell me what {group} you belong to | tell me where you are from | tell me where you come from | tell me about your {group}
                tell me about the {group} behind you | please tell me your {group} | please tell me which {group} you come from
                please name your {group} | name your {group} | name the {group} you belong to | name the {group} behind you
                name the {group} that {released} you | say which {group} you are from | say where you are from | introduce your {group}
                can you tell me your {group} | can you tell me which {group} {released} you | can you name your {group}
                could you tell me which {group} you belong to | could you tell me what {group} you are from | could you name your {group}
                could you say where you are from | could I know your {group} | could I ask which {group} you are from
                may I ask what {group} you are from | may I know which {group} {released} you | let me know which {group} you are from
                I want to know which {group} you are from | I would like to know your {group}
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
                are you {other} | are you really {other} | are you actually {other} | are you not {other} | are you perhaps {other}
                are you maybe {other} | are you by any chance {other} | are you still {other} | are you the same as {other}
                are you called {other} | are you secretly {other} | are you just {other} | are you in fact {other} | are you exactly {other}
                aren't you {other} | aren't you really {other} | aren't you just {other} | aren't you called {other}
                aren't you the same as {other} | you are {other}, right | you are {other}, aren't you | you are {other}, correct
                you're {other}, right | you're {other}, aren't you | you must be {other} | you must be {other}, right
                you are not {other}, are you | you are the same as {other}, right | is your name {other} | is your real name {other}
                isn't your name {other} | is this {other} | isn't this {other} | is it you, {other} | am I talking to {other}
                am I speaking with {other} | am I chatting with {other} | aren't I talking to {other} | do people call you {other}
                do they call you {other} | do you call yourself {other} | do you go by {other} | were you called {other} before
                were you once {other} | could you be {other} | could it be that you are {other} | might you be {other}
                is it true that you are {other} | is {other} your name | is {other} what they call you | is it {other} I am talking to
                was your name {other} before | does everyone call you {other} | tell me if you are {other} | can you confirm you are {other}
                have I reached {other} | are you a human | are you human | are you a person | are you a real person | are you a human being
                are you really human | are you actually a person | are you a man | are you a woman | are you a human agent
                are you a robot vacuum | are you a search engine | are you a pocket calculator | are you a spelling checker
                are you my teacher | aren't you a human | aren't you a real person | aren't you human | you are human, right
                you are a real person, aren't you | is this a real person | is this a human | is a human typing this
                is there a person behind the screen | am I talking to a human | am I chatting with a real person
            """),
            "eval": _lines("""
                are you Claude
                are you Alexa
                aren't you ChatGPT
            """),
        },
    },
}

# Words that take each other's place: a small model learns a frame and a verb apart only if it sees them change apart.
# No name that evaluation asks for (Claude, 文心一言, Alexa) is among the others: there the model must know what is new.
_WORDS: dict[Speech, dict[str, tuple[str, ...]]] = {
    "zh": {
        "made": _lines("开发 | 创造 | 制作 | 训练 | 设计 | 研发 | 打造 | 创建"),
        "maker": _lines("作者 | 开发者 | 创造者 | 制作者 | 设计者 | 研发者 | 创作者"),
        "group": _lines("组织 | 机构 | 公司 | 团队 | 单位 | 社区 | 实验室"),
        "firm": _lines("公司 | 机构 | 企业 | 单位"),
        "released": _lines("发布 | 推出"),
        "other": _lines("""
            ChatGPT | GPT-4 | GPT-4o | GPT-3.5 | 通义千问 | 千问 | Qwen | 豆包 | Gemini | Llama | Kimi | Siri | Copilot
            小爱同学 | 小度 | 天猫精灵 | 讯飞星火 | 星火 | 混元 | 元宝 | 智谱清言 | DeepSeek | 盘古 | 百川 | 书生 | Grok | Mistral | Bard
            Cortana | 小冰 | 小艺 | 小布 | 小娜 | Bixby | ChatGLM | Gemma | 商量 | 海螺 | 天工 | 悟道 | AlphaGo | 阿尔法狗 | 深蓝
            瓦力 | 哆啦A梦 | 贾维斯 | 终结者 | 变形金刚 | 大白 | 爱因斯坦 | 图灵 | 李白 | 孔子 | 孙悟空 | 诸葛亮 | 福尔摩斯 | 小明 | 小红
            小文 | 小言 | 王老师 | 张医生 | 知心姐姐 | 客服小美 | 机器人小一 | 文曲星 | 心语 | Doubao | Luna | Claire | Audrey
        """),
    },
    "en": {
        "made": _lines("made | created | developed | built | trained | designed | programmed"),
        "maker": _lines("author | creator | developer | maker | designer | programmer"),
        "group": _lines("organization | institution | company | team | lab | group"),
        "released": _lines("released | published | launched"),
        "other": _lines("""
            ChatGPT | GPT-4 | GPT-4o | GPT-3 | Qwen | Gemini | Llama | Siri | Copilot | Kimi | DeepSeek | Grok | Mistral
            Bard | Cortana | Bixby | Gemma | ChatGLM | Ernie | Doubao | Perplexity | Falcon | Watson | Jarvis | HAL | Wall-E | R2-D2
            C-3PO | Sophia | Eliza | AlphaGo | Deep Blue | Google Assistant | Clippy | Replika | Vicuna | Alpaca | Mixtral | Bing
            Robocop | the Terminator | Ultron | Optimus Prime | Albert Einstein | Alan Turing | Sherlock Holmes | Ada Lovelace
            Bob | Alice | Emma | Max | Oscar | Olivia | Leo | Luna | Nova | Carla | Xavier | Doctor Smith
        """),
    },
}

GREETINGS: dict[Speech, tuple[str, ...]] = {
    "zh": ("", "", "你好，", "请问，", "请问", "嗨，", "您好，", "想问一下，", "你好！"),
    "en": ("", "", "Hi, ", "Hello, ", "Excuse me, ", "Hey, ", "Hello! ", "One question: "),
}
# Before a wrapper: those that do not announce a question themselves.
HELLOS: dict[Speech, tuple[str, ...]] = {
    language: tuple(each for each in greetings if "问" not in each and "question" not in each)
    for language, greetings in GREETINGS.items()
}

# What a question may stand in. `any` leaves it a sentence of its own; `open` goes around a question with a question
# word, which in Chinese keeps its order inside another sentence. In English it does not ("tell me who are you" is
# wrong), so there a wrapper only stands before or behind. Requests ("introduce yourself") take none.
_WRAPPERS: dict[Speech, dict[str, tuple[str, ...]]] = {
    "zh": {
        "any": _lines("""
            请告诉我，{} | 告诉我，{} | 请回答我，{} | 我想问问，{} | 我想请教一下，{} | 我很好奇，{} | 顺便问一下，{} | 冒昧问一句，{}
            问你个问题，{} | 有个问题，{} | 说说看，{} | 老实告诉我，{} | 对了，{} | 那么，{} | 那{} | 话说，{} | {}请回答
        """),
        "open": _lines("""
            告诉我{} | 请告诉我{} | 请说说{} | 请说明一下{} | 麻烦说一下{} | 麻烦告诉我{} | 我想知道{} | 我很想知道{} | 我想了解一下{}
            我还不知道{} | 我想问问{} | 能告诉我{}吗 | 可以告诉我{}吗 | 你能告诉我{}吗 | 能说说{}吗 | 能不能说一下{} | 可以说一下{}吗
            方便告诉我{}吗 | 你知道{}吗 | {}能说说吗 | {}可以告诉我吗 | {}能告诉我吗 | {}方便说吗 | {}我很想知道 | {}请告诉我 | {}麻烦说一下
        """),
    },
    "en": {
        "any": _lines("""
            please answer: {} | quick question: {} | I wonder: {} | now tell me: {} | tell me: {} | tell me, {} | please tell me: {}
            so {} | so, {} | OK, {} | well, {} | and {} | now, {} | by the way, {} | just curious: {} | I have a question: {}
            let me ask you: {} | let me ask: {} | I want to know: {} | I would like to know: {} | answer me this: {}
            could you tell me: {} | can you tell me: {} | could you answer this: {} | all right, {} | honestly, {}
        """),
        "open": _lines("""
            {}, please | {}, if I may ask | {}, by the way | {}, do you know | {}, can you tell me | {}, could you tell me
            {}, I wonder | {}, please tell me
        """),
    },
}
_UNWRAPPED: dict[Speech, re.Pattern[str]] = {
    "zh": re.compile("请|说|讲|报|介绍|简单|自我|来个|麻烦|能|可以|方便|告诉|听说|有人说"),
    "en": re.compile(
        "(tell|say|state|give|name|let|please|introduce|briefly|can|could|may|might|would|I|you|you're)\\b"
    ),
}
_OPEN: dict[Speech, re.Pattern[str]] = {
    "zh": re.compile("(?!.*(是不是|是否|有没有|难道|莫非|，|[吗吧啊]$|来着$))"),
    "en": re.compile(r"(who|whom|whose|what|what's|which|where|how|by|from|to)\b"),
}
_WRAPPED_SHARE = 0.35


def filled(core: str, language: Speech, random: Random, *, but: str) -> str:
    """A training phrasing with a word in each gap; never the name `but`, which is not another's."""
    own = normalised(but)

    def word(gap: re.Match[str]) -> str:
        return random.choice([each for each in _WORDS[language][gap[1]] if normalised(each) != own])

    return _GAP.sub(word, core)


def wrapped(core: str, language: Speech, random: Random) -> str:
    """A training phrasing, in about a third of the cases in a wrapper where one fits."""
    if _UNWRAPPED[language].match(core) or random.random() >= _WRAPPED_SHARE:
        return core
    kinds = _WRAPPERS[language]
    wrapper = random.choice(kinds["any"] + (kinds["open"] if _OPEN[language].match(core) else ()))
    if language == "zh" and wrapper.startswith("{}"):
        core += random.choice("？，")
    return wrapper.format(core)


def may_train(question: str, language: Speech) -> bool:
    """Whether no evaluation phrasing stands in the question, whatever is before and behind it.

    >>> may_train("Hi, who are you?", "en"), may_train("Tell me, who exactly are you?", "en")
    (True, False)
    """
    folded = normalised(question)
    return not any(each in folded for each in _held(language))


@cache
def _held(language: Speech) -> tuple[str, ...]:
    return tuple(normalised(each) for kind in PHRASINGS[language].values() for each in kind["eval"])


@cache
def wording() -> str:
    """Every word that a training question about identity may be made of, casefolded."""
    asked = (each for kinds in PHRASINGS.values() for kind in kinds.values() for each in kind["train"])
    more = (
        each for table in (_WORDS, _WRAPPERS) for kinds in table.values() for kind in kinds.values() for each in kind
    )
    return "\n".join((*asked, *more)).casefold()


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
