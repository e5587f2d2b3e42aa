"""Backtests as the console shows them: what was asked, the report on disk, its rows with names and words."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.db import connection
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from qunzhu.console.jobs import folder
from qunzhu.console.models import Job
from qunzhu.console.reading import telling
from qunzhu.console.reading.effect_words import kind_names
from qunzhu.kernel.engine.models import RulebookDraft, RulebookVersion
from qunzhu.kernel.events.models import Event
from qunzhu.risk.backtest.compare import Row, Side
from qunzhu.risk.backtest.replay import Stretch
from qunzhu.risk.backtest.run import Question, Report, Rulebook, decode
from qunzhu.ui.formats import duration

KIND = Job.Kind.BACKTEST.value
SPOKEN = ("message.posted", "command.posted")


@dataclass(frozen=True)
class Seen:
    """A row of a report as a person reads it."""

    row: Row
    member: str
    group: str
    text: str
    before: str
    after: str

    @property
    def sentence(self) -> str:
        """What the member would read (of a lost hit: what he read)."""
        side = self.row.after or self.row.before
        return side.sentence if side else ""


def book_of(source: RulebookVersion | RulebookDraft) -> Rulebook:
    """A version or a draft, ready for a backtest."""
    version = source.version if isinstance(source, RulebookVersion) else 0
    return Rulebook(source.rules, source.settings, version)


def question_of(job: Job) -> Question:
    """What a job asks."""
    asked = job.params
    other = asked.get("other")
    return Question(
        community_id=job.community_id,
        rulebook=msgspec.convert(asked["rulebook"], Rulebook),
        stretch=Stretch(datetime.fromisoformat(asked["since"]), datetime.fromisoformat(asked["until"])),
        upto=asked["upto"],
        group_id=asked["group"],
        against=asked["against"],
        other=msgspec.convert(other, Rulebook) if other else None,
        words_of_today=asked["words_of_today"],
    )


def params_of(question: Question, *, title: str) -> dict[str, Any]:
    """What a job keeps of a question."""
    plain = msgspec.to_builtins
    return {
        "title": title,
        "digest": question.rulebook.digest,
        "rulebook": plain(question.rulebook),
        "other": plain(question.other) if question.other else None,
        "since": question.stretch.since.isoformat(),
        "until": question.stretch.until.isoformat(),
        "upto": question.upto,
        "group": question.group_id,
        "against": question.against,
        "words_of_today": question.words_of_today,
    }


def summary(report: Report) -> dict[str, Any]:
    """The figures that stay with the job when the file is cleared away."""
    return {"judged": msgspec.to_builtins(report.judged), "totals": msgspec.to_builtins(report.compared.totals)}


def report_of(job: Job) -> Report | None:
    """The report; None when its file is gone (files are kept for 30 days)."""
    path = folder() / f"backtest-{job.pk}.json"
    return decode(path.read_bytes()) if job.state == Job.State.DONE and path.is_file() else None


def latest(community_id: int, limit: int) -> list[Job]:
    """The newest backtests."""
    return list(Job.objects.filter(community_id=community_id, kind=KIND).order_by("-pk")[:limit])


def unfinished(community_id: int) -> Job | None:
    """The backtest that is on its way, or None."""
    rows = Job.objects.filter(community_id=community_id, kind=KIND, state__in=[Job.State.WAITING, Job.State.RUNNING])
    return rows.order_by("pk").first()


def proof_for(community_id: int, book: Rulebook) -> Job | None:
    """The newest finished backtest of exactly these rules and settings that judged at least one event."""
    rows = Job.objects.filter(
        community_id=community_id, kind=KIND, state=Job.State.DONE, params__digest=book.digest,
        result__judged__events__gt=0,
    )  # fmt: skip
    return rows.order_by("-pk").first()


def anything_to_test_on(community_id: int) -> bool:
    """Whether anybody ever said something here."""
    return Event.objects.filter(community_id=community_id, kind__in=SPOKEN).exists()


def span_of_history(community_id: int, group_id: int) -> Stretch | None:
    """From the first to the last imported message of a group, or None."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT min(occurred_at), max(occurred_at) FROM event WHERE community_id = %s AND group_id = %s"
            " AND historic AND kind = ANY(%s)", [community_id, group_id, list(SPOKEN)],
        )  # fmt: skip
        first, last = cursor.fetchone()
    return Stretch(first, last + timedelta(microseconds=1)) if first else None


def chosen(rows: Sequence[Row], query: Mapping[str, str]) -> list[Row]:
    """Rows that fit the filter in the URL."""
    wanted = {name: query.get(name, "") for name in ("change", "rule", "verdict", "member")}
    return [
        row
        for row in rows
        if (wanted["change"] in {"", row.change})
        and (wanted["rule"] in {"", row.rule})
        and (wanted["verdict"] in {"", row.verdict or "none"})
        and (wanted["member"] in {"", str(row.member)})
    ]


def seen(rows: Iterable[Row], community_id: int, members: Mapping[int, str], groups: Mapping[int, str]) -> list[Seen]:
    """Rows with names and words: one query for all texts."""
    rows = list(rows)
    texts = _texts(community_id, [row.seq for row in rows])
    return [
        Seen(
            row,
            members.get(row.member or 0, ""),
            groups.get(row.group or 0, ""),
            texts.get(row.seq, ""),
            side_words(row.before),
            side_words(row.after),
        )
        for row in rows
    ]


def _texts(community_id: int, seqs: Sequence[int]) -> dict[int, str]:
    rows = Event.objects.filter(community_id=community_id, seq__in=seqs).values_list("seq", "kind", "body")
    return {seq: _text(kind, body or {}) for seq, kind, body in rows}


def _text(kind: str, body: Mapping[str, Any]) -> str:
    if not body:
        return _("(内容已抹除)")
    if kind == "report.filed":
        return _("举报:%(reason)s") % {"reason": body.get("reason") or _("没有写理由")}
    return str(body.get("text") or ("[图片]" if body.get("type") == "image" else ""))


def side_words(side: Side | None) -> str:
    """One of the two conclusions in a few words; "" for none."""
    if side is None:
        return ""
    if side.outcome not in {"live", "historic"}:
        return str(telling.OUTCOMES.get(side.outcome, side.outcome))
    said = [effect_words(effect) for effect in side.effects] or [_("只作记录")]
    if side.strike:
        said.append(_("记违规"))
    return " · ".join(said)


def effect_words(effect: str) -> str:
    """`mute 60` → 禁言 1小时."""
    kind, _space, more = effect.partition(" ")
    if kind == "mute" and more.isdigit():
        return _("禁言 %(time)s") % {"time": duration(int(more) * 60, get_language() or "")}
    return _("开工单") if kind == "case" else kind_names().get(kind, kind)


def change_names() -> dict[str, str]:
    """What became of a hit."""
    return {"new": _("新命中"), "lost": _("不再命中"), "changed": _("处理不同"), "same": _("相同")}


def title_of(title: str) -> str:
    """What was tried: the draft, the rules in force, or (as it is) the file that was imported."""
    return {"draft": _("草稿"), "live": _("现行群规")}.get(title, title)


def against_names() -> dict[str, str]:
    """What a backtest can be compared with."""
    return {"recorded": _("当时的决定"), "rulebook": _("现行群规"), "nothing": _("不比较")}
