"""A rule as a plain sentence in the reader's language: what it watches, when it strikes, what follows."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from qunzhu.console.reading.effect_words import kind_names
from qunzhu.kernel.engine.facts import FACTS
from qunzhu.kernel.engine.rules import LadderSettings
from qunzhu.risk.detect.names import NAMES
from qunzhu.ui.formats import duration

TIERS = ("pact", "advanced", "penalties")


def tier_of(rule: Mapping[str, Any]) -> str:
    """Where a rule stands in the rulebook: clause 1.x is the basic pact, 2.x the advanced rules, the rest penalties."""
    major = str(rule.get("clause") or "").partition(".")[0]
    if major in {"1", "2"}:
        return TIERS[int(major) - 1]
    return "penalties" if major or rule.get("chapter") == "risk" else "advanced"


def condition(rule: Mapping[str, Any]) -> str:
    """When the rule strikes, e.g. 同一成员 1小时内发同一链接超过 5 次."""
    return _tree(rule.get("when"), rule.get("window"))


def consequences(rule: Mapping[str, Any], ladder: LadderSettings) -> list[str]:
    """What follows, one phrase for each action; thresholds and times are those in force."""
    said = [_action(action, ladder) for action in rule.get("then", []) if isinstance(action, dict)]
    if rule.get("strike"):
        said.append(
            _("记一次违规(%(days)d 天内满 %(limit)d 次移出)")
            % {"days": ladder.strike_days, "limit": ladder.strikes_to_remove}
        )
    return [phrase for phrase in said if phrase]


def exceptions(rule: Mapping[str, Any]) -> list[str]:
    """Whom the rule leaves alone."""
    said = []
    if rule.get("exempt_staff", True):
        said.append(_("运营人员除外"))
    if rule.get("clearable"):
        said.append(_("已报备的除外"))
    return said


def ladder_sentence(ladder: LadderSettings) -> str:
    """The ladder in force."""
    return _("第一次提醒,第二次禁言 %(mute)s,第三次移出;%(days)d 天内违规满 %(limit)d 次自动移出。") % {
        "mute": duration(ladder.mute_minutes * 60, get_language() or ""),
        "days": ladder.strike_days,
        "limit": ladder.strikes_to_remove,
    }


def _tree(tree: Any, window: Any) -> str:
    if not isinstance(tree, dict):
        return ""
    if "all" in tree:
        return _(",并且").join(_tree(part, window) for part in tree["all"])
    if "any" in tree:
        return _("(%(list)s)") % {"list": _(",或者").join(_tree(part, window) for part in tree["any"])}
    if "not" in tree:
        inner = tree["not"]
        if isinstance(inner, dict) and "contains" in inner:
            words = {"fact": fact_names().get(str(inner["fact"]), str(inner["fact"])), "value": inner["contains"]}
            return _("%(fact)s不包含“%(value)s”") % words
        return _("不满足“%(what)s”") % {"what": _tree(tree["not"], window)}
    return _leaf(tree, window)


def _leaf(leaf: Mapping[str, Any], window: Any) -> str:
    fact = str(leaf.get("fact", ""))
    operator, value = next(((k, v) for k, v in leaf.items() if k != "fact"), ("", None))
    if fact == "window.count" and isinstance(window, dict):
        return _counted(window, operator, value)
    if isinstance(value, bool) and operator in {"is", "is_not"}:
        yes = value == (operator == "is")
        named = _flags().get(fact)
        if named:
            return named[0] if yes else named[1]
    words = _operator_words().get(operator, "%(fact)s %(value)s")
    return words % {"fact": fact_names().get(fact, fact), "value": fact_value(fact, value)}


def _counted(window: Mapping[str, Any], operator: str, value: Any) -> str:
    what = streams().get((str(window.get("of")), str(window.get("count", "all"))), str(window.get("of")))
    per = _("全群") if window.get("per") == "group" else _("同一成员")
    bound = _bounds().get(operator, "%(n)s") % {"n": value}
    return _("%(per)s%(span)s%(what)s%(bound)s") % {"per": per, "span": _span(window), "what": what, "bound": bound}


def _span(window: Mapping[str, Any]) -> str:
    if window.get("days"):
        return _("当天") if window["days"] == 1 else _("%(n)d 天内") % {"n": window["days"]}
    minutes = int(window.get("hours") or 0) * 60 + int(window.get("minutes") or 0)
    return _("%(time)s内") % {"time": duration(minutes * 60, get_language() or "")}


def _action(action: Mapping[str, Any], ladder: LadderSettings) -> str:
    name, how = next(iter(action.items()), ("", None))
    if name == "ladder":
        return _("按惩罚阶梯处理:提醒 → 禁言 %(mute)s → 移出") % {
            "mute": duration(ladder.mute_minutes * 60, get_language() or "")
        }
    if name == "mute" and isinstance(how, dict):
        return _("禁言 %(time)s") % {"time": duration(int(how.get("minutes", 0)) * 60, get_language() or "")}
    if name == "case":
        return _("开工单请人决定")
    if name == "hush" and isinstance(how, dict):
        return _("每次再提醒,满 %(n)s 次移出") % {"n": how.get("remove_after", 3)}
    return kind_names().get(name, name)


def fact_value(fact: str, value: Any) -> str:
    """The value of a fact in words."""
    if isinstance(value, list):
        return _("、").join(fact_value(fact, item) for item in value)
    if fact.startswith("reasons.") and value in NAMES:
        return _(NAMES[value])
    if isinstance(value, bool):
        return _("是") if value else _("否")
    return choices(fact).get(str(value), str(value))


def categories() -> dict[str, str]:
    """Keyword categories as they are called on the screen."""
    return {
        "ad": _("广告"),
        "contact": _("引流加好友"),
        "attack": _("人身攻击"),
        "flooding": _("刷屏"),
        "gambling": _("赌博"),
        "porn": _("色情"),
        "fraud": _("诈骗"),
        "fundraising": _("资金募集"),
        "other": _("其他"),
    }


def streams() -> dict[tuple[str, str], str]:
    """What a window may count, by stream and way of counting."""
    return {
        ("message", "all"): _("发言"),
        ("ad", "all"): _("发未报备的广告"),
        ("link", "all"): _("发链接"),
        ("link", "distinct"): _("发不同链接"),
        ("link", "equal"): _("发同一链接"),
        ("text", "all"): _("发文字"),
        ("text", "distinct"): _("发不同文字"),
        ("text", "equal"): _("发同样的文字"),
        ("report", "all"): _("被举报"),
        ("report", "distinct"): _("被不同成员举报"),
        ("report", "equal"): _("被同一成员举报"),
        ("private_add", "all"): _("被举报私加"),
        ("private_add", "distinct"): _("被不同成员举报私加"),
        ("private_add", "equal"): _("被同一成员举报私加"),
    }


def _bounds() -> dict[str, str]:
    return {
        "over": _("超过 %(n)s 次"),
        "at_least": _("达到 %(n)s 次"),
        "under": _("少于 %(n)s 次"),
        "at_most": _("不超过 %(n)s 次"),
        "is": _("正好 %(n)s 次"),
    }


def _operator_words() -> dict[str, str]:
    return {
        "over": _("%(fact)s超过 %(value)s"),
        "at_least": _("%(fact)s达到 %(value)s"),
        "under": _("%(fact)s少于 %(value)s"),
        "at_most": _("%(fact)s不超过 %(value)s"),
        "is": _("%(fact)s是 %(value)s"),
        "is_not": _("%(fact)s不是 %(value)s"),
        "in": _("%(fact)s是 %(value)s 之一"),
        "contains": _("%(fact)s包含“%(value)s”"),
        "any_of": _("%(fact)s有 %(value)s"),
        "all_of": _("%(fact)s同时有 %(value)s"),
        "empty": _("%(fact)s为空:%(value)s"),
    }


def _flags() -> dict[str, tuple[str, str]]:
    return {
        "ad.looks": (_("消息像广告"), _("消息不像广告")),
        "message.is_reply": (_("引用别人的消息"), _("没有引用别人的消息")),
        "member.muted": (_("禁言还没结束就发言"), _("没有被禁言")),
        "link.short": (_("含短链接"), _("不含短链接")),
        "member.staff": (_("是运营人员"), _("不是运营人员")),
    }


def fact_names() -> dict[str, str]:
    """What the facts that rules look at are called."""
    return {
        "event.kind": _("事件种类"),
        "event.streams": _("计入的计数"),
        "message.type": _("消息类型"),
        "message.length": _("消息字数"),
        "message.lines": _("消息行数"),
        "message.mentions": _("提到的人数"),
        "message.text": _("消息文字"),
        "time.hour": _("几点"),
        "time.weekday": _("星期几"),
        "link.count": _("链接数"),
        "link.hosts": _("链接域名"),
        "keyword.variants": _("关键词用的变体写法"),
        "keyword.allowed": _("放行的白名单词"),
        "contact.kinds": _("站外联系方式"),
        "contact.values": _("站外联系号码"),
        "keyword.categories": _("消息里的关键词类别"),
        "keyword.levels": _("消息里的关键词级别"),
        "keyword.words": _("消息里的关键词"),
        "ad.reasons": _("像广告的理由"),
        **{f"verdict.{c}": _("像%(what)s的分数") % {"what": name} for c, name in categories().items()},
        **{f"reasons.{c}": _("像%(what)s的理由") % {"what": name} for c, name in categories().items()},
        "member.mute_tries": _("平台不能禁言时已发的消息数"),
        "member.strikes": _("有效违规次数"),
        "member.penalties": _("有效处罚次数"),
        "report.reason": _("举报理由"),
        "report.weight": _("举报人的分量之和"),
        "command.name": _("口令"),
    }


def choices(fact: str) -> dict[str, str]:
    """The values that a fact may have, with what they are called; {} where anything can be typed."""
    if fact == "keyword.categories":
        return categories()
    if fact == "contact.kinds":
        return {
            "wechat": _("微信号"), "qq": _("QQ 号"), "group": _("群号"), "phone": _("电话"),
            "mini_program": _("小程序"), "qr": _("二维码"),
        }  # fmt: skip
    if fact == "message.type":
        return {"text": _("文字"), "image": _("图片"), "link": _("链接"), "quote": _("引用")}
    if fact == "keyword.levels":
        return {"notice": _("初级"), "yellow": _("黄色"), "orange": _("橙色"), "red": _("红色")}
    return event_names() if fact == "event.kind" else {}


def event_names() -> dict[str, str]:
    """What a rule can be asked about."""
    return {"message.posted": _("消息"), "command.posted": _("口令"), "report.filed": _("举报")}


def state_names() -> dict[str, str]:
    """The four states of a rule."""
    return {"draft": _("草稿"), "shadow": _("试运行"), "live": _("生效"), "retired": _("停用")}


def level_names() -> dict[str, str]:
    """The levels of an alert; "" is none."""
    return {"": _("无"), "notice": _("初级"), "yellow": _("黄色"), "orange": _("橙色"), "red": _("红色")}


def field_names() -> dict[str, str]:
    """The parts of a rule and of the settings, as the form calls them."""
    return {
        "id": _("编号"),
        "name": _("名称"),
        "clause": _("群规条款"),
        "chapter": _("章节"),
        "on": _("看哪种事件"),
        "window": _("统计窗口"),
        "bound_n": _("次数"),
        "when": _("条件"),
        "then": _("处理"),
        "explain": _("给成员的一句话"),
        "state": _("状态"),
        "level": _("预警级别"),
        "strike": _("记违规"),
        "exempt_staff": _("运营人员除外"),
        "clearable": _("已报备的除外"),
        "ladder": _("惩罚阶梯"),
        "not_counted": _("不计入发言的"),
        "repeat_case_hours": _("同一人多久不重复开工单"),
        "zone": _("时区"),
        "settings": _("总设置"),
        "rules": _("规则"),
    }


def fact_label(fact: str) -> str:
    """A fact as the form calls it; one that has no name of its own is called by its meaning."""
    flags = {"ad.looks": _("像不像广告"), "message.is_reply": _("是不是引用"), "member.muted": _("是不是在禁言"),
             "member.staff": _("是不是运营人员")}  # fmt: skip
    return flags.get(fact) or fact_names().get(fact) or FACTS[fact].meaning


def pact_of(blueprint: Mapping[str, Any]) -> dict[str, list[Mapping[str, Any]]]:
    """The sentences of the pact as members read them, by tier."""
    found: dict[str, list[Mapping[str, Any]]] = {tier: [] for tier in TIERS}
    section = blueprint.get("governance")
    pact: Sequence[Any] = section.get("pact", []) if isinstance(section, dict) else []
    for clause in pact:
        if isinstance(clause, dict):
            found[tier_of({"clause": clause.get("id", "")})].append(clause)
    return found
