"""What effects and their states are called on the screen, and what each state honestly means."""

from datetime import datetime

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from qunzhu.kernel.effects.details import put_into_words
from qunzhu.ui import formats


def came_of_it(detail: object, *, now: datetime, zone: str) -> str:
    """What became of an effect, in the language of the page. Logs of earlier versions hold the sentence itself."""
    if not isinstance(detail, dict):
        return str(detail or "")
    language = get_language() or "zh-hans"
    return put_into_words(detail, translate=_, time=lambda at: formats.when(at, now, zone, language))


def kind_names() -> dict[str, str]:
    """What the kinds of effects are called on the screen."""
    return {
        "warn": _("提醒"),
        "say": _("发消息"),
        "answer": _("回答"),
        "mute": _("禁言"),
        "unmute": _("解除禁言"),
        "remove": _("移出"),
        "move": _("移到另一个群"),
        "readmit": _("请回群"),
        "recall": _("撤回消息"),
        "announce": _("发群公告"),
        "freeze": _("冻结群"),
        "unfreeze": _("解冻群"),
        "close": _("关闭群"),
        "reopen": _("重新开放群"),
    }


def status_names() -> dict[str, str]:
    """What the states of effects are called on the screen."""
    return {
        "pending": _("待执行"),
        "done": _("已执行"),
        "emulated": _("变通执行"),
        "task_created": _("待人工执行"),
        "unsupported": _("平台不支持"),
        "failed": _("失败"),
    }


def status_meanings() -> dict[str, str]:
    """What each state honestly means for the group."""
    return {
        "pending": _("还没有发出,马上就去做。"),
        "done": _("平台已经做了。"),
        "emulated": _("平台没有这个功能:做了最接近的事,并如实写明。"),
        "task_created": _("平台不允许程序做这件事:已请人按步骤操作,还没有发生。"),
        "unsupported": _("平台做不到,也没有人能代做:没有发生。"),
        "failed": _("多次尝试都没有成功:没有发生,等人决定。"),
    }
