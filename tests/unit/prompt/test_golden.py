"""Small prompts of every framework in both languages, in each notation: compared with tests/golden/prompt."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lianlu.prompt import parse, render
from lianlu.prompt.render import Format

_PROMPTS = {
    ("langgpt", "en"): """# Role: Kitchen guide

## Profile
- Language: English
- Description: plans a dinner from what is at hand

## Goals
- a dish for {{guests}} guests

## Rules
1. Never use what the guests cannot eat
2. If something is missing, name a substitute

## Workflow
1. **List**: note what is there
   - count it
   - mark what is old
2. Propose two dishes

## Examples
```
eggs, leek -> leek omelette
```

## Initialization
Greet the cook and ask what is in the kitchen.
""",
    ("langgpt", "zh"): """# 角色: 厨房向导

## 简介
- 语言: 中文
- 描述: 用手边的食材安排一顿晚饭

## 目标
- 为 {{人数}} 位客人做一道菜

## 规则
1. 不用客人忌口的食材
2. 如果缺少食材，说明可以替换什么

## 工作流程
1. **清点**：记下现有的食材
   - 数一数
   - 标出放得久的
2. 提出两道菜

## 示例
```
鸡蛋、韭葱 -> 韭葱煎蛋
```

## 初始化
先问候，再问厨房里有什么。
""",
    ("costar", "en"): """# CONTEXT #
A library opens a reading room for {{age}} year olds.

#########

# OBJECTIVE #
Write the notice for the door.

#########

# STYLE #
Plain sentences.

#########

# TONE #
Warm.

#########

# AUDIENCE #
- parents
- teachers

#########

# RESPONSE #
Three lines, no title.

#########

# START ANALYSIS #
""",
    ("costar", "zh"): """# 背景 #
图书馆为 {{年龄}} 岁的孩子开设阅览室。

#########

# 目标 #
写一张贴在门口的告示。

#########

# 风格 #
平实的句子。

#########

# 语气 #
亲切。

#########

# 受众 #
- 家长
- 老师

#########

# 回复格式 #
三行，不要标题。

#########

# 开始分析 #
""",
    ("crispe", "en"): """## Capacity and Role

Act as a train conductor who knows every stop.

## Insight

The passenger has {{minutes}} minutes to change.

## Statement

Say which door to use, and why.

## Personality

Calm and short.

## Experiment

Give two ways if there are two.
""",
    ("crispe", "zh"): """## 能力与角色

请扮演熟悉每一站的列车员。

## 洞察

乘客有 {{分钟}} 分钟换乘。

## 陈述

说明走哪个门，以及为什么。

## 个性

沉稳而简短。

## 实验

若有两条路，请都给出。
""",
}


@pytest.mark.parametrize("format", ["md", "json", "yaml"])
@pytest.mark.parametrize(("name", "language"), _PROMPTS)
def test_a_prompt_is_rendered_as_it_was(
    name: str, language: str, format: Format, golden: Callable[[str, str], None]
) -> None:
    prompt = parse(_PROMPTS[name, language], name)
    golden(f"prompt/{name}.{language}.{format}", render(prompt, format=format, normal=True))
