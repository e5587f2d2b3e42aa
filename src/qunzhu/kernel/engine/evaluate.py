"""From facts to decisions: which rules match, which effect wins, what it means for the member.

`match` asks the rules; `decide` resolves them: exemptions, clearances, the ladder warn → mute → remove, running
penalties that are not lengthened, and of several effects on one event the severest. Both are pure but for the
`Standing` handed in, which `decide` moves on.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec

from qunzhu.kernel.engine import sentences
from qunzhu.kernel.engine.facts import Facts
from qunzhu.kernel.engine.rules import Action, Compiled, CompiledRule, Hush, OpenCase, Step, window_key
from qunzhu.kernel.engine.standing import Asked, Mark, Running, Standing

Outcome = Literal["live", "shadow", "yielded", "exempt", "cleared", "historic"]

_SEVERITY = {"": 0, "warn": 1, "recall": 2, "mute": 3, "remove": 4, "freeze": 5}
_LEVEL_RANK = {"": 0, "notice": 1, "yellow": 2, "orange": 3, "red": 4}
_STEPS: tuple[Step, ...] = ("warn", "mute", "remove")
# Why a decision yielded, by which the loser of a conflict is recorded and shown.
Reason = Literal["", "severer", "level", "first", "running", "manual", "pardoned"]
MANUAL = "staff"  # the "rule" of what people did by hand
_NO_EFFECT = {
    "exempt": "是运营人员，不作处理",
    "cleared": "已经报备，不作处理",
    "shadow": "试运行，只作记录",
}
_YIELDED: dict[str, str] = {
    "running": "处理已在进行，不再加重",
    "manual": "管理员已亲自处理，系统不再加重",
    "pardoned": "管理员已撤销过同一处理，系统不再重复",
}


@dataclass
class Tally:
    """How often rules were asked, matched and failed; for metrics."""

    evaluated: int = 0
    matched: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    errors: dict[str, str] = field(default_factory=dict)  # rule → its last error

    def fail(self, rules: Iterable[CompiledRule], error: Exception) -> None:
        for entry in rules:
            self.failed[entry.rule.id] += 1
            self.errors[entry.rule.id] = repr(error)


class Occasion(msgspec.Struct, frozen=True):
    """The event that is judged, and who it is about. `evidence` gives the seqs behind a window of the rulebook."""

    seq: int
    at: datetime
    at_ms: int
    day: int
    group_id: int | None
    member_id: int | None
    nickname: str
    historic: bool
    staff: bool
    cleared: bool
    evidence: Callable[[int], list[int]]


class Decision(msgspec.Struct, frozen=True):
    """What one rule concluded on one event. `effects` is what it wants; only outcome "live" is carried out."""

    seq: int
    rule: str
    rulebook_version: int
    chapter: str
    level: str
    group_id: int | None
    member_id: int | None
    occurred_at: datetime
    outcome: Outcome
    yielded_to: str
    strike: bool
    step: str
    until: str
    strike_until: str
    sentence: str
    facts: dict[str, Any]
    evidence: list[int]
    effects: list[dict[str, Any]]
    yield_reason: Reason = ""


@dataclass
class _Claim:
    """What a matched rule wants, before it is known whether it gets it."""

    entry: CompiledRule
    outcome: Outcome
    step: str = ""
    minutes: int = 0
    recall: bool = False
    freeze: bool = False
    case: OpenCase | None = None
    case_seq: int = 0  # the event that the case began with
    blocked_by: str = ""  # the rule whose penalty is running, or MANUAL
    blocked_why: Reason = ""
    climbs: bool = False  # counts on the ladder
    remind: bool = False  # asked once more to be quiet, where the platform cannot mute
    tries: int = 0
    tries_to_remove: int = 0
    yielded_to: str = ""
    yield_reason: Reason = ""

    @property
    def severity(self) -> int:
        wanted = (self.step, "warn" * self.remind, "recall" * self.recall, "freeze" * self.freeze)
        return max(_SEVERITY[name] for name in wanted)

    @property
    def rank(self) -> tuple[int, int, int]:
        return self.severity, _LEVEL_RANK[self.entry.rule.level], -self.entry.order


def match(compiled: Compiled, kind: str, facts: Facts, tally: Tally) -> list[CompiledRule]:
    """The rules whose condition is true (not unknown), in the rulebook's order. A rule that raises is tallied."""
    indexes, always = compiled.by_kind.get(kind, ((), ()))
    found: dict[int, CompiledRule] = {}
    for index in indexes:
        try:
            value = facts[index.fact]
        except Exception as error:  # noqa: BLE001  (a broken fact must not stop the other rules)
            tally.fail({e.order: e for rules in index.rules.values() for e in rules}.values(), error)
            continue
        for one in value or () if index.many else (value,):
            rules = index.rules.get(one)
            if rules:
                _ask(rules, facts, found, tally)
    if always:
        _ask(always, facts, found, tally)
    if not found:
        return []
    for entry in found.values():
        tally.matched[entry.rule.id] += 1
    return [found[order] for order in sorted(found)]


