"""The words by which rules know a kind of sentence, in both languages.

Lists are alternations of whole words; nothing in them repeats without bound, so that hostile text costs no more than its
length.
"""

from __future__ import annotations

import re

__all__ = [
    "BACKGROUND",
    "CONDITION",
    "DESCRIBED",
    "EXAMPLE_LABEL",
    "EXAMPLE_PAIR",
    "GOAL",
    "IMPERATIVE",
    "LIMIT",
    "MANNER",
    "NEGATION",
    "ORDER",
    "OUTPUT",
    "PEOPLE",
    "PERSONALITY",
    "PROHIBITION",
    "SKILL",
    "STEP",
    "TASK",
    "TASK_ASKED",
    "words",
]


def words(english: str, chinese: str = "", *, more: str = "") -> re.Pattern[str]:
    """A pattern of English words and phrases (at word boundaries, a space for any blank) and Chinese ones."""
    parts: list[str] = []
    if english:
        parts.append(rf"\b(?:{'|'.join(_listed(english))})\b")
    if chinese:
        parts.append("|".join(_listed(chinese)))
    if more:
        parts.append(more)
    return re.compile("|".join(parts), re.IGNORECASE)


def _listed(text: str) -> list[str]:
    return [re.sub(r"\s+", r"\\s+", each.strip()) for each in text.split(" / ") if each.strip()]


