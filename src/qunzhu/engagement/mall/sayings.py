"""What the mall answers in the group: short, and one message where many ask at once. Pure."""

from collections.abc import Sequence

from qunzhu.engagement.mall.policy import NEEDS_ADDRESS, NEEDS_WORDS, Offer, affordable

SHOWN = 5
TOGETHER = 3  # from so many answers of one batch on, a group gets them in one message


def say_offers(offers: Sequence[Offer], balance: int, link: str) -> str:
    """The answer to 兑换: what one can afford."""
    there = [o for o in offers if o.on_sale and o.stock > 0]
    can = affordable(there, balance)
    if not there:
        return "商城现在没有可兑换的商品，上新了会告诉大家。"
    if not can:
        nearest = min(there, key=lambda o: (o.price, o.number))
        return f"你有 {balance} 积分，离“{nearest.name}”还差 {nearest.price - balance}。商城：{link}"
    listed = " · ".join(f"{o.number} {o.name} {o.price}分" for o in can[:SHOWN])
    more = f"（还有 {len(can) - SHOWN} 件）" if len(can) > SHOWN else ""
    return f"你有 {balance} 积分，可以兑换：{listed}{more}。发“兑换 编号”就行。商城：{link}"


def say_redeemed(offer: Offer, balance: int, link: str, *, by_itself: bool) -> str:
    """The answer to a redemption; a code is never said in a group."""
    where = f"去“我的订单”查看：{link}" if by_itself else f"处理进度看这里：{link}"
    return f"兑换成功：{offer.name}，-{offer.price} 积分，余 {balance}。{where}"


def say_form(offer: Offer, link: str) -> str:
    """The answer where something must be filled in that is nobody else's business."""
    what = {NEEDS_ADDRESS: "收货地址", NEEDS_WORDS: "要发的内容"}[offer.kind]
    return f"“{offer.name}”要填{what}，请到这里兑换：{link}"


def say_unknown(words: str) -> str:
    """The answer to something that the mall does not have."""
    return f"商城里没有“{words[:20]}”。发“兑换”看看有什么。"


def say_which(found: Sequence[Offer]) -> str:
    """The answer to words that mean several goods."""
    listed = "、".join(f"{o.number} {o.name}" for o in found[:SHOWN])
    return f"是哪一件？{listed}。请发“兑换 编号”。"


def say_together(lines: Sequence[tuple[str, str]]) -> str:
    """Many answers in one message: (nickname, answer), in the order in which they asked."""
    return "\n".join(f"@{name} {text}" if name else text for name, text in lines)
