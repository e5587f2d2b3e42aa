"""Evidence bundles: check offline, with the program inside; a changed byte anywhere fails with a reason."""

import json
import subprocess
import sys
import zipfile
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from qunzhu.kernel.events import bundle_check, keys
from qunzhu.kernel.events.bundle import Selection, export
from qunzhu.kernel.events.tests.black import NOW, sealed_community


@pytest.fixture(params=["zip", "json"])
def bundle(request, tmp_path, transactional_db):
    box = sealed_community(1_100, "bundle")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE event SET body = NULL, salt = NULL WHERE community_id = %s AND seq = 8", [box])
    file = tmp_path / f"evidence.{request.param}"
    done = export(community_id=box, selection=Selection(member_id=1), path=file, now=NOW)
    assert (done.events, done.blocks) == (158, 2)
    return file


def test_it_checks_with_the_platform_and_alone(bundle, tmp_path):
    found = bundle_check.check(bundle)
    assert (found["events"], found["erased"], found["blocks"], found["without_gaps"]) == (158, 1, 2, False)
    alone = tmp_path / "alone"
    alone.mkdir()
    if bundle.suffix == ".zip":
        with zipfile.ZipFile(bundle) as archive:
            program, page = archive.read("check.py").decode(), archive.read("index.html").decode()
    else:
        document = json.loads(bundle.read_text())
        program, page = document["check_py"], document["html"]
    (alone / "check.py").write_text(program)
    command = [sys.executable, "-I", "-S", str(alone / "check.py"), str(bundle)]  # -S: no installed package at all
    done = subprocess.run([*command, "--key", found["fingerprints"][0]], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "通过 OK: 158 events (1 erased), 2 blocks")
    other = subprocess.run([*command, "--key", "ab" * 32], capture_output=True, text=True, check=False)
    assert other.returncode == 1
    assert other.stdout == "不通过 FAILED: the bundle is signed with another key than the one you gave\n"
    assert "第 14 条 消息" in page


def test_a_changed_byte_anywhere_fails_with_a_reason(bundle, tmp_path):
    original = bundle.read_bytes()
    changed = tmp_path / f"changed{bundle.suffix}"

    @settings(max_examples=80, deadline=None)
    @given(
        st.one_of(st.integers(0, len(original) - 1), st.integers(1, 200).map(lambda n: len(original) - n)),
        st.integers(1, 255),
    )
    def fails(place, difference):
        data = bytearray(original)
        data[place] ^= difference
        changed.write_bytes(data)
        with pytest.raises(bundle_check.Wrong) as wrong:
            bundle_check.check(changed)
        assert str(wrong.value)

    fails()
    for cut in (original[:-1], original[:100], b"", original + b"\n"):
        changed.write_bytes(cut)
        with pytest.raises(bundle_check.Wrong):
            bundle_check.check(changed)


@pytest.mark.django_db(transaction=True)
def test_signing_again_does_not_help_without_the_key(tmp_path):
    box = sealed_community(50, "again")
    file = tmp_path / "e.json"
    export(community_id=box, selection=Selection(since=NOW - timedelta(seconds=20)), path=file, now=NOW)
    document = json.loads(file.read_text())
    own = keys.signing_key(now=NOW)

    def resigned(change):
        copy = json.loads(json.dumps(document))
        change(copy)
        del copy["signature"]
        import hashlib

        head = json.dumps(copy).encode()[:-1] + bundle_check.JSON_PREFIX
        signature = own.sign(b"qunzhu bundle 1\n" + hashlib.sha256(head).digest()).hex().encode()
        file.write_bytes(head + signature + bundle_check.JSON_END)
        with pytest.raises(bundle_check.Wrong) as wrong:
            bundle_check.check(file)
        return str(wrong.value)

    assert (
        resigned(lambda d: d["events"][3].update(kind="x")) == "event 4: its header is not what was sealed in block 1"
    )
    assert resigned(lambda d: d["events"][3].update(body="{}")) == "event 4: body or salt does not match the digest"
    assert resigned(lambda d: d["blocks"][0].update(last_seq=51)) == "block 1: the block's fields do not have this hash"
    assert resigned(lambda d: d["blocks"][0].update(signature="00" * 64)) == "block 1: the signature does not verify"
    assert resigned(lambda d: d["events"].reverse()) == "event 20: it stands out of order"


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=100), st.integers(0, 511))
@settings(max_examples=40, deadline=None)
def test_our_ed25519_agrees_with_the_library(seed, message, bit):
    private = Ed25519PrivateKey.from_private_bytes(seed)
    public, signature = private.public_key().public_bytes_raw(), private.sign(message)
    assert bundle_check.ed25519(public, signature, message)
    broken = bytearray(signature)
    broken[bit // 8] ^= 1 << bit % 8
    assert not bundle_check.ed25519(public, bytes(broken), message)
    assert not bundle_check.ed25519(public, signature, message + b"x")
