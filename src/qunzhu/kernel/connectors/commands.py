"""Chat commands: the same words on every platform, so that chat is the first interface."""

import unicodedata

import msgspec

# The spellings of each command; traditional forms are what the same keyboard types.
WORDS: dict[str, tuple[str, ...]] = {
    "help": ("帮助", "幫助", "help"),
    "checkin": ("签到", "簽到", "打卡"),
    "makeup": ("补签", "補簽"),
    "tasks": ("任务", "任務"),
    "points": ("积分", "積分", "我的积分"),
    "report": ("举报", "舉報"),
    "clearance": ("报备", "報備"),
    "leave": ("请假", "請假"),
    "back": ("销假", "銷假"),
    "appeal": ("申诉", "申訴"),
    "redeem": ("兑换", "兌換"),
    "level": ("等级", "等級", "我的等级"),
    "grab": ("抢红包", "搶紅包", "抢", "搶"),
    "debate": ("辩论", "辯論"),
    "vote": ("投票",),
    "leaderboard": ("排行榜", "排行", "贡献榜"),
    "badges": ("徽章", "徽章墙", "我的徽章"),
    "consent": ("同意群规", "同意群規"),
    "quality": ("优质", "優質", "加精"),
    "challenge": ("挑战", "挑戰"),
    "proof": ("打卡内容", "打卡內容"),
    "approve": ("打卡通过", "打卡通過"),
    "reject": ("打卡不通过", "打卡不通過"),
    "unquality": ("取消优质", "取消優質", "取消加精"),
}
_NAME_OF = {word: name for name, words in WORDS.items() for word in words}
_LONGEST_FIRST = sorted(_NAME_OF, key=len, reverse=True)
# Only these take arguments: "积分怎么这么少" is talk, "举报 @某人 广告" is a command.
_WITH_ARGUMENTS = frozenset({
    "report", "appeal", "clearance", "leave", "redeem", "challenge", "proof", "makeup", "debate", "vote",
})  # fmt: skip
# What is nobody else's business: where the platform lets us, only its author sees the command and its answer.
PRIVATE = ("report", "appeal", "clearance", "leave", "back")
# Only as the answer to a message: without one, somebody just says the word.
QUOTING = frozenset({"quality", "unquality", "approve", "reject"})
_MARKS = "/#"
_FIRST = frozenset(word[0] for word in _NAME_OF) | frozenset(_MARKS)  # most talk is told by its first letter
PROOF = "打卡"  # alone it is the day's check-in; with words it proves a day of a challenge
MAX_LENGTH = 500
_LONGER = {"clearance": 4_000}  # an ad is as long as a message may be


class Command(msgspec.Struct, frozen=True):
    """A command as typed: `name` is a key of `WORDS`; `args` is what follows, trimmed."""

    name: str
    args: str = ""


def parse_command(text: str, *, quoting: bool = True) -> Command | None:
    """The command that `text` is, or None when it is talk. `quoting`: it answers a message.

    With a leading / or # any trailing text is arguments; without it only those of `_WITH_ARGUMENTS` take some, after
    white space, a colon or @.
    """
    if len(text) > max(_LONGER.values()) or not _may_begin(text):
        return None
    typed = unicodedata.normalize("NFKC", text).strip()
    marked = typed[:1] in _MARKS and bool(typed)
    if marked:
        typed = typed[1:].lstrip()
    lowered = typed.lower()
    if len(lowered) != len(typed):  # a letter whose lower case is longer: no command word contains one
        return None
    for word in _LONGEST_FIRST:
        if lowered.startswith(word) and len(text) <= _LONGER.get(_NAME_OF[word], MAX_LENGTH):
            name = _NAME_OF[word]
            spoken = name in QUOTING and not quoting and not marked
            return None if spoken else _with_rest(word, typed[len(word) :], marked=marked)
    return None


def _may_begin(text: str) -> bool:
    return unicodedata.normalize("NFKC", text.lstrip()[:1]).lower()[:1] in _FIRST


def _with_rest(word: str, rest: str, *, marked: bool) -> Command | None:
    name = _NAME_OF[word]
    if not rest.strip(" !。.~"):
        return Command(name)
    if word == PROOF and (rest[0].isspace() or rest[0] == ":"):
        name = "proof"
    if rest[0].isspace() or rest[0] in "@:":
        if marked or name in _WITH_ARGUMENTS:
            return Command(name, rest.lstrip(" \t\r\n:").strip())
        return None
    return None
