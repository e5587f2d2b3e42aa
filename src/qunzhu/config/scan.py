"""`qunzhu scan`: run every detector over a table of messages, and measure where the answer is known."""

import os
import tempfile
from array import array
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
import msgspec

from qunzhu.kernel.text.links import canonical_links
from qunzhu.kernel.text.normalise import normalise
from qunzhu.risk.detect import tables
from qunzhu.risk.detect.flooding import MINUTE_MS, SPAN_MS, Pace, flooding
from qunzhu.risk.detect.grams import grams
from qunzhu.risk.detect.lessons import Lesson, Lessons, taught
from qunzhu.risk.detect.measure import Measured, measure, threshold_for
from qunzhu.risk.detect.tables import BadLine, BadTable, Row
from qunzhu.risk.detect.train import training_half
from qunzhu.risk.detect.verdicts import FLAGGED, TEXT_CATEGORIES, Look, Senses, Verdict

SHOWN = 20
_NO = frozenset({"", "0", "false", "no", "n", "ham", "ok", "normal", "none", "safe", "negative"})
encode = msgspec.json.Encoder(order="deterministic").encode


@click.command("scan")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--column", required=True, help="The column that holds the text.")
@click.option("--labels", help="The column with the answers; then precision, recall, F1 and AUC are printed.")
@click.option("--positive", multiple=True, help="Labels that mean yes; without it all but 0, no, ham, ok, normal …")
@click.option("--category", "categories", multiple=True, help="Judge by these categories only; without it by all.")
@click.option("--threshold", type=click.FloatRange(0, 1), default=FLAGGED, show_default=True)
@click.option("--threshold-for-fpr", type=click.FloatRange(0, 1), help="Choose the threshold by its false alarms.")
@click.option("--where", multiple=True, help="Only rows in which COLUMN=VALUE (several must all hold).")
@click.option("--learn-from", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Learn from it first.")
@click.option("--learn-where", multiple=True, help="Only rows of that table in which COLUMN=VALUE.")
@click.option("--learn-half", is_flag=True, help="Learn from half of FILE (by digest), scan the other.")
@click.option("--user", help="The column that names the author: also judge flooding (with --time).")
@click.option("--time", "time_column", help="The column with the time of the message (ISO 8601).")
@click.option("--zone", default="Asia/Shanghai", show_default=True, help="Whose days count as days.")
@click.option("--format", "form", type=click.Choice(tables.FORMATS), help="When the file's name does not tell.")
@click.option("--jsonl", type=click.Path(dir_okay=False, path_type=Path), help="Write scores and reasons.")
def command(**options: Any) -> None:
    """Run every detector over FILE, a CSV, TSV or JSONL table of messages (gzipped or not).

    The same input gives the same output. Nothing is stored; no installation is needed.
    """
    try:
        _scan(_Options(**options))
    except BadTable as bad:
        raise click.ClickException(str(bad)) from None
    except OSError as error:
        said = f"{error.filename}: {error.strerror}" if error.filename else f"{options['file']}: {error}"
        raise click.ClickException(said) from None


class _Options(msgspec.Struct, kw_only=True):
    """The command line."""

    file: Path
    column: str
    labels: str | None
    positive: tuple[str, ...]
    categories: tuple[str, ...]
    threshold: float
    threshold_for_fpr: float | None
    where: tuple[str, ...]
    learn_from: Path | None
    learn_where: tuple[str, ...]
    learn_half: bool
    user: str | None
    time_column: str | None
    zone: str
    form: str | None
    jsonl: Path | None

    def check(self) -> None:
        """Raise BadTable for options that do not go together."""
        if unknown := [c for c in self.categories if c not in TEXT_CATEGORIES]:
            raise BadTable(f"--category {unknown[0]}: there are {', '.join(TEXT_CATEGORIES)}")
        if (self.learn_from or self.learn_half) and not self.labels:
            raise BadTable("learning needs the answers: name their column with --labels")
        if self.learn_from and self.learn_half:
            raise BadTable("--learn-from and --learn-half: choose one")
        if (self.learn_from or self.learn_half) and len(self.categories) != 1:
            raise BadTable("learning needs one category: say which with --category, e.g. --category ad")
        if self.threshold_for_fpr is not None and not self.labels:
            raise BadTable("--threshold-for-fpr needs the answers: name their column with --labels")
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise BadTable(f"--zone {self.zone!r}: there is no such time zone, e.g. Asia/Shanghai") from None
        if bool(self.user) != bool(self.time_column):
            raise BadTable("flooding needs author and time: give both --user and --time")
        for condition in (*self.where, *self.learn_where):
            if "=" not in condition:
                raise BadTable(f"{condition!r}: write COLUMN=VALUE")

    def is_yes(self, label: str) -> bool:
        return label in self.positive if self.positive else label.strip().lower() not in _NO


def _scan(options: _Options) -> None:
    options.check()
    senses = _learn(options)
    form = options.form or tables.format_of(options.file)
    needed = tuple(n for n in (options.column, options.labels, options.user, options.time_column) if n)
    judge = _Judge(options, senses)
    out = _Out(options.jsonl)
    try:
        for row in _chosen(tables.rows(options.file, form, needed), options.where, judge.bad):
            if options.learn_half and training_half(row.fields[options.column]):
                continue
            out.write(judge.row(row))
        found = judge.measured()
        threshold = found.threshold if found else options.threshold
        out.finish(threshold, judge.scores)
    finally:
        out.drop()
    _print(options, judge, found)


def _chosen(found: Iterator[Row | BadLine], where: tuple[str, ...], bad: Callable[[BadLine], None]) -> Iterator[Row]:
    conditions = [condition.split("=", 1) for condition in where]
    for row in found:
        if isinstance(row, BadLine):
            bad(row)
        elif all(row.fields.get(name) == value for name, value in conditions):
            yield row


def _learn(options: _Options) -> Senses:
    """Learn as a community does: every labelled text is a verdict of a moderator."""
    if not options.learn_from and not options.learn_half:
        return Senses()
    path = options.learn_from or options.file
    form = options.form or tables.format_of(path)
    category = options.categories[0]
    plain, lessons = Senses(), Lessons()
    label = options.labels or ""
    where = options.learn_where if options.learn_from else options.where
    for number, row in enumerate(
        _chosen(tables.rows(path, form, (options.column, label)), where, lambda _: None), start=1
    ):
        text = row.fields[options.column]
        if options.learn_half and not training_half(text):
            continue
        look = _look(text, plain)
        found = tuple(grams(look.normal))
        lessons.learn(
            Lesson(
                number, category, options.is_yes(row.fields[label]), 0, str(number % 97), look.known(category), found
            )
        )
    learnt = taught(lessons.known.values(), most=len(lessons.known))
    click.echo(f"learned from {len(lessons.known):,} labelled texts of {path.name}")
    return Senses({category: learnt} if learnt else {})


def _look(text: str, senses: Senses) -> Look:
    normal = normalise(text)
    return Look(normal, senses, links=canonical_links(normal) if "." in normal else ())


class _Judge:
    """Scores rows and keeps what the figures need: a few bytes a row."""

    def __init__(self, options: _Options, senses: Senses) -> None:
        self.options, self.senses = options, senses
        self.scores, self.labels = array("d"), array("b")
        self.by_category = {c: array("d") for c in options.categories or TEXT_CATEGORIES} if options.labels else {}
        self.flagged: dict[str, int] = dict.fromkeys(TEXT_CATEGORIES, 0)
        self.problems: list[BadLine] = []
        self.bad_lines = 0
        self.authors = _Authors(options.zone)

    def bad(self, line: BadLine) -> None:
        self.bad_lines += 1
        if len(self.problems) < SHOWN:
            self.problems.append(line)

    def row(self, row: Row) -> dict[str, Any]:
        options = self.options
        text = row.fields[options.column]
        verdicts = _look(text, self.senses).verdicts()
        for category, verdict in verdicts.items():
            self.flagged[category] += verdict.score >= options.threshold
        score = max(verdicts[c].score for c in options.categories or TEXT_CATEGORIES)
        self.scores.append(score)
        said: dict[str, Any] = {"line": row.line, "score": round(score, 4)}
        if options.labels:
            label = options.is_yes(row.fields[options.labels])
            self.labels.append(label)
            for category, kept in self.by_category.items():
                kept.append(verdicts[category].score)
            said["label"] = int(label)
        if options.user and options.time_column:
            flooding = self._flooding(row, text)
            if flooding is not None:
                verdicts = {**verdicts, "flooding": flooding}
        said["verdicts"] = {
            c: {"score": round(v.score, 4), "reasons": list(v.reasons)} for c, v in verdicts.items() if v.score > 0
        }
        return said

    def _flooding(self, row: Row, text: str) -> Verdict | None:
        raw = row.fields[self.options.time_column or ""]
        try:
            at = datetime.fromisoformat(raw)
        except ValueError:
            self.bad(BadLine(row.line, f"{raw!r} is no time", "write it as 2026-11-24T12:00:00"))
            return None
        return self.authors.hear(row.fields[self.options.user or ""], at, text)

    def measured(self) -> Measured | None:
        if not self.options.labels:
            return None
        labels = [bool(label) for label in self.labels]
        threshold = self.options.threshold
        if self.options.threshold_for_fpr is not None:
            no = sorted(s for s, label in zip(self.scores, labels, strict=True) if not label)
            threshold = threshold_for(no, self.options.threshold_for_fpr)
        return measure(self.scores, labels, threshold)


class _Authors:
    """Each author's last ten minutes, and on which days somebody was called flooding."""

    def __init__(self, zone: str) -> None:
        self.zone = ZoneInfo(zone)
        self.recent: dict[str, deque[tuple[int, str]]] = defaultdict(deque)
        self.days: dict[tuple[str, int], bool] = {}

    def hear(self, user: str, at: datetime, text: str) -> Verdict:
        local = at.astimezone(self.zone) if at.tzinfo else at.replace(tzinfo=self.zone)
        now = int(local.astimezone(UTC).timestamp() * 1000)
        recent = self.recent[user]
        folded = "".join(normalise(text).split())
        recent.append((now, folded))
        while recent[0][0] <= now - SPAN_MS:
            recent.popleft()
        verdict = flooding(
            Pace(
                sum(t > now - MINUTE_MS for t, _ in recent),
                len(recent),
                sum(said == folded for _, said in recent) if folded else 0,
            ),
            text,
        )
        day = user, local.date().toordinal()
        self.days[day] = self.days.get(day, False) or verdict.score >= FLAGGED
        return verdict


class _Out:
    """The JSONL file: written beside, flagged when the threshold is known, then put in its place."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.draft: Path | None = None
        if path is not None:
            handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
            os.close(handle)
            self.draft = Path(name)
            self.file = self.draft.open("wb")

    def write(self, said: dict[str, Any]) -> None:
        if self.draft is not None:
            self.file.write(msgspec.json.encode(said) + b"\n")

    def finish(self, threshold: float, scores: Sequence[float]) -> None:
        if self.path is None or self.draft is None:
            return
        self.file.close()
        final = self.draft.with_suffix(".done")
        with self.draft.open("rb") as drafted, final.open("wb") as file:
            for line, score in zip(drafted, scores, strict=True):
                said = msgspec.json.decode(line)
                said["flagged"] = score >= threshold
                file.write(encode(said) + b"\n")
        final.chmod(0o644)
        final.replace(self.path)

    def drop(self) -> None:
        if self.draft is not None:
            self.file.close()
            self.draft.unlink(missing_ok=True)
            self.draft.with_suffix(".done").unlink(missing_ok=True)


def _tell_what_is_missing(options: _Options, judge: _Judge, total: int) -> None:
    """A scan that measured nothing says so; where no line could be read at all it has failed."""
    if options.labels and total and not any(judge.labels):
        names = f" {', '.join(options.positive)}" if options.positive else ""
        click.echo(f"no row of {options.labels} says yes{names}: nothing to measure", err=True)
    if not total and judge.bad_lines:
        raise click.ClickException("no line could be read: is the file UTF-8 and --format right?")
    if not total:
        click.echo("no row to scan", err=True)


def _print(options: _Options, judge: _Judge, found: Measured | None) -> None:
    total = len(judge.scores)
    click.echo(f"{options.file.name}: {total:,} messages, {judge.bad_lines} lines left out")
    for problem in judge.problems:
        click.echo(f"  {problem}", err=True)
    if judge.bad_lines > len(judge.problems):
        click.echo(f"  … and {judge.bad_lines - len(judge.problems)} more", err=True)
    _tell_what_is_missing(options, judge, total)
    if total:
        shares = ", ".join(f"{c} {n / total:.2%}" for c, n in judge.flagged.items())
        click.echo(f"flagged from {options.threshold:g}: {shares}")
    if judge.authors.days:
        flooded = sum(judge.authors.days.values())
        click.echo(
            f"flooding: {flooded} of {len(judge.authors.days):,} user-days ({flooded / len(judge.authors.days):.2%})"
        )
    if found is None:
        return
    click.echo(f"labels: {found.positives:,} yes, {found.negatives:,} no; threshold {found.threshold:.4f}")
    for name in ("precision", "recall", "f1", "false_alarms", "auc"):
        value = getattr(found, name)
        click.echo(f"{name.replace('_', ' '):<13} {'–' if value is None else f'{value:.4f}'}")
    for rate, recall in found.recall_at.items():
        click.echo(f"recall at {float(rate):.1%} false positives: {recall:.4f}")
    if len(judge.by_category) > 1:
        click.echo("each category against the same labels:  precision  recall  f1  false alarms  auc  recall at 1%")
        labels = [bool(label) for label in judge.labels]
        for category, scores in judge.by_category.items():
            own = measure(scores, labels, options.threshold)
            figures = (own.precision, own.recall, own.f1, own.false_alarms, own.auc, own.recall_at.get("0.01"))
            click.echo(f"  {category:<12}" + "".join("       –" if v is None else f"  {v:.4f}" for v in figures))
