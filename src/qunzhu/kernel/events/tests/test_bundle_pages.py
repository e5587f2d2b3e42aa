"""What a person finds in a bundle: readable pages and the pictures, which the check proves too."""

import hashlib
import json
import re
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from django.conf import settings
from django.db import transaction

from qunzhu.kernel.cases.services import decide_case, open_case
from qunzhu.kernel.community.models import AuditEntry
from qunzhu.kernel.community.services import create_group
from qunzhu.kernel.connectors.local.models import Upload
from qunzhu.kernel.events import bundle_check, log
from qunzhu.kernel.events.blackbox_command import command
from qunzhu.kernel.events.bundle import Selection, export
from qunzhu.kernel.events.bundle_pages import Story
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.events.schema import NewEvent, event_id
from qunzhu.kernel.events.tests.black import NOW, community, fill, sealed_community

pytestmark = pytest.mark.django_db(transaction=True)
PICTURES = (b"\x89PNG one", b"\x89PNG two")


@pytest.fixture
def scene(tmp_path):
    """A case about a message with a picture whose digest is sealed; another message's picture is of older days."""
    box = community("pages")
    group = create_group(community=box, name="读书群", platform_id="pages-1", now=NOW)
    events = []
    for n, data in enumerate(PICTURES):
        digest = hashlib.sha256(data).hexdigest()
        file = Path(settings.HOME) / "uploads" / digest[:2] / digest
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        upload = event_id("upload", n)
        Upload.objects.create(
            id=upload, community_id=box.pk, group_id=group.pk, member_id=7, media_type="image/png", width=1, height=1,
            size=len(data), sha256=digest, at=NOW,
        )  # fmt: skip
        image = {"upload": str(upload), "media_type": "image/png", **({"sha256": digest} if n == 0 else {})}
        body = {"text": "<b>看图</b>", "nickname": "小林", "type": "image", "image": image}
        events.append(NewEvent(box.pk, event_id("p", n), "message.posted", NOW, body, group.pk, 7, "local"))
    with transaction.atomic():
        log.append(raw_connection(), events, now=NOW)
        opened = open_case(
            community_id=box.pk, kind="rule_review", key="k", title="发了骗局图", group_id=group.pk, member_id=7,
            event_seq=2, evidence=[2], now=NOW,
        )  # fmt: skip
        log.append(raw_connection(), [opened.event], now=NOW)
    decide_case(
        community_id=box.pk, case_id=opened.case_id, action="dismiss", user="mod", role="moderator", version=1,
        note="是玩笑", now=NOW,
    )  # fmt: skip
    return box, opened.case_id, tmp_path


def read(file: Path, name: str) -> str:
    with zipfile.ZipFile(file) as archive:
        return archive.read(name).decode()


def names(file: Path) -> list[str]:
    with zipfile.ZipFile(file) as archive:
        return archive.namelist()


def test_a_case_reads_as_a_story_with_its_picture_and_nothing_else(scene):
    box, case, folder = scene
    file = folder / "case.zip"
    done = export(community_id=box.pk, selection=Selection(case_id=case), path=file, by="mod", now=NOW)
    assert (done.events, done.pictures) == (3, 1)
    picture = f"pictures/{hashlib.sha256(PICTURES[0]).hexdigest()}.png"
    assert names(file) == ["index.html", "events.jsonl", picture, "bundle.json", "check.py"]
    with zipfile.ZipFile(file) as archive:
        assert archive.read(picture) == PICTURES[0]
    page = read(file, "index.html")
    told = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page.partition("</style>")[2]))
    assert "黑匣子 · 工单 case" in told
    assert "2026-11-24 12:00:00" in told  # the community's own clock
    assert "#7 读书群 不成立 · 请人工判断 · 是玩笑 · mod" in told
    assert "制作 made2026-11-24 12:00:00 · mod" in told
    assert (f'<img src="{picture}"' in page, "&lt;b&gt;看图" in page, "<b>看图" in page) == (True, True, False)
    assert "<script" not in page
    found = bundle_check.check(file)
    assert (found["pictures"], found["unproved_pictures"]) == (1, 0)


def test_a_picture_from_before_digests_were_sealed_is_told_apart(scene):
    box, _, folder = scene
    file = folder / "all.zip"
    export(community_id=box.pk, selection=Selection(member_id=7), path=file, now=NOW)
    found = bundle_check.check(file)
    assert (found["pictures"], found["unproved_pictures"]) == (1, 1)
    assert "图片指纹未随消息封存" in read(file, "index.html")


def test_a_picture_that_is_gone_is_not_missed(scene):
    box, _, folder = scene
    for data in PICTURES:
        digest = hashlib.sha256(data).hexdigest()
        (Path(settings.HOME) / "uploads" / digest[:2] / digest).unlink()
    file = folder / "gone.zip"
    assert export(community_id=box.pk, selection=Selection(member_id=7), path=file, now=NOW).pictures == 0
    assert read(file, "index.html").count("（图片）") == 2