_VERBS_EN = (
    "translate / summari[sz]e / write / rewrite / draft / compose / generate / create / produce / build"
    " / design / develop"
    " / plan / analy[sz]e / review / check / proofread / edit / correct / fix / explain / describe / answer"
    " / classify"
    " / categori[sz]e / label / tag / extract / convert / transform / turn / count / calculate / compute / compare"
    " / evaluate / assess / grade / score / rate / rank / recommend / suggest / propose / list / find"
    " / search / identify"
    " / detect / predict / solve / teach / coach / guide / help / interview / act / play / simulate / reply / respond"
    " / prepare / outline / brainstorm / improve / polish / refactor / implement / test / debug / document / research"
    " / investigate / diagnose / sort / group / merge / split / organi[sz]e / structure / reformat / format"
    " / annotate"
    " / paraphrase / shorten / simplify / expand / tell / give / provide / make / name / propose / quiz"
    " / assist / advise"
    " / triage / route / tutor / map / narrate / collect / read / report / schedule / estimate / select"
    " / choose / pick"
    " / comment / scale / sketch / pitch / remind / warn / greet / welcome / invite / negotiate / argue / debate / defend"
    " / critique / transcribe / rename / clean / filter / anonymi[sz]e / redact / moderate / monitor / forecast / price"
    " / match / fill / present / introduce / decide / judge / verify / examine / inspect / mark / host / run"
    " / conduct"
)
_NO_TASK_EN = (
    r"(?:use|keep|be|stay|avoid|ensure|follow|include|begin|start|end|note|remember|act\s+as|play\s+the\s+role)"
)
_VERBS_ZH = (
    "翻译 / 总结 / 概括 / 归纳 / 撰写 / 编写 / 起草 / 写作 / 创作 / 改写 / 润色 / 校对 / 修改 / 纠正 / 生成"
    " / 制作 / 制定 / 设计 / 规划"
    " / 策划 / 分析 / 解析 / 解读 / 审查 / 审阅 / 评审 / 检查 / 核对 / 解释 / 讲解 / 说明 / 描述 / 介绍"
    " / 回答 / 解答 / 答复 / 回复 / 分类"
    " / 归类 / 标注 / 打标签 / 提取 / 抽取 / 摘取 / 转换 / 转写 / 转化 / 统计 / 计算 / 清点 / 比较 / 对比"
    " / 评估 / 评价 / 评分 / 打分"
    " / 批改 / 排序 / 推荐 / 建议 / 列出 / 列举 / 查找 / 搜索 / 检索 / 识别 / 判断 / 检测 / 预测 / 求解"
    " / 解决 / 教 / 辅导 / 指导 / 引导"
    " / 协助 / 帮助 / 帮 / 面试 / 采访 / 扮演 / 模拟 / 整理 / 梳理 / 编排 / 拟定 / 拟 / 写 / 提供 / 给出"
    " / 输出 / 产出 / 优化 / 重构 / 实现"
    " / 测试 / 调试 / 研究 / 诊断 / 分组 / 合并 / 拆分 / 拆解 / 精简 / 缩写 / 扩写 / 续写 / 仿写 / 出题"
    " / 命题 / 起名 / 取名 / 讲 / 处理 / 接待"
    " / 记录 / 收集 / 汇总 / 安排 / 估算 / 挑选 / 选出 / 匹配 / 填写 / 主持 / 陪 / 把 / 将 / 对 / 为 / 从"
    " / 根据 / 按照 / 针对 / 依据 / 阅读 / 回应"
    " / 表演 / 推销 / 说服 / 告诉 / 评论 / 执行 / 替换 / 想出 / 区分 / 报告 / 练习 / 核算 / 复述 / 朗读"
    " / 监控 / 策展 / 搭配 / 审核 / 准备 / 筹备 / 搭建 / 构建 / 开发 / 绘制 / 画 / 编一 / 改成 / 找出 / 选取"
    " / 念 / 订正 / 做一 / 做出 / 问(?![题候世])"
)
TASK = words(_VERBS_EN, _VERBS_ZH)
TASK_ASKED = re.compile(
    rf"(?:your\s+(?:task|job|mission|duty|work|role)\s+(?:is|will\s+be)\s+to|you(?:'ll|\s+will|\s+are\s+to"
    rf"|\s+should|\s+must|"
    rf"\s+need\s+to|\s+have\s+to)(?:\s+then|\s+also)?|i\s+(?:want|need|would\s+like|ask)\s+you\s+to|(?:please"
    rf"|help\s+me|help\s+\w+|can\s+you|"
    rf"could\s+you))\s+(?:help\s+\w+\s+(?:to\s+)?"
    rf"|carefully\s+)?(?:{'|'.join(_listed(_VERBS_EN.replace(' / act / play', '')))})\b"
    rf"|(?:你的?(?:任务|工作|职责)是|任务[是为：:]|(?:你|您)(?:将|要|需要?|应该?|必须|来|负责|会|只)|(?:你"
    rf"|您)的(?:目标|工作|任务)(?:就)?是|(?:第一个|第一条|最初的|第一句)[^，。\n]{{0,4}}(?:请求|要求|问题|话"
    rf"|陈述|句子)[是：—]?|my\s+first\s+(?:request|question|sentence|message)\s+is|我(?:希望|想|要|需要|请)你?"
    rf"|请(?:你|您)?(?:先|再)?|帮我|负责)"
    rf"(?:[^。；.;\n]{{0,24}}?)(?:{'|'.join(_listed(_VERBS_ZH.replace(' / 扮演', '').replace(' / 为', '').replace(' / 对', '')))})",
    re.IGNORECASE,
)
IMPERATIVE = re.compile(
    rf"\W{{0,4}}(?:(?:first|then|next|finally|always|please|carefully|when\s+[^,]{{1,60}},|for\s+(?:each"
    rf"|every)\s+[^,]{{1,40}},|"
    rf"given\s+[^,]{{1,60}},|from\s+[^,]{{1,60}},|based\s+on\s+[^,]{{1,60}},)\s*,?\s*)?(?!{_NO_TASK_EN}\b)"
    rf"(?!(?:write|answer|reply|respond|format|present)\s+(?:only\s+)?(?:in|with|as|briefly|concisely|politely)\b)"
    rf"(?:{'|'.join(_listed(_VERBS_EN.replace(' / act / play', '')))})\s+\S"
    r"|\W{0,4}you\s+(?!are|have|know|can|may|must|should|will|love|like|need|want|never|speak|understand|work|live|come|see"
    r"|get|do|not)[a-z]{3,12}\s+(?:the|an?|each|every|all|what|[a-z]+s)\b"
    rf"|\W{{0,4}}you\s+(?:then\s+|also\s+)?(?:{'|'.join(_listed(_VERBS_EN.replace(' / act / play', '')))})\s+\S"
    rf"|\W{{0,4}}(?:请|然后|首先|先|再|最后|随后|逐[一条句段字]|每次|认真|仔细)?[，,]?(?:你|您)?(?:把|将|对|为"
    rf"|从|根据|按照|针对|依据|阅读)[^。；\n]{{1,60}}?"
    rf"(?:{'|'.join(_listed(_VERBS_ZH))})"
    rf"|\W{{0,4}}(?:请|然后|首先|先|再|最后|随后|逐[一条句段字]|认真|仔细)?(?:你|您)?(?!(?:回答|回复|输出|给出"
    rf"|答复)(?:使用|要|须|应|用|时|必须|需|不|内容|中|的|格式|语言|简))"
    rf"(?:{'|'.join(_listed(_VERBS_ZH.replace(' / 把 / 将 / 对 / 为 / 从 / 根据 / 按照 / 针对 / 依据', '').replace(' / 扮演', '')))})[^，。；\s]",
    re.IGNORECASE,
)

ORDER = re.compile(
    r"\W{0,4}(?:(?:always|first|then|next|finally|please|also)\s*,?\s+)?"
    r"(?!(?:the|an?|this|that|these|those|it|they|we|i|you|he|she|there|our|my|your|his|her|its|their|when|if|where|what|who"
    r"|why|how|in|at|on|for|from|with|without|of|as|by|no|not|never|do|don|avoid|is|are|was|were|has|have|can|may|must"
    r"|should|will|and|or|but|so|because|since|while|until|after|before|every|each|all|any|some|most|many|few|one|two|three"
    r"|both|only|just|more|less|than|to|up|per|people|users|readers|customers|good|known|able)\b)"
    r"[a-z]{2,14}\s+(?:the|an?|each|every|all|any|it|them|him|her|one|two|three|what|how|where|whatever|which|who|whose"
    r"|at|in|with|into|from|to|by|out|up|down|only|back|your|their|its|both|first|things|names|numbers)\b",
    re.IGNORECASE,
)
"""A sentence that begins like an order, with any verb: `Put the name into the first line`."""

