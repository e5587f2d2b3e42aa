"""How right each rule is: what humans said of its decisions, per version, with an interval (read side only)."""

from collections import defaultdict
from dataclasses import dataclass

from django.db.models import Count, Q

from qunzhu.governance.models import RuleRecord, RuleVerdict
from qunzhu.governance.policy import interval


@dataclass(frozen=True)
class Precision:
    """Of `decisions` carried out, humans looked at `reviewed`: `held` were right, `reversed` were not.

    `share` is held / reviewed (None when nothing was reviewed), `low` and `high` its 95 % Wilson interval.
    """

    decisions: int = 0
    reviewed: int = 0
    held: int = 0

    @property
    def reversed(self) -> int:
        return self.reviewed - self.held

    @property
    def share(self) -> float | None:
        return self.held / self.reviewed if self.reviewed else None

    @property
    def low(self) -> float:
        return interval(self.held, self.reviewed)[0]

    @property
    def high(self) -> float:
        return interval(self.held, self.reviewed)[1]


def precision_by_version(community_id: int) -> dict[tuple[str, int], Precision]:
    """(rule, version) → its figures. Two queries."""
    decided = {
        (row.rule, row.rulebook_version): row.decisions for row in RuleRecord.objects.filter(community_id=community_id)
    }
    said = RuleVerdict.objects.filter(community_id=community_id).values_list("rule", "rulebook_version")
    counted = said.annotate(reviewed=Count("seq"), held=Count("seq", filter=Q(held=True))).order_by()
    judged = {(rule, version): (reviewed, held) for rule, version, reviewed, held in counted}
    return {
        key: Precision(decided.get(key, 0), *judged.get(key, (0, 0))) for key in sorted(decided.keys() | judged.keys())
    }


def precision_by_rule(community_id: int) -> dict[str, Precision]:
    """Rule → the figures of all its versions together. Two queries."""
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for (rule, _), found in precision_by_version(community_id).items():
        for place, value in enumerate((found.decisions, found.reviewed, found.held)):
            sums[rule][place] += value
    return {rule: Precision(*figures) for rule, figures in sums.items()}
