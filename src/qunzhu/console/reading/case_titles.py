"""Titles of cases in the reader's language: they are written once, in the language of the groups.

What the product itself wrote is known by its form and said again; names of rules, members and groups stay as they are.
"""

import re
from functools import cache

from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop as noop

from qunzhu.ui.formats import is_chinese

FORMS = (
    noop("疑似炸群:群已冻结"),
    noop("规则误判太多"),
    noop("举报多次不属实"),
    noop("申诉：{act}"),
    noop("{n} 位成员连续 {days} 天没有互动"),
    noop("有 {n} 位成员沉默，超过一次 {most} 人的上限"),
    noop("还没有 {years} 年的放假安排，沉默成员暂不处理"),
    noop("抹除成员 #{n}"),
    noop("“{part}”连续无法处理事件,已暂停"),
    noop("事件 {n} 无法处理({part})"),
    noop("事件 {n} 仍然无法处理({part})"),
    noop("动作没有成功:{act}({group})"),
    noop("提醒成员 {who}({group})"),
    noop("在群里发一条消息({group})"),
    noop("请 {who} 暂停发言({group})"),
    noop("移出成员 {who}({group})"),
    noop("请 {who} 回群({group})"),
    noop("把 {who} 移到另一个群({group})"),
    noop("撤回 {who} 的消息({group})"),
    noop("更新群公告({group})"),
    noop("冻结群({group})"),
    noop("解冻群({group})"),
    noop("关闭群({group})"),
    noop("重新开放群({group})"),
    noop("邀请 {n} 位成员进新群({group})"),
    noop("建新群({group})"),
    noop("在新群发公告({group})"),
    noop("{who} 报备：{said}"),
    noop("调整成员 #{n} 的积分：{points}"),
    noop("自检发现 {n} 处不一致（{what}）"),
    noop("积分商城有订单等待交付"),
    noop("“{what}”只剩 {n} 件"),
)
_SAID_AGAIN = frozenset({"act"})  # words of the product inside a title
_FIGURES = frozenset({"n", "days", "most"})


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    found = []
    for form in FORMS:
        parts = re.split(r"\{(\w+)\}", form)
        pattern = "".join(
            re.escape(part) if at % 2 == 0 else rf"(?P<{part}>{r'[0-9]+' if part in _FIGURES else '.*'})"
            for at, part in enumerate(parts)
        )
        found.append((re.compile(pattern, re.DOTALL), form))
    return tuple(found)


def case_title(title: str) -> str:
    """The title as this reader's language says it; as it is where it is somebody's own words."""
    if is_chinese(get_language() or ""):
        return title
    for pattern, form in _patterns():
        if match := pattern.fullmatch(title):
            said = {name: _(value) if name in _SAID_AGAIN else value for name, value in match.groupdict().items()}
            return _(form).format(**said)
    return title