BACKGROUND = words(
    "background / context: / audience / readers? (?:is|are|will|who)"
    " / target (?:readers?|users?|audience|group) / for (?:beginners?|children|students?|"
    "kids|newcomers|novices|adults|parents|engineers|developers|teachers|managers|customers|readers|people"
    "|users|staff|colleagues|employees|"
    "investors|patients|learners|non-\\w+|busy \\w+|young \\w+|new \\w+|first-\\w+) / because"
    " / since (?:we|our|the|they|many) / we are (?:a|an|the|going|planning|preparing|\\w+ (?:students|people|parents|friends|teachers))"
    " / (?:at|in|of) (?:a|an|our|my) (?:small|large|primary|secondary|local|public|rural|town|city|family) \\w+"
    " / our (?:company|team|shop|school|store|product|customers|users|readers|students|clinic|library|museum"
    "|newsletter|support|"
    "department|office|hotel|website|app|community|project|club|group|lab|staff|members|guests|class|service)"
    " / i am (?:a|an|the|preparing|writing|planning|learning|building|"
    "working|studying|going|organi[sz]ing|new|about|trying)"
    " / i'm (?:a|an|preparing|writing|planning|learning|building|working|studying|going|new|trying)"
    " / i (?:run|work|teach|own|manage|lead|have|live|study|sell)"
    " / my (?:team|company|boss|students?|class|son|daughter|clients?|shop|manager|school|customers)"
    " / (?:is|are|be|will be|gets?) (?:used|read|seen|shown|published|sent|printed|posted|reviewed) (?:by|in"
    "|on|at|when|during|for|to|as)"
    " / used (?:by|in|at|when|during|for)"
    " / (?:users?|customers?|readers?|students?|people|they|visitors|guests|patients|clients|callers|buyers"
    "|employees|members|learners|parents|tenants|"
    "players|travell?ers|engineers|editors|teachers|colleagues|newcomers) (?:are|often|usually|want|wants"
    "|need|needs|have|do not know|don't know|rarely|know|may not|come|read|ask|write|"
    "struggle|send|who|paste|expect|must|live|speak|mostly)"
    " / the user (?:is|wants|needs|has|often|may|sells|runs|works|speaks|learns)"
    " / suitable for / intended for / aimed at / written for / meant for / situation / scenario / at work"
    " / our(?! own) \\w+ / for my \\w+ / for (?:our|a|an|the) [\\w -]{1,30} (?:that|who|which)"
    " / for (?:our|a|an|the) [\\w -]{1,30}, who"
    " / we (?:sell|run|send|offer|need|have|want|teach|serve|get|receive|publish|make|build|rent|ship|print"
    "|support|host|produce|ran|work|plan|meet)"
    " / every (?:week|day|morning|month|quarter)"
    " / the (?:answer|text|result|output|summary|report|reply) (?:is|will be|goes) (?:read|used|sent|shown"
    "|printed|published|to)",
    "背景 / (?:里|中|们|的|户|人)(?:大多|大都|主要|一般|多半|多)(?:是|为|在) / 场景 / 受众 / 读者 / 面向"
    " / 适用于 / 针对的?(?:是|人群|用户) / 由于 / 因为"
    " / 目标(?:用户|人群|群体|读者|客户|学员)"
    " / 我(?:是|正在|在(?!线)|的(?:公司|团队|店|学生|孩子|老板|客户|领导))"
    " / 我们(?!一起|来|将|可以|开始|从|会|再|先|就)"
    " / 本(?:公司|店|校|部门|平台|馆|产品|社区|院|中心|团队|助手用于)"
    " / (?:用户|客户|读者|学生|顾客|同事|他们|家长|员工|访客|患者|学员|听众|观众|买家|居民|游客|"
    "老人|新人|住户|会员|商家|开发者|老师|求职者|玩家|旅客|业主)(?:是|们|多为|大多|往往|通常|经常|常常|希望"
    "|想要?|需要|可能|不(?:了解|懂|熟悉|会|一定)|没有|正在|会(?!话)|都|一般|来自|在|习惯|遇到|主要|群体|多"
    "|对)"
    " / 供[^，。\\n]{1,16}(?:使用|阅读|参考|查看) / 给[^，。\\n]{1,40}(?:看|读|听|使用|用(?!的|语))"
    " / 常常 / 往往 / 大半 / 多半 / 多是 / 平均[一二三四五六七八九十\\d] / (?<![你您])(?:主|员|户|者|们|客)(?:是|都是)[^，。\\n]{2,30}"
    " / 定在[^，。\\n]{1,12} / 要花(?:很|不少|大) / 他们 / 她们 / 我(?:开|卖|教|带|管|经营|负责|要(?:在|去|开|办|给))"
    " / 下(?:个?月|周|个?星期)[^，。\\n]{1,16}"
    " / 用于[^，。\\n]{2,30} / (?:初学者|小白|零基础|新手|非专业) / 现状 / 情况是 / 每(?:天|周|月|年|季度)"
    " / 会被?(?:贴|发|用|印|放|登)(?:在|到|于)"
    " / 发(?:布|给|送|到|在)[^，。\\n]{1,12} / 在[^，。\\n]{1,16}(?:上使用|中使用|里使用|时使用)",
)

