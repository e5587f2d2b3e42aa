"""A sealed log for the black box's tests."""

from datetime import UTC, datetime, timedelta

from django.db import transaction

from qunzhu.kernel.community.services import create_community
from qunzhu.kernel.events import blackbox, log, seal
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.events.schema import NewEvent, event_id

NOW = datetime(2026, 11, 24, 4, 0, 0, 123456, tzinfo=UTC)


def community(slug="box"):
    return create_community(slug=slug, name="黑匣子", timezone="Asia/Shanghai", blueprint={}, now=NOW)


def fill(community_id, count, *, first=0, member_id=None, text="第 {n} 条 消息"):
    events = [
        NewEvent(
            community_id, event_id("box", community_id, n), "message.posted", NOW - timedelta(seconds=n),
            {"text": text.format(n=n), "nickname": f"成员{n % 7}"}, 5, member_id or n % 7 + 1, "local", n % 2 == 0,
        )
        for n in range(first, first + count)
    ]  # fmt: skip
    with transaction.atomic():
        return log.append(raw_connection(), events, now=NOW)


def sealed_community(count, slug="box"):
    made = community(slug)
    fill(made.pk, count)
    seal.seal_now(community_id=made.pk, now=NOW)
    return made.pk


def verify(community_id, witnesses=None):
    with transaction.atomic():
        *_, report = blackbox.verify(raw_connection(), community_id, witnesses=witnesses)
    return report


def names(report):
    return [(f.what, f.number, f.reason) for f in report.findings]
