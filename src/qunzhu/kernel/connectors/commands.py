"""Chat commands: the same words on every platform, so that chat is the first interface."""

import unicodedata

import msgspec

# The spellings of each command; traditional forms are what the same keyboard types.
WORDS: dict[str, tuple[str, ...]] = {
    "help": ("帮助", "幫助", "help"),
    "checkin": ("签到", "簽到", "打卡"),
    "points": ("积分", "積分", "我的积分"),
    "report": ("举报", "舉報"),
    "clearance": ("报备", "報備"),
    "leave": ("请假", "請假"),
    "back": ("销假", "銷假"),
    "appeal": ("申诉", "申訴"),
    "redeem": ("兑换", "兌換"),
    "leaderboard": ("排行榜", "排行", "贡献榜"),
    "badges": ("徽章", "徽章墙", "我的徽章"),
    "consent": ("同意群规", "同意群規"),
    "quality": ("优质", "優質", "加精"),
    "unquality": ("取消优质", "取消優質", "取消加精"),
}
_NAME_OF = {word: name for name, words in WORDS.items() for word in words}
_LONGEST_FIRST = sorted(_NAME_OF, key=len, reverse=True)
# Only these take arguments: "积分怎么这么少" is talk, "举报 @某人 广告" is a command.
_WITH_ARGUMENTS = frozenset({"report", "appeal", "clearance", "leave", "redeem"})
# What is nobody else's business: where the platform lets us, only its author sees the command and its answer.
PRIVATE = ("report", "appeal", "clearance", "leave", "back")
# Only as the answer to a message: without one, somebody just says the word.
QUOTING = frozenset({"quality", "unquality"})
_MARKS = "/#"
_FIRST = frozenset(word[0] for word in _NAME_OF) | frozenset(_MARKS)  # most talk is told by its first letter
MAX_LENGTH = 500
_LONGER = {"clearance": 4_000}  # an ad is as long as a message may be


class Command(msgspec.Struct, frozen=True):
    """A command as typed: `name` is a key of `WORDS`; `args` is what follows, trimmed."""

    name: str
    args: str = ""


def parse_command(text: str, *, quoting: bool = True) -> Command | None:
    """The command that `text` is, or None when it is talk. `quoting`: it answers a message.

    With a leading / or # any trailing text is arguments; without it only 举报, 申诉, 报备, 请假 and 兑换 take some,
    after white space, a colon or @.
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
            return None if spoken else _with_rest(name, typed[len(word) :], marked=marked)
    return None


def _may_begin(text: str) -> bool:
    return unicodedata.normalize("NFKC", text.lstrip()[:1]).lower()[:1] in _FIRST


def _with_rest(name: str, rest: str, *, marked: bool) -> Command | None:
    if not rest.strip(" !。.~"):
        return Command(name)
    if rest[0].isspace() or rest[0] in "@:":
        if marked or name in _WITH_ARGUMENTS:
            return Command(name, rest.lstrip(" \t\r\n:").strip())
        return None
    return None