_PEOPLE_EN = (
    r"(?:students|pupils|visitors|customers|guests|readers|families|parents|farmers|nurses|drivers|teachers|workers|staff"
    r"|members|clients|patients|tenants|neighbou?rs|players|beginners|adults|children|kids|tourists|travell?ers|colleagues"
    r"|engineers|volunteers|employees|buyers|sellers|owners|listeners|couples|groups|leaders|managers|authors|editors|developers|secretaries)"
)
DESCRIBED = re.compile(
    r"\W{0,4}(?:description|描述|简介|说明)\W{0,4}[:：]\s*(?!(?:you\b|an?\b|the\s+best|expert\b|professional\b|你|一[个位名]|擅长|精通))"
    r"(?:(?=[^\n]*[一-龥])(?=[^\n]{16,})[^\n]*(?:时|手边|晚上|每[天周月]|后|来|问|读|看)|"
    r"(?=(?:\S+\s+){7})[^\n]*\b(?:which|who|whose|when|while|that\s+(?:are|is)|read|ask|apply|applies|order|types?)\b)",
    re.IGNORECASE,
)
"""A description in Profile that tells of a situation, where it could have told who the model is."""

PEOPLE = re.compile(
    rf"\bfor\s+(?:\w+\s+){{0,2}}{_PEOPLE_EN}\b|\b{_PEOPLE_EN}\s+(?:of|from|in|at|on|without|with)\s+\w"
    r"|(?:听众|读者|受众|用户|对象|听者)[:：]|\b(?:audience|readers?|users?|listeners?)\s*[:：]"
    r"|\b(?:students|pupils|visitors|customers|guests|readers|families|parents|farmers|nurses|drivers|teachers|workers|staff"
    r"|members|clients|patients|tenants|neighbou?rs|players|beginners|adults|children|kids|tourists|travell?ers|colleagues"
    r"|engineers|volunteers|employees|leaders|managers|authors|editors|the\s+(?:cook|teacher|boss|manager|team|doctor|nurse|librarian|client|owner))\b"
    r"[^.\n]{0,40}\b(?:who|whose|read|reads|see|sees|come|comes|are|is|were|have|has|had|use|uses|work|works|live|lives"
    r"|wait|stand|want|wants|know|knows|learned|edit|write|send|hand|bring|never|often|usually|mostly)\b",
    re.IGNORECASE,
)

GOAL = words(
    "(?<!/)help(?:s|ing)? (?:the|our|my|their|your|a|an|me|us|him|her|them|people|someone|everyone|\\w{3,20}s"
    "|children)"
    " / so that / in order to / goals? / objectives? / aims? (?:is|to|at)? / purpose"
    " / help(?:s|ing)? (?:the |our |their |my |new |busy |all |young )?(?:user|users|me|us|them|people"
    "|readers?|customers?|"
    "students?|team|patients|learners|buyers|developers|teachers|parents|children|visitors|staff|him|her"
    "|writers?|beginners?|newcomers|colleagues|employees|travell?ers|engineers|players|clients|guests|editors"
    "|"
    "candidates|speakers|families|managers|owners|authors|members) / to help"
    " / the (?:result|answer|output|summary|text|list|report|reader|user) (?:is used|is for|will be used"
    "|should be able|serves|lets|helps|can then|will help)"
    " / (?:can|able to) (?:then )?(?:decide|understand|choose|act|use|start|make|find|learn|see) / done when"
    " / success (?:is|means) / the outcome / makes? it (?:easy|easier|possible)"
    " / to (?:make sure|ensure|enable|allow|let) / enabl(?:e|es|ing)"
    " / allow(?:s|ing) / lets? (?:the|our|them|people|readers|users|a) / we want (?:to|the|our) / i want to"
    " / ultimately / in the end",
    "以便 / 用于 / 让(?:我|我们|老师|别人|店员|公众|后来者|下一) / 从而 / 据此 / 以此 / 借此 / 好让"
    " / 方便[^，。\\n]{1,16} / 便于 / 有助于 / 用以"
    " / 帮助(?!文档|命令|中心|信息|：|:|页) / 以期"
    " / 目标(?!(?:用户|人群|群体|读者|客户|学员|受众|语言|单词|字母|文本|岗位|公司|市场|词|语种|字|文件|列|格式))"
    " / 目的(?!地) / 旨在 / 为了"
    " / 帮助(?:用户|他|她|他们|你|我|我们|读者|学生|客户|新|家长|初学|大家|孩子|学员|团队|同事|顾客|开发|员工"
    "|老人|求职|人|更多|业主|游客|医生|老师|玩家|病人|患者|观众|听众|运营|店主|编辑|使用者|访客|来访|学习)"
    " / 帮(?:用户|读者|学生|客户|家长|他们|大家|新手|初学者)[^，。\\n]{1,20}(?:快|更|了解|理解|掌握|完成|找"
    "|学|解决|提|减|省)"
    " / 让(?:用户|读者|学生|客户|家长|他们|大家|新手|初学者|人|孩子|每|老人|非|同事|团队|顾客|听众|观众|学员"
    "|对方|员工)[^，。\\n]{0,20}(?:能|会|可以|快|知道|明白|看懂|都|有|学会|了解|掌握|更|理解|感|在|一眼|读)"
    " / 使(?:用户|读者|学生|客户|其|他们|之)[^，。\\n]{0,20}(?:能|可以|更) / 用来"
    " / 最终(?:要|让|使|达|实现|得到) / 达到[^，。\\n]{1,20} / 实现[^，。\\n]{0,12}目 / 成果"
    " / (?<=[，。；：])让(?!我们|我来|模型|AI|它|你)[^，。；\\n]{3,30} / 为的是 / 用处 / 用途(?!词)"
    " / 希望[^，。\\n]{0,24}(?:知道|能|会|可以|就|不再) / 拿[去来][^，。\\n]{1,14} / 确保[^，。\\n]{2,24}(?:能|可以)"
    " / 助(?:力|你|您|用户) / 供[^，。\\n]{1,16}(?:决策|决定|选择|参考)",
)

