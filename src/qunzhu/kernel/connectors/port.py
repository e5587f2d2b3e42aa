"""What a connector is to the product, and what each platform lets it do (docs: wechat platform facts per profile).

A capability profile says for every effect how it can happen: `native` (the connector does it), `emulated` (the
connector does the nearest honest thing), `human` (a person gets the exact steps), `none` (it cannot happen there).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, Protocol
from uuid import UUID

import msgspec
import psycopg

from qunzhu.kernel.events.schema import NewEvent

BY_RULE = "rule"  # Task.requested_by when no person asked
How = Literal["native", "emulated", "human", "none"]
ACTIONS: tuple[str, ...] = (
    "warn", "say", "answer", "mute", "unmute", "remove", "readmit", "move", "recall", "announce", "freeze",
    "unfreeze", "close", "reopen",
)  # fmt: skip


class Capability(msgspec.Struct, frozen=True):
    """A profile. `how` covers every action; `steps` are what a human does ({nickname}, {group}, {to}, {text},
    {until}, {seq} are filled in); `reasons` say why an action is emulated or impossible.
    """

    name: str
    title: str
    how: dict[str, How]
    steps: dict[str, tuple[str, ...]] = {}
    reasons: dict[str, str] = {}
    pictures: bool = False  # whether what is said may carry one; without, the words go alone


FULL = Capability(
    name="full",
    title="全部能力",
    how=dict.fromkeys(ACTIONS, "native"),
    pictures=True,
)

# The official server interface of WeCom customer groups offers none of these acts: a person does them in the client.
WECOM_CUSTOMER_GROUP = Capability(
    name="wecom-customer-group",
    title="企业微信客户群",
    how={
        "warn": "human",
        "say": "human",
        "answer": "none",
        "mute": "human",
        "unmute": "none",
        "remove": "human",
        "move": "human",
        "readmit": "human",
        "recall": "human",
        "announce": "human",
        "freeze": "human",
        "unfreeze": "human",
        "close": "human",
        "reopen": "none",
    },
    steps={
        "warn": (
            "打开企业微信,进入客户群「{group}」",
            "在输入框 @{nickname},粘贴并发送:{text}",
            "回到本页点「已完成」",
        ),
        "say": (
            "打开企业微信,进入客户群「{group}」",
            "粘贴并发送:{text}",
            "回到本页点「已完成」",
        ),
        "mute": (
            "企业微信客户群不能禁言单个成员,请人工提醒",
            "打开企业微信,进入客户群「{group}」",
            "在输入框 @{nickname},粘贴并发送:{text} 请在 {until} 前暂停发言",
            "到期前再次发言的,长按消息撤回,并在工单里备注",
            "回到本页点「已完成」",
        ),
        "remove": (
            "用群主或管理员账号打开企业微信,进入客户群「{group}」",
            "点右上角「…」→「全部群成员」,找到 {nickname}",
            "长按头像 →「移出群聊」,并勾选「不允许再次入群」",
            "系统收到退群通知后会自动完成这个工单",
        ),
        "move": (
            "用群主或管理员账号打开企业微信,把 {nickname} 邀请进客户群「{to}」",
            "对方进群后,在客户群「{group}」点右上角「…」→「全部群成员」,找到 {nickname}",
            "长按头像 →「移出群聊」(不要勾选「不允许再次入群」)",
            "系统收到退群通知后会自动完成这个工单",
        ),
        "readmit": (
            "用群主或管理员账号打开企业微信,进入客户群「{group}」",
            "点右上角「…」→「群管理」→「群成员黑名单」,把 {nickname} 移出黑名单(没有这一项时跳过)",
            "点「+」邀请 {nickname} 重新入群,并说明处罚已撤销",
            "回到本页点「已完成」",
        ),
        "recall": (
            "用群主或管理员账号打开企业微信,进入客户群「{group}」",
            "找到 {nickname} 的这条消息(编号 {seq})",
            "长按消息 →「撤回」",
            "系统收到撤回通知后会自动完成这个工单;没有自动完成时点「已完成」",
        ),
        "announce": (
            "用群主或管理员账号打开企业微信,进入客户群「{group}」",
            "点右上角「…」→「群公告」→「编辑」",
            "粘贴并发布:{text}",
            "系统收到群公告变更通知后会自动完成这个工单",
        ),
        "freeze": (
            "用群主账号打开企业微信,进入客户群「{group}」",
            "点右上角「…」→「群管理」→ 打开「全员禁言」(没有这一项时,发布群公告请大家暂停发言)",
            "系统收到变更通知后会自动完成这个工单;没有自动完成时点「已完成」",
        ),
        "close": (
            "用群主账号打开企业微信,进入客户群「{group}」",
            "先在群里说明:本群即将解散,新群的邀请会单独发给每个人",
            "点右上角「…」→「群管理」→「解散该群」",
            "回到本页点「已完成」",
        ),
        "unfreeze": (
            "用群主账号打开企业微信,进入客户群「{group}」",
            "点右上角「…」→「群管理」→ 关闭「全员禁言」",
            "系统收到变更通知后会自动完成这个工单;没有自动完成时点「已完成」",
        ),
    },
    reasons={
        "reopen": "解散了的客户群不能恢复",
        "answer": "企业微信客户群里服务器不能发言,成员可在「我的」页面查看结果",
        "unmute": "企业微信客户群没有禁言,无需解除",
    },
)

# Personal WeChat has no mute of any kind; a gateway may speak, remove and announce, and recalls only its own words.
PERSONAL_WECHAT = Capability(
    name="personal-wechat",
    title="个人微信群",
    pictures=True,
    how={
        "warn": "native",
        "say": "native",
        "answer": "native",
        "mute": "emulated",
        "unmute": "emulated",
        "remove": "native",
        "move": "human",
        "readmit": "human",
        "recall": "human",
        "announce": "native",
        "freeze": "emulated",
        "unfreeze": "emulated",
        "close": "human",
        "reopen": "none",
    },
    steps={
        "close": (
            "用群主的微信进入群「{group}」",
            "点右上角「…」→「群管理」→「解散该群聊」",
            "回到本页点「已完成」",
        ),
        "move": (
            "用群主或管理员的微信,把 {nickname} 邀请进群「{to}」(对方要点一次同意)",
            "对方进群后,在群「{group}」点右上角「…」→「-」,选中 {nickname},点「移出」",
            "系统收到退群通知后会自动完成这个工单;没有自动完成时点「已完成」",
        ),
        "readmit": (
            "用群主或管理员的微信进入群「{group}」",
            "点右上角「…」→「+」,选择 {nickname},发送邀请",
            "在私聊里说明处罚已撤销,欢迎回来",
            "回到本页点「已完成」",
        ),
        "recall": (
            "用群主或管理员的微信进入群「{group}」",
            "找到 {nickname} 的这条消息(编号 {seq})",
            "长按消息 →「撤回」",
            "系统收到撤回通知后会自动完成这个工单;没有自动完成时点「已完成」",
        ),
    },
    reasons={
        "reopen": "解散了的微信群不能恢复",
        "mute": "个人微信没有禁言:已在群里请对方暂停发言",
        "unmute": "个人微信没有禁言:已在群里说明可以继续发言",
        "freeze": "个人微信没有全员禁言:已发公告请大家暂停发言",
        "unfreeze": "个人微信没有全员禁言:已发公告恢复发言",
    },
)

PROFILES: dict[str, Capability] = {p.name: p for p in (FULL, WECOM_CUSTOMER_GROUP, PERSONAL_WECHAT)}


def capability(profile: str) -> Capability:
    """The profile called `profile`; raises LookupError with the known names."""
    try:
        return PROFILES[profile]
    except KeyError:
        raise LookupError(f"unknown capability profile {profile!r}; known: {', '.join(PROFILES)}") from None


class Task(msgspec.Struct, frozen=True):
    """An effect on its way out, with all that a connector needs to do it."""

    community_id: int
    id: UUID
    kind: str
    group_id: int
    member_id: int | None
    payload: dict[str, Any]
    cause_seq: int | None
    rule: str
    requested_by: str
    attempts: int
    connector: str
    profile: str
    group_name: str
    platform_id: str
    timezone: str
    nickname: str
    to_name: str = ""  # the group that a move leads to


Detail = dict[str, Any]  # {"code": see effects/details.py, and its parameters}


def detail(code: str, **parameters: Any) -> Detail:
    """What came of an effect, without words: those are made when it is shown."""
    return {"code": code, **parameters}


class Outcome(msgspec.Struct, frozen=True):
    """What came of it. `events` say what really happened on the platform (the deliverer appends them)."""

    result: Literal["done", "emulated", "unsupported"]
    detail: Detail = {}
    events: tuple[NewEvent, ...] = ()


class Refused(Exception):
    """The platform will never do this (the member is gone, the message is unknown): retrying is pointless."""

    def __init__(self, code: str, **parameters: Any) -> None:
        super().__init__(code, *parameters.values())
        self.detail = detail(code, **parameters)


class Connector(Protocol):
    """The outgoing side of a platform.

    `transactional`: `execute` works inside the deliverer's transaction (the platform's state lies in the same
    database), so status, result and act commit together. Otherwise the effect is leased first and executed with
    at-least-once semantics; the platform must de-duplicate by `task.id` where it can.
    `per_second`: how many acts the platform takes a second, over all deliverers; None is no limit.
    """

    name: str
    transactional: bool
    per_second: float | None

    def prepare(self, conn: psycopg.Connection[Any], tasks: Sequence[Task]) -> None:
        """Take locks of a whole batch in one order. Called once per batch, before `execute`."""

    def execute(self, conn: psycopg.Connection[Any], task: Task, how: How, *, now: datetime) -> Outcome:
        """Do it (`how` is native or emulated). Raises Refused when it can never succeed, anything else to retry."""
