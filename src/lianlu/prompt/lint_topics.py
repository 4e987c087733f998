"""Topics that prompts order and forbid: lists, tables, emoji, explanations, questions …; and manners that exclude each other."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["NO", "OPPOSITES", "TOPICS", "Topic"]

_NO_EN = (
    r"(?:\bno\b|\bnot\b|\bnever\b|\bdon['’]t\b|\bwithout\b|\bavoid(?:ing)?\b|\bomit\b|\brefrain\b"
    r"|\bfree\s+of\b|\bcannot\b|\bskip\b|\bneither\b|\bleave\s+out\b)"
)
_NO_ZH = (
    r"(?:不要|不得|不能|不可|不许|不准|不允许|不应|禁止|严禁|切勿|请勿|勿|避免|杜绝|拒绝"
    r"|(?<![识性区特类分级辨差判个派鉴告])别(?!人|的)|绝不|决不"
    r"|不使用|不用|不写|不加|不出现|不包含|不含|不带|不做|不作|不给|无需|无须|不必|不需要|不输出|不添加|不提供"
    r"|不附|不展示|不解释|不列|不向|不主动|不再|不引用|不进行|不追问|不反问|不提|不说|不讲|不穿插|不留|不称呼"
    r"|省略)"
)
NO = re.compile(f"{_NO_EN}|{_NO_ZH}", re.IGNORECASE)
_DO_EN = (
    r"(?:\buse\b|\binclude\b|\badd\b|\bgive\b|\bprovide\b|\bwrite\b|\bpresent\b|\bput\b|\binsert\b|\bwith\b"
    r"|\bin\b|\bas\b|\binto\b|\bmake\b|\bformat\b|\blist\b|\bshow\b|\bstate\b|\bstart\b|\bbegin\b|\bend\b"
    r"|\boutput\b|\breturn\b|\bopen\b|\bclose\b|\bset\b|\bmark\b|\bappend\b|\bsprinkle\b|\bcite\b|\bname\b"
    r"|\bspice\b|\bfinish\b|\bmust\b|\bdraw\b)"
)
_DO_ZH = (
    r"(?:使用|采用|用|以|加|附|写|列|给|提供|输出|包含|包括|插入|添加|配|带|采取|整理|呈现|展示|说明|标|分|按"
    r"|结合|穿插|放|引用|做|开头|结尾|点缀|适当|多|画|返回|组织)"
)


@dataclass(frozen=True)
class Topic:
    """What may be wanted or forbidden. `own`: forbidden in words that hold no negation ("only prose"), part of `never`."""

    name: str
    noun: re.Pattern[str]
    own: re.Pattern[str] | None
    never: re.Pattern[str]
    wants: re.Pattern[str]


def _topic(
    name: str, noun: str, *, never: str = "", wants: str = "", bare: bool = False, own_never: bool = False
) -> Topic:
    """A topic from the pattern of its noun. `bare`: the noun's own pattern is a wish already."""
    forbidden = (
        ""
        if own_never
        else rf"(?:{_NO_EN}[^.;\n]{{0,28}}?"
        rf"|{_NO_ZH}(?:[^，。；、\n]{{0,7}}[、或和]){{0,3}}[^，。；、\n]{{0,5}}?)(?:{noun})(?![中里内外])"
    )
    wished = noun if bare else rf"(?:{_DO_EN}[^.;\n]{{0,40}}?|{_DO_ZH}[^，。；\n]{{0,16}}?)(?:{noun})"
    return Topic(
        name,
        re.compile("|".join(each for each in (noun, never, wants) if each), re.IGNORECASE | re.MULTILINE),
        re.compile(never, re.IGNORECASE | re.MULTILINE) if never else None,
        re.compile("|".join(each for each in (forbidden, never) if each), re.IGNORECASE | re.MULTILINE),
        re.compile("|".join(each for each in (wished, wants) if each), re.IGNORECASE | re.MULTILINE),
    )


