"""Forms of members and of operators: without CSRF, with the wrong community, with ids of another community."""

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from qunzhu.config.init import init_community, load_checked
from qunzhu.console.urls import urlpatterns
from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.cases.services import open_case
from qunzhu.kernel.community.models import AuditEntry, Member, Staff
from qunzhu.kernel.connectors.local.services import join_room
from qunzhu.kernel.events.models import Event

pytestmark = pytest.mark.django_db(transaction=True)

# Every console page below a community whose address names a thing, with what it names.
THINGS = {"group_id": "group", "member_id": "member", "case_id": "case", "seq": "event", "user_id": "user"}
NOBODY = "8aaf83b2-f988-505e-8e3e-a16ac53376d6"


def join(world, nickname, **more):
    return Client().post(f"/j/{world.room.join_code}/", {"nickname": nickname, **more})


@pytest.mark.parametrize("name", ["", " ", "a" * 31, "\x00", "a\x00b", "\u202eevil", "\x07", "\u200b"])
def test_nicknames_at_the_door(world, name):
    people = Member.objects.count()
    assert join(world, name).status_code == 422
    assert Member.objects.count() == people
    assert world.log() == []


def test_markup_at_the_door_is_text_inside(world):
    assert join(world, "<b>粗</b>'\"&").status_code == 302
    assert Client().get("/j/<script>alert(1)</script>/").status_code == 404
    assert Client().get("/j/' OR 1=1 --/").status_code == 404
    page = world.phone("小林", f"/g/{world.group.pk}/")
    assert "<b>粗" not in page
    world.settle()
    assert world.log() == ["member.joined <b>粗</b>'\"&"]


def test_joining_needs_the_token_of_the_page(world):
    client = Client(enforce_csrf_checks=True)
    assert client.post(f"/j/{world.room.join_code}/", {"nickname": "外人"}).status_code == 403
    assert world.log() == []


def test_cookies_that_are_not_ours_see_no_member_page(world):
    for cookie in ("", "x", "1.1.abc.def", "a" * 5000):
        client = Client()
        client.cookies["qz_member"] = cookie
        for path in ("/me/", "/me/points/", "/me/penalties/", "/me/groups/", f"/g/{world.group.pk}/"):
            answer = client.get(path)
            assert answer.status_code in {302, 401, 403, 404}, (cookie, path)
            assert "小林" not in answer.content.decode()
    for query in ("before=x", "before=" + "9" * 400, "before=-1", "before=1;DROP", "before=%00"):
        client = Client()
        client.cookies["qz_member"] = world.people["小林"].token
        for path in ("/me/points/", "/me/penalties/"):
            assert client.get(f"{path}?{query}").status_code == (400 if "%00" in query else 200)


def paths():
    """(route, names of its parameters) of every page of a community's console."""
    for pattern in urlpatterns:
        route = str(pattern.pattern)
        if route.startswith("<slug:slug>/"):
            yield route, dict(pattern.pattern.converters)


def address(slug, route, ids):
    for name, converter in {**dict(paths())[route]}.items():
        kind = type(converter).__name__
        value = slug if name == "slug" else ids.get(name)
        if value is None:
            value = {"UUIDConverter": NOBODY, "FileFormat": "csv", "EffectAction": "retry"}.get(kind, 1)
        before, _, rest = route.partition(f":{name}>")
        route = before[: before.rindex("<")] + str(value) + rest
    return f"/console/{route}"


@pytest.fixture
def other(world):
    """Another community with a member, a case and a message; the operator of the first has no post in it."""
    made = init_community(loaded=load_checked("workplace-knowledge"), slug="other", now=world.clock.now())
    Staff.objects.filter(community=made.community).delete()
    member = join_room(room=made.rooms[0], nickname="外人", now=world.clock.now()).member
    opened = open_case(
        community_id=made.community.pk, kind="rule_review", key="k", title="别人的工单", member_id=member.pk,
        group_id=made.groups[0].pk, now=world.clock.now(),
    )  # fmt: skip
    ids = {
        "group_id": made.groups[0].pk,
        "member_id": member.pk,
        "case_id": opened.case_id,
        "seq": 10**6,
        "job_id": 10**6,
    }
    return made.community, ids


def state():
    cases = list(Case.objects.order_by("pk").values())
    return Event.objects.count(), cases, list(Staff.objects.order_by("pk").values()), list(Member.objects.values())


def owner(**options):
    client = Client(**options)
    client.force_login(get_user_model().objects.get(username="owner"))
    return client


def test_another_community_does_not_exist(world, other):
    community, ids = other
    before = state()
    for route, _ in paths():
        for answer in (
            owner().get(address(community.slug, route, ids)),
            owner().post(address(community.slug, route, ids)),
        ):
            assert answer.status_code in {404, 405}, route
            assert "外人" not in answer.content.decode()
    assert state() == before


def test_ids_of_another_community_are_nobody_here(world, other):
    _, ids = other
    before = state()
    for route, names in paths():
        foreign = [name for name in names if name in ids]
        if not foreign:
            continue
        url = address(world.community.slug, route, ids)
        sent = {
            "action": "mute",
            "decision": "warn",
            "version": "1",
            "note": "x",
            "text": "x",
            "member": ids["member_id"],
        }
        for answer in (owner().get(url), owner().post(url, sent)):
            assert answer.status_code in {404, 405}, (route, answer.status_code)
    sent = {
        "case": [f"{ids['case_id']}:1"],
        "to": "owner",
        "member": ids["member_id"],
        "username": "owner",
        "role": "owner",
    }
    owner().post(f"/console/{world.community.slug}/cases/assign/", sent)
    owner().post(f"/console/{world.community.slug}/staff/add/", sent)
    assert state() == before


def test_nothing_is_done_without_the_token_of_the_page(world):
    before = state()
    client = owner(enforce_csrf_checks=True)
    here = {"group_id": world.group.pk, "member_id": world.id_of("小林"), "case_id": 1, "seq": 1, "user_id": 1}
    for route, _ in paths():
        url = address(world.community.slug, route, here)
        assert client.post(url, {"action": "mute", "word": "词"}).status_code == 403, route
        for method in ("put", "delete", "patch"):
            assert getattr(client, method)(url).status_code == 403, route
    assert state() == before
    assert AuditEntry.objects.filter(allowed=True).count() == 0


def test_strange_queries_are_no_server_error(world):
    queries = (
        "page=-1", "page=x", "page=" + "9" * 30, "before=-1", "before=x", "before=" + "9" * 30, "after=x", "q=%00",
        "q=%27%3B--", "q=" + "a" * 3000, "rule=%00", "kind=x&kind=y", "member=x", "group=" + "9" * 25, "day=2026-99-99",
        "urgency=%3Cscript%3E", "state=x", "from=x&to=y", "status=%00",
    )  # fmt: skip
    client = owner()
    for route, names in paths():
        if set(names) != {"slug"}:
            continue
        for query in queries:
            answer = client.get(f"{address(world.community.slug, route, {})}?{query}")
            assert answer.status_code in {200, 302, 400, 404, 405, 422}, (route, query)
            assert b'<script>"' not in getattr(answer, "content", b"")