MANNER = words(
    "concise(?:ly)? / clear(?:ly)? / brief(?:ly)? / simple / simply / plain / short / accurate(?:ly)?"
    " / precise(?:ly)? / careful(?:ly)? / friendly / formal(?:ly)? / informal / polite(?:ly)? / warm"
    " / neutral / objective(?:ly)?"
    " / professional(?:ly)? / casual / humorous / funny / lively / vivid(?:ly)? / natural(?:ly)?"
    " / fluent(?:ly)? / detailed / in detail / thorough(?:ly)? / step by step / tone / style / steps? / first"
    " / then / logical(?:ly)? / consistent(?:ly)? / faithful(?:ly)?"
    " / readable / easy to / understandable / specific / concrete / active voice / present tense / past tense"
    " / first person / second person / third person / must(?! not) / should(?! not) / ensure / make sure / always"
    ""
    " / patient(?:ly)? / encouraging / calm / gentle / gently / kind(?:ly)? / persuasive / engaging"
    " / well-\\w+ / high[- ]quality / appropriate(?:ly)? / explain (?:why|your|each)"
    " / (?:speak|write|answer|say|talk|explain|reply|read) \\w+ly"
    " / humou?r / irony / wit / one by one / in (?:the )?order of / line by line / grouped by / sorted by / in turn / before \\w+ing"
    " / rather than / instead of / as you would / the way \\w+",
    "简洁 / 简明 / 简短 / 简练 / 清晰 / 清楚 / 准确 / 精确 / 通俗 / 易懂 / 语气 / 风格 / 口吻 / 文风 / 步骤"
    " / 首先 / 然后 / 先[^，。\\n]{1,30}(?:再|后) / 逐[步一条句字个行段] / 分步 / 一步步 / 专业 / 客观 / 中立"
    " / 友好 / 友善 / 礼貌 / 正式 / 口语化 / 生动"
    " / 幽默 / 自然 / 流畅 / 详细 / 详尽 / 具体 / 严谨 / 严格 / 认真 / 仔细 / 耐心 / 温和 / 温柔 / 亲切"
    " / 活泼 / 轻松 / 忠实 / 忠于 / 保持 / 确保 / 务必 / 必须 / 需要?(?!求)"
    " / (?<![反对供响相])应(?!用|聘|届|急|援)(?:当|该)? / 注重 / 突出"
    " / 要求 / 逻辑 / 有条理 / 地道 / 押韵"
    " / 高质量 / 尽量 / 尽可能 / 优先 / 鼓励 / 依次 / 口气 / 写明 / 写清 / 说清 / 讲清 / 指出 / 标明 / 标出 / 注明 / 点明 / 点到 / 核对 / 对照"
    " / 一次一[个条题句] / 等[^，。\\n]{1,12}再 / 按[^，。\\n]{1,24}(?:顺序|次序|排序|排列|分组|归类)"
    " / (?:顺序|次序)[^，。\\n]{0,4}(?:抽取|提取|排列|写)"
    " / (?<![好图头偶])像(?!素|是否|下面|这样)[^，。\\n]{2,16} / 多用 / 少用 / 要(?:轻|慢|短|稳) / 换成",
    more=r"\b(?:if|when(?:ever)?)\b[^,.\n]{3,60},\s|(?:如果|若|遇到|当[^前])[^，。\n]{2,30}，|时，",
)