def _ask(rules: tuple[CompiledRule, ...], facts: Facts, found: dict[int, CompiledRule], tally: Tally) -> None:
    tally.evaluated += len(rules)
    for entry in rules:
        try:
            for test in entry.tests:
                if not test(facts):
                    break
            else:
                found[entry.order] = entry
        except Exception as error:  # noqa: BLE001  (one broken rule must not stop the others)
            tally.fail((entry,), error)


def decide(
    compiled: Compiled, matched: Sequence[CompiledRule], facts: Facts, occasion: Occasion, standing: Standing
) -> list[Decision]:
    """Resolve matched rules into decisions and move `standing` on. Repeats without news are left out."""
    claims = [_claim(compiled, entry, occasion, standing) for entry in matched]
    winner = _settle(claims)
    kept = [c for c in claims if _worth_recording(c, occasion, standing)]
    decisions = [_decision(compiled, claim, claim is winner, facts, occasion, standing) for claim in kept]
    if winner is not None:
        _apply_penalty(compiled, winner, occasion, standing)
    for claim in claims:
        if claim.case_seq == occasion.seq and claim.outcome in {"live", "yielded"}:
            standing.asked[claim.entry.rule.id] = Asked(occasion.at_ms, occasion.seq)
    return decisions


def _claim(compiled: Compiled, entry: CompiledRule, occasion: Occasion, standing: Standing) -> _Claim:
    rule = entry.rule
    claim = _Claim(entry, _outcome(entry, occasion))
    if claim.outcome in {"exempt", "cleared"}:
        return claim
    repeated = _asked_lately(compiled, rule.id, occasion, standing)  # then more evidence for the same case
    for action in rule.then:
        if action.recall is not None:
            claim.recall = True
        elif action.case is not None:
            claim.case = action.case
            claim.case_seq = repeated.seq if repeated else occasion.seq
        elif action.freeze is not None:
            claim.freeze = repeated is None
        elif action.hush is not None:
            _claim_quiet(claim, action.hush, occasion, standing)
        else:
            _claim_penalty(compiled, claim, action, occasion, standing)
    return claim


def _outcome(entry: CompiledRule, occasion: Occasion) -> Outcome:
    rule = entry.rule
    if rule.state == "shadow":
        return "shadow"
    if rule.clearable and occasion.cleared:
        return "cleared"
    if rule.exempt_staff and occasion.staff:
        return "exempt"
    return "historic" if occasion.historic else "live"


def _asked_lately(compiled: Compiled, rule: str, occasion: Occasion, standing: Standing) -> Asked | None:
    asked = standing.asked.get(rule)
    lately = asked is not None and occasion.at_ms - asked.at < compiled.settings.repeat_case_hours * 3_600_000
    return asked if lately else None


def _claim_penalty(compiled: Compiled, claim: _Claim, action: Action, occasion: Occasion, standing: Standing) -> None:
    """Find the step this rule asks for; a running mute or removal is never lengthened by a lesser or equal one.

    What a human did by hand holds against every rule until it ends, and what a human took back stays taken back
    while the same events are still in the rule's window.
    """
    if occasion.member_id is None or occasion.group_id is None:
        return
    ladder = compiled.settings.ladder
    rule = claim.entry.rule
    marks = standing.active_marks(occasion.at_ms)
    step, minutes = _first_step(action, len(marks) + 1, ladder.strikes_to_remove, ladder.mute_minutes)
    if rule.strike and sum(m.strike for m in marks) + 1 >= ladder.strikes_to_remove:
        step, minutes = "remove", 0
    running = standing.running_in(occasion.group_id, occasion.at_ms)
    if running is not None and running.rule == MANUAL:
        claim.blocked_by, claim.blocked_why = MANUAL, "manual"
    elif running is not None and (running.until == 0 or running.rule == rule.id or step != "remove"):
        claim.blocked_by, claim.blocked_why = running.rule, "running"
    elif standing.pardons.get(rule.id, 0) > occasion.at_ms:
        claim.blocked_by, claim.blocked_why = MANUAL, "pardoned"
    if claim.blocked_by:
        return
    claim.step, claim.minutes = step, minutes
    claim.climbs = action.ladder is not None or rule.strike


def _claim_quiet(claim: _Claim, hush: Hush, occasion: Occasion, standing: Standing) -> None:
    """Where the platform cannot mute: remind (or recall) on each message, and in the end ask them out."""
    running = standing.running_in(occasion.group_id or 0, occasion.at_ms)
    if running is None or not running.tries:
        return
    claim.tries, claim.tries_to_remove = running.tries, hush.remove_after
    if running.tries >= hush.remove_after:
        claim.step = "remove"
    elif hush.by == "recall":
        claim.recall = True
    else:
        claim.remind = True


