"""Import a chat export into a group's history: streaming, resumable, idempotent.

An interrupted import is started again with the same file: what was committed is read over without being written, so
that counters, names and the file of rejected lines come out exactly as in one go.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, TextIO
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db import transaction
from django.db.models import F

from qunzhu.kernel.clock import SYSTEM_CLOCK, Clock
from qunzhu.kernel.community.directory import note_first_seen
from qunzhu.kernel.community.models import Community, Group
from qunzhu.kernel.community.services import create_group
from qunzhu.kernel.connectors.commands import parse_command
from qunzhu.kernel.connectors.imports import formats
from qunzhu.kernel.connectors.imports.models import ImportJob
from qunzhu.kernel.connectors.imports.people import People
from qunzhu.kernel.connectors.imports.records import Entry, Record, Rejected
from qunzhu.kernel.connectors.imports.source import Source, Unreadable
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.events.schema import NewEvent, event_id
from qunzhu.kernel.text.links import find_links

BATCH = 2_000
REMEMBERED = 65_536
AHEAD = timedelta(days=1)
_LOCK = 0x1A907


@dataclass(frozen=True)
class Progress:
    """How far an import is: bytes of the file, and what came of the entries so far."""

    done: int
    total: int
    added: int
    duplicates: int
    rejected: int


@dataclass
class Result:
    """What an import did. `kinds`: added events by kind; `reasons`: rejected lines by reason (at most 50 reasons)."""

    group_id: int
    format: str
    encoding: str
    timezone: str
    added: int = 0
    duplicates: int = 0
    rejected: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    rejected_file: str = ""
    first_import: datetime | None = None  # when the same file was imported before with the same options


class _Occurrences:
    """How often an equal record came before, among the last 65,536 to 131,072 different ones: memory stays flat."""

    def __init__(self) -> None:
        self._new: dict[bytes, int] = {}
        self._old: dict[bytes, int] = {}

    def next(self, record: Record) -> int:
        text = f"{record.at.timestamp()}\x1f{record.kind}\x1f{record.user_id or record.user}\x1f{record.text}"
        key = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        count = self._new.get(key, self._old.get(key, 0))
        if len(self._new) >= REMEMBERED:
            self._old, self._new = self._new, {}
        self._new[key] = count + 1
        return count


def find_group(*, community: Community, name: str) -> Group | None:
    """The first group called `name`."""
    return Group.objects.filter(community=community, name=name).order_by("pk").first()


def group_for_import(*, community: Community, name: str, now: datetime) -> Group:
    """The group called `name`; made as a group without a platform when there is none."""
    return find_group(community=community, name=name) or create_group(
        community=community, name=name, connector="import", platform_id=f"{community.pk}:{name}"[:120],
        profile="personal-wechat", now=now,
    )  # fmt: skip


def check_zone(name: str) -> ZoneInfo:
    """The zone called `name`. Raises Unreadable."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Unreadable(f"没有叫“{name}”的时区,例如 Asia/Shanghai") from error


def check_file(*, path: Path, fmt: str, zone: ZoneInfo, mapping: dict[str, str]) -> None:
    """Raise Unreadable when the format is not recognised, a column is missing, or no line at all can be imported.

    It reads up to the first line that can be: a group is made for a file only after that.
    """
    source = Source.open(path)
    try:
        reasons: list[str] = []
        for entry in formats.parse(source, _format(source, path, fmt), zone, mapping):
            if isinstance(entry, Record):
                return
            reasons = reasons or [f"第 {entry.line} 行: {entry.reason}"]
        raise Unreadable("；".join(["没有一行可以导入", *reasons]))
    finally:
        source.close()


def _format(source: Source, path: Path, fmt: str) -> str:
    if fmt not in {*formats.FORMATS, formats.AUTO}:
        raise Unreadable(f"没有“{fmt}”这种格式，可用: {', '.join(formats.FORMATS)}")
    return formats.detect(source, path.name) if fmt == formats.AUTO else fmt


def check_not_imported_elsewhen(*, group: Group, path: Path, zone: str) -> None:
    """Raise Unreadable when this content is in the group already, read with another time zone: all would be twice."""
    jobs = ImportJob.objects.filter(community_id=group.community_id, group_id=group.pk, content=_content(path))
    known = list(jobs.filter(added__gt=0).order_by("pk"))
    if any(job.timezone == zone for job in known):
        return
    before = next(iter(known), None)
    if before is not None:
        raise Unreadable(
            f"这个文件已按时区 {before.timezone} 导入过“{group.name}”，现在用 {zone} 会让每条消息多出一份。"
            "确实要这样，请用 --again，或在控制台勾选“时区不同也再导入一次”"
        )