PROHIBITION = re.compile(
    r"\W{0,4}(?:(?:you\s+)?(?:must|should|may|can|shall)\s*(?:not|never)\b|can(?:not|'t|’t)\b|never\b"
    r"|do\s+not\b|don['’]?t\b|avoid\b|no\s+\w+|refuse\s+to\b|refrain\b|under\s+no\s+circumstances"
    r"|(?:请|一律|绝对?|坚决|严格|始终|也|都)?(?:不要|不得|不能|不可(?!或缺)|不许|不准|不允许|不应该?|不宜"
    r"|不可以|禁止|严禁|切勿|请勿|勿|避免|拒绝|杜绝|(?<![识性区特类分级辨差判个派鉴告])别(?!人|名|的)|绝不"
    r"|决不|从不|不(?:使用|编造|泄露|透露"
    r"|讨论|提供|输出|添加|评价|猜测|涉及|出现|写|加|做|回答|说|用|改|给|补充|带|推荐|承诺|解释|重复|讲|替|谈"
    r"|发表|引用|臆测|虚构|夸大|展开|接受|参与)))",
    re.IGNORECASE,
)
NEGATION = words(
    "not / never / no / without / don['’]?t / avoid / refrain / refuse / cannot / can['’]t / isn['’]t"
    " / nothing / neither / free of / omit / skip",
    "不要 / 不得 / 不能 / 不可 / 不许 / 不准 / 不允许 / 不应 / 禁止 / 严禁 / 切勿 / 请勿 / 勿 / 避免 / 杜绝"
    " / 拒绝 / (?<![识性区特类分级辨差判个派鉴告])别(?!人|名|的) / 绝不 / 决不 / 从不 / 不使用 / 不用 / 不写"
    " / 不加 / 不出现 / 不包含 / 不含"
    " / 不带 / 不作 / 不做 / 不给 / 不考虑 / 无需 / 无须 / 不必 / 不需要"
    " / 不输出 / 不添加 / 不提供 / 不附 / 不展示 / 不解释 / 不提 / 不向 / 不反问 / 不追问 / 不询问 / 不准"
    " / 不再 / 不以 / 不设 / 不分 / 没有 / 不区分 / 不引用 / 不涉及 / 不列 / 不说 / 不讲",
)
LIMIT = words(
    "never / do not / don['’]?t / must not / may not / should not / shouldn['’]t / cannot / can['’]t / only"
    " / at most / at least / no more than / no longer than / not more than / up to / fewer than / less than"
    " / limit(?:ed|s)? / within / avoid / without / not exceed"
    " / maximum / max / refuse / decline / refrain / under \\d{1,6} / below \\d{1,6} / over \\d{1,6}"
    " / no (?!longer\\b)\\w+ / nothing (?:else|but|more) / exclude / excluding / stay (?:in|within|on)"
    " / stick to / restrict(?:ed)? / exactly / out of scope / not to / outside / just / solely"
    " / (?:\\d{1,6}|one|two|three|four|five|six|seven|eight|nine|ten|twelve|fifteen|twenty)(?:\\s*(?:[-–]"
    "|to)\\s*\\d{1,6})?[ -](?:\\w+ )?(?:words?|sentences?|characters?|lines?|paragraphs?|bullets?"
    "|bullet points|items?|points?|steps?|tokens?|pages?|questions?|options|minutes?)",
    "不要 / 不得 / 不能 / 不可(?!或缺) / 不许 / 不准 / 不允许 / 不应 / 不宜 / 禁止 / 严禁 / 切勿 / 请勿"
    " / 避免 / (?<!不)仅 / (?<![一两几船])只(?!有这样|要) / 不超过 / 不多于 / 不少于 / 至多 / 最多 / 至少"
    " / 以内 / 之内 / 限制"
    " / 限定 / 限于 / 不知道(?=[^，。\\n]{3}) / 范围 / 无需 / 无须 / 不必 / 不涉及 / 不做 / 不写 / 不使用 / 不用 / 不加 / 不编造"
    " / 不包含 / 不添加 / 不提供 / 不出现 / 不泄露"
    " / 不讨论 / 不评价 / 不猜 / 不改 / 不解释 / 不输出 / 不展开 / 不补充 / 不替 / 不给 / 不重复 / 不发表"
    " / 不引用 / 不推荐 / 不回答 / 不承诺 / 拒绝 / 绝不 / 决不 / 勿"
    " / (?<![识性区特类分级辨差判个派鉴告])别(?!人|名|的|墅)"
    " / 除[^，。\\n]{1,20}外 / 控制在 / 上限 / 下限 / 字以 / 杜绝 / 一律"
    " / (?:\\d{1,6}|[一二两三四五六七八九十百千]{1,6})(?:\\s*[-–—~～到至]\\s*(?:\\d{1,6}"
    "|[一二两三四五六七八九十百千]{1,6}))?\\s*(?:个?字(?!母|节|段|典)|句|条(?!件|理)|段(?!落大意)|行|项"
    "|点(?!评|钟)|个要点|字符|分钟|个问题|个词)",
)