def _first_step(action: Action, position: int, to_remove: int, mute_minutes: int) -> tuple[Step, int]:
    if action.mute is not None:
        return "mute", action.mute.minutes
    if action.ladder is None:
        return ("remove", 0) if action.remove is not None else ("warn", 0)
    step: Step = "remove" if position >= to_remove else "warn" if position == 1 else "mute"
    upto: Step = "remove" if action.ladder is True else action.ladder.upto
    step = min(step, upto, key=_STEPS.index)
    return step, mute_minutes if step == "mute" else 0


def _settle(claims: list[_Claim]) -> _Claim | None:
    """Choose the severest effect; the others yield to it. Rules on trial neither win nor lose."""
    rivals = [c for c in claims if c.outcome in {"live", "historic"} and c.severity]
    winner = max(rivals, key=lambda c: c.rank, default=None)
    for claim in claims:
        if claim.outcome not in {"live", "historic"} or claim is winner:
            continue
        if claim.severity and winner is not None:
            claim.yielded_to = winner.entry.rule.id
            claim.yield_reason = _why(claim, winner)
        elif claim.blocked_by and not claim.severity and claim.case is None:
            claim.yielded_to, claim.yield_reason = claim.blocked_by, claim.blocked_why
        if claim.yielded_to and claim.outcome == "live":
            claim.outcome = "yielded"
    return winner


def _why(loser: _Claim, winner: _Claim) -> Reason:
    """Which part of the rank decided."""
    reasons: tuple[Reason, ...] = ("severer", "level", "first")
    return next(why for why, a, b in zip(reasons, winner.rank, loser.rank, strict=True) if a != b)


def _worth_recording(claim: _Claim, occasion: Occasion, standing: Standing) -> bool:
    """Leave out what says nothing new: more tries against a running penalty, one more message of exempt staff.

    A repeat against a mute or removal is recorded once; an exempt, historic or pardoned decision of a counting rule
    once a day.
    """
    rule = claim.entry.rule
    quiet = claim.outcome in {"exempt", "historic"} or (claim.outcome == "yielded" and claim.yield_reason == "pardoned")
    if quiet and rule.window is not None:
        if standing.noted.get(rule.id) == occasion.day:
            return False
        standing.noted[rule.id] = occasion.day
    running = standing.running.get(occasion.group_id or 0)
    if claim.outcome == "yielded" and running is not None and claim.yielded_to == claim.blocked_by == running.rule:
        if running.repeated:
            return False
        running.repeated = True
    return True


def _apply_penalty(compiled: Compiled, winner: _Claim, occasion: Occasion, standing: Standing) -> None:
    rule = winner.entry.rule
    if winner.climbs:
        until = int(_strike_end(compiled, occasion).timestamp() * 1000)
        standing.add_mark(Mark(occasion.at_ms, occasion.seq, rule.id, rule.strike, until))
    if occasion.historic or occasion.group_id is None:
        return  # nobody was muted or removed in imported history
    if winner.step == "mute":
        until = occasion.at_ms + winner.minutes * 60_000
        standing.running[occasion.group_id] = Running(until, occasion.seq, rule.id)
    elif winner.step == "remove":
        standing.running[occasion.group_id] = Running(0, occasion.seq, rule.id)


def _strike_end(compiled: Compiled, occasion: Occasion) -> datetime:
    """When a strike of this occasion stops counting: the midnight that ends its last day in the community's zone."""
    last = date.fromordinal(occasion.day + compiled.settings.ladder.strike_days)
    midnight = datetime(last.year, last.month, last.day, tzinfo=ZoneInfo(compiled.settings.zone))
    return midnight.astimezone(UTC)


def _decision(
    compiled: Compiled, claim: _Claim, won: bool, facts: Facts, occasion: Occasion, standing: Standing
) -> Decision:
    rule = claim.entry.rule
    until = occasion.at + timedelta(minutes=claim.minutes) if claim.step == "mute" else None
    sentence = _sentence(compiled, claim, facts, occasion, standing, until)
    strike = won and rule.strike and claim.climbs
    evidence = occasion.evidence(claim.entry.window) if claim.entry.window is not None else []
    return Decision(
        seq=occasion.seq,
        rule=rule.id,
        rulebook_version=compiled.version,
        chapter=rule.chapter,
        level=rule.level,
        group_id=occasion.group_id,
        member_id=occasion.member_id,
        occurred_at=occasion.at,
        outcome=claim.outcome,
        yielded_to=claim.yielded_to,
        strike=strike,
        step=claim.step,
        until=until.isoformat() if until else "",
        strike_until=_strike_end(compiled, occasion).isoformat() if strike else "",
        sentence=sentence,
        facts={name: _plain(facts.get(key)) for name, key in claim.entry.facts},
        evidence=evidence or [occasion.seq],
        effects=_effects(claim, sentence, occasion, until),
        yield_reason=claim.yield_reason if claim.outcome == "yielded" else "",
    )


