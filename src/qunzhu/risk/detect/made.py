"""Messages composed from the lexicon by dice that always fall the same: what the learned scores know beyond real data.

A composed message has a few turns of phrase of its category, a price or a promise, and often a way to get in touch.
"""

from collections.abc import Iterator

from qunzhu.risk.detect.lexicon import CUES

_JOINTS = ("，", "，", " ", " ", "", "、", "！", "。", "~")
_ENDS = (
    "加微信{name}", "vx：{name}", "微信{name}", "➕薇{name}", "加v {name}", "QQ{number}", "扣扣{number}",
    "加扣{number}",
    "企鹅{number}", "联系电话{phone}", "电话{phone}", "需要的私聊", "有需要的联系我", "想要的私我", "有意者加我",
    "详情私聊", "进群了解",
    "加群{number}", "裙{number}", "看我头像", "看主页", "飞机@{name}", "@{name}", "t.me/{name}", "https://{name}.com",
    "http://www.{name}.cn/{number}", "扫码进群", "要的滴滴", "来聊", "",
)  # fmt: skip
_STARTS = (
    "", "", "", "", "急！", "长期", "【{word}】", "需要", "想要", "谁要", "有没有", "专业", "大量", "招", "收",
    "出", "各种", "24小时", "本群", "大家好，",
    "朋友们，", "亲，", "老铁们",
)  # fmt: skip
_PROMISES = (
    "", "", "", "{sum}元", "{sum}一张", "{sum}块", "每天{sum}", "一天{sum}", "{sum}一单", "只要{sum}", "{sum}起",
    "{sum}%", "日赚{sum}",
    "一单{sum}",
)  # fmt: skip
_SUMS = ("50", "100", "200", "300", "500", "9.9", "99", "1000", "30", "88", "188", "2", "5")
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
_LEAST = 0.2  # a turn of phrase below this weight is not of the category


class _Dice:
    def __init__(self, seed: int) -> None:
        self._state = seed

    def below(self, bound: int) -> int:
        self._state = (self._state * 6_364_136_223_846_793_005 + 1_442_695_040_888_963_407) & 0xFFFF_FFFF_FFFF_FFFF
        return (self._state >> 33) % bound

    def of(self, things: tuple[str, ...] | str) -> str:
        return things[self.below(len(things))]


def messages(category: str, count: int, seed: int) -> Iterator[str]:
    """`count` composed messages of a category; the same for the same seed."""
    dice = _Dice(seed)
    own = [cue.words for cue in CUES if cue.weights.get(category, 0) >= _LEAST]
    contact = [cue.words for cue in CUES if "contact" in cue.weights]
    everything = [cue.words for cue in CUES]
    for _ in range(count):
        words = own[dice.below(len(own))]
        said = [dice.of(words) for _ in range(1 + dice.below(3))]
        if dice.below(3) == 0:
            said.append(dice.of(everything[dice.below(len(everything))]))
        said[0] = dice.of(_STARTS) + said[0]
        said.append(dice.of(_PROMISES))
        if dice.below(5) < 3:  # noqa: PLR2004  (three of five say how to get in touch)
            said.append(dice.of(_ENDS))
        if dice.below(4) == 0:
            said.append(dice.of(contact[dice.below(len(contact))]))
        text = ""
        for part in said:
            text += (dice.of(_JOINTS) if text and part else "") + part
        yield text.format(
            name=dice.of(_LETTERS[:26]) + "".join(dice.of(_LETTERS) for _ in range(5 + dice.below(6))),
            number=str(100_000 + dice.below(3_000_000_000)),
            phone=f"1{dice.of('35789')}{100_000_000 + dice.below(900_000_000)}",
            sum=dice.of(_SUMS),
            word=dice.of(words),
        )
