"""What an incident's checklist says and what comes next. Pure: no database, no clock."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal

import msgspec

STEPS = ("freeze", "evidence", "close", "rebuild", "invite", "announce", "finish")
ENDED = frozenset({"done", "skipped"})
# What must be allowed without a human, or confirmed by one, before a step is carried out.
NEEDS = {"close": "close", "rebuild": "rebuild", "invite": "rebuild", "announce": "rebuild", "finish": "rebuild"}
GOES_ON_WITHOUT = frozenset({"evidence", "announce", "freeze"})  # steps that a human may leave out

Do = Literal["run", "ask", "wait", "nothing"]


class Step(msgspec.Struct):
    """One line of the checklist. `effects` are the acts it waits for: id → how each ended, "" while it has not."""

    state: str = "todo"  # or running, waiting (for a human), failed, done, skipped
    attempt: int = 0
    effects: dict[str, str] = {}
    due: datetime | None = None


class Checklist(msgspec.Struct):
    """An incident as far as it has come."""

    steps: dict[str, Step]
    allowed: frozenset[str] = frozenset()
    confirmed: bool = False
    ended: bool = False


class Position(msgspec.Struct, frozen=True):
    """The step where a checklist stands, and what is to be done: run it, ask a human, or wait."""

    step: str
    do: Do


def position(checklist: Checklist, now: datetime) -> Position:
    """What comes next; steps are taken strictly one after the other."""
    if checklist.ended:
        return Position("", "nothing")
    for name in STEPS:
        step = checklist.steps.get(name) or Step()
        if step.state in ENDED:
            continue
        if name in NEEDS and not checklist.confirmed and NEEDS[name] not in checklist.allowed:
            return Position(name, "ask")
        if step.due is not None and now < step.due:
            return Position(name, "wait")
        return Position(name, "run" if step.state == "todo" else "wait")
    return Position("", "nothing")


def outcome_of(effects: Mapping[str, str]) -> str:
    """How a step stands by the acts it asked for: running, waiting (a human has the task), failed or done."""
    results = set(effects.values())
    if results & {"failed", "unsupported"}:
        return "failed"
    if "" in results:
        return "running"
    return "waiting" if "task_created" in results else "done"


def offenders(named: Iterable[int], red: Iterable[tuple[int, int]], reversed_seqs: Iterable[int]) -> set[int]:
    """Who is not invited: those named at the start and by red decisions (member, seq), unless taken back."""
    taken_back = set(reversed_seqs)
    return {*named, *(member for member, seq in red if seq not in taken_back)}


class Seat(msgspec.Struct, frozen=True):
    """A member of the old group, with the role in its room ("member" where the platform tells none)."""

    member_id: int
    nickname: str
    role: str = "member"


def invitees(seats: Iterable[Seat], left_out: Iterable[int]) -> list[Seat]:
    """Everybody but the offenders, in a fixed order."""
    gone = set(left_out)
    return sorted((s for s in seats if s.member_id not in gone), key=lambda s: s.member_id)


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the sentences speak of."""

    group: str
    connector: str
    profile: str
    capacity: int
    how: dict[str, str]  # act → native, emulated, human, none
    members: int
    leaders: int
    offenders: int
    invited: int
    posts: int
    invite_after: int
    two_people: bool
    without_a_human: frozenset[str]


class Planned(msgspec.Struct, frozen=True):
    """What a step would do, and how many people it would reach."""

    sentence: str
    people: int


_BY = {"native": "系统自动执行", "emulated": "平台不支持,由系统变通执行", "human": "平台不支持,会开工单请人执行"}


def plan(step: str, facts: Facts) -> Planned:
    """What `step` would do here, to how many people."""
    return _PLANS[step](facts)


def _freeze(f: Facts) -> Planned:
    how = _BY.get(f.how["freeze"], "平台做不到")
    people = f.members - f.leaders
    return Planned(f"冻结「{f.group}」:{people} 位成员不能发言,{f.leaders} 位群主和管理员可以({how})", people)


def _evidence(_f: Facts) -> Planned:
    return Planned("把工单、涉事消息和处理经过写成一个可离线校验的证据包,不惊动任何人", 0)


def _close(f: Facts) -> Planned:
    confirmed = "两个人确认后" if f.two_people else "一个人确认后"
    asked = "无需人工" if "close" in f.without_a_human else confirmed
    how = _BY.get(f.how["close"], "平台做不到")
    return Planned(f"{asked}关闭「{f.group}」:{f.members} 位成员不能再发言,没有人能再加入({how})", f.members)


def _rebuild(f: Facts) -> Planned:
    seats = f"{f.leaders} 位群主和管理员直接入座" if f.connector == "local" else "请人在平台上建群"
    where = f"连接 {f.connector},能力 {f.profile},上限 {f.capacity} 人"
    return Planned(f"建同名新群({where}),{seats},{f.posts} 个运营岗位、积分、内容计划不变", f.leaders)


def _invite(f: Facts) -> Planned:
    how = "每人在自己的页面看到入群链接" if invites_itself(f) else "开工单附名单和文字,请人逐个邀请"
    wait = f"关闭 {f.invite_after} 分钟后" if f.invite_after else "随即"
    return Planned(f"{wait}邀请 {f.invited} 位成员,{f.offenders} 位违规成员除外({how})", f.invited)


def _announce(f: Facts) -> Planned:
    last = ",并在旧群留最后一句话" if f.how["close"] == "native" else ""
    by_hand = "" if f.connector == "local" else "(开工单附文字,请人执行)"
    return Planned(f"在新群发公告{last}{by_hand}", f.invited)


def _finish(_f: Facts) -> Planned:
    return Planned("清单完成,记入黑匣子", 0)


_PLANS = {
    "freeze": _freeze,
    "evidence": _evidence,
    "close": _close,
    "rebuild": _rebuild,
    "invite": _invite,
    "announce": _announce,
    "finish": _finish,
}


def invites_itself(facts: Facts) -> bool:
    """Whether the product can invite by itself: its own rooms, as far as they play no other platform."""
    return facts.connector == "local" and facts.how["close"] == "native"


def old_name(name: str, on: str) -> str:
    """What a closed group is called, so that its name is free for the new one."""
    return f"{name}(已关闭 {on})"[:80]


def invitation_text(group: str) -> str:
    """What members are told with the link."""
    return f"「{group}」因安全原因关闭并重建,请用这个链接加入新群。积分和身份都保留。"


def last_word(group: str, *, raid: bool = False) -> str:
    """What the old group hears last."""
    way = "请打开“群聊”列表,点“加入新群”,积分和身份都保留。"
    warning = "请勿相信群里刷屏的任何链接和联系方式。" if raid else "请勿相信任何集资、转账信息。"
    return f"本群已关闭。新的「{group}」已经建好,{way}{warning}"


def first_word(announcement: str, *, raid: bool = False) -> str:
    """The announcement of the new group: why it is here, and what held before."""
    what = "被大量涌入的账号刷屏" if raid else "出现资金募集或诈骗信息"
    why = f"本群为重建后的新群:原群{what},已关闭。积分、身份、群规和内容计划不变。"
    return f"{why}\n{announcement}" if announcement else why
