"""One rule for each of the thirty modules A–Z: what it must hold to work.

A need is a pattern that the module's text must contain, or a small function of the module. A module that is empty is the
matter of another rule.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from lianlu.core.i18n import Text
from lianlu.prompt.lint_checked import Checked, Part
from lianlu.prompt.lint_finding import Flaw, Rule
from lianlu.prompt.lint_module_words import (
    ACTION,
    ASKS,
    BOUND,
    CITATION,
    COMMAND,
    DIRECTIVE,
    EXAMPLE_OUTPUT,
    FORMATS,
    LAW,
    MEANS,
    MERGES,
    MOODS,
    NONSENSE,
    OPENS,
    QUOTED,
    REFUSES,
    REMEMBERS,
    ROLE_NOUN,
    SAFE_TOLD,
    SOURCE,
    SPEAKER,
    THINKS,
    THRESHOLD,
    VALUES,
)
from lianlu.prompt.lint_words import EXAMPLE_PAIR, TASK

__all__ = ["MODULES", "NEEDS", "Need"]


@dataclass(frozen=True)
class Need:
    """What a module needs: `is_met` judges its text (what stands below its sub-titles too)."""

    is_met: Callable[[str, Part], bool]
    what: Text
    fix: Text


def _has(pattern: re.Pattern[str]) -> Callable[[str, Part], bool]:
    return lambda text, _part: pattern.search(text) is not None


def _longer_than(count: int) -> Callable[[str, Part], bool]:
    """More than a word: so many characters, a Chinese one counted as two."""
    return lambda text, _part: sum(2 if letter > "\u2e7f" else 1 for letter in text if letter.isalnum()) >= count


def _example(text: str, part: Part) -> bool:
    """An output is labelled or pointed at, stands in a fence, or everything is output (no line is labelled an input)."""
    if EXAMPLE_OUTPUT.search(text) or EXAMPLE_PAIR.search(text) or any(line.in_fence for line in part.lines):
        return True
    asks = re.search(
        r"(?:输入|用户|问|问题|提问)(?:示例)?\s*\d{0,2}\W{0,4}[:：]|\b(?:input|user|q|question|query"
        r"|customer)\b\s*\d{0,2}\W{0,4}[:：]",
        text,
        re.IGNORECASE,
    )
    if len({label.casefold() for label in SPEAKER.findall(text)}) >= 2:
        return True
    if asks:
        return False
    bare = [line.text for line in part.lines if line.text]
    return not all(
        re.search(r"[?？]\W*$|^\W*(?:请|帮我|如何|怎[么样]|what|how|why|can you|please)\b", line, re.IGNORECASE)
        for line in bare
    )


def _two_steps(text: str, part: Part) -> bool:
    items = [line for line in part.lines if line.marker]
    if len(items) >= 2:
        return True
    lines = [line for line in part.lines if line.text]
    many = re.findall(
        r"[。；;]|\.\s|\.$|→|->|=>|\b(?:then|next|finally|after that)\b|然后|接着|随后|最后|再", text, re.IGNORECASE
    )
    return len(lines) >= 3 or len(many) >= 2


def _memory(text: str, part: Part) -> bool:
    """Something named: an item of a list, or what stands after “remember”."""
    if any(len(line.text) > 1 for line in part.items) or re.search(r"[:：、]|,|，[^，]*，|\{\{|<", text):
        return bool(re.sub(r"\W", "", text)) and not _only_asks_to_remember(text)
    return not _only_asks_to_remember(text)


def _only_asks_to_remember(text: str) -> bool:
    return not re.sub(r"[\W_\d]", "", REMEMBERS.sub(" ", text))


def _two_roles(text: str, part: Part) -> bool:
    own = [line for line in part.lines if line.marker and len(line.text) > 1]
    names = [line for line in own if not MERGES.search(line.text) or re.search(r"[:：]", line.text)]
    if len(names) >= 2:
        return True
    if re.search(
        r"\b(?:two|three|four|five|six|seven|several|\d{1,6})\s+(?:\w+\s+){0,2}(?:roles?|experts?|judges?"
        r"|reviewers?|voices|critics|personas|editors|doctors|answers)\b|(?:[两二三四五六七多几]|\d{1,6})(?:个|名"
        r"|位)[^，。\n]{0,8}(?:角色|专家|评委|专员|编辑|顾问|老师|医生|视角|评审|分析师)",
        text,
        re.IGNORECASE,
    ):
        return True
    listed = re.split(r"[、,，/;；]|\band\b|和|与|以及|\bas well as\b", text)
    return sum(1 for piece in listed if ROLE_NOUN.search(piece.strip())) >= 2


def _role(text: str, _part: Part) -> bool:
    return bool(re.sub(r"[\W_]|你是|角色|role|you are|an?\b", "", text, flags=re.IGNORECASE))


def _tone(text: str, _part: Part) -> bool:
    """A word of manner, or an adjective at least: more than “good tone”."""
    rest = re.sub(
        r"使用|保持|采用|用|以|请|语气|语调|口吻|风格|合适|适当|恰当|的|良好|好|回答|回复|一种|要|正确|得体|注意"
        r"|tone|style|voice|use|keep|with|right|good|nice|proper|appropriate|suitable|an?\b|the\b|please|be\b"
        r"|answer|write|speak|in\b|of\b|correct|choose|find|your|fitting|mind|always|and|use",
        "",
        text,
        flags=re.IGNORECASE,
    )
    return len(re.sub(r"[\W_]", "", rest)) >= 2


def _x_factor(text: str, part: Part) -> bool:
    """One thing, not a list of many."""
    return len(part.items) <= 3 and _longer_than(6)(text, part)


def _skills(text: str, _part: Part) -> bool:
    rest = re.sub(
        r"擅长|精通|熟悉|各种|很多|一切|所有|任何|技能|能力|什么都会|等|good at|many|everything|all|skills?|expert"
        r"|things|in\b|you|are|various|at\b|any(?:thing)?|have|lots? of",
        "",
        text,
        flags=re.IGNORECASE,
    )
    return len(re.sub(r"[\W_\d]", "", rest)) >= 2


def _job(text: str, _part: Part) -> bool:
    return TASK.search(text) is not None or _longer_than(24)(text, _part)


def _goal(text: str, _part: Part) -> bool:
    return _longer_than(8)(text, _part)


def _unsure(text: str, _part: Part) -> bool:
    """A threshold, or the very words to say; a bare "be careful" is neither."""
    return THRESHOLD.search(text) is not None or (QUOTED.search(text) is not None) or SAFE_TOLD.search(text) is not None


def _rag(text: str, _part: Part) -> bool:
    return SOURCE.search(text) is not None


NEEDS: dict[str, Need] = {
    "Attention": Need(
        lambda text, part: _has(DIRECTIVE)(text, part) or _longer_than(12)(text, part),
        Text("names a topic, but nothing to do or to avoid", "只提到一个话题，没有说该做什么、避免什么"),
        Text(
            "Write each point as an order: “Check every date against the source.”",
            "把每一点写成要求：“每个日期都对照原文核对。”",
        ),
    ),
    "Background": Need(
        _longer_than(10),
        Text("does not say why the prompt is needed or where it is used", "没有说明为何需要、用在哪里"),
        Text("Say who needs the result and in what situation.", "写明谁需要结果、在什么情况下需要。"),
    ),
    "Constraints": Need(
        _has(BOUND),
        Text("sets no bound: nothing is forbidden or limited", "没有设下界限：既无禁止也无限度"),
        Text(
            "Write bounds that can be checked: “at most 200 words”, “no brand names”.",
            "写可检验的界限：“不超过 200 字”“不出现品牌名”。",
        ),
    ),
    "Command": Need(
        _has(COMMAND),
        Text("names no command that the user could type", "没有列出用户可以输入的指令名"),
        Text(
            "List name and effect of each: “/help: show all commands”.", "逐条写出名称与作用：“/帮助：列出全部指令”。"
        ),
    ),
    "Definition": Need(
        _has(MEANS),
        Text("lists terms without their meaning", "只列出名词，没有写含义"),
        Text("Write “Term: what it means here”.", "写成“名词：在这里的含义”。"),
    ),
    "Example": Need(
        _example,
        Text("shows no output", "没有给出输出"),
        Text("Write below each input the output that you want.", "在每个输入下面写出期望的输出。"),
    ),
    "Fail": Need(
        _has(ACTION),
        Text("does not say what to do when the task fails", "没有说失败时该怎么办"),
        Text("Say what to answer instead, or whom to hand over to.", "写明改答什么，或转交给谁。"),
    ),
    "Goal": Need(
        _goal,
        Text("does not say what is reached", "没有说要达到什么"),
        Text("Write the state that holds when the work is done.", "写出完成时应达到的状态。"),
    ),
    "Hack": Need(
        _has(REFUSES),
        Text("does not say how attempts are turned down", "没有说如何回绝绕过的企图"),
        Text("Say what is refused and with which words.", "写明拒绝什么、用什么话拒绝。"),
    ),
    "In-depth": Need(
        _has(THINKS),
        Text("does not say how to go deeper", "没有说怎样逐步深入"),
        Text("Say the steps of thought, or where to go on asking why.", "写出思考的步骤，或在哪里继续追问为什么。"),
    ),
    "Job": Need(
        _job,
        Text("names no work to be done", "没有写出要做的事"),
        Text("Write a verb and its object.", "写出动词及其对象。"),
    ),
    "Knowledge": Need(
        _has(SOURCE),
        Text("names no source to rely on", "没有写明可依据的来源"),
        Text("Name the file, the book or the knowledge base.", "写出文件、书籍或知识库的名称。"),
    ),
    "Lawful": Need(
        _has(LAW),
        Text("names no law, right or danger", "没有写出任何法律、权利或危险"),
        Text("Name what must be respected: privacy, copyright, safety.", "写明要遵守什么：隐私、版权、安全等。"),
    ),
    "Memory": Need(
        _memory,
        Text("names nothing to keep in mind", "没有列出要记住的内容"),
        Text("List the items: name, level, what was decided.", "逐条列出：姓名、水平、已决定的事项。"),
    ),
    "Merge": Need(
        _two_roles,
        Text("has fewer than two roles to merge", "可合并的角色不足两个"),
        Text("Name two roles or more, and how their answers are joined.", "写出至少两个角色，以及如何合并它们的回答。"),
    ),
    "Neglect": Need(
        _longer_than(5),
        Text("does not say what is left aside", "没有说忽略什么"),
        Text("Name what is to be ignored.", "写明要忽略的内容。"),
    ),
    "Odd": Need(
        _has(MOODS),
        Text("names no mood to slip into", "没有写出偶尔换上的语气或情绪"),
        Text("Name the mood, and how often.", "写明是哪种情绪、多久一次。"),
    ),
    "OutputFormat": Need(
        _has(FORMATS),
        Text("does not say what form the answer has", "没有写出回答的形式"),
        Text("Name parts, length, or the keys of the JSON.", "写明组成部分、长度，或 JSON 的键。"),
    ),
    "Pardon": Need(
        _has(ASKS),
        Text("does not say what to ask for", "没有说要追问什么"),
        Text("List what must be known before the work begins.", "列出开始前必须知道的信息。"),
    ),
    "Quote": Need(
        _has(CITATION),
        Text("does not say what a citation looks like", "没有规定引用的写法"),
        Text(
            "Give the form: “[n] at the end of the sentence”, or title and page.",
            "给出写法：“句末写 [编号]”，或写标题与页码。",
        ),
    ),
    "Role": Need(
        _role,
        Text("does not say who the model is", "没有说明模型是谁"),
        Text("Name the role: “# Role: copy editor”.", "写出角色：“# Role: 文字编辑”。"),
    ),
    "RAG": Need(
        _rag,
        Text("names no source of the passages", "没有写明检索的来源"),
        Text(
            "Name the knowledge base, and what to do when nothing is found.", "写出知识库名称，以及检索不到时怎么办。"
        ),
    ),
    "Skills": Need(
        _skills,
        Text("names no skill", "没有写出具体技能"),
        Text("Name what the role can do, one skill an item.", "逐条写出角色会做什么。"),
    ),
    "Tone": Need(
        _tone,
        Text("names no manner of speaking", "没有写出语气"),
        Text("Name the manner: “calm and factual”, “short, no slang”.", "写出语气：“平静、就事论事”“简短、不用俚语”。"),
    ),
    "Unsure": Need(
        _unsure,
        Text("has neither a threshold nor a safe phrase", "既无阈值也无稳妥说法"),
        Text(
            "Write: “Below 70% certainty, answer ‘I am not sure about this.’”",
            "写成：“把握低于 70% 时，回答‘这一点我不能确定。’”",
        ),
    ),
    "Value": Need(
        _has(VALUES),
        Text("names no value", "没有写出所看重的东西"),
        Text("Say what the person holds dear, and above what.", "写明此人看重什么、高于什么。"),
    ),
    "Workflow": Need(
        _two_steps,
        Text("has fewer than two steps", "步骤不足两个"),
        Text("Write the steps as a numbered list.", "用编号列表写出各个步骤。"),
    ),
    "X-factor": Need(
        _x_factor,
        Text("does not name the one thing that matters most", "没有写出最要紧的一点"),
        Text("Name one thing, in one sentence.", "用一句话写出一点。"),
    ),
    "Yeow": Need(
        _has(OPENS),
        Text("has no opening words", "没有开场的话"),
        Text(
            "Write the first message: greeting, what you can do, a question.",
            "写出第一条消息：问候、能做什么、一个问题。",
        ),
    ),
    "Zig": Need(
        _has(NONSENSE),
        Text("does not say what the playful answer is like", "没有说趣味回答是什么样"),
        Text(
            "Say how: “answer any question with one line from the Book of Answers”.",
            "写明怎样答：“无论问什么，都从《答案之书》里抽一句回答”。",
        ),
    ),
}


def _whole_text(checked: Checked, index: int) -> str:
    """A part's text with what stands below its sub-titles."""
    part = checked.parts[index]
    texts = [part.text]
    for below in checked.parts[index + 1 :]:
        if not below.is_titled or below.level <= part.level:
            break
        texts += [below.title, below.text]
    return "\n".join(texts).strip()


_SAME = {"Context": "Background", "Objective": "Goal", "Response": "OutputFormat", "Capacity and Role": "Role"}


def _incomplete(checked: Checked) -> Iterable[Flaw]:
    for index, part in enumerate(checked.parts):
        name = part.kind.name if part.kind else ""
        need = NEEDS.get(_SAME.get(name, name))
        text = _whole_text(checked, index) if need else ""
        if need is None or not re.search(r"\w", text) or need.is_met(text, part):
            continue
        if text != part.text.strip() and name in ("Workflow", "Example", "Merge", "Command"):
            continue  # its sub-titles are its items
        yield Flaw(
            part.number,
            Text(f"“{part.title}” {need.what.en}.", f"“{part.title}”{need.what.zh}。"),
            need.fix,
            Text(
                f"The module is for {part.kind.meaning.en if part.kind else ''}; so it does nothing.",
                f"这个模块用来写明“{part.kind.meaning.zh if part.kind else ''}”，现在起不到作用。",
            ),
        )


MODULES: tuple[Rule, ...] = (
    Rule(
        "module-incomplete",
        "warning",
        Text("The module lacks what makes it work.", "模块缺少使其起作用的内容。"),
        _incomplete,
    ),
)
