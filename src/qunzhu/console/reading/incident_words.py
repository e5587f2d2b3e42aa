"""What the steps of an incident say of themselves, in the language of the page.

The log keeps the sentence (`risk/incident/work.py`, `policy.py`) as it was written, in Chinese, with names and numbers
in it: pages of another language find the sentence by its form and say the same.
"""

import re

from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_noop as noop

# {n} and the like stand for what the sentence holds; {how} and {asked} are sentences of their own.
_SENTENCES = (
    noop("时间到"),
    noop("{who} 重试"),
    noop("跳过:{reason}"),
    noop("正在冻结"),
    noop("规则正在冻结"),
    noop("正在写证据包"),
    noop("证据包已写好,{n} 条记录"),
    noop("证据包没有写成:{error}"),
    noop("正在关闭"),
    noop("新群「{name}」已建好,{n} 位群主和管理员已入座"),
    noop("{n} 分钟内还可以重新开放原群"),
    noop("已邀请 {n} 位成员,{out} 位除外"),
    noop("已转人工,按工单里的步骤执行"),
    noop("新群由人工建立,公告请在新群里发"),
    noop("正在发公告"),
    noop("清单完成"),
    noop("没有成功:{error}"),
    noop("冻结「{name}」:{n} 位成员不能发言,{heads} 位群主和管理员可以({how})"),
    noop("把工单、涉事消息和处理经过写成一个可离线校验的证据包,不惊动任何人"),
    noop("{asked}关闭「{name}」:{n} 位成员不能再发言,没有人能再加入({how})"),
    noop("建同名新群(连接 {connector},能力 {profile},上限 {n} 人),{seats},{posts} 个运营岗位、积分不变"),
    noop("建同名新群(连接 {connector},能力 {profile},上限 {n} 人),{seats},{posts} 个运营岗位、积分、内容计划不变"),
    noop("{when}邀请 {n} 位成员,{out} 位违规成员除外({how})"),
    noop("在新群发公告,并在旧群留最后一句话"),
    noop("在新群发公告(开工单附文字,请人执行)"),
    noop("在新群发公告"),
    noop("清单完成,记入黑匣子"),
)
_PARTS = (
    noop("系统自动执行"),
    noop("平台不支持,由系统变通执行"),
    noop("平台不支持,会开工单请人执行"),
    noop("平台做不到"),
    noop("两个人确认后"),
    noop("一个人确认后"),
    noop("无需人工"),
    noop("{n} 位群主和管理员直接入座"),
    noop("请人在平台上建群"),
    noop("关闭 {n} 分钟后"),
    noop("随即"),
    noop("每人在自己的页面看到入群链接"),
    noop("开工单附名单和文字,请人逐个邀请"),
)
_SPOKEN_INSIDE = frozenset({"how", "asked", "seats", "when"})


def _form(sentence: str) -> re.Pattern[str]:
    form = re.sub(r"\\\{(\w+)\\\}", lambda found: f"(?P<{found[1]}>.+?)", re.escape(sentence))
    return re.compile(form, re.DOTALL)


_SENTENCE_FORMS = tuple((_form(s), s) for s in _SENTENCES)
_PART_FORMS = tuple((_form(s), s) for s in _PARTS)


def said_of_step(detail: str) -> str:
    """The sentence of a step as the reader speaks; one of unknown form (another version's, a platform's) as it is."""
    return detail if (get_language() or "zh").startswith("zh") else _say(detail, _SENTENCE_FORMS)


def _say(said: str, forms: tuple[tuple[re.Pattern[str], str], ...]) -> str:
    for form, sentence in forms:
        found = form.fullmatch(said)
        if found is not None:
            inside = {k: _say(v, _PART_FORMS) if k in _SPOKEN_INSIDE else v for k, v in found.groupdict().items()}
            return gettext(sentence).format(**inside)
    return gettext(said) if said else ""
