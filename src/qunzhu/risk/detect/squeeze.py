"""Text as the lexicon reads it: letters, digits and Chinese only, so that signs and emoji between them do not help.

Signs that are read as words become those words: ➕ is 加, 🐧 is 企鹅. Names for the one contact app become 微信.
"""

import re

_SAID = {
    "➕": "加", "✚": "加", "+": "加", "🐧": "企鹅", "✈": "飞机", "🛩": "飞机", "🧧": "红包", "🔞": "色情",
    "👗": "裙", "🎲": "骰宝",
    "🍵": "品茶", "☎": "电话", "📞": "电话", "🏀": "球", "⚽": "球", "@": "@", "%": "%", "¥": "¥", "💰": "钱",
}  # fmt: skip


class _Squeezing(dict[int, str]):
    """Code point → what is left of it; fills itself."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        left = self[code] = character if character.isalnum() else _SAID.get(character, "")
        return left


_TABLE = _Squeezing()
_APP = re.compile(
    r"[薇威徽溦葳維维微魏胃][信芯心星杏❤]|[vw]信|[vw]芯|卫[星生]号?(?=[a-z0-9]|$)|(?<![a-z])(?:vx|wx|wechat|weixin|vchat)(?![a-z]{3})"
)
# A single v is the app only before what looks like an account, and not in English (version 12345).
_SHORT_APP = re.compile(
    r"(?<=加)[薇威徽溦葳v](?!信|望|力)|[薇威徽溦葳](?=[a-z0-9]{5})|(?<![a-z0-9])v(?=[a-z]{0,14}\d)(?=[a-z0-9]{5,})"
)
_CHINESE = re.compile("[\u4e00-\u9fff]")


_NAMED = re.compile("[薇威徽溦葳維维微魏胃vw卫]")


def squeezed(normal: str) -> str:
    """`normal` (a text in normal form) without white space, signs and emoji, contact names folded."""
    text = normal.translate(_TABLE)
    if _NAMED.search(text) is None:
        return text
    text = _APP.sub("微信", text)
    return _SHORT_APP.sub("微信", text) if _CHINESE.search(text) else text
