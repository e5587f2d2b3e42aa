"""What changed between two rulebooks, as sentences: what held before, what holds now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from qunzhu.console.reading import rule_words
from qunzhu.kernel.engine.rules import LadderSettings
from qunzhu.ui.formats import duration

SETTINGS = "settings"


@dataclass(frozen=True)
class Changed:
    """A rule (or the settings) that is not what it was: `kind` is added, removed or changed."""

    rule: str
    name: str
    kind: str
    sentences: tuple[str, ...]


Book = tuple[Sequence[Mapping[str, Any]], Mapping[str, Any]]


def between(old: Book, new: Book) -> list[Changed]:
    """Settings first, then rules in the order of the new book, removed ones last."""
    ladders = _ladder(old[1]), _ladder(new[1])
    before, after = ({str(rule["id"]): rule for rule in book[0]} for book in (old, new))
    found = [Changed(SETTINGS, _("总设置"), "changed", tuple(said))] if (said := _settings(old[1], new[1])) else []
    for rule_id, rule in after.items():
        if rule_id not in before:
            found.append(Changed(rule_id, _name(rule), "added", (_whole(rule, ladders[1]),)))
        elif sentences := _rule(before[rule_id], rule, ladders):
            found.append(Changed(rule_id, _name(rule), "changed", tuple(sentences)))
    found += [
        Changed(rule_id, _name(rule), "removed", (_whole(rule, ladders[0]),))
        for rule_id, rule in before.items()
        if rule_id not in after
    ]
    if not found and [r["id"] for r in old[0]] != [r["id"] for r in new[0]]:
        found.append(Changed(SETTINGS, _("总设置"), "changed", (_("规则的先后次序变了"),)))
    return found


def _name(rule: Mapping[str, Any]) -> str:
    return str(rule.get("name") or rule["id"])


def _ladder(settings: Mapping[str, Any]) -> LadderSettings:
    return msgspec.convert(settings.get("ladder") or {}, LadderSettings)


def _whole(rule: Mapping[str, Any], ladder: LadderSettings) -> str:
    return _("%(when)s → %(then)s(%(state)s)") % {
        "when": rule_words.condition(rule),
        "then": _(";").join(rule_words.consequences(rule, ladder)),
        "state": rule_words.state_names()[rule.get("state", "live")],
    }


def _rule(old: Mapping[str, Any], new: Mapping[str, Any], ladders: tuple[LadderSettings, LadderSettings]) -> list[str]:
    said = []
    states, levels = rule_words.state_names(), rule_words.level_names()
    pairs = [
        (_("状态"), *(states[rule.get("state", "live")] for rule in (old, new))),
        (_("名称"), _name(old), _name(new)),
        (_("群规条款"), str(old.get("clause", "")), str(new.get("clause", ""))),
        (_("看哪种事件"), *(_list(rule["on"], rule_words.event_names()) for rule in (old, new))),
        (_("条件"), rule_words.condition(old), rule_words.condition(new)),
        (_("处理"), *(_(";").join(rule_words.consequences(rule, ladders[0])) for rule in (old, new))),
        (_("预警级别"), levels[old.get("level", "")], levels[new.get("level", "")]),
        (_("例外"), *(_("、").join(rule_words.exceptions(rule)) or _("无") for rule in (old, new))),
        (_("给成员的一句话"), str(old["explain"]), str(new["explain"])),
    ]
    said = [_changed(*pair) for pair in pairs if pair[1] != pair[2]]
    if not said and _defaults(old) != _defaults(new):
        said.append(_("写法变了,意思没有变"))
    return said


def _defaults(rule: Mapping[str, Any]) -> dict[str, Any]:
    """The rule without what only repeats a default."""
    plain = {"clause": "", "state": "live", "level": "", "exempt_staff": True, "clearable": False, "strike": False}
    return {k: v for k, v in rule.items() if k not in plain or v != plain[k]}


def _changed(what: str, old: str, new: str) -> str:
    if not old:
        return _("%(what)s:加上“%(new)s”") % {"what": what, "new": new}
    if not new:
        return _("%(what)s:去掉“%(old)s”") % {"what": what, "old": old}
    return _("%(what)s:由“%(old)s”改为“%(new)s”") % {"what": what, "old": old, "new": new}


def _list(codes: Sequence[str], names: Mapping[str, str]) -> str:
    return _("、").join(names.get(code, code) for code in codes)


def _settings(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    one, two = _ladder(old), _ladder(new)
    language = get_language() or ""
    counted = {"command.posted": _("口令"), "checkin": _("签到"), "vote": _("投票"), "image": _("图片")}
    pairs = [
        (_("阶梯里的禁言"), duration(one.mute_minutes * 60, language), duration(two.mute_minutes * 60, language)),
        (_("满几次违规移出"), _times(one.strikes_to_remove), _times(two.strikes_to_remove)),
        (_("违规多久不再算"), _days(one.strike_days), _days(two.strike_days)),
        (_("不计入发言的"), *(_list(s.get("not_counted", ()), counted) for s in (old, new))),
        (
            _("同一人多久不重复开工单"),
            *(duration(int(s.get("repeat_case_hours", 24)) * 3600, language) for s in (old, new)),
        ),
    ]
    return [_changed(*pair) for pair in pairs if pair[1] != pair[2]]


def _times(count: int) -> str:
    return _("%(n)d 次") % {"n": count}


def _days(count: int) -> str:
    return _("%(n)d 天") % {"n": count}
