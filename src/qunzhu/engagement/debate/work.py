"""What a batch is worked with: the debate that runs, as it stands in memory; written back at the end of the batch."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from django.conf import settings as django_settings

from qunzhu.engagement.debate.facts import fact
from qunzhu.engagement.debate.models import Debate, DebateArgument, DebateSide, DebateVote
from qunzhu.engagement.debate.policy import COUNTED, OPEN, SIDES, Ballot, Said, Settings
from qunzhu.kernel.bulk import upsert
from qunzhu.kernel.community.models import Community
from qunzhu.kernel.connectors.local.client import spoken_time
from qunzhu.kernel.effects.outbox import EffectRequest
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import Batch
from qunzhu.kernel.events.schema import Event
from qunzhu.kernel.text.likeness import shape_of

_VOTE = {
    "community_id": "int8", "debate": "int4", "member_id": "int8", "side": "text", "best": "int4", "at": "timestamptz",
}  # fmt: skip
_VOTE_AGAIN = (
    "(community_id, debate, member_id) DO UPDATE SET side = excluded.side, best = excluded.best, at = excluded.at"
)


@dataclass
class Running:
    """A debate that is going on."""

    row: Debate
    rules: Settings
    sides: dict[int, str]
    arguments: list[DebateArgument]
    ballots: dict[int, Ballot]
    shapes: dict[int, list[int]] = field(default_factory=dict)
    changed: dict[int, datetime] = field(default_factory=dict)  # whose vote, when

    @property
    def said(self) -> list[Said]:
        return [Said(a.n, a.member_id, a.side) for a in self.arguments if a.state == COUNTED]

    @property
    def counts(self) -> dict[str, int]:
        """Side → arguments that count."""
        return {side: sum(a.side == side for a in self.said) for side in SIDES}


def running_of(row: Debate) -> Running:
    """A debate with all that was said and voted."""
    own: dict[str, Any] = {"community_id": row.community_id, "debate": row.number}
    return Running(
        row,
        msgspec.convert(row.settings, Settings),
        dict(DebateSide.objects.filter(**own).values_list("member_id", "side")),
        list(DebateArgument.objects.filter(**own).order_by("n")),
        {v.member_id: Ballot(v.side, v.best) for v in DebateVote.objects.filter(**own)},
    )


@dataclass
class Work:
    """A batch, its community, and the answers that came of it: by group, votes and sign-ups apart from the rest."""

    batch: Batch
    community: Community
    running: Running | None = None
    effects: list[EffectRequest] = field(default_factory=list)
    answers: dict[tuple[int, str], list[tuple[Event, str, bool]]] = field(default_factory=lambda: defaultdict(list))

    @property
    def community_id(self) -> int:
        return self.batch.community_id

    def fact(
        self, kind: str, key: tuple[object, ...], body: dict[str, Any], *, cause: Event | None = None,
    ) -> None:  # fmt: skip
        """Say in the log what became; the member and group are those of its cause."""
        at = cause.occurred_at if cause else self.batch.now
        member, group = (cause.member_id, cause.group_id) if cause else (None, None)
        self.batch.append(fact(self.community_id, kind, key, body, at, member_id=member, group_id=group))

    def answer(self, event: Event, text: str, *, about: str = "", taken: bool = True) -> None:
        """Answer a command; those `about` the same thing may come as one message."""
        if event.group_id is not None and text:
            self.answers[event.group_id, about].append((event, text, taken))

    def say(self, groups: Iterable[int], key: str, text: str, image: dict[int, Any] | None = None) -> None:
        """Say something in groups, each once."""
        for group in groups:
            payload: dict[str, Any] = {"text": text}
            if image and group in image:
                payload["image"] = image[group]
            self.effects.append(
                EffectRequest("say", f"debate:{self.community_id}:{key}:{group}", group, None, payload, rule="debate")
            )

    def clock(self, at: datetime) -> str:
        return spoken_time(at, self.batch.now, self.community.timezone)

    def shapes(self) -> dict[int, list[int]]:
        """Message → shape of every argument of the debate, struck ones too."""
        running = self.running
        if running is None:
            return {}
        missing = [a.message for a in running.arguments if a.message not in running.shapes]
        if missing:
            said = {e.seq: e for e in log.read_at(self.batch.connection, self.community_id, missing)}
            for seq in missing:
                running.shapes[seq] = shape_of(str(said[seq].body.get("text") or "")) if seq in said else []
        return running.shapes

    def flush(self) -> None:
        """Write the votes of the batch: one statement, however many."""
        running = self.running
        if running is None or not running.changed:
            return
        rows = [
            (
                self.community_id,
                running.row.number,
                member,
                running.ballots[member].side,
                running.ballots[member].best,
                at,
            )
            for member, at in running.changed.items()
        ]
        upsert(self.batch.connection, "debate_vote", _VOTE, rows, _VOTE_AGAIN)
        running.changed = {}


def current(community_id: int) -> Debate | None:
    """The debate that is going on, if one is."""
    return Debate.objects.filter(community_id=community_id, state__in=OPEN).first()


def link(number: int | None = None) -> str:
    """The page of the debate."""
    return f"{django_settings.PUBLIC_URL}/me/debate/" + (f"{number}/" if number else "")
