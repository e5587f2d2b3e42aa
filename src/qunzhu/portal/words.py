"""What the chat page says. The server translates; the page's modules only fill in {names}."""

from collections.abc import Mapping

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from qunzhu.kernel.community.models import Group

# code of a refusal → (what happened, what to do now)
REFUSALS: Mapping[str, tuple[str, str]] = {
    "full": (
        gettext_noop("群已经满员了"),
        gettext_noop("这个群最多 %(capacity)s 人。可以请邀请你的人联系群主,看看有没有新群。"),
    ),
    "removed": (
        gettext_noop("你已被移出这个群"),
        gettext_noop("暂时不能再次加入。原因写在「我的处罚」里;觉得不对,可以在那里申诉。"),
    ),
    "observed": (
        gettext_noop("你现在在观察群"),
        gettext_noop("有一阵子没见到你了,先请你到观察群坐坐。在那里说句话,就请你回来。"),
    ),
    "frozen": (gettext_noop("群暂时冻结"), gettext_noop("群主正在处理一些情况,恢复后用同一个链接就能加入。")),
    "closed": (gettext_noop("这个群已经关闭"), gettext_noop("请向邀请你的人要一个新的链接。")),
}


def refusal(code: str, group: Group) -> tuple[str, str]:
    """Title and advice for a refused newcomer, in the page's language."""
    title, advice = REFUSALS.get(code, REFUSALS["closed"])
    return _(title), _(advice) % {"capacity": group.capacity}


