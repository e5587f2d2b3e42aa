"""行为黑匣子: what was said and decided is sealed; whoever changes one row of it is found out, and the row is named."""

import pytest
from django.db import transaction

from qunzhu.kernel.events import blackbox, seal
from qunzhu.kernel.events.runner import raw_connection

pytestmark = pytest.mark.django_db(transaction=True)


def verify(world):
    with transaction.atomic():
        *_, report = blackbox.verify(raw_connection(), world.community.pk, witnesses=())
    return [str(finding) for finding in report.findings]


def test_sealed_verified_tampered_named_and_mended(world):
    world.join("小林", "阿强")
    seq = world.say("小林", "限时优惠,点击 https://shop.example.com/1 下单")
    world.settle()
    seal.seal_now(community_id=world.community.pk, now=world.clock.now())
    assert verify(world) == []

    raw = raw_connection()
    (body,) = raw.execute(
        "SELECT body::text FROM event WHERE community_id = %s AND seq = %s", [world.community.pk, seq]
    ).fetchone()  # fmt: skip
    change = "UPDATE event SET body = %s::json WHERE community_id = %s AND seq = %s"
    raw.execute(change, [body.replace("限时优惠", "大家早上"), world.community.pk, seq])
    assert verify(world) == [f"event {seq}: body or salt does not match the digest"]
    raw.execute(change, [body, world.community.pk, seq])
    assert verify(world) == []

    blame = "UPDATE event SET member_id = %s WHERE community_id = %s AND seq = %s"
    raw.execute(blame, [world.id_of("阿强"), world.community.pk, seq])
    assert verify(world) == [f"event {seq}: a column of this row was changed after it was sealed"]
    raw.execute(blame, [world.id_of("小林"), world.community.pk, seq])
    assert verify(world) == []
