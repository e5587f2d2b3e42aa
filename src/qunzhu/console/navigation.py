"""What stands on the left: 今日 on top, the chapters in the order of the guide, the house below."""

from collections.abc import Callable
from dataclasses import dataclass

from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Entry:
    """A page: `name` in console/urls.py, who sees it, and which badge ("cases": open cases) it carries."""

    name: str
    label: Promise
    icon: str
    permission: str = "view"
    badge: str = ""


@dataclass(frozen=True)
class Section:
    label: Promise | str
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Link:
    """An entry as this person sees it on this page; `badge` is how much of `counted` waits for a human."""

    label: Promise
    icon: str
    url: str
    active: bool
    badge: int
    counted: str


SECTIONS: tuple[Section, ...] = (
    Section(
        "",
        (
            Entry("home", _("今日"), "today"),
            Entry("cases", _("工单"), "assignment_late", badge="cases"),
            Entry("feed", _("动态"), "bolt"),
        ),
    ),
    Section(
        _("群规"),
        (
            Entry("rulebook", _("规则"), "gavel"),
            Entry("backtests", _("回测"), "history", "backtest.run"),
            Entry("appeals", _("申诉"), "balance"),
            Entry("clearances", _("报备"), "verified"),
            Entry("observation", _("沉默与观察"), "visibility"),
            Entry("effects", _("动作"), "outbox"),
        ),
    ),
    Section(
        _("风控"),
        (
            Entry("incidents", _("红色事件"), "emergency_home"),
            Entry("keywords", _("关键词库"), "dictionary"),
            Entry("detector", _("识别"), "troubleshoot"),
        ),
    ),
    Section(
        _("活跃"),
        (
            Entry("members", _("成员"), "group"),
            Entry("quality", _("优质内容"), "star"),
            Entry("ledger", _("积分账本"), "account_balance_wallet"),
            Entry("tasks", _("任务"), "checklist"),
            Entry("scores", _("质量分"), "grade"),
            Entry("levels", _("等级"), "military_tech"),
            Entry("debates", _("辩论与投票"), "forum"),
            Entry("mall", _("积分商城"), "redeem"),
            Entry("mall_orders", _("商城订单"), "local_shipping", "mall.deliver"),
            Entry("challenges", _("打卡挑战"), "flag"),
            Entry("redpackets", _("红包雨"), "celebration"),
        ),
    ),
    Section(_("数据"), (Entry("groups", _("群"), "forum"),)),
    Section(
        "",
        (
            Entry("blackbox", _("黑匣子"), "deployed_code_history"),
            Entry("imports", _("连接"), "upload_file", "import.run"),
        ),
    ),
    Section(
        _("设置"),
        (
            Entry("staff", _("运营人员"), "badge", "staff.manage"),
            Entry("audit", _("操作审计"), "receipt_long", "audit.view"),
        ),
    ),
)


def navigation(
    slug: str, may: Callable[[str], bool], *, active: str, badges: dict[str, int]
) -> list[tuple[Promise | str, list[Link]]]:
    """Sections with the links this person may follow; empty sections vanish."""
    shown = []
    for section in SECTIONS:
        links = [
            Link(e.label, e.icon, url, e.name == active, badges.get(e.badge, 0), e.badge)
            for e in section.entries
            if may(e.permission) and (url := _url(e.name, slug))
        ]
        if links:
            shown.append((section.label, links))
    return shown


def _url(name: str, slug: str) -> str:
    """Where an entry leads; "" for a page that this installation does not have."""
    try:
        return reverse(f"console:{name}", args=[slug])
    except NoReverseMatch:
        return ""
