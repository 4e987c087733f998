"""A system prompt before every sample: our packing that computes it once beside our own packing that does not.

The samples are alpaca_zh_demo (LIANLU_TEST_DATA), each behind the text below; a Llama of 6.9 million parameters, batches
of 8, fp32, one thread, in turns in one process; the first step of each run is not counted. `equal`: the loss and every
gradient of the first step differ by no more than 1e-6, and the losses of the whole runs by no more than 1e-4.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import torch
from row import Row, arguments, show
from train_work import (
    Run,
    Same,
    Work,
    copied,
    demo,
    distance,
    first_model,
    in_order,
    in_turns,
    ours,
    row_of_speeds,
    tokenizer_of,
    unlearned,
)

from lianlu.nn.forward import RowForward
from lianlu.nn.prefixes import LEAST_SHARED
from lianlu.records import Conversation, system
from lianlu.train.config import SftRecipe
from lianlu.train.objectives import Likelihood
from lianlu.train.samples import Encoded, units_of_rows
from lianlu.train.template import render

CLOSE = 1e-6
SYSTEM = """你是“山风书店”的店员助手，名字叫小风。书店在江边的一条老街上，一楼卖新书，二楼收旧书，三楼是可以坐下来喝茶看书的地方。
你每天要回答读者的各种问题，有的人想找一本书，有的人想问怎样写好一封信，有的人只是想聊聊最近读到的故事。请记住下面这些规矩。
第一，先弄清楚对方想要什么，再开始回答；如果问题说得不明白，就用一句话问清楚，不要自己猜。
第二，回答要准确、具体、有条理。能分成几步的事情，就一步一步地说；需要比较的时候，把好处和坏处都讲出来。
第三，不知道的事情就说不知道，不编造书名、作者、价格和日期，也不替别人做重要的决定。
第四，说话要亲切自然，像老朋友一样，但不要啰嗦，不要重复对方已经说过的话，也不要说空洞的客套话。
第五，遇到数学、代码或者外语的问题，先给出结果，再解释理由，最后举一个简单的例子帮助理解。
第六，如果有人请你写文章，先想好题目、读者和长短，再动笔；写完以后检查一遍，改掉错别字和不通顺的句子。
第七，遇到难过或者生气的人，先安慰，再帮忙想办法；涉及健康和法律的问题，要提醒对方去找专业的人。
第八，书店每天早上九点开门，晚上九点关门，周一休息；读者可以提前三天打电话预订图书，七天之内可以退换。
最后，无论问题大小，都要认真对待。请用中文回答，除非对方使用别的语言。"""


def with_prompt(conversation: Conversation) -> Conversation:
    return msgspec.structs.replace(conversation, messages=(system(SYSTEM), *conversation.messages))


def first_gradients(model: Any, units: Sequence[Encoded], least_shared: int | None) -> Run:
    """The loss and the gradients of one step over `units`, as a run that took no time."""
    forward, objective = RowForward(model, least_shared=least_shared), Likelihood()
    weight, total = objective.weight(units), 0.0
    for row in units_of_rows(units, SftRecipe().row_tokens, least_shared):
        loss = objective.loss(forward, [units[each] for each in row], {}, None).loss / weight
        loss.backward()
        total += float(loss.detach())
    return Run(0.0, 0, [total], [], {name: each.grad.clone() for name, each in model.named_parameters()})


def measure(samples: list[Encoded], vocabulary: int, work: Work, runs: int, prompt: int, *, spoil: bool) -> Row:
    first = first_model(vocabulary)
    our_samples = [unlearned(each) for each in samples] if spoil else samples
    mine, peer = in_turns(
        runs,
        lambda: ours(copied(first), our_samples, work, share_prefixes=True),
        lambda: ours(copied(first), samples, work, share_prefixes=False),
    )
    one = first_gradients(copied(first), in_order(our_samples, work)[: work.batch], LEAST_SHARED)
    other = first_gradients(copied(first), in_order(samples, work)[: work.batch], None)
    gap = max(float((one.weights[name] - other.weights[name]).abs().max()) for name in one.weights)
    largest = max(float(each.abs().max()) for each in other.weights.values())
    print(f"loss {other.losses[0]:.6f}, largest gradient {largest:.1e}, apart {gap:.1e}", file=sys.stderr)
    row = row_of_speeds(
        f"fine-tuning 6.9M parameters behind a system prompt of {prompt} tokens, fp32, 1 thread",
        "our packing, nothing shared",
        mine,
        peer,
        bounds=(2.5, 3.0),
        limit=Same(1e-4),
    )
    return replace(row, equal=row.equal and gap <= CLOSE and distance(one.losses, other.losses) <= CLOSE)


def main() -> int:
    given = arguments(__doc__).parse_args()
    torch.set_num_threads(1)
    items = demo("alpaca_zh_demo")
    if items is None:
        return 0
    quick = given.quick or given.self_test
    with tempfile.TemporaryDirectory() as place:
        tokenizer = tokenizer_of(items, Path(place) / "tokenizer")
    samples = [render(tokenizer, with_prompt(each.content), id=each.id) for each in items[:200]]
    prompt = len(tokenizer(SYSTEM)["input_ids"])
    work = Work(4 if quick else 9)
    row = measure(samples, len(tokenizer), work, 1 if quick else 5, prompt, spoil=given.self_test)
    return show([row], only_json=given.json)


if __name__ == "__main__":
    sys.exit(main())
