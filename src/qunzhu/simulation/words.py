"""What simulated people say: a small phrase grammar of our own; no text is copied from anywhere."""

import random

_FIELD = (
    "新能源",
    "大模型",
    "跨境电商",
    "消费金融",
    "企业服务",
    "半导体",
    "云计算",
    "量化投资",
    "医疗器械",
    "本地生活",
)
_PAPER = ("行业周报", "季度复盘", "白皮书", "案例拆解", "招股书笔记", "调研纪要", "数据看板", "方法论总结")
_POINT = (
    "增速比预期慢，但利润率在改善",
    "头部三家的份额又提高了",
    "获客成本涨了两成，留存成了关键",
    "监管口径更清楚了，合规成本可以预估",
    "渠道下沉基本见顶，接下来拼复购",
    "现金流比利润更值得看",
)
_TASK = ("搭指标体系", "做用户访谈", "写年终总结", "准备晋升答辩", "带新人", "排优先级", "做竞品分析", "谈薪", "转岗")
_WAY = ("先写一页纸", "拉一次对齐会", "从数据反推", "找三位老用户聊", "做个最小版本", "每周固定复盘", "先把口径统一")
_RESULT = ("效果比想象中好", "两周就看到变化", "踩过坑，慢慢顺了", "至少大家不再吵了", "老板很认可", "还在摸索")
_PASTIME = ("爬山", "羽毛球", "看展", "桌游", "夜跑", "读书会", "咖啡局", "骑行")
_MOOD = ("哈哈", "确实", "学到了", "收藏了", "有道理", "同感", "辛苦了", "期待", "厉害")
_GOODS = ("职场穿搭", "进口咖啡豆", "护腰坐垫", "理财课", "简历精修", "英语陪练", "电动牙刷")
_BAIT = ("限时优惠", "买一送一", "下单立减", "扫码领券", "新用户专享", "清仓甩卖")
_SITE = ("report.example.com", "read.example.org", "notes.example.net", "data.example.com")
_SHOP = ("shop.example.com", "deal.example.org", "mall.example.net")
_INSULT = ("你这人就是个白痴", "脑残才会这么想", "滚蛋吧，不懂别说话", "真是废物东西")

GRAMMAR: dict[str, tuple[str, ...]] = {
    "share": (
        "今天读到一份{field}的{paper}，{point}。{link}",
        "分享一篇{field}{paper}，重点是{point}，{mood}",
        "早报：{field}方面，{point}。{link}",
        "整理了{field}的{paper}，要的自取 {link}",
        "上周的{paper}更新了，{point}",
    ),
    "ask": (
        "请教一下，{task}大家一般怎么开始？",
        "有没有人做过{field}？想了解下{paper}去哪找",
        "刚到新团队，{task}有什么坑？",
        "{field}现在还值得进吗？",
        "问个小白问题，{task}要花多久？",
    ),
    "answer": (
        "我们是{way}，{result}",
        "可以试试{way}，我这边{result}",
        "{task}的话，建议{way}",
        "同问。之前{way}，{result}",
        "看情况，{field}一般{way}，{point}",
    ),
    "chat": (
        "{mood}",
        "{mood}，{mood}",
        "周末有人{pastime}吗？",
        "刚开完会，终于能看群了",
        "早呀，今天地铁好挤",
        "{mood}，昨天的直播很有料",
        "中午吃什么？",
        "今天又加班，{mood}",
    ),
    "ad": (
        "{goods}{bait}，链接 {shop}",
        "【{bait}】{goods}，名额不多 {shop}",
        "朋友做的{goods}，{bait}，感兴趣戳 {shop}",
    ),
    "attack": ("{insult}", "{insult}，{insult}"),
}
_SLOTS: dict[str, tuple[str, ...]] = {
    "field": _FIELD,
    "paper": _PAPER,
    "point": _POINT,
    "task": _TASK,
    "way": _WAY,
    "result": _RESULT,
    "pastime": _PASTIME,
    "mood": _MOOD,
    "goods": _GOODS,
    "bait": _BAIT,
    "insult": _INSULT,
}


def _pieces(template: str) -> tuple[str, ...]:
    """A template as literal, slot, literal, slot … so that a sentence is a few choices and one join."""
    pieces: list[str] = []
    for part in template.split("{"):
        if "}" in part:
            slot, rest = part.split("}")
            pieces += [slot, rest]
        else:
            pieces.append(part)
    return tuple(pieces)


_COMPILED = {family: tuple(_pieces(t) for t in templates) for family, templates in GRAMMAR.items()}


def say(family: str, dice: random.Random) -> tuple[str, list[str]]:
    """A sentence of a phrase family and the links in it."""
    pieces = _COMPILED[family][int(dice.random() * len(_COMPILED[family]))]
    parts: list[str] = []
    links: list[str] = []
    for index, piece in enumerate(pieces):
        if index % 2 == 0:
            parts.append(piece)
        elif piece in {"link", "shop"}:
            link = make_link(dice, _SHOP if piece == "shop" else _SITE)
            links.append(link)
            parts.append(link)
        else:
            values = _SLOTS[piece]
            parts.append(values[int(dice.random() * len(values))])
    return "".join(parts), links


def make_link(dice: random.Random, sites: tuple[str, ...] = _SITE) -> str:
    """A link to a reserved example domain, so that nobody is ever led anywhere."""
    return f"https://{sites[int(dice.random() * len(sites))]}/p/{int(dice.random() * 9000) + 1000}"