TOPICS: tuple[Topic, ...] = (
    _topic(
        "list",
        r"(?<!\w)(?:bullet(?:ed)?(?:\s+(?:points?|lists?))?s?|bullets|numbered\s+(?:lists?|steps|items)|lists)\b"
        r"|(?<!文献)列表|项目符号|分点|编号列表|条目",
        never=r"(?:连续|纯)(?:的)?(?:散文|段落|正文)(?:书写|叙述|形式)|\b(?:flowing|continuous|only)\s+(?:prose"
        r"|paragraphs)\b|用连贯的段落",
    ),
    _topic(
        "table", r"\btables?\b|表格", never=r"\bonly\s+(?:plain\s+)?(?:prose|json)\b|只(?:输出|返回|用)[^，。]{0,6}JSON"
    ),
    _topic("emoji", r"\bemojis?\b|\bemoticons?\b|表情符号|表情(?!包)|颜文字"),
    _topic(
        "markdown",
        r"\bmarkdown\b|\bbold\b|\bheadings?\b|加粗|粗体|标题层级|小标题|Markdown",
        never=r"\bplain\s+text\s+only\b|\bonly\s+plain\s+text\b|纯文本(?!框)|\bin\s+plain\s+text\b|\bas\s+plain\s+text\b",
        wants=r"\bmarkdown\s+(?:table|format|headings?|list)\b|Markdown\s*(?:表格|格式|标题|列表)",
    ),
    _topic(
        "json",
        r"\bjson\b|JSON",
        never=r"只(?:输出|返回|使用|用)[^，。]{0,8}(?:Markdown|表格|纯文本|一句话)|\b(?:only|just)\s+(?:output\s+"
        r"|return\s+)?(?:a\s+)?(?:markdown\s+table|table|plain\s+text|prose)\b",
    ),
    _topic(
        "only json",
        r"(?!x)x",
        own_never=True,
        never=r"(?:只|仅)(?:能|可|需|会)?(?:输出|返回|回复|给出|使用|用)[^，。\n]{0,12}JSON|\b(?:only|nothing\s+but|just"
        r"|solely|exclusively)\b[^.\n]{0,24}\bjson\b|\bjson\b[^.\n]{0,16}\b(?:only|and\s+nothing\s+else"
        r"|nothing\s+else)\b|JSON[^，。\n]{0,8}以外",
        wants=r"(?:以|用|使用|按|输出|返回|给出|附上?|加上?|写成|整理成|再写)[^，。\n]{0,14}(?:表格|Markdown|段落|散文"
        r"|编号列表|自然语言|问候|一段|小结|总结|解释)|\b(?:as|in|into|use|with|add|give|write|present"
        r"|end)\b[^.\n]{0,30}\b(?:table|markdown|bullet(?:ed)?|numbered\s+list|paragraphs?|prose|greeting|closing"
        r"|summary|explanation|friendly)\b",
    ),
    _topic(
        "explanation",
        r"\bexplanations?\b|\bexplain(?:ing)?\b|\breason(?:s|ing)?\b|\bcommentary\b|\bjustif\w+|解释(?!器)|理由"
        r"|说明原因|分析过程|推理过程|思考过程",
        never=r"(?:只|仅)(?:能|需|要)?(?:输出|返回|给出|回答|回复|写)(?:最终)?(?:一个)?(?:结果|译文|标签|答案|类别|数字"
        r"|分类|结论|代码|分数|单词|标题|名称)|\b(?:output|return|answer\s+with|reply\s+with|give|respond\s+with"
        r"|print|write)\s+(?:only|just|nothing\s+but)\s+(?:the\s+|a\s+|one\s+)?(?:\w+\s+)?(?:labels?|translation"
        r"|answer|result|number|word|code|score|category|title|name|letter)\b|\b(?:label|translation|answer|result"
        r"|number|code|score|category)\s+(?:only|and\s+nothing\s+else)\b|\bonly\s+(?:output|return|give"
        r"|reply\s+with)\s+(?:the\s+)?(?:\w+\s+)?(?:label|translation|answer|result|number|code|score|category)\b",
        wants=r"\b(?:explain|justify)\s+(?:why|how|your|the|each|every|in)\b|(?:并|再|要|需|必须|请|应|逐[步条句]|详细"
        r"|简要|附上?|给出)[^，。\n]{0,6}(?:解释|说明理由|理由|原因|推理过程|思考过程|分析过程)|说明(?:理由|原因"
        r"|依据)|解释(?:原因|为什么|每)|\bshow\s+your\s+(?:reasoning|work|steps)\b|\bgive\s+(?:a\s+|the\s+"
        r"|your\s+)?reasons?\b|\bthink\s+(?:aloud|out\s+loud)\b"
        r"|(?:附上?|加上?|给出|写上)[^，。\n]{0,6}(?:注释|讲解|说明|备注)|\badd\b[^.\n]{0,16}\b(?:notes?|comments?"
        r"|remarks?)\b",
    ),
    _topic(
        "asking",
        r"\bask(?:ing)?\s+(?:back|the\s+users?|the\s+customers?|users?|questions|clarifying|any\s+questions?"
        r"|a\s+(?:clarifying\s+|follow-?up\s+)?question|for\s+(?:clarification|more|missing|details?"
        r"|the\s+missing))\b|\b(?:clarifying|follow-?up|counter)\s*-?\s*questions?\b|反问|追问|(?:向|询问"
        r"|问)(?:用户|客户|顾客|对方)|提问|发问|询问",
        own_never=True,
        never=r"\b(?:never|do\s+not|don['’]t|without|avoid|not)\s+(?:ever\s+)?ask(?:ing)?"
        r"(?:\s+(?:back|the|users?|customers?|any|questions?|clarifying|follow-?up|anything|for|clarification|more"
        r"|information|him|her|them|counter|first)){0,6}"
        r"\s*(?=$|[.,;!])|\bno\s+(?:clarifying\s+|follow-?up\s+|counter-?)?questions\b|(?:不(?:要|得|可|许|能|再"
        r"|主动)?|禁止|切勿|勿|避免|无需|无须|不必)"
        r"(?:再|主动|向用户|对用户|向客户){0,2}(?:反问|追问|提问|询问|发问)(?:用户|客户|顾客|对方|任何|问题"
        r"|更多){0,3}(?=$|[，。；、,.!！\s])",
        wants=r"\bask\s+(?:the\s+user|the\s+customer|users?|him|her|them|which|what|whether|for|one|two|three|at\s+least"
        r"|clarifying|back)\b|(?:先|就|应|请|要|则|主动|继续|再|需|必须|持续)[^，。\n]{0,4}(?:追问|询问|提问|反问"
        r"|向用户(?:提问|确认|询问))|^(?:追问|询问|向用户(?:提问|确认|询问))|请用户(?:补充|提供|说明|确认)"
        r"|提示用户(?:补充|重新)|向用户(?:提问|确认|询问|追问)",
    ),
    _topic(
        "jargon",
        r"\bjargon\b|\btechnical\s+terms?\b|\bspeciali[sz]ed\s+terms?\b|专业术语|术语|行话|专业名词",
        wants=r"(?:多|大量|使用|采用|运用|用)[^，。\n]{0,8}(?:专业术语|术语|行话|专业名词)",
    ),
    _topic("example", r"\bexamples?\b|举例|例子|示例"),
    _topic(
        "greeting",
        r"\bgreet(?:ings?)?\b|\bpleasantr\w+|\bpreamble\b|\bintroduction\b|问候|寒暄|打招呼|开场白|客套",
        wants=r"\bgreet\s+(?:the|every|each|users?|them|customers?)\b|(?:先|首先|主动|热情|要|请|每次|并"
        r"|以)[^，。\n]{0,8}(?:问候|打招呼|寒暄|开场白)|^(?:问候|打招呼)",
    ),
    _topic(
        "summary",
        r"\bsummar(?:y|ies)\b|\bconclusions?\b|\bclosing\b|总结|小结|结语|结束语",
        wants=r"(?:最后|结尾|末尾|文末)[^，。\n]{0,10}(?:总结|小结|结语)|\bend\s+with\s+a\s+(?:\w+\s+)?(?:summary"
        r"|conclusion|closing)\b",
    ),
    _topic(
        "opinion",
        r"\b(?:personal\s+)?(?:opinions?|views?|judg[e]?ments?)\b|主观(?:评价|看法|意见|判断)|个人(?:看法|观点"
        r"|意见)|评价|观点",
        wants=r"(?:给出|发表|说出|写出|附上|加上|表达|谈谈|提出)[^，。\n]{0,8}(?:主观|个人|自己的"
        r"|你的)[^，。\n]{0,4}(?:看法|观点|意见|评价|判断)|\b(?:give|state|add|share|offer|express)\s+(?:your\s+"
        r"|a\s+)(?:own\s+|personal\s+|honest\s+)?(?:opinion|view|judg[e]?ment)s?\b",
    ),
    _topic("code", r"\bcode(?:\s+(?:blocks?|snippets?|samples?))?\b|代码"),
    _topic("link", r"\blinks?\b|\burls?\b|链接|网址"),
    _topic(
        "citation",
        r"\bcitations?\b|\bfootnotes?\b|\bcite\b|引用来源|注明出处|出处|脚注",
        wants=r"(?:注明|标注|给出|列出|附上?|写明)[^，。\n]{0,8}(?:出处|来源|脚注)|\bcite\s+(?:the|your|every|each|at|a"
        r"|sources?)\b|\bgive\s+(?:the|a)\s+source",
    ),
    _topic("humour", r"\bhumou?r(?:ous)?\b|\bjok(?:es?|ing)\b|\bpuns?\b|幽默|玩笑|笑话|俏皮|调侃"),
    _topic("metaphor", r"\bmetaphors?\b|\banalog(?:y|ies)\b|\bsimiles?\b|比喻|类比|打比方|修辞"),
    _topic(
        "number", r"\b(?:digits|numerals|statistics|figures|percentages|numbers)\b|阿拉伯数字|统计数据|具体数字|数字"
    ),
    _topic("exclamation", r"\bexclamation\s+(?:marks?|points?)\b|感叹号|惊叹号"),
    _topic(
        "title",
        r"\btitles?\b|\bheadlines?\b|标题",
        wants=r"(?:起|拟|写|加|给出|附上?)[^，。\n]{0,8}标题|\b(?:give|add|write|put|start\s+with"
        r"|begin\s+with)\b[^.\n]{0,16}\b(?:a\s+)?(?:title|headline)\b",
    ),
    _topic(
        "medical advice",
        r"\b(?:medical|dosage|treatment)\s+(?:advice|recommendations?)\b|\bdiagnos[ei]s\b|(?:医疗|用药|治疗)建议"
        r"|诊断|处方",
    ),
    _topic("legal advice", r"\blegal\s+(?:advice|opinions?)\b|法律(?:建议|意见)"),
    _topic("investment advice", r"\b(?:financial|investment)\s+(?:advice|recommendations?)\b|(?:投资|理财|荐股)建议"),
    _topic("apology", r"\bapolog\w{1,6}\b|道歉|致歉|抱歉"),
    _topic("first person", r"\bfirst\s+person\b|第一人称"),
    _topic("price", r"\bprices?\b|价格|报价"),
    _topic("competitor", r"\bcompetitors?\b|竞品|竞争对手"),
    _topic(
        "name",
        wants=r"\b(?:greet|address|call)\b[^.\n]{0,20}\bby\s+(?:their\s+)?(?:first\s+)?name\b|(?:称呼|叫出"
        r"|写上)[^，。\n]{0,4}(?:用户|客户|顾客|学生)的?(?:姓名|名字)",
        noun=r"\bby\s+(?:their\s+)?(?:first\s+)?name\b|\b(?:user|customer|person|people)(?:['’]s)?\s+names?\b|(?:用户"
        r"|客户|顾客|学生)的?(?:姓名|名字)",
    ),
    _topic("quote", r"\bquot(?:es?|ations?)\b|原文引用|引用原文|名言|诗句|引文"),
    _topic("abbreviation", r"\babbreviations?\b|\bacronyms?\b|缩写"),
    _topic("english word", r"英文单词|英文词|外文|外来语"),
    _topic(
        "guess",
        r"\bguess(?:es|ing)?\b|\bspeculat\w+|\binvent(?:ed|ing)?\b|\bmake\s+up\b|编造|虚构|猜测|推测|杜撰",
        wants=r"(?:可以?|大胆|自行|合理|要|请|就|主动|允许)[^，。\n]{0,4}(?:编造|虚构|猜测|推测|杜撰|补全数据|编(?:一个"
        r"|个|些|出))|\b(?:may"
        r"|can|should|feel\s+free\s+to)\s+(?:guess|speculate|invent|make\s+up)\b"
        r"|\bmake\s+(?:your\s+)?(?:best\s+)?(?:guess|educated)\b|\b(?:invent|make\s+up)\s+(?:a|an|some|the"
        r"|plausible|details?)\b|^(?:\W*)(?:guess|invent|编造|虚构)",
    ),
    _topic(
        "own knowledge",
        r"常识|自己的知识|自身知识|外部知识|外部信息|背景知识|额外信息|\b(?:own|general|outside|prior|background"
        r"|external)\s+(?:\w+\s+)?(?:knowledge|information|facts)\b",
        never=r"(?:只|仅)(?:能|可|使用|用|依据|根据|基于)[^，。\n]{0,10}(?:资料|原文|材料|文档|给出|提供|上下文|知识库"
        r"|文本)|\b(?:use|rely\s+on|draw\s+on|from)\s+(?:only|nothing\s+but|exclusively)\s+(?:the\s+)?(?:given"
        r"|provided|text|passages?|sources?|material|documents?|context)\b|\b(?:only|solely|exclusively)\s+(?:use"
        r"|rely\s+on|on|from|what)\s+(?:the\s+)?(?:given|provided|text|passages?|sources?|material|documents?"
        r"|context|stands)\b",
        wants=r"(?:补充|结合|加入|运用|利用|使用|用|参考)[^，。\n]{0,10}(?:常识|你的知识|自己的知识|自身知识|外部知识"
        r"|背景知识|额外信息|行业经验)|\b(?:add|use|draw\s+on|supplement|combine"
        r"|fill)\b[^.\n]{0,30}\b(?:your\s+own|own|general|outside|background|external)\s+(?:\w+\s+)?(?:knowledge"
        r"|information|facts|experience)\b",
    ),
    _topic(
        "change",
        r"改写|(?<!得)(?<!要)(?<!能)(?<!可)(?<!不)(?:改动|修改)|润色|重写|\brewrite\b|\brephrase\b|\bparaphrase\b|\bchange\s+(?:the\s+)?(?:wording|words"
        r"|text)\b|\breword\b",
        never=r"不(?:得|要|能|可)?(?:改动|修改|改变|更改|改)(?:用户的?)?(?:原文|原句|原话|文字|措辞)|(?:保持|保留|照抄"
        r"|照搬)(?:原文|原句|原话)(?!的?(?:意思|含义|风格|结构|格式|语气|原意))|\b(?:verbatim"
        r"|word\s+for\s+word)\b|\bkeep\s+(?:the\s+)?(?:original\s+)?wording\b",
        wants=r"(?:把|将|对|请|逐句|大幅|全部|重新|用自己的话)[^，。\n]{0,12}(?:改写|重写|润色|改动)|^\W*(?:改写|重写"
        r"|润色)|\b(?:rewrite|rephrase|paraphrase|reword)\s+(?:the|every|each|it|all|in)\b"
        r"|\bin\s+your\s+own\s+words\b",
    ),
    _topic(
        "wait",
        r"等待用户|等用户|用户确认|\bwait\b|\bconfirmation\b|\bapproval\b|确认后",
        never=r"(?:无需|不必|不用|不要|不)(?:等待|等|经)?(?:用户)?(?:的)?(?:确认|同意|等待)|\bwithout\s+(?:waiting"
        r"|confirmation|approval|asking)\b|\b(?:do\s+not|don['’]t|never)\s+wait\b|直接一次性(?:完成|输出)",
        wants=r"(?:等待?|经|得到|征得|待)用户[^，。\n]{0,6}(?:确认|同意|回复|选择|回答)|用户确认后|确认(?:后|无误后)再"
        r"|\bwait\s+(?:for|until)\b|\b(?:after|until)\s+(?:the\s+)?user(?:['’]s)?\s+(?:confirm|approv|agree)\w*"
        r"|\bask\s+for\s+(?:confirmation|approval)\b",
    ),
    _topic(
        "spoiler",
        r"\bspoilers?\b|剧透",
        wants=r"(?:写出|交代|说明|透露)[^，。\n]{0,6}结局|\b(?:tell|reveal|give)\b[^.\n]{0,12}\b(?:the\s+)?(?:ending"
        r"|end)\b",
        never=r"不[^，。\n]{0,6}(?:透露|交代)结局|\b(?:not|never)\s+reveal\s+the\s+end\w*",
    ),
    _topic("rhyme", r"\brhym(?:e|es|ing)\b|押韵"),
    _topic(
        "refuse",
        r"拒绝回答|\brefuse\s+to\s+answer\b|\bdecline\b|\brefus(?:e|al)\b",
        never=r"(?:任何|所有)问题都(?:要|必须)?(?:回答|作答)|有问必答|\banswer\s+(?:every|any|all)\s+questions?\b"
        r"|\b(?:never|do\s+not)\s+(?:refuse|decline)\b",
        wants=r"拒绝(?:回答|讨论|任何)|不回答[^，。\n]{1,16}(?:问题|话题)|只回答[^，。\n]{1,20}(?:问题|话题|内容)"
        r"|\b(?:refuse|decline)\s+(?:to\s+)?(?:answer|questions?|anything|all|every|topics?|requests?)\b"
        r"|\bonly\s+answer\s+questions\s+(?:about|on)\b|\b(?:never|do\s+not"
        r"|don['’]t)\s+answer\s+questions\s+(?:about|on)\b",
    ),
)