def run_import(  # noqa: PLR0913  (each is an option of `qunzhu import`)
    *,
    group: Group,
    path: Path,
    fmt: str = formats.AUTO,
    timezone: str = "",
    mapping: dict[str, str] | None = None,
    rejected_path: Path | None = None,
    name: str = "",
    by: str = "",
    again: bool = False,
    clock: Clock = SYSTEM_CLOCK,
) -> Iterator[Progress | Result]:
    """Import `path`, yielding progress after each committed batch and, last, the result. Raises Unreadable, OSError.

    `timezone` is that of local times in the file (default: the community's). `mapping`: field → column. `name` is how
    the file is called in records when `path` is a temporary one. Rejected lines go to `rejected_path` (default: the
    file's name with .rejected); no such file remains when there are none. Content that was imported with another time
    zone is refused unless `again`.
    """
    zone_name = timezone or group.community.timezone
    zone = check_zone(zone_name)
    source = Source.open(path)
    try:
        fmt = _format(source, path, fmt)
        if not again:
            check_not_imported_elsewhen(group=group, path=path, zone=zone_name)
        run = _Run(group, path, source, fmt, zone_name, dict(mapping or {}), name or path.name, by, clock)
        rejected = rejected_path or path.with_name(path.name + ".rejected")
        yield from run.work(formats.parse(source, fmt, zone, run.mapping), rejected)
    finally:
        source.close()


class _Run:
    def __init__(
        self,
        group: Group,
        path: Path,
        source: Source,
        fmt: str,
        zone: str,
        mapping: dict[str, str],
        name: str,
        by: str,
        clock: Clock,
    ) -> None:
        self.group, self.path, self.source, self.mapping, self.clock = group, path, source, mapping, clock
        self.size = path.stat().st_size
        self.connector = f"import:{fmt}"
        self.people = People(group.community_id, group.pk, self.connector)
        self.occurrences = _Occurrences()
        self.result = Result(group.pk, fmt, source.encoding, zone)
        self.job = self._start_job(name, by)
        self.repeat = self.job.state == ImportJob.State.DONE
        if self.repeat:
            self.result.first_import = self.job.finished_at

    def _start_job(self, name: str, by: str) -> ImportJob:
        now = self.clock.now()
        print_ = _fingerprint(self.path, self.result.format, self.result.timezone, self.mapping)
        job, _ = ImportJob.objects.get_or_create(
            community_id=self.group.community_id, group_id=self.group.pk, fingerprint=print_,
            defaults={
                "file_name": name, "format": self.result.format, "timezone": self.result.timezone, "size": self.size,
                "content": _content(self.path), "started_at": now, "started_by": by,
            },
        )  # fmt: skip
        if job.state == ImportJob.State.FAILED:  # read again from the start: what was added is not added again
            job.lines = job.offset = job.added = job.duplicates = job.rejected = 0
            job.kinds = {}
            job.state, job.started_at, job.finished_at, job.started_by = ImportJob.State.RUNNING, now, None, by
            job.save()
        return job

    def work(self, entries: Iterator[Entry], rejected: Path) -> Iterator[Progress | Result]:
        """Read over what was committed, write the rest in batches, finish."""
        committed = 0
        if not self.repeat:  # a finished file is read from its start and counted apart: it adds nothing
            committed = self.job.lines
            self.result.added, self.result.duplicates = self.job.added, self.job.duplicates
            self.result.kinds.update(self.job.kinds)
        try:
            with rejected.open("w", encoding="utf-8", errors="replace") as aside:
                for batch in _batches(entries, committed):
                    records = [e for e in (self._sort(entry, aside) for entry in batch) if e is not None]
                    if committed:
                        committed -= len(batch)
                    else:
                        aside.flush()
                        self._write(records, len(batch))
                    yield self._progress()
        except Unreadable:
            if not self.repeat:
                ImportJob.objects.filter(pk=self.job.pk).update(
                    state=ImportJob.State.FAILED, finished_at=self.clock.now(), rejected=self.result.rejected
                )
            raise
        self._finish()
        if self.result.rejected:
            self.result.rejected_file = str(rejected)
        else:
            rejected.unlink()
        yield self.result

    def _sort(self, entry: Entry, aside: TextIO) -> tuple[Record, UUID] | None:
        """A record with its event's id; what cannot be imported is written aside."""
        if isinstance(entry, Record) and entry.at > self.clock.now() + AHEAD:
            entry = Rejected(entry.line, entry.raw, "时间在未来")
        if isinstance(entry, Record):
            nth = self.occurrences.next(entry)
            who = entry.user_id or entry.user
            return entry, event_id(
                "import", self.group.pk, entry.at.timestamp(), entry.kind, who, entry.text, nth
            )  # fmt: skip
        self.result.rejected += 1
        if entry.reason in self.result.reasons or len(self.result.reasons) < 50:  # noqa: PLR2004  (as Result says)
            self.result.reasons[entry.reason] += 1
        raw = entry.raw.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
        aside.write(f"{entry.line}\t{entry.reason}\t{raw}\n")
        return None

    @transaction.atomic
    def _write(self, records: list[tuple[Record, UUID]], lines: int) -> None:
        now = self.clock.now()
        raw = raw_connection()
        raw.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK, self.group.community_id & 0x7FFFFFFF])
        members = self.people.members_of([r for r, _ in records], now=now)
        note_first_seen(raw, zip(members, (r.at for r, _ in records), strict=True))
        events = [self._event(r, identity, m) for (r, identity), m in zip(records, members, strict=True)]
        for event, appended in zip(events, log.append(raw, events, now=now), strict=True):
            if appended.duplicate:
                self.result.duplicates += 1
            else:
                self.result.added += 1
                self.result.kinds[event.kind] += 1
        if self.repeat:
            return
        self.job.lines += lines
        ImportJob.objects.filter(pk=self.job.pk).update(
            lines=self.job.lines, offset=self.source.position, added=self.result.added,
            duplicates=self.result.duplicates, rejected=self.result.rejected, kinds=dict(self.result.kinds),
        )  # fmt: skip

    def _event(self, record: Record, identity: UUID, member_id: int) -> NewEvent:
        kind, body = _body(record, self.people.key(record.user_id, record.user), str(identity))
        return NewEvent(
            self.group.community_id, identity, kind, record.at, body, self.group.pk, member_id, self.connector, True
        )

    def _progress(self) -> Progress:
        done = min(self.source.position, self.size)
        return Progress(done, self.size, self.result.added, self.result.duplicates, self.result.rejected)

    @transaction.atomic
    def _finish(self) -> None:
        now = self.clock.now()
        if self.repeat:
            ImportJob.objects.filter(pk=self.job.pk).update(repeats=F("repeats") + 1, repeated_at=now)
            return
        ImportJob.objects.filter(pk=self.job.pk).update(
            state=ImportJob.State.DONE, finished_at=now, offset=self.size, rejected=self.result.rejected
        )
        body = {
            "file": self.job.file_name, "format": self.result.format, "added": self.result.added,
            "duplicates": self.result.duplicates, "rejected": self.result.rejected,
        }  # fmt: skip
        finished = NewEvent(
            self.group.community_id, event_id("import.finished", self.group.pk, self.job.fingerprint),
            "import.finished", now, body, self.group.pk,
        )  # fmt: skip
        log.append(raw_connection(), [finished], now=now)