def _plain(value: Any) -> Any:
    return sorted(value) if isinstance(value, set | frozenset) else list(value) if isinstance(value, tuple) else value


def _effects(claim: _Claim, sentence: str, occasion: Occasion, until: datetime | None) -> list[dict[str, Any]]:
    """What the rule wants, as the outbox takes it; a case is kept even when the rest yields."""
    wanted: list[dict[str, Any]] = []
    if claim.freeze:
        wanted.append({"kind": "freeze", "text": sentence})
    if claim.step == "warn" or claim.remind:
        wanted.append({"kind": "warn", "text": sentence, "seq": occasion.seq})
    elif claim.step == "mute" and until is not None:
        wanted.append({"kind": "mute", "until": until.isoformat(), "minutes": claim.minutes, "text": sentence})
    elif claim.step == "remove":
        wanted.append({"kind": "remove", "text": sentence})
    if claim.recall:
        wanted.append({"kind": "recall", "seq": occasion.seq})
    if claim.case is not None:
        title = claim.case.title or claim.entry.rule.name
        key = f"{claim.entry.rule.id}:{occasion.member_id}:{claim.case_seq}"
        wanted.append(
            {"kind": "case", "case": claim.case.kind, "urgency": claim.case.urgency, "title": title, "key": key}
        )
    return wanted


def _sentence(
    compiled: Compiled, claim: _Claim, facts: Facts, occasion: Occasion, standing: Standing, until: datetime | None
) -> str:
    rule, settings = claim.entry.rule, compiled.settings
    marks = standing.active_marks(occasion.at_ms)
    end = "" if until is None else sentences.clock_time(until, seen_from=occasion.at, zone=settings.zone)
    running = standing.running.get(occasion.group_id or 0)
    if not end and running is not None and running.until:
        end_at = occasion.at + timedelta(milliseconds=running.until - occasion.at_ms)
        end = sentences.clock_time(end_at, seen_from=occasion.at, zone=settings.zone)
    number = len(marks) + 1
    return sentences.render(
        rule.explain,
        {
            "nickname": lambda: occasion.nickname or sentences.UNKNOWN_NAME,
            "clause": lambda: rule.clause,
            "count": lambda: str(facts[window_key(claim.entry.window or 0)]),
            "limit": lambda: str(claim.entry.limit if claim.entry.limit is not None else ""),
            "window": lambda: sentences.span(rule.window),
            "consequence": lambda: _consequence(claim, end, number),
            "until": lambda: end,
            "words": lambda: "、".join(f"「{word}」" for word in facts["keyword.words"] or ()),
            "reasons": lambda: _reasons(claim, facts),
            "strikes": lambda: str(number),
            "strikes_to_remove": lambda: str(settings.ladder.strikes_to_remove),
        },
    )


def _reasons(claim: _Claim, facts: Facts) -> str:
    """The reasons of the verdict that the rule looks at, of several the one with the highest score, as people read."""
    names = facts["reason.names"]
    looked = [name for name, _ in claim.entry.facts if name.startswith("reasons.")]
    scores = {name: facts[name.replace("reasons.", "verdict.")] or 0.0 for name in looked} if len(looked) > 1 else {}
    highest = max(scores.values(), default=0.0)
    found = [r for name in looked if scores.get(name, highest) == highest for r in facts[name] or ()]
    return "、".join(names.get(reason, reason) for reason in dict.fromkeys(found))


def _consequence(claim: _Claim, end: str, number: int) -> str:
    """What follows, as the end of a sentence: the severest of what the rule wants, or that nothing more is done."""
    case = "已请管理员核实" if claim.case is not None else ""  # opened also where the rest yields
    if claim.outcome in _NO_EFFECT:
        return _NO_EFFECT[claim.outcome]
    if claim.outcome == "yielded":
        return case or _YIELDED.get(claim.yield_reason, "已按另一条规则处理，不再另作处理")
    if claim.freeze:
        return f"{'这条消息先收回，' if claim.recall else ''}本群先冻结，等管理员处理"
    penalties = {
        "warn": "先提醒一次",
        "mute": f"先休息 {sentences.duration(claim.minutes)}，{end} 恢复",
        "remove": f"这是第 {claim.tries or number} 次，先请离开本群",
    }
    if claim.step:
        return penalties[claim.step]
    if claim.remind:
        return f"这里不能禁言，请先不要发言（第 {claim.tries} 次，满 {claim.tries_to_remove} 次请离开本群）"
    return "这条消息先收回" if claim.recall else case or "只作记录"