_CHAT: Mapping[str, object] = {
    "today": gettext_lazy("今天"),
    "yesterday": gettext_lazy("昨天"),
    "bot": gettext_lazy("群主助手"),
    "botTag": gettext_lazy("机器人"),
    "owner": gettext_lazy("群主"),
    "admin": gettext_lazy("管理员"),
    "me": gettext_lazy("我"),
    "formerMember": gettext_lazy("已离开的成员"),
    "announcement": gettext_lazy("群公告"),
    "noAnnouncement": gettext_lazy("还没有公告。"),
    "nickname": gettext_lazy("昵称"),
    "groupInfo": gettext_lazy("群信息"),
    "picture": gettext_lazy("[图片]"),
    "openPicture": gettext_lazy("查看大图"),
    "moreFor": gettext_lazy("对 {name} 这条消息的操作"),
    "loadingQuote": gettext_lazy("正在取引用的消息…"),
    "quoteGone": gettext_lazy("引用的消息看不到了"),
    "quoteRecalled": gettext_lazy("引用的消息已撤回"),
    "sending": gettext_lazy("正在发送"),
    "retry": gettext_lazy("重新发送"),
    "notSent": gettext_lazy("没有发出去"),
    "editAgain": gettext_lazy("改一改再发"),
    "dropUnsent": gettext_lazy("不发了"),
    "unreadHere": gettext_lazy("以下是新消息"),
    "newMessages": gettext_lazy("{count} 条新消息"),
    "recalledMe": gettext_lazy("你撤回了一条消息"),
    "recalledBy": gettext_lazy("{name} 撤回了一条消息"),
    "recalledByBot": gettext_lazy("群主助手撤回了一条消息"),
    "recalledByStaff": gettext_lazy("管理员撤回了一条消息"),
    "rewrite": gettext_lazy("重新编辑"),
    "lineJoined": gettext_lazy("{name} 加入了群聊"),
    "lineJoinedMe": gettext_lazy("你加入了群聊"),
    "lineLeft": gettext_lazy("{name} 退出了群聊"),
    "lineLeftMe": gettext_lazy("你退出了群聊"),
    "lineRemoved": gettext_lazy("{name} 被移出群聊"),
    "lineRemovedMe": gettext_lazy("你被移出群聊"),
    "lineMuted": gettext_lazy("{name} 休息到 {until}"),
    "lineMutedMe": gettext_lazy("你被禁言到 {until}"),
    "lineUnmuted": gettext_lazy("{name} 可以发言了"),
    "lineUnmutedMe": gettext_lazy("你可以发言了"),
    "lineRenamed": gettext_lazy("{name} 改了昵称"),
    "lineRenamedMe": gettext_lazy("你改了昵称"),
    "lineAnnounced": gettext_lazy("群公告已更新:{text}"),
    "lineFrozen": gettext_lazy("群已冻结,暂时只有管理员可以发言"),
    "lineUnfrozen": gettext_lazy("群已恢复,可以继续聊天"),
    "lineClosed": gettext_lazy("这个群已经关闭"),
    "lineReopened": gettext_lazy("群重新开放了"),
    "lineCreated": gettext_lazy("群「{name}」建好了"),
    "mutedBar": gettext_lazy("你在禁言中,{until} 恢复"),
    "mutedLeft": gettext_lazy("还有 {left}"),
    "mutedUntil": gettext_lazy("禁言到 {until}"),
    "frozenBar": gettext_lazy("群已冻结,暂时只有管理员可以发言"),
    "closedBar": gettext_lazy("这个群已经关闭,新群的邀请会出现在“我的”"),
    "removedBar": gettext_lazy("你已被移出这个群"),
    "leftBar": gettext_lazy("你已退出这个群"),
    "copy": gettext_lazy("复制"),
    "copied": gettext_lazy("已复制"),
    "cannotCopy": gettext_lazy("浏览器不让复制,请长按选择文字"),
    "quote": gettext_lazy("引用"),
    "mention": gettext_lazy("@ {name}"),
    "recall": gettext_lazy("撤回"),
    "recallByHand": gettext_lazy("撤回(管理)"),
    "report": gettext_lazy("举报"),
    # What is typed into the group; the receiver knows the Chinese word in every language of the page.
    "reportWord": "举报",
    "reportTitle": gettext_lazy("举报 {name} 的这条消息,原因是"),
    "reasonAd": gettext_lazy("广告"),
    "reasonPrivateAdd": gettext_lazy("频繁私加"),
    "reasonFraud": gettext_lazy("诈骗"),
    "reasonAttack": gettext_lazy("人身攻击"),
    "reasonOther": gettext_lazy("其他"),
    "howToReport": gettext_lazy("长按要举报的那条消息,选「举报」"),
    "muteHour": gettext_lazy("禁言 1 小时"),
    "unmute": gettext_lazy("解除禁言"),
    "removeMember": gettext_lazy("移出成员"),
    "removeAsk": gettext_lazy("把 {name} 移出群?"),
    "removeExplain": gettext_lazy("对方会看到自己被移出,不能用原链接再进来。以前的消息会保留。"),
    "renameTitle": gettext_lazy("我在本群的昵称"),
    "save": gettext_lazy("保存"),
    "leave": gettext_lazy("退出群聊"),
    "leaveAsk": gettext_lazy("退出这个群?"),
    "leaveExplain": gettext_lazy("以后可以用邀请链接再进来。积分会保留。"),
    "announceTitle": gettext_lazy("发布群公告"),
    "publish": gettext_lazy("发布"),
    "announced": gettext_lazy("公告已发布"),
    "freeze": gettext_lazy("冻结群"),
    "unfreeze": gettext_lazy("解冻群"),
    "freezeAsk": gettext_lazy("冻结这个群?"),
    "freezeExplain": gettext_lazy("冻结后只有群主和管理员可以发言,随时可以解冻。"),
    "cancel": gettext_lazy("取消"),
    "done": gettext_lazy("好了"),
    "noNetwork": gettext_lazy("网络不通,请稍后再试"),
    "tooLong": gettext_lazy("一条消息最多 {max} 个字,请分成几条"),
    "uploadFailed": gettext_lazy("图片没有传上去,请再试一次"),
}


def chat_words(*, observed: bool = False) -> dict[str, str]:
    """Every sentence of the chat page in the current language; who is `observed` was not removed for good."""
    words = {key: str(text) for key, text in _CHAT.items()}
    return {**words, "removedBar": _("你现在在观察群,去那里说句话就能回来")} if observed else words


def chips() -> list[dict[str, str]]:
    """The commands above the input: `word` is what is sent, `label` what the button says."""
    return [
        {"word": "签到", "label": _("签到")},
        {"word": "积分", "label": _("积分")},
        {"word": "等级", "label": _("等级")},
        {"word": "兑换", "label": _("兑换")},
        {"word": "举报", "label": _("举报")},
        {"word": "报备", "label": _("报备")},
        {"word": "请假", "label": _("请假")},
        {"word": "帮助", "label": _("帮助")},
    ]
