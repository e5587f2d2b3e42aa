"""What pages about one rule show: its sentences, the choices of its form, its history, and a trial against another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from django.db import connection
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from qunzhu.console.reading import rule_changes, rule_form, rule_sample, rule_words
from qunzhu.kernel.cases.kinds import KINDS, OPENED_BY_RULES
from qunzhu.kernel.engine.facts import FACTS
from qunzhu.kernel.engine.models import Decision, RulebookVersion
from qunzhu.kernel.engine.rules import (
    PLACEHOLDERS,
    LadderSettings,
    RulebookInvalid,
    compile_rulebook,
    load_rules,
    load_settings,
)
from qunzhu.ui.formats import is_chinese

HISTORY = 20
SHOWN = 20
_HIDDEN_FACTS = frozenset({rule_form.COUNT, "event.streams", "event.kind"})


def ladder_of(settings: Mapping[str, Any]) -> LadderSettings:
    return msgspec.convert(settings.get("ladder") or {}, LadderSettings)


def entry(rule: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """A rule with its sentences."""
    return {
        "rule": rule,
        "condition": rule_words.condition(rule),
        "consequences": rule_words.consequences(rule, ladder_of(settings)),
        "exceptions": rule_words.exceptions(rule),
    }


def sample(rule: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    """What a member would read; "" for a rule that cannot run."""
    try:
        return rule_sample.sentence(rule, settings)
    except RulebookInvalid:
        return ""


def check(rules: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]) -> None:
    """Raise RulebookInvalid where the engine would."""
    compile_rulebook(load_rules(list(rules)), settings=load_settings(dict(settings)))


def form_choices(fields: rule_form.Fields) -> dict[str, Any]:
    """Everything that the form of a rule lets choose from."""
    facts = {
        name: {
            "label": rule_words.fact_label(name),
            "type": fact.type,
            "operators": [(op, operator_label(op)) for op in rule_form.OPERATORS[fact.type]],
            "choices": list(rule_words.choices(name).values()),
        }
        for name, fact in FACTS.items()
        if name not in _HIDDEN_FACTS or name in {row.fact for row in fields.rows}
    }
    return {
        "facts": facts,
        "blank": rule_form.Row(),
        "events": list(rule_words.event_names().items()),
        "windows": [(f"{of}:{count}", label) for (of, count), label in rule_words.streams().items()],
        "bounds": [(name, operator_label(name)) for name in rule_form.BOUNDS],
        "states": list(rule_words.state_names().items()),
        "levels": list(rule_words.level_names().items()),
        "cases": [(kind, case_title(kind)) for kind in OPENED_BY_RULES],
        "urgencies": urgencies(),
        "placeholders": placeholder_names(),
    }


def case_title(kind: str) -> str:
    """What a kind of case is called."""
    return KINDS[kind].title if is_chinese(get_language() or "") else KINDS[kind].title_en


def urgencies() -> list[tuple[str, str]]:
    return [("grey", _("不急")), ("yellow", _("黄色")), ("orange", _("橙色")), ("red", _("红色"))]


def operator_label(operator: str) -> str:
    """How a comparison reads between fact and value."""
    return {
        "over": _("超过"),
        "at_least": _("达到"),
        "under": _("少于"),
        "at_most": _("不超过"),
        "is": _("是"),
        "is_not": _("不是"),
        "in": _("是其中之一"),
        "contains": _("包含"),
        "!contains": _("不包含"),
        "any_of": _("有其中之一"),
        "all_of": _("全都有"),
        "!any_of": _("一个也没有"),
        "empty": _("为空"),
    }.get(operator, operator)


def placeholder_names() -> list[tuple[str, str]]:
    """Placeholders of a sentence with what they become, in the order of use."""
    names = {
        "nickname": _("昵称"),
        "count": _("次数"),
        "limit": _("上限"),
        "window": _("多长时间"),
        "clause": _("条款"),
        "consequence": _("怎么处理"),
        "until": _("何时恢复"),
        "words": _("命中的词"),
        "strikes": _("第几次违规"),
        "strikes_to_remove": _("满几次移出"),
    }
    return [(name, label) for name, label in names.items() if name in PLACEHOLDERS]


# --- a rule's own page ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Milestone:
    """A version in which the rule became what it says; `sentences` are the changes."""

    version: RulebookVersion
    kind: str
    sentences: tuple[str, ...]


def history(community_id: int, rule_id: str) -> list[Milestone]:
    """The versions that touched a rule, newest first, among the last twenty."""
    rows = RulebookVersion.objects.filter(community_id=community_id).exclude(state=RulebookVersion.State.DRAFT)
    versions = list(rows.order_by("-version")[: HISTORY + 1])
    found = []
    for number, version in enumerate(versions[:HISTORY]):
        before = versions[number + 1] if number + 1 < len(versions) else None
        only = [[r for r in v.rules if r["id"] == rule_id] if v else [] for v in (before, version)]
        changes = rule_changes.between((only[0], version.settings), (only[1], version.settings))
        found += [Milestone(version, c.kind, c.sentences) for c in changes if c.rule == rule_id]
    return found


@dataclass(frozen=True)
class Trial:
    """Hits of a rule on trial beside those of another rule, since `since`: on how many messages only one, or both."""

    other: str
    since: datetime
    both: int
    only_trial: int
    only_other: int
    trial_rows: list[Decision]
    other_rows: list[Decision]


_OVERLAP = """
WITH trial AS (SELECT seq FROM decision WHERE community_id = %(c)s AND rule = %(rule)s AND occurred_at >= %(since)s
                 AND outcome <> 'historic'),
     other AS (SELECT seq FROM decision WHERE community_id = %(c)s AND rule = %(other)s AND occurred_at >= %(since)s
                 AND outcome <> 'historic'),
     joined AS (SELECT trial.seq AS one, other.seq AS two FROM trial FULL JOIN other USING (seq))
