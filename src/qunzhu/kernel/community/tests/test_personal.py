"""One person's own data: whole, without other people, by staff's job or by a link that works for a while."""

import io
import json
import zipfile
from datetime import timedelta

import pytest
from django.core import signing
from django.db import transaction
from django.test import Client

from qunzhu.console import jobs
from qunzhu.console.models import Job
from qunzhu.console.tests.desk import make_desk, permitted, refused
from qunzhu.kernel.community.models import AuditEntry, Identity, Member
from qunzhu.kernel.community.personal import write_personal
from qunzhu.kernel.community.personal_links import SALT, make_link_token, read_link_token
from qunzhu.kernel.community.tests.factories import NOW, make_community, make_group, make_member, write
from qunzhu.kernel.connectors.local.services import join_room, open_room
from qunzhu.kernel.connectors.local.tokens import COOKIE
from qunzhu.kernel.events.erase import erase_member
from qunzhu.kernel.ledger.services import award

pytestmark = pytest.mark.django_db(transaction=True)
SECRET = "别人的秘密"


def archive_of(community, member) -> dict[str, str]:
    out = io.BytesIO()
    write_personal(out, community_id=community.pk, member_id=member.pk, now=NOW)
    with zipfile.ZipFile(out) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


@pytest.fixture
def lin():
    community = make_community()
    group = make_group(community)
    me, other = make_member(community), make_member(community, SECRET)
    Identity.objects.create(community=community, member=me, connector="local", platform_user_id="u1")
    Member.objects.filter(pk=me.pk).update(note=f"{SECRET}:难缠")
    write(community, "message.posted", group=group, member=me, text="<b>我的话</b>", nickname="小林")
    write(community, "message.posted", group=group, member=other, text=f"{SECRET} 说", nickname=SECRET)
    write(community, "report.filed", group=group, member=other, target=me.pk, reason=SECRET)
    write(community, "member.muted", group=group, member=me, until=NOW.isoformat(), by=SECRET)
    write(community, "appeal.filed", group=group, member=me, penalty=1, words="冤枉", first_decider=SECRET, by=SECRET)
    write(community, "clearance.granted", group=group, member=me, request=1, asked_by=SECRET)
    with transaction.atomic():
        award(community_id=community.pk, member_id=me.pk, amount=5, key="k", kind="checkin", memo="签到", now=NOW)
    return me


def test_all_of_mine_is_there_and_nothing_of_others(lin):
    files = archive_of(lin.community, lin)
    assert list(files) == ["index.html", "data.json"]
    data = json.loads(files["data.json"])
    assert data["member"] == lin.pk
    assert [e["kind"] for e in data["events"]] == [
        "message.posted", "member.muted", "appeal.filed", "clearance.granted",
    ]  # fmt: skip
    assert data["events"][0]["body"]["text"] == "<b>我的话</b>"
    assert data["tables"]["account"][0]["balance"] == 5
    assert [row["amount"] for row in data["tables"]["posting"]] == [5]
    assert data["tables"]["identity"][0]["platform_user_id"] == "u1"
    assert data["tables"]["member"][0]["display_name"] == "小林"
    assert "&lt;b&gt;我的话" in files["index.html"]
    for content in files.values():
        assert SECRET not in content
        assert "<b>我的话" not in files["index.html"]


def test_an_erased_or_unknown_person_has_no_data(lin):
    token = make_link_token(lin)
    with transaction.atomic():
        erase_member(community_id=lin.community_id, member_id=lin.pk, by="boss", now=NOW)
    for member in (lin, Member(pk=999_999, community=lin.community)):
        with pytest.raises(Member.DoesNotExist):
            archive_of(lin.community, member)
    assert read_link_token(token) is None


def test_a_link_is_signed_and_lives_as_long_as_the_setting_says(lin, monkeypatch):
    token = make_link_token(lin)
    assert read_link_token(token).member_id == lin.pk
    for forged in (token[:-1], signing.dumps([lin.community_id, lin.pk + 1], salt="other"), "", "a:b:c"):
        assert read_link_token(forged) is None
    lin.community.blueprint = {"governance": {"privacy": {"data_link": 2}}}
    lin.community.save()
    made = signing.TimestampSigner(salt=SALT)
    old = made.timestamp
    for age, known in ((timedelta(minutes=119), True), (timedelta(minutes=121), False)):
        past = signing.time.time() - age.total_seconds()
        monkeypatch.setattr(signing.time, "time", lambda past=past: past)
        aged = make_link_token(lin)
        monkeypatch.undo()
        assert (read_link_token(aged) is not None) == known
    assert old()


def test_a_member_downloads_their_own_and_it_is_on_record():
    community = make_community()
    group = make_group(community)
    joined = join_room(room=open_room(group=group), nickname="小林", now=NOW)
    phone = Client()
    assert phone.get("/me/data/").status_code == 403
    phone.cookies[COOKIE] = joined.token
    assert "生成下载链接" in phone.get("/me/data/").content.decode()
    page = phone.post("/me/data/")
    link = page.context["link"]
    path = "/me/data/" + link.partition("/me/data/")[2]
    answer = Client().get(path)  # the link alone is the right to it
    content = b"".join(answer.streaming_content)
    assert (answer.status_code, content[:2], answer["Cache-Control"]) == (200, b"PK", "private, no-store")
    me = f"member:{joined.member.pk}"
    assert list(AuditEntry.objects.order_by("pk").values_list("user", "action", "target")) == [
        (me, "personal.link", me), (me, "personal.export", me),
    ]  # fmt: skip
    assert Client().get("/me/data/nonsense/").status_code == 404
    assert AuditEntry.objects.count() == 2


def test_staff_export_one_person_as_a_job():
    desk = make_desk()
    form = {"scope": "personal", "number": desk.member.pk}
    assert permitted(desk, {"owner", "manager"}, "blackbox/export/", form) == refused("moderator", "analyst", "finance")
    assert Job.objects.count() == 0
    desk.message("我的话")
    desk.client("manager").post(desk.url("blackbox/export/"), form)
    job = Job.objects.get()
    assert (job.kind, desk.audit()) == ("personal", [("manager-desk", "blackbox.export", f"member:{desk.member.pk}")])
    jobs.do_run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.result) == ("done", {"messages": 1})
    url = desk.url(f"blackbox/jobs/{job.pk}/file/")
    assert [desk.client(r).get(url).status_code for r in ("moderator", "analyst", "stranger", "")] == [
        403,
        403,
        404,
        302,
    ]
    content = b"".join(desk.client("owner").get(url).streaming_content)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert "我的话" in archive.read("index.html").decode()