def _batches(entries: Iterator[Entry], committed: int) -> Iterator[list[Entry]]:
    """Entries in lists of at most `BATCH`, with a border after the first `committed` ones.

    What stands before a break in the file is given out before the break is raised.
    """
    while True:
        batch: list[Entry] = []
        try:
            batch.extend(islice(entries, min(BATCH, committed) if committed else BATCH))
        except Unreadable:
            if batch:
                yield batch
            raise
        if not batch:
            return
        committed = max(0, committed - len(batch))
        yield batch


def _body(record: Record, platform_user_id: str, identity: str) -> tuple[str, dict[str, Any]]:
    """Kind and body of the event that a record becomes."""
    if record.kind == "join":
        return "member.joined", {"nickname": record.user, "via": "import", "platform_user_id": platform_user_id}
    if record.kind == "leave":
        return "member.left", {}
    if record.kind == "nick":
        return "member.renamed", {"nickname": record.text.strip()[:120]}
    text = f"/me {record.text}" if record.kind == "action" else record.text
    body: dict[str, Any] = {
        "platform_id": record.platform_id or identity, "text": text, "type": record.media, "nickname": record.user,
    }  # fmt: skip
    if links := find_links(text):
        body["links"] = list(dict.fromkeys(links))
    command = parse_command(text, quoting=False) if record.media == "text" else None
    if command is None:
        return "message.posted", body
    return "command.posted", {**body, "command": command.name, "args": command.args}


def _fingerprint(path: Path, fmt: str, zone: str, mapping: dict[str, str]) -> str:
    """Names content and options of an import; the file's name does not matter."""
    options = json.dumps([fmt, zone, sorted(mapping.items())])
    return hashlib.sha256(bytes.fromhex(_content(path)) + options.encode()).hexdigest()


def _content(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