def forged(file: Path, change) -> str:
    """What the check says of the archive after `change(files)`, signed again with the real key."""
    from qunzhu.kernel.events import keys
    from qunzhu.kernel.events.bundle import _sign

    with zipfile.ZipFile(file) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    copy = file.with_name("forged.zip")
    with copy.open("wb+") as out:
        with zipfile.ZipFile(out, "w") as archive:
            for name, data in files.items():
                archive.writestr(name, data)
            archive.comment = bundle_check.ZIP_PREFIX + b"0" * bundle_check.SIGNATURE_HEX
        _sign(out, keys.signing_key(now=NOW), 0)
    with pytest.raises(bundle_check.Wrong) as wrong:
        bundle_check.check(copy)
    return str(wrong.value)


def test_whoever_signs_still_cannot_change_a_picture_or_slip_one_in(scene):
    box, case, folder = scene
    file = folder / "case.zip"
    export(community_id=box.pk, selection=Selection(case_id=case), path=file, now=NOW)
    picture = next(n for n in names(file) if n.startswith("pictures/"))
    assert forged(file, lambda f: f.update({picture: b"another"})) == (
        f"{picture}: the picture is not the one that was posted"
    )
    other = f"pictures/{hashlib.sha256(b'x').hexdigest()}.png"
    assert forged(file, lambda f: f.update({other: b"x"})) == f"{other}: no event of the bundle has this picture"
    for name in ("evil.exe", "pages/../x.html", "pictures/x.png"):
        assert forged(file, lambda f, n=name: f.update({n: b""})) == ("the archive does not hold the files of a bundle")


def test_many_events_are_split_into_pages_that_link_to_each_other(tmp_path):
    box = sealed_community(2_500, "long")
    file = tmp_path / "period.zip"
    seen: list[tuple[int, int]] = []
    export(
        community_id=box, selection=Selection(until=NOW.replace(year=2027)), path=file, now=NOW,
        progress=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    assert [n for n in names(file) if n.endswith(".html")] == ["index.html", "pages/2.html", "pages/3.html"]
    counted = [read(file, n).count('class="event"') for n in ("index.html", "pages/2.html", "pages/3.html")]
    assert counted == [1000, 1000, 500]
    assert 'href="pages/2.html"' in read(file, "index.html")
    assert 'href="../index.html"' in read(file, "pages/2.html")
    assert (seen[0], seen[-1], len(seen)) == ((0, 2500), (2499, 2500), 2500)
    assert bundle_check.check(file)["without_gaps"] is True


def test_the_command_asks_what_for_and_leaves_a_line_in_the_audit(tmp_path):
    box = community("cmd")
    fill(box.pk, 20)
    out = tmp_path / "e.zip"
    run = CliRunner().invoke
    refused = run(command, ["export", str(out), "--community", "cmd"])
    assert (refused.exit_code, out.exists(), AuditEntry.objects.count()) == (1, False, 0)
    assert "请指明成员、工单或时间段" in refused.output
    done = run(command, ["export", str(out), "--community", "cmd", "--member", "3", "--by", "boss"])
    assert done.output == f"{out}: 3 events, 1 blocks, 0 pictures\n"
    assert list(AuditEntry.objects.values_list("user", "action", "target")) == [
        ("boss", "blackbox.export", "成员 member 3")
    ]
    checked = run(command, ["check", str(out)])
    assert checked.output.splitlines()[:2] == [
        "通过 OK: 3 events (0 erased), 1 blocks", "图片 pictures: 0 proved, 0 not sealed with their message",
    ]  # fmt: skip


def test_what_came_of_an_effect_is_read_as_a_sentence():
    at = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
    story = Story(
        about="x", community="职场知识社", zone="Asia/Shanghai", by="owner", made_at=at, total=2, first=at, last=at,
        without_gaps=True, kinds=[("effect.done", 2)], people={}, groups={},
    )  # fmt: skip
    common = {
        "kind": "effect.done", "occurred_at": at.isoformat(), "member_id": None, "group_id": None, "historic": False,
        "digest": "00", "block": 1,
    }  # fmt: skip
    muted = {"code": "muted", "until": (at + timedelta(hours=1)).isoformat()}
    events = [
        {**common, "seq": seq, "body": json.dumps({"kind": "mute", "result": "done", "detail": detail})}
        for seq, detail in ((1, muted), (2, "已禁言到 13:01"))  # an earlier version wrote the sentence itself
    ]
    page = "".join(story.render(1, events, whole=True))
    assert ("已禁言到 13:00" in page, "已禁言到 13:01" in page, "&#x27;code&#x27;" in page) == (True, True, False)