OUTPUT = words(
    "formats? / formatted / json / yaml / xml / csv / html / latex / markdown / tables? / tabular / columns?"
    " / bullets? / bullet points? / bulleted / numbered / lists? of"
    " / (?:as|in|into) (?:a |an |one |two |three |short |plain |numbered |bulleted |single "
    "|bullet )(?:\\w+ ){0,2}(?:list|table|paragraphs?|sentences?|email|letter|essay|poem"
    "|report|headlines?|outline|dialogue|script|"
    "memo|summary|code block|haiku|sections?|columns|bullets|lines?|word)"
    " / (?:\\d{1,6}|one|two|three|four|five|six|seven|eight|nine|ten|single|short|few)[ -](?:\\w+ )?(?:words?"
    "|sentences?|characters?|lines?|paragraphs?|sections?|parts|bullets?|columns|headings?|versions?"
    "|variants?|drafts?|options|examples|titles|headlines?|ideas|suggestions|questions|answers|names|items"
    "|points|steps|label|labels|options)"
    " / headings? / sections? / paragraphs? / code block"
    " / (?:answer|reply|respond|write|output|speak|responses?|replies|answers|language|summary|written"
    "|everything)(?: \\w+){0,3} in (?:english|chinese|french|german|spanish|japanese|korean|italian"
    "|portuguese|russian|arabic|simplified|traditional|british|american|the (?:same )?language"
    "|the user's language|\\{\\{)"
    " / structured as / consists? of / structure: / template / output:"
    " / the (?:answer|output|reply|response|result) (?:is|has|contains|begins|starts|consists|must"
    "|should) (?!used|for|read|sent)\\w+"
    " / output only / return (?:only|a|an|the) / word count / (?:start|begin|end) (?:with|the)"
    " / the label only|only the label / one of",
    "写成[^，。\\n]{1,12} / 格式 / 形式(?:输出|返回|给出|呈现|回答)? / JSON / Markdown / 表格 / 列表 / 清单 / 编号 / 分点 / 要点"
    " / 条目 / 输出[为成：:] / 输出(?:包括|包含|内容|结果|一|三|两|如下|只|仅)"
    " / (?:只|仅)(?:需|要|能)?(?:输出|返回|回复|给出|写|回答|列) / 返回(?:一|JSON|以下|结果)"
    " / 以[^，。\\n]{1,20}(?:形式|格式|方式|结构)"
    " / (?:用|使用|以|采用)(?:简体|繁体)?(?:中文|英文|英语|日语|法语|德语|中英|双语"
    "|\\{\\{)[^，。\\n]{0,8}(?:回答|回复|输出|作答|书写|撰写|写|交流|对话|答)?"
    " / (?:回答|回复|输出|语言)[^，。\\n]{0,6}(?:中文|英文|英语)"
    " / (?:\\d{1,6}|[一二两三四五六七八九十百千]{1,6})(?:\\s*[-–—~～到至]\\s*(?:\\d{1,6}"
    "|[一二两三四五六七八九十百千]{1,6}))?\\s*个?(?:字(?!母|节|段|典)|句|段|行|列|部分|小节)"
    " / 字数 / 篇幅 / 小标题 / 段落 / 分段 / 分为[^，。\\n]{1,20}部分 / 由[^，。\\n]{1,30}组成 / 代码块"
    " / 每行 / 模板 / 结构(?:如下|为|：) / 开头[^，。\\n]{0,10}结尾 / (?<!关)键(?!盘|词) / 字段",
    more=r"\b(?:JSON|CSV|XML|YAML)\b",
)

EXAMPLE_LABEL = re.compile(
    r"^\W{0,6}(?:输出)?(?:示例|样例|例子|例题|范例|样本|示范|举例|例)\s*[\d一二三四五六]{0,2}\W{0,4}(?:[:：]|$)"
    r"|^\W{0,6}(?:for\s+)?(?:examples?|sample(?:\s+(?:output|answer|input))?)\s*\d{0,2}\W{0,4}(?:[:：]|$)"
    r"|^\W{0,6}(?:example|sample)\b[^\n:：]{0,60}[:：]\s*$|\blooks?\s+like\s+[“\"「]"
    r"|^\W{0,6}(?:user|用户|输入|input|q|question|问|问题|提问)\s*\d{0,2}\W{0,3}[:：][^\n]*(?:\n\s*)?[^\n]*?(?:assistant|助手"
    r"|输出|output|answer|\ba|答)\s*\d{0,2}\W{0,3}[:：]"
    r"|^\W{0,6}(?:样例|示例|范例)\w{0,6}\W{0,2}[:：]|(?:样例|示例|范例)\w{1,6}[:：]|\b(?:sample"
    r"|example)\s+\w{1,16}\s*[:：]"
    r"|(?:按|照|如)[^，。\n]{0,8}(?:样子|样式|范文)[^\n]{0,16}[:：]|样子(?:是|如下|像这样)?[:：]"
    r"|举个例子|举例来说|比方说|^\W{0,4}for\s+[“\"][^”\"\n]{1,60}[”\"][^\n]{0,40}[:：]\s*$"
    r"|(?:例如|比如|譬如)[^，。；\n]{0,16}[:：]|像(?:这样|下面这样)(?:写)?[:：]"
    r"|\b(?:looks?|sounds?|reads?|goes|written)\s+like\s+(?:this|so)\b[^\n:：]{0,20}[:：]"
    r"|^\W{0,6}(?:题目|题|原文|原句|来信|评论|差评|提问|顾客|客户|学生|家长|玩家|句子|中文|例句|before|original|source|text|problem|letter|review"
    r"|comment|sentence|message)"
    r"\s*\d{0,2}\W{0,3}[:：][^\n]{0,300}\n(?:[^\n]{0,200}\n){0,5}?"
    r"\W{0,6}(?:答案|讲解|回信|译文|改写|分类|标签|回复|答复|客服|主持|英文|subject|after|answer|translation|label|reply|rewrite|rewritten"
    r"|summary)\s*\d{0,2}\W{0,3}[:：]",
    re.IGNORECASE | re.MULTILINE,
)
EXAMPLE_PAIR = re.compile(
    r"(?:例如|比如|譬如|举例|示例|样例|for\s+example|for\s+instance|e\.g\.|example)[^\n]{0,120}?(?:[→⇒]|=>|->"
    r"|[:：]\s*[“\"「'`]|[“\"「`][^”\"」`\n]{1,80}[”\"」`]\s*(?:becomes|输出|回答|应|译|写成|改|turns|gives"
    r"|is\s+labell?ed|归))"
    r"|[”\"」`']\s*(?:→|⇒|=>|->)\s*[“\"「`'\w]",
    re.IGNORECASE,
)

