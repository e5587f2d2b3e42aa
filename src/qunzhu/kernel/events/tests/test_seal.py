"""Sealing: where blocks end, what they hold, who signs them, and what the witness keeps."""

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from click.testing import CliRunner
from django.db import connection

from qunzhu.kernel.clock import FixedClock
from qunzhu.kernel.events import keys, leaf, log, merkle, seal, witness
from qunzhu.kernel.events.blackbox_command import command
from qunzhu.kernel.events.models import Event, SealedBlock
from qunzhu.kernel.events.runner import Runner, raw_connection
from qunzhu.kernel.events.tests.black import NOW, community, fill, names, sealed_community, verify

pytestmark = pytest.mark.django_db(transaction=True)


def ranges(community_id):
    return list(
        SealedBlock.objects.filter(community_id=community_id)
        .order_by("number")
        .values_list("number", "first_seq", "last_seq")
    )


def test_full_blocks_at_once_and_the_tail_when_it_has_waited():
    box = community()
    fill(box.pk, 2_500)
    clock = FixedClock(NOW + timedelta(seconds=1))
    runner = Runner([seal.CONSUMER], clock=clock)
    runner.run_once()
    assert ranges(box.pk) == [(1, 1, 1024), (2, 1025, 2048)]
    assert seal.seal_quiet_tails(now=NOW + timedelta(seconds=4)) == 0
    assert seal.seal_quiet_tails(now=NOW + timedelta(seconds=5)) == 1
    assert ranges(box.pk)[2:] == [(3, 2049, 2500)]
    assert seal.seal_now(community_id=box.pk, now=NOW) == 0
    assert verify(box.pk).clean


def test_light_load_does_not_make_a_block_per_message():
    box = community()
    clock = FixedClock(NOW)
    runner = Runner([seal.CONSUMER], clock=clock)
    for n in range(40):  # a message a second; received_at is NOW, so all but the first five seconds have waited
        fill(box.pk, 1, first=n)
        runner.run_once()
    assert ranges(box.pk) == []
    clock.move_to(NOW + timedelta(seconds=6))
    fill(box.pk, 1, first=40)
    runner.run_once()
    assert ranges(box.pk) == [(1, 1, 41)]


def test_a_block_holds_the_leaves_of_its_rows_and_verifies_by_hand():
    box = sealed_community(10)
    block = SealedBlock.objects.get(community_id=box)
    hashes = [
        merkle.leaf_hash(leaf.header_of(e, bytes(e.digest)))
        for e in Event.objects.filter(community_id=box).order_by("seq")
    ]
    assert bytes(block.leaves) == b"".join(hashes)
    assert bytes(block.root) == merkle.root(hashes)
    assert bytes(block.previous_hash) == bytes(32)
    expected = seal.hash_of(box, 1, 1, 10, merkle.root(hashes), bytes(32), leaf.time_bytes(NOW), block.key_id)
    assert bytes(block.block_hash) == expected
    assert keys.signed(keys.public_keys()[block.key_id], bytes(block.signature), expected)


def test_reading_rows_fast_and_reading_them_as_objects_give_the_same_leaves():
    box = community()
    fill(box.pk, 20)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE event SET group_id = NULL, member_id = NULL WHERE community_id = %s AND seq = 3", [box.pk]
        )
    slow = [
        merkle.leaf_hash(leaf.header_of(e, bytes(e.digest)))
        for e in Event.objects.filter(community_id=box.pk).order_by("seq")
    ]
    assert leaf.leaves(raw_connection(), box.pk, after=0, upto=20) == slow


def test_the_key_is_made_once_and_kept_from_others():
    first, second = keys.signing_key(now=NOW), keys.signing_key(now=NOW)
    assert first.public == second.public
    file = keys.folder() / "ed25519"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert keys.public_keys()[first.key_id] == first.public


def test_after_a_rotation_old_blocks_still_verify():
    box = sealed_community(3, "rotate")
    old = keys.signing_key(now=NOW)
    new = keys.rotate(now=NOW)
    assert new.key_id != old.key_id
    fill(box, 3, first=3)
    seal.seal_now(community_id=box, now=NOW)
    assert list(SealedBlock.objects.filter(community_id=box).order_by("number").values_list("key_id", flat=True)) == [
        old.key_id,
        new.key_id,
    ]
    assert verify(box).clean


