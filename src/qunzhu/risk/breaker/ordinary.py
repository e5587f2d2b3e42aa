"""What newcomers say everywhere without arranging it: greetings, reporting in, thanks, and how one introduces oneself.

After a recruiting campaign dozens of people say it within the same minute. It is taken off a text before texts are
compared, so that a greeting has nothing left and the ad behind a greeting is still the ad.
"""

import re

from qunzhu.kernel.text.normalise import normalise
from qunzhu.kernel.text.shape import level

# Phrases, not single characters: 好 alone would eat into other words.
PHRASES = """
大家好 大家晚上好 大家早上好 大家下午好 大家中午好 大家早 各位好 各位老师好 各位前辈好 老师们好 老师好 群主好
管理员好 你好 您好 你们好 哈喽 哈啰 哈罗 嗨喽 早上好 上午好 中午好 下午好 晚上好 早安 午安 晚安 早呀 早啊 各位大佬好
大佬们好 各位朋友好 朋友们好 家人们好 小伙伴们好 伙伴们好 同学们好 各位同学好 兄弟们好 姐妹们好 欢迎 欢迎欢迎
热烈欢迎 欢迎新人 欢迎新朋友 欢迎加入 欢迎新同学 欢迎新成员 欢迎入群 欢迎进群 欢迎大家 新人报到 新人报道 新人来了
新人求带 新人求罩 新人 萌新报到 萌新 小白报到 小白 前来报到 来报到 来报道 报到 报道 入群报到 签到 打卡 已签到 已打卡
今日打卡 早起打卡 学习打卡 冒泡 冒个泡 占座 前排 路过 围观 请多关照 请多多关照 多多关照 多关照 请多指教 请多多指教
多多指教 多指教 请大家指教 请指教 请大家多多关照 互相学习 共同进步 一起学习 一起进步 来学习的 来学习 向大家学习
学习一下 学习了 学习学习 想多交流 多交流 多多交流 一起交流 很高兴认识大家 很高兴认识你们 高兴认识大家 认识大家很高兴
很高兴加入 很高兴加入群聊 很荣幸加入 终于进来了 进来了 我来了 来了来了 来了 来啦 到了 在的 在呢 我在 有人吗 在吗 谢谢
谢谢大家 谢谢老师 谢谢群主 谢谢分享 谢谢邀请 谢谢管理员 多谢 感谢 感谢老师 感谢分享 感谢群主 感谢邀请 感谢大家
老师辛苦了 辛苦了 谢谢老师的分享 感谢老师的分享 精彩分享 受益匪浅 学到了 收获满满 讲得真好 讲得太好了 讲的真好 收到
已收到 收到谢谢 好的 好的谢谢 好滴 好哒 嗯嗯 明白 明白了 了解 知道了 已阅 已读 已看 同意 同意群规 遵守群规 已阅读群规
看到了 没问题 是的 期待 期待一下 加油 大家加油 点赞 厉害 太棒了 恭喜 恭喜恭喜 祝贺 生日快乐 新年快乐 节日快乐 哈哈
哈哈哈 呵呵 嘿嘿 嘻嘻
""".split()  # noqa: SIM905  (a list of this length reads better as prose)
# How one introduces oneself; what fills the gaps (name, city, trade) is each one's own.
INTRODUCING = """
大家好我是 我是 我叫 叫我 来自 坐标 昵称 姓名 目前在 现在在 就职于 从事 入行 毕业于 年经验 自我介绍
""".split()  # noqa: SIM905
LATIN_WORDS = frozenset(
    """
hi hello hey yo good morning afternoon evening night all everyone everybody guys friends there welcome thanks thank
you nice to meet glad i am im my name is from here in at the a an and of for ok okay yes sure got it
""".split()  # noqa: SIM905
)

_REPEATED = re.compile(r"(.)\1+")


def plain(levelled: str) -> str:
    """The ideographs of a levelled text, repeats as one; kana and hangul with them, everything else left out."""
    return _REPEATED.sub(r"\1", "".join(c for c in levelled if is_ideograph(c)))


def is_ideograph(character: str) -> bool:
    """Whether a character stands for a syllable or a word of its own."""
    return "\u3041" <= character <= "\u9fff" or "\uac00" <= character <= "\ud7a3" or character >= "\U00020000"


def _pattern(phrases: list[str]) -> re.Pattern[str]:
    levelled = {plain(level(normalise(phrase))) for phrase in phrases} - {""}
    return re.compile("|".join(sorted(levelled, key=lambda phrase: (-len(phrase), phrase))))


_ORDINARY = _pattern(PHRASES)
_INTRODUCING = _pattern(INTRODUCING)


def without_ordinary(letters: str) -> tuple[str, bool]:
    """(what is left of `plain` letters without ordinary phrases, whether somebody introduces themselves in them)."""
    left = _ORDINARY.sub("", letters)
    bare = _INTRODUCING.sub("", left)
    return bare, len(bare) != len(left)
