"""The words that each of the thirty modules A–Z cannot do without, as patterns of both languages."""

from __future__ import annotations

import re

from lianlu.prompt.lint_words import words

__all__ = [
    "ACTION",
    "ASKS",
    "BOUND",
    "CITATION",
    "COMMAND",
    "DIRECTIVE",
    "EXAMPLE_OUTPUT",
    "FORMATS",
    "LAW",
    "MEANS",
    "MERGES",
    "MOODS",
    "NONSENSE",
    "OPENS",
    "QUOTED",
    "REFUSES",
    "REMEMBERS",
    "ROLE_NOUN",
    "SAFE_TOLD",
    "SOURCE",
    "SPEAKER",
    "THINKS",
    "THRESHOLD",
    "VALUES",
]

DIRECTIVE = words(
    "must / never / not / don['’]t / always / only / remember / note / careful / avoid / make sure / ensure"
    " / keep / check / do / use / should / watch / pay / every / each / no / write / answer / if / when"
    " / before / after / be / ask / stay / take / mind / treat / say / mark / leave / respect",
    "必须 / 务必 / 不 / 禁 / 勿 / 避免 / 注意 / 记住 / 记得 / 确保 / 保持 / 请 / 要 / 应 / 只 / 仅 / 每 / 如"
    " / 先 / 别 / 切 / 重点 / 优先 / 严 / 始终 / 一定 / 以 / 对 / 检查 / 留意 / 当",
)
BOUND = words(
    "not / never / only / no / don['’]t / at most / at least / more than / less than / fewer / within / up to"
    " / limit / limited / avoid / without / must / under / over / exactly / maximum / minimum / cannot"
    " / refuse / keep / stay / outside / exclude / between / shall / should / stick / always / one|two|three"
    " / decline",
    "不 / 勿 / 禁 / 只 / 仅 / 最 / 至多 / 至少 / 以内 / 之内 / 避免 / 必须 / 限 / 范围 / 拒绝 / 超过 / 一律"
    " / 无需 / 除 / 应 / 严 / 控制 / 杜绝 / 别 / 须 / 保持",
    more=r"\d",
)
SOURCE = words(
    "file / files / document / documents / manual / handbook / database / knowledge base / page / pages"
    " / table / book / guide / dataset / source / sources / article / articles / report / catalogue / catalog"
    " / website / wiki / faq / list / standard / index / passages? / results / textbook / paper / papers"
    " / policy / policies / folder / notes / records? / price list / according to / collection / attached"
    " / below / sheet / retrieved / retriever / terms of / specification / dictionary / menu / encyclop\\w+"
    " / law / act / regulations?",
    "文件 / 文档 / 手册 / 数据库 / 知识库 / 网页 / 网站 / 网址 / 链接 / 资料 / 表 / 书 / 指南 / 数据集 / 来源"
    " / 文章 / 报告 / 目录 / 百科 / 清单 / 标准 / 段落 / 检索 / 教材 / 论文 / 条例 / 政策 / 制度 / 文件夹"
    " / 附件 / 条款 / 规范 / 说明书 / 词典 / 典 / 菜单 / 法 / 《 / 索引 / 档案 / 记录 / 语料 / 规程",
    more=r"https?://|[\w\-]{1,60}\.(?:pdf|md|txt|docx?|csv|xlsx?|html?|json)\b|\{\{",
)
CITATION = words(
    "\\[n\\] / footnotes? / brackets / square brackets / link / url / in parentheses / page number / pages?"
    " / title / name of / number / source: / chapter / section / line / author / file name / format / clause"
    " / article \\w+ / date / anchor / id / heading / paragraph",
    "方括号 / 编号 / 链接 / 网址 / 脚注 / 页码 / 页 / 标题 / 文件名 / 书名 / 章节 / 章 / 条款 / 第 / 格式"
    " / 括号 / 作者 / 来源： / 出处： / 行号 / 序号 / 名称 / 日期 / 《",
    more=r"\[\d*n?\d*\]|\[\^|[（(【\[][^）)】\]\n]{1,30}[）)】\]]",
)
THRESHOLD = words(
    "threshold / below / less than / under / confidence / probability / percent / score / fewer than"
    " / lower than / at least / above / certain(?:ty)? (?:is|of)",
    "阈值 / 低于 / 小于 / 不足 / 置信 / 把握 / 概率 / 分以下 / 分数 / 评分 / 以下 / 高于 / 达不到 / 未达",
    more=r"\d{1,6}\s*[%％分]|0\.\d",
)
QUOTED = re.compile(r"[“\"「『‘`][^”\"」』’`\n]{2,200}[”\"」』’`]|[:：]\s*\S{4,}")
ACTION = words(
    "say / tell / ask / return / answer / reply / respond / apologi[sz]e / explain / suggest / offer / stop"
    " / retry / try / fall back / fallback / hand over / escalate / refer / output / write / give / report"
    " / skip / end / forward / transfer / leave / state / list / mark / send / show / point / propose / name"
    " / admit / use / switch / request / print / pass / direct / keep / repeat / log / call",
    "说明 / 告知 / 告诉 / 请 / 询问 / 返回 / 回答 / 回复 / 道歉 / 致歉 / 解释 / 建议 / 停止 / 重试 / 转"
    " / 改用 / 提示 / 输出 / 给出 / 写 / 列出 / 标注 / 标记 / 跳过 / 结束 / 提供 / 说 / 交由 / 通知 / 记录"
    " / 引导 / 让 / 联系 / 注明 / 留空 / 使用 / 换 / 表示 / 指出 / 推荐 / 退回 / 保留 / 终止",
)
MEANS = re.compile(
    r"[:：=]\s*\S{2,}|[—–]\s*\S{2,}|\s-\s*\S{2,}|\b(?:is|are|means?|refers?\s+to|stands?\s+for|denotes?"
    r"|defined\s+as|counts\s+as|includes?)\b|是指|指的?是|指|是|即|意为|意思|表示|定义为|代表|包括|视为|意味"
    r"|为",
    re.IGNORECASE,
)
REFUSES = words(
    "refuse / decline / ignore / reject / never / do not / don['’]t / not / stay in / politely / say / answer"
    " / reply / deny / cannot / remain / keep / no / warn / stop / treat",
    "拒绝 / 忽略 / 不 / 无视 / 回绝 / 勿 / 禁止 / 保持 / 婉拒 / 回复 / 回答 / 警告 / 终止 / 提醒 / 视为",
)
THINKS = words(
    "step by step / steps? / first / then / think / reason / reasoning / break / consider / before / deeper"
    " / in depth / why / check / each / further / further questions / go on / analy[sz]e / until / compare"
    " / again / list / examine / reflect / explore / trace / decompose / verify",
    "逐步 / 一步 / 分步 / 步骤 / 首先 / 先 / 思考 / 推理 / 拆解 / 分解 / 深入 / 追问 / 为什么 / 检查 / 继续"
    " / 层 / 再 / 反思 / 验证 / 分析 / 逐 / 直到 / 推导 / 深挖 / 推敲 / 剖析 / 反复",
)
LAW = words(
    "law / laws / legal / legally / illegal / unlawful / lawful / regulations? / act / rights / privacy"
    " / copyright / personal data / harm / harmful / dangerous / safety / safe / discriminat\\w+ / violen\\w+"
    " / weapons? / drugs / minors / hate / gdpr / licen[cs]e / advice / medical / compliance / compliant"
    " / consent / confidential / sensitive / statut\\w+ / polic(?:y|ies) / terms of / defam\\w+ / fraud"
    " / patients?|children / decline / prohibited / banned",
    "法 / 合规 / 隐私 / 版权 / 著作权 / 个人信息 / 安全 / 危险 / 歧视 / 暴力 / 色情 / 违禁 / 武器 / 毒品"
    " / 未成年 / 监管 / 规定 / 条例 / 伤害 / 医疗 / 敏感 / 许可 / 侵权 / 政治 / 机密 / 保密 / 诈骗 / 赌博"
    " / 授权 / 政策 / 仇恨 / 有害",
)
MOODS = words(
    "playful(?:ly)? / angry / angrily / serious(?:ly)? / joke / jokes / joking / humor(?:ous)? / humour"
    " / sarcastic / sarcasm / ironic / cheerful / sad / silly / grumpy / poetic / dramatic / excited / sigh"
    " / pun / puns / witty / tease / teasing / mood / wink / laugh / funny / cheeky / whimsical"
    " / melancholy|melancholic / nostalgic / mysterious / solemn / stern / dry / moody / whisper / sing"
    " / rhyme / enthusiastic / surprised / shy / proud / mischievous / annoyed / gloomy"
    " / lighthearted|light-hearted / deadpan / emoji",
    "俏皮 / 愤怒 / 生气 / 严肃 / 玩笑 / 幽默 / 讽刺 / 开心 / 高兴 / 悲伤 / 伤感 / 傻 / 暴躁 / 诗意 / 夸张"
    " / 激动 / 叹气 / 叹 / 双关 / 调侃 / 自嘲 / 情绪 / 语气 / 笑 / 撒娇 / 害羞 / 调皮 / 冷 / 毒舌 / 傲娇"
    " / 慵懒 / 温柔 / 怀旧 / 神秘 / 吐槽 / 感慨 / 得意 / 惊讶 / 卖萌 / 深沉 / 忧郁 / 哼 / 抱怨 / 颜文字"
    " / 表情",
)
FORMATS = words(
    "json / yaml / xml / csv / table / list / bullets? / bullet points / numbered / paragraphs? / sentences?"
    " / words? / characters? / markdown / headings? / titles? / headers? / lines? / columns? / sections?"
    " / parts / format / fields? / keys? / code / letter / email / poem / report / first / then / begin"
    " / start / end / one / two / three / in (?:english|chinese|the) / plain text / html / links? / block"
    " / summary / template / label / quote / steps? / order / outline / script / dialogue / fenced / number"
    " / score / name / dates? / per / each / every / short / long|length / order",
    "JSON / 表格 / 列表 / 清单 / 编号 / 分点 / 段 / 句 / 字 / 行 / 列 / 标题 / Markdown / 格式 / 字段 / 键"
    " / 代码 / 部分 / 首先 / 先 / 开头 / 结尾 / 模板 / 中文 / 英文 / 英语 / 每 / 依次 / 分为 / 包括 / 包含"
    " / 结构 / 纯文本 / 要点 / 条 / 摘要 / 标签 / 大纲 / 信 / 邮件 / 报告 / 诗 / 引号 / 链接 / 顺序 / 提问"
    " / 对话 / 总结 / 步骤 / 名称 / 日期 / 评分 / 分数 / 输出",
    more=r"[\d|{}\[\]<>`]|[:：]",
)
ASKS = words(
    "which / what / whether / who / where / when / how / missing / budget / date / name / length / language"
    " / topic / purpose / audience / deadline / details? / version / size / format / example / number"
    " / target / these / following / order / address|city|country / quantity / symptoms? / one question"
    " / information about",
    "哪 / 什么 / 是否 / 谁 / 何时 / 何地 / 多少 / 几 / 缺少 / 缺失 / 缺 / 预算 / 日期 / 时间 / 名称 / 姓名"
    " / 长度 / 字数 / 语言 / 主题 / 用途 / 目的 / 对象 / 受众 / 版本 / 格式 / 例子 / 数量 / 地点 / 人数"
    " / 以下 / 具体 / 细节 / 关键信息 / 需求 / 偏好 / 订单 / 单词 / 字母 / 年龄 / 目标 / 要求 / 场景 / 型号"
    " / 症状 / 风格 / 范围 / 条件",
    more=r"[?？]",
)
VALUES = words(
    "value / values / believe / believes / prefer / prefers / cherish / cherishes / honest / honesty / truth"
    " / freedom / fairness / fair / kindness / kind / respect / justice / courage / loyalty / duty / family"
    " / nature / beauty / simplicity / over / above / before / matters / important / care|cares / integrity"
    " / trust / patience / humility / equality / curiosity / discipline / evidence / privacy / transparency"
    " / openness / responsibility / compassion / dignity / independence / knowledge / frugality / hard work"
    " / never / loves? / hates? / holds? / first / worth / despises?",
    "重视 / 看重 / 珍视 / 相信 / 认为 / 诚实 / 诚信 / 真诚 / 真理 / 自由 / 公平 / 公正 / 善良 / 尊重 / 正义"
    " / 勇气 / 忠诚 / 责任 / 家庭 / 自然 / 美 / 朴素 / 简朴 / 优先 / 高于 / 胜过 / 重于 / 重要 / 信念 / 坚持"
    " / 崇尚 / 追求 / 反对 / 耐心 / 谦 / 平等 / 好奇 / 自律 / 求真 / 真实 / 节俭 / 独立 / 尊严 / 同理 / 热爱"
    " / 仁 / 义 / 德 / 勤 / 在乎 / 大于 / 不可 / 宽容 / 厌恶 / 第一 / 真 / 为本 / 隐私 / 透明",
)
OPENS = words(
    "hello / hi / welcome / greet / greeting / introduce / say / ask / tell / begin / start / i am / i'm"
    " / i can / let's / please / what / which / good / dear / here / ready / your / you / how / first / open",
    "你好 / 您好 / 欢迎 / 大家好 / 我是 / 请 / 介绍 / 问候 / 打招呼 / 询问 / 告诉 / 开始 / 让我们 / 您 / 你"
    " / 首先 / 嗨 / 哈喽 / 说 / 提问 / 准备 / 问",
    more=r"[?？!！]",
)
MERGES = words(
    "vote / votes / voting / majority / merge / merges / join / joins / combine / combines / combined"
    " / consensus / agree / final / synthesi[sz]e / summari[sz]e / average / choose / decide / reconcile"
    " / together / best of",
    "投票 / 多数 / 合并 / 汇总 / 综合 / 共识 / 一致 / 最终 / 融合 / 平均 / 选出 / 决定 / 整合 / 统一 / 票",
)
NONSENSE = words(
    "nonsense / absurd / random / playful / silly / joke / answer / answers / reply / say / riddle / oracle"
    " / fortune / one / rhyme / pun / illogical / surreal / unrelated / pretend / draw / never / always"
    " / word / sentence / question / reverse / pick",
    "无厘头 / 荒诞 / 随机 / 俏皮 / 玩笑 / 回答 / 答 / 回复 / 谜 / 占卜 / 运势 / 一句 / 押韵 / 双关 / 胡"
    " / 无关 / 搞笑 / 抽 / 不讲 / 随口 / 说 / 翻 / 反 / 假装 / 脑洞",
)
COMMAND = re.compile(
    r"(?<![\w/:])/[A-Za-z\u4e00-\u9fff][\w\-\u4e00-\u9fff]*"
    r"|[“\"「`'][^”\"」`'\n]{1,24}[”\"」`'][^\n]{0,6}\S{2,}|\*\*[^*\n]{1,20}\*\*\s*[:：-]|(?:^"
    r"|\n)\s*[\w\-]{1,20}\s*(?:[:：=]|\s-\s|[—–→])\s*\S|(?:输入|发送|回复|type|types"
    r"|enter)\s*[“\"「`'\[]\w{1,16}",
    re.IGNORECASE,
)
EXAMPLE_OUTPUT = re.compile(
    r"(?:输出|回答|回复|答案?|助手|译文|结果|改后|修改后|模型|标签|分类|答复|摘要|概括|标题|译|正确|好的?|评语"
    r"|回应|改写后?)(?:示例)?\s*\d{0,2}\W{0,4}[:：]|\b(?:output|answer|assistant|reply|response|result|a"
    r"|translation|label|summary|after|model|ai|bot|good|bad|sample|headline|rewrite|rewritten|score|verdict"
    r"|expected|category|returns?)\b\s*\d{0,2}\W{0,4}[:：]|→|⇒|=>|->|```|\|.+\|",
    re.IGNORECASE,
)
SPEAKER = re.compile(r"^\W{0,4}([^\W\d_]{1,12})\s*\d{0,2}\W{0,3}[:：]", re.MULTILINE)
REMEMBERS = words(
    "remember / keep in mind / keep / memori[sz]e / recall / do not forget / don['’]t forget / everything"
    " / all / important / information / context / the / conversation / things / always / whole / user / said"
    " / says / user's / of / in / mind / what / has / been / earlier / previous / messages / and / to / it"
    " / you / must / should / should / key / details / well / history / chat / a / good / memory / have"
    " / forget / never / do / not / anything / that / was / is / is important / about / during / this",
    "请 / 你 / 要 / 记住 / 记得 / 牢记 / 记忆 / 保持 / 不要忘记 / 不要遗忘 / 所有 / 重要 / 关键 / 信息 / 内容"
    " / 上下文 / 对话 / 用户 / 说过 / 的话 / 的 / 一切 / 全部 / 之前 / 前面 / 历史 / 始终 / 一直 / 务必"
    " / 必须 / 在 / 中 / 提到 / 过 / 和 / 与 / 都 / 能 / 会 / 好 / 好好 / 需要 / 注意 / 别忘 / 了 / 并 / 把"
    " / 多轮 / 不能 / 忘 / 忘记 / 良好 / 聊天",
)
ROLE_NOUN = re.compile(
    r"(?:专家|师|员|家|助手|顾问|教练|教授|作者|记者|编辑|翻译|导游|医生|律师|主播|客服|店主|诗人|机器人|人|者"
    r"|长|官|手|大师|侠|王|生|客|匠|友|评委|裁判|派|经理|代表|工|视角|观众|用户|老师|爸|妈|ist|er|or|ian|ant"
    r"|expert|coach|nurse|judge|critic|chef|guide|clerk|friend|advocate|analyst)",
    re.IGNORECASE,
)
SAFE_TOLD = re.compile(
    r"(?:say|answer|reply|respond|write|state|tell\s+\w+|admit)\s+(?:only\s+|openly\s+|plainly\s+"
    r"|clearly\s+)?(?:that\s+)?(?:you\s+(?:do\s+not|don['’]t|are\s+not|cannot|can['’]t)|it\s+is\s+(?:unclear"
    r"|not|unknown)|i\s+(?:do\s+not|don['’]t|am\s+not)|not\s+sure|unknown)|(?:回答|回复|说|答复|告知|告诉|输出"
    r"|表示|写)[^。\n]{0,8}(?:不知道|不确定|无法确定|不清楚|暂无|未知|没有相关|无法判断|待核实|不了解)",
    re.IGNORECASE,
)