@pytest.mark.parametrize("form", ["hex", "base64"])
def test_the_key_may_come_from_the_environment(monkeypatch, form):
    seed = bytes(range(32))
    text = seed.hex() if form == "hex" else "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    monkeypatch.setenv(keys.ENVIRONMENT, text)
    key = keys.signing_key(now=NOW)
    assert key.public.hex() == "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"
    with pytest.raises(keys.BadKey, match="set another value there"):
        keys.rotate(now=NOW)
    monkeypatch.setenv(keys.ENVIRONMENT, "nonsense")
    with pytest.raises(keys.BadKey, match="QUNZHU_BLACKBOX_KEY does not hold a 32-byte seed"):
        keys.signing_key(now=NOW)


def test_the_witness_notes_each_head_after_the_commit():
    box = sealed_community(5, "noted")
    block = SealedBlock.objects.get(community_id=box)
    last = json.loads(witness.default_file().read_text().splitlines()[-1])
    assert last == {"community": box, "block": 1, "last_seq": 5, "hash": bytes(block.block_hash).hex()}


def test_a_torn_line_of_the_witness_spoils_nothing():
    box = sealed_community(5, "torn")
    with witness.default_file().open("a") as out:
        out.write('{"community": 1, "blo')
    fill(box, 5, first=5)
    seal.seal_now(community_id=box, now=NOW)
    assert sorted(witness.heads(box)) == [1, 2]
    assert verify(box).clean


def test_cutting_log_and_chain_together_is_noticed_by_the_witness_until_a_restore_is_declared():
    box = sealed_community(5, "cut")
    fill(box, 5, first=5)
    seal.seal_now(community_id=box, now=NOW)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM event WHERE community_id = %s AND seq > 5", [box])
        cursor.execute("DELETE FROM sealed_block WHERE community_id = %s AND number > 1", [box])
        cursor.execute("UPDATE event_head SET seq = 5 WHERE community_id = %s", [box])
    assert names(verify(box)) == [("block", 2, "truncated")]
    assert verify(box, witnesses=[]).clean
    witness.forget_after(box, 1, "restored from backup")
    assert verify(box).clean


def test_gaps_are_not_sealed_over():
    box = community("gap")
    fill(box.pk, 10)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM event WHERE community_id = %s AND seq = 4", [box.pk])
    assert seal.seal_now(community_id=box.pk, now=NOW) == 0
    assert names(verify(box.pk)) == [("event", 4, "deleted")]


def test_the_published_vectors():
    """The test vectors of docs/blackbox.md."""
    at = datetime(2026, 11, 24, 4, 0, 0, 123456, tzinfo=UTC)
    times = leaf.time_bytes(at), leaf.time_bytes(datetime(2026, 11, 24, 4, 0, 1, tzinfo=UTC))
    identity = UUID("00112233-4455-6677-8899-aabbccddeeff").bytes
    header = leaf.encode((1, 42, identity, "message.posted", 5, None, *times, "local", False, bytes(range(32))))
    hashed = merkle.leaf_hash(header)
    sealed_at = leaf.time_bytes(datetime(2026, 11, 24, 4, 0, 2, tzinfo=UTC))
    block = seal.hash_of(1, 1, 1, 42, hashed, bytes(32), sealed_at, "56475aa75463474c")
    digest = log.body_digest(bytes(range(16)), '{"nickname":"小明","text":"早"}')
    page = (Path(__file__).resolve().parents[5] / "docs" / "blackbox.md").read_text()
    for name, value in (("header", header), ("leaf", hashed), ("hash", block), ("digest", digest)):
        assert f"{name.ljust(8)}{value.hex()}\n" in page


def test_the_command_verifies_seals_exports_and_checks(tmp_path):
    box = sealed_community(20, "command")
    run = CliRunner().invoke
    done = run(command, ["verify", "--community", "command"])
    assert (done.exit_code, "command: 完好 clean · 20 events, 1 blocks, sealed to 20, 0 erased" in done.stdout) == (
        0,
        True,
    )
    out = tmp_path / "e.zip"
    assert run(command, ["export", str(out), "--community", "command", "--member", "3"]).exit_code == 0
    assert run(command, ["check", str(out)]).stdout.startswith("通过 OK: 3 events (0 erased), 1 blocks")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE event SET kind = 'x' WHERE community_id = %s AND seq = 9", [box])
    found = run(command, ["verify", "--community", "command", "--json"])
    assert found.exit_code == 1
    assert json.loads(found.stdout)[0]["findings"] == [
        {
            "what": "event", "number": 9, "reason": "header_changed",
            "text": "event 9: a column of this row was changed after it was sealed",
        }
    ]  # fmt: skip
    refused = run(command, ["export", str(out), "--community", "command", "--member", "99"])
    assert (refused.exit_code, "no events match" in refused.stderr) == (1, True)