SELECT count(*) FILTER (WHERE one IS NOT NULL AND two IS NOT NULL), count(*) FILTER (WHERE two IS NULL),
       count(*) FILTER (WHERE one IS NULL),
       (array_agg(one ORDER BY one DESC) FILTER (WHERE two IS NULL))[:%(shown)s],
       (array_agg(two ORDER BY two DESC) FILTER (WHERE one IS NULL))[:%(shown)s]
FROM joined
"""


def trial(community_id: int, rule_id: str, other: str, *, since: datetime) -> Trial:
    """What the rule hit that the other did not, and the other way round."""
    with connection.cursor() as cursor:
        cursor.execute(_OVERLAP, {"c": community_id, "rule": rule_id, "other": other, "since": since, "shown": SHOWN})
        both, only_trial, only_other, trial_seqs, other_seqs = cursor.fetchone()
    return Trial(
        other, since, both, only_trial, only_other,
        _decisions(community_id, rule_id, trial_seqs), _decisions(community_id, other, other_seqs),
    )  # fmt: skip


def _decisions(community_id: int, rule: str, seqs: list[int] | None) -> list[Decision]:
    rows = Decision.objects.filter(community_id=community_id, rule=rule, seq__in=seqs or [])
    return list(rows.order_by("-seq"))


def on_trial_since(community_id: int, rule_id: str) -> datetime | None:
    """When the version was published since which the rule has been on trial without a break; None when it is not."""
    rows = RulebookVersion.objects.filter(community_id=community_id).exclude(state=RulebookVersion.State.DRAFT)
    since = None
    for version in rows.order_by("-version")[:HISTORY]:
        found = next((r for r in version.rules if r["id"] == rule_id), None)
        if found is None or found.get("state", "live") != "shadow":
            break
        since = version.published_at
    return since


def counterpart(rules: Sequence[Mapping[str, Any]], rule: Mapping[str, Any]) -> str:
    """The live rule that a trial is most likely meant to replace: of the same clause, else on the same facts."""
    live = [r for r in rules if r.get("state", "live") == "live" and r["id"] != rule["id"]]
    same_clause = [r for r in live if rule.get("clause") and r.get("clause") == rule.get("clause")]
    same_window = [r for r in live if rule.get("window") and r.get("window") == rule.get("window")]
    return str(next((r["id"] for r in [*same_clause, *same_window, *live]), ""))