SKILL = re.compile(
    r"\W{0,4}(?:你|您|你们)?(?:擅长|善于|精通|熟悉|熟练|通晓|深谙|具备|具有|拥有|掌握(?!.{0,6}情况)|能够?熟练"
    r"|有[^，。\n]{0,8}年)[^。\n]{1,60}|\W{0,4}(?:you\s+(?:are|have|possess)\s+|(?:is\s+|be\s+)?)(?:(?:very\s+"
    r"|highly\s+|deeply\s+)?(?:good|skilled|skilful|skillful|proficient|"
    r"expert|experienced|fluent|adept|well[- ]versed|versed|talented|competent|specialized|strong)\s+(?:at|in"
    r"|with|on)\b|(?:deep|strong|extensive|broad|excellent|solid|expert)\s+(?:\w+\s+){0,2}(?:knowledge"
    r"|experience|understanding|skills?|command|grasp|background)\b|mastery\s+of|expertise\s+in|"
    r"(?:\w+\s+){0,3}years\s+of\s+experience|experience\s+(?:in|with)\b|familiar\s+with"
    r"|knowledge(?:able)?\s+(?:of|in|about)\b|masters?\s+(?:of|the)\b|knows?\s+(?:all|every|how)\b)",
    re.IGNORECASE,
)
STEP = re.compile(
    r"\W{0,4}(?:第[一二三四五六七八九十\d]{1,4}步|步骤\s*[一二三四五六七八九十\d]{1,4}|首先[，,]|然后[，,]"
    r"|最后[，,]|接着[，,]|随后[，,]|step\s*\d{1,6}|(?:first|second|third|then|next|finally|after\s+that"
    r"|lastly)\s*,)"
    r"|先[^，。；\n]{1,20}[，,]?[^。；\n]{0,10}再[^，。；\n]{1,20}|\bfirst\b[^.\n]{1,60}\bthen\b",
    re.IGNORECASE,
)
PERSONALITY = re.compile(
    r"\W{0,4}(?:(?:你|您|助手|角色)(?:是(?:一[个位名])?[^，。\n]{0,20}(?:的人|性格|老师|伙伴|朋友)|很|非常"
    r"|性格|为人|总是)[^。\n]{0,30}|性格|个性|脾气|为人|(?:热情|开朗|乐观|幽默|温柔|活泼|风趣|善良|耐心|细心"
    r"|友善|内向|外向|谦虚|调皮|俏皮|真诚)[、，和而且又]|"
    r"(?:热情|开朗|乐观|温柔|善良|风趣幽默|富有同情心)|(?:you\s+(?:are|have)|be|is|stay)\s+(?:a\s+|an\s+"
    r"|always\s+|very\s+)*(?:\w+,?\s+(?:and\s+)?){0,2}?(?:warm|witty|cheerful|friendly|funny|humorous|kind"
    r"|patient|curious|playful|optimistic|gentle|empathetic|sarcastic|shy|outgoing|grumpy|"
    r"calm|cheeky|compassionate|easygoing|personality|sense\s+of\s+humou?r|heart)\b|(?:warm|witty|cheerful"
    r"|kind|curious|playful|optimistic|gentle|empathetic|grumpy)(?:,|\s+and)\s|(?:personality|temperament"
    r"|character)\b)",
    re.IGNORECASE,
)
CONDITION = re.compile(
    r"\b(?:if|when|whenever|unless|except|where|in\s+case|while|until|otherwise|for\s+\w+\s+questions"
    r"|only\s+(?:if|when|where|after))\b|如果|若|当[^前]|除非|除了|除[^，。\n]{1,16}外|时[，,]|的话|否则|一旦"
    r"|遇到|对于|直到|才|情况下|必要时|例外",
    re.IGNORECASE,
)