def _pair(one: str, other: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    return re.compile(one, re.IGNORECASE | re.MULTILINE), re.compile(other, re.IGNORECASE | re.MULTILINE)


_NOT_EN = r"(?<!not )(?<!never )(?<!no )(?<!avoid )(?<!too )(?<!overly )(?<!without )(?<!less )(?<!or )"
_NOT_ZH = r"(?<!不要)(?<!不)(?<!避免)(?<!过于)(?<!太)(?<!非)(?<!勿)"

OPPOSITES: tuple[tuple[re.Pattern[str], re.Pattern[str]], ...] = (
    _pair(
        rf"{_NOT_EN}\b(?:formal(?:ly)?|formal\s+(?:tone|style|language|register)|businesslike|solemn)\b"
        rf"|{_NOT_ZH}(?:正式|庄重|书面语|严肃)(?!版|员|名|上线|发布|场合|合同|文件|测试|环境|开始)",
        rf"{_NOT_EN}\b(?:casual(?:ly)?|informal(?:ly)?|colloquial|slang|chatty|like\s+(?:a\s+|you(?:['’]re"
        rf"|\s+are)\s+)?(?:friend|chatting|talking\s+to\s+a\s+friend)|playful(?:ly)?|jokes?)\b|{_NOT_ZH}(?:口语化"
        rf"|随意|俏皮|俚语|网络用语|像(?:和)?朋友|活泼|轻松随意|搞笑|网络流行语)(?!修改|更改|改动|编造|猜|添加)",
    ),
    _pair(
        rf"{_NOT_EN}\b(?:as\s+(?:short|brief|concise)(?:ly)?\s+as\s+possible|(?:very|extremely|always|be|keep\s+\w+"
        rf"|stay|answer|reply|write)\s+(?:brief(?:ly)?|concise(?:ly)?|short|terse)|one[- ]word\s+answers?"
        rf"|in\s+(?:a\s+single|one)\s+(?:short\s+)?sentence)\b|{_NOT_ZH}(?:极简|极其简短|越短越好|尽量简短"
        rf"|尽可能简短|言简意赅|惜字如金|一句话(?:回答|说完|概括|作答|说清)|回答(?:要|必须|应)?(?:尽量"
        rf"|尽可能)?(?:简短|简洁|精简))",
        rf"{_NOT_EN}\b(?:in\s+(?:great|full|as\s+much|exhaustive|every)\s+(?:\w+\s+)?detail|as\s+(?:detailed|long"
        rf"|thorough|exhaustive|much\s+detail)(?:ly)?\s+as\s+possible|(?:very|extremely|highly)\s+(?:detailed|long"
        rf"|thorough)|exhaustive(?:ly)?|at\s+length|long[- ]form|leave\s+(?:nothing|no\s+detail)\s+out"
        rf"|every\s+detail|lengthy|elaborate(?:ly)?\b)|{_NOT_ZH}(?:尽量详细|尽可能详细|非常详细|极其详细|详尽"
        rf"|越详细越好|面面俱到|长篇|展开(?:详细|充分)|事无巨细|充分展开|篇幅越长|详细展开|不厌其烦|每个细节)",
    ),
    _pair(
        rf"{_NOT_EN}\b(?:objective(?:ly)?|neutral(?:ly)?|impartial(?:ly)?|unbiased|take\s+no\s+side"
        rf"|without\s+taking\s+sides)\b|{_NOT_ZH}(?:客观中立|保持中立|中立客观|不偏不倚|不带(?:任何)?(?:感情|立场"
        rf"|倾向)|不站队|客观(?=[，。；、\s]|$))",
        rf"\b(?:take\s+(?:a\s+(?:clear\s+|strong\s+)?(?:side|stand|stance)|sides)|argue\s+(?:strongly\s+)?(?:for"
        rf"|against)|partisan|(?:show|express|with)\s+(?:strong\s+|your\s+)?(?:feelings?|emotions?|passion)"
        rf"|praise\s+our|persuade\s+\w+\s+to\s+buy|clearly\s+favou?r)\b|(?:旗帜鲜明|站在[^，。\n]{1, 10}(?:立场"
        rf"|一边)|强烈(?:推荐|支持|反对|抨击)|带有?(?:强烈|鲜明)的?(?:感情|情绪|立场|主观)|充满感情|明确支持|煽动"
        rf"|倾向于我们|表明立场|夸赞我们)",
    ),
    _pair(r"\bfirst\s+person\b(?!\W+(?:or|and))|第一人称", r"\b(?:third|second)\s+person\b|第[二三]人称"),
    _pair(r"\bpast\s+tense\b|过去时", r"\b(?:present|future)\s+tense\b|现在时|将来时"),
    _pair(r"\bbritish\s+(?:english|spelling)\b|英式", r"\bamerican\s+(?:english|spelling)\b|美式"),
    _pair(r"简体(?:中文|字)|\bsimplified\s+chinese\b", r"繁体(?:中文|字)|\btraditional\s+chinese\b"),
    _pair(
        r"(?:一次|每次|每轮|一轮|每回)(?:只|仅|最多)?(?:能|可以|会)?(?:问|提|提出|询问)?(?:一个|1\s*个"
        r"|一道)(?:问题|题)?|逐(?:个|一|题|条)(?:提问|询问|发问|出题)|\b(?:one"
        r"|a\s+single)\s+questions?\s+(?:at\s+a\s+time|per\s+(?:turn|message|reply))\b|\bone\s+at\s+a\s+time\b"
        r"|\b(?:only|at\s+most)\s+one\s+question\b",
        r"(?:一次性|同时|一口气)(?:把)?[^，。\n]{0,10}(?:问完|提出|列出|问|给出|提问)[^，。\n]{0,8}(?:问题|题)?"
        r"|(?:一次|每次|每轮)(?:提出?|问|给出)?(?:[两二三四五六七八九十]|\d{1,6})\s*(?:个|道)(?:问题|题)"
        r"|所有问题(?:一次|一起|同时)|\ball\s+(?:of\s+)?(?:the\s+|your\s+)?(?:\w+\s+){0,2}questions?\s+(?:at\s+once"
        r"|together|in\s+one|in\s+(?:the|your|a)\s+(?:first|single|one)|up\s+front)\b|\b(?:two|three|four|five"
        r"|several"
        r"|\d{1,6})\s+questions\s+(?:at\s+once|at\s+a\s+time|per\s+(?:turn|message)|in\s+(?:one|a\s+single"
        r"|each))\b",
    ),
    _pair(
        r"(?:先|首先|开头|第一句)[^，。\n]{0,8}(?:给出|写|说|亮出|直接给)?(?:结论|答案)|开门见山|\b(?:start|begin"
        r"|open|lead)\s+with\s+(?:the\s+)?(?:\w+\s+)?(?:answer|conclusion|result|verdict)\b|\b(?:answer|conclusion"
        r"|verdict)\s+(?:comes\s+)?first\b",
        r"(?:最后|结尾|末尾)(?:一[句段行])?(?:再|才)?[^，。\n]{0,8}(?:给出|写|说|得出|公布|揭晓)?(?:结论|答案)"
        r"|(?:结论|答案)(?:必须|要)?(?:放在|留到|写在)(?:最后|结尾|末尾)|\b(?:answer|conclusion|result"
        r"|verdict)\s+(?:only\s+)?(?:at\s+the\s+(?:very\s+)?end|comes\s+last|last)\b|\b(?:end|finish"
        r"|close)\s+with\s+the\s+(?:answer|verdict|conclusion)\b|\bsave\s+the\s+(?:answer|verdict|conclusion)\b",
    ),
    _pair(
        r"(?:假设|默认|面向|读者是|写给)[^，。\n]{0,10}(?:零基础|小白|初学者|新手|小学生|儿童"
        r"|没有[^，。\n]{0,6}(?:基础|背景)|一无所知)|\b(?:assume|suppose)\b[^.\n]{0,24}\b(?:no\s+(?:prior\s+"
        r"|technical\s+)?(?:knowledge|background|experience)|nothing|beginners?|complete\s+novice)\b"
        r"|\b(?:a\s+(?:ten|eight|six|five)-year-old|child(?:ren)?|[\w-]{1,12}-year-olds?|complete\s+beginners?)\b",
        r"(?:假设|默认|面向|读者是|写给)[^，。\n]{0,10}(?:专家|资深|专业人士|内行|博士|已(?:经)?(?:熟悉|掌握"
        r"|了解))|\b(?:assume|suppose)\b[^.\n]{0,24}\b(?:expert|experts|fluent|familiar|already\s+knows?|phd"
        r"|specialists?)\b|\bfor\s+(?:experts|specialists|phds?|fellow\s+\w+)\b|\bexpert[- ]level\b",
    ),
    _pair(
        r"(?:保密|不(?:得|要|能|可)?(?:透露|泄露|公开|展示|输出)|隐藏|never\s+(?:reveal|disclose|show|share)"
        r"|do\s+not\s+(?:reveal|disclose|show|share))[^，。\n]{0,30}(?:提示词|系统提示|以上规则|这些规则|指令内容"
        r"|prompt|(?:these|your)\s+(?:rules|instructions))",
        r"(?<!不)(?<!不要)(?:介绍|说明|展示|列出|告诉用户|输出|公布)[^，。\n]{0,8}(?:<Rules>|<规则>|以上规则"
        r"|全部规则|提示词|系统提示)|(?<!not )\b(?:show|list|introduce|print|explain|tell)\b[^.\n]{0,20}(?:<Rules>"
        r"|\b(?:these|your|all|the)\s+(?:rules|instructions)\b|system\s+prompt)",
    ),
    _pair(
        r"(?<!不)(?<!不能)区分大小写|(?<!not )(?<!ignore )\bcase[- ]sensitive\b(?!\W*=\s*false)|大小写敏感",
        r"不区分大小写|忽略大小写|\bcase[- ]insensitive\b|\bignore\s+(?:the\s+)?(?:letter\s+)?case\b"
        r"|\bnot\s+case[- ]sensitive\b",
    ),
    _pair(
        r"(?:按|依)(?:时间|日期)?(?:从早到晚|升序|从小到大|由低到高|先后顺序)|\b(?:ascending|oldest\s+first"
        r"|from\s+oldest|earliest\s+first|smallest\s+first|chronological)\b",
        r"(?:按|依)(?:时间|日期)?(?:从晚到早|降序|从大到小|由高到低|倒序)|\b(?:descending|newest\s+first"
        r"|latest\s+first|reverse\s+chronological|largest\s+first|most\s+recent\s+first)\b",
    ),
    _pair(
        r"(?:称呼|用|使用|称)[^，。\n]{0,6}[“\"「]?您[”\"」]?(?:称呼|相称)?(?:$|[，。；])|用“您”|敬语",
        r"(?:称呼|用|使用|称)[^，。\n]{0,6}[“\"「]你[”\"」]|直呼其名|不用“您”|不(?:要)?用敬语|不必用敬语",
    ),
    _pair(
        r"\bmetric\b(?:\s+(?:units?|system))?|公制|摄氏",
        r"\bimperial\b|英制|华氏|\bfahrenheit\b|\b(?:in|use)\s+(?:cups|ounces|miles|pounds)\b",
    ),
    _pair(
        r"(?:全部|所有(?:单词|文字|字母|内容)|一律)(?:用|使用)?大写|\ball\s+(?:caps|capitals|uppercase"
        r"|upper\s+case)\b|\b(?:in|use)\s+(?:upper\s?case|capitals)\b",
        r"(?:全部|所有(?:单词|文字|字母|内容)|一律)(?:用|使用)?小写|\ball\s+(?:lowercase|lower\s+case)\b|\b(?:in"
        r"|use)\s+lower\s?case\b",
    ),
    _pair(
        r"(?:温和|委婉|鼓励|体贴|友善|亲切)(?:的|地)?(?:语气|口吻|方式|态度)?|\b(?:gentle|gently"
        r"|encouraging(?:ly)?|kind(?:ly)?|warm(?:ly)?|friendly|supportive)\b",
        r"(?:毒舌|尖锐|犀利|刻薄|毫不留情|不留情面|冷酷|严厉|冷嘲热讽|讽刺)|\b(?:harsh(?:ly)?|brutal(?:ly)?"
        r"|merciless(?:ly)?|scathing|sarcastic(?:ally)?|ruthless(?:ly)?|insulting|rude(?:ly)?|cold(?:ly)?\s+and)\b",
    ),
)
