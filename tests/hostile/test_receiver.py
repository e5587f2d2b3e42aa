"""Whatever is sent to the receiver: a clear refusal with the right status, and nothing written."""

import json

import pytest
from django.db import connection

from qunzhu.config.init import init_community, load_checked
from qunzhu.kernel.connectors.local.services import join_room
from qunzhu.kernel.connectors.local.tokens import console_token, member_token

pytestmark = pytest.mark.django_db(transaction=True)

JSON = {"content-type": "application/json"}
GOOD = {"client_id": "x", "text": "你好"}


def raw(world, content, *, path="", name="小林", headers=None):
    cookie = {"cookie": f"qz_member={world.people[name].token}"}
    return world.request("POST", f"/in/local{path}", content=content, headers={**JSON, **cookie, **(headers or {})})


def refused(answer):
    """(status, error) of a refusal, which always says something to a person and is never markup."""
    body = answer.json()
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert body["message"]
    return answer.status_code, body["error"]


BROKEN = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"\xff\xfe\x00",
    b'{"group": 1',
    b"[" * 20_000,
    b'{"a":' * 10_000,
    b"\x00" * 100,
    b'{"group":"\xed\xa0\x80"}',
    b"NaN",
    b"1e999",
    b'"' + b"x" * 1000,
    b'{"group":1e400,"client_id":"x","text":"a"}',
]


@pytest.mark.parametrize("path", ["", "/recall", "/leave", "/rename", "/read", "/act"])
def test_broken_json(world, path):
    for content in BROKEN:
        assert refused(raw(world, content, path=path)) == (400, "malformed"), content[:40]
    assert world.log() == []


WRONG_VALUES = [None, True, [], {}, "1", "1; DROP TABLE event", -1, 0, 1.5, 2**63, 10**30, "\x00", ["a"], {"$gt": 0}]
FIELDS = {
    "": {**GOOD, "type": "text", "reply_to": 1, "mentions": [1], "image": "x"},
    "/recall": {"seq": 1},
    "/leave": {},
    "/rename": {"nickname": "x"},
    "/read": {"seq": 1},
    "/act": {"action": "mute", "member": 1, "seq": 1, "text": "x", "minutes": 1},
}
# (path, field) → values that are no mistake there
HARMLESS = {
    ("", "text"): ["1", "1; DROP TABLE event"],
    ("", "client_id"): ["1", "1; DROP TABLE event", "\x00"],
    ("/rename", "nickname"): ["1", "1; DROP TABLE event"],
    ("/read", "seq"): [0],
    ("", "reply_to"): [None],
    ("", "mentions"): [[]],
    ("", "image"): [None],
}


@pytest.mark.parametrize("path", FIELDS)
def test_every_field_with_every_wrong_type(world, path):
    for field in ["group", *FIELDS[path]]:
        for value in WRONG_VALUES:
            if any(
                value is fine or (type(value) is type(fine) and value == fine)
                for fine in HARMLESS.get((path, field), [])
            ):
                continue
            sent = {"group": world.group.pk, **FIELDS[path], field: value}
            if path == "":
                sent = {**GOOD, "group": world.group.pk, field: value}
            status, error = refused(raw(world, json.dumps(sent).encode(), path=path))
            assert (status, error) in {
                (400, "malformed"),
                (400, "empty"),
                (400, "nickname"),
                (403, "not_leader"),
            }, (field, value, status, error)
        assert world.log() == []


def test_too_large_and_too_long(world):
    huge = json.dumps({"group": world.group.pk, "client_id": "x", "text": "大" * 5_000_000}).encode()
    assert len(huge) > 10_000_000
    assert refused(raw(world, huge)) == (413, "too_large")
    assert refused(raw(world, huge, headers={"content-length": "10"})) in {(413, "too_large"), (400, "malformed")}
    long = {"group": world.group.pk, "client_id": "x", "text": "a" * 4001}
    assert refused(raw(world, json.dumps(long).encode())) == (400, "too_long")
    many = {"group": world.group.pk, **GOOD, "mentions": list(range(1, 52))}
    assert refused(raw(world, json.dumps(many).encode())) == (400, "malformed")
    many = {"group": world.group.pk, **GOOD, "client_id": "x" * 65}
    assert refused(raw(world, json.dumps(many).encode())) == (400, "malformed")
    assert world.log() == []


def test_cookies_that_are_not_ours(world):
    other = init_community(loaded=load_checked("workplace-knowledge"), slug="other", now=world.clock.now())
    stranger = join_room(room=other.rooms[0], nickname="外人", now=world.clock.now())
    good = world.people["小林"].token
    mine = world.id_of("小林")
    forged = {
        "": 401,
        "x": 401,
        good[:-1]: 401,
        good + "x": 401,
        good.replace(f".{mine}.", ".1."): 401,
        "a" * 10_000: 401,
        f"{world.community.pk}.{mine}": 401,
        console_token(world.community.pk): 401,
        "\x80\xff": 401,
        member_token(world.community.pk, 0): 401,
        stranger.token: 404,  # an honest cookie of another community: this group does not exist for it
        member_token(other.community.pk, mine): 404,
        member_token(world.community.pk, 10**9): 403,  # signed, but nobody in the room
    }
    body = json.dumps({"group": world.group.pk, **GOOD}).encode()
    for token, status in forged.items():
        for path in ("", "/recall", "/leave", "/rename", "/read", "/act"):
            sent = json.dumps({"group": world.group.pk, **FIELDS[path]}).encode() if path else body
            answer = world.request(
                "POST",
                f"/in/local{path}",
                content=sent,
                headers={**JSON, "cookie": f"qz_member={token}".encode("latin-1")},
            )
            if (path, status) == ("/leave", 403):
                assert answer.json() == {"seq": None}  # nobody left
            else:
                assert refused(answer)[0] == status, (path, token)
        for path in ("history", "members", "state"):
            answer = world.request(
                "GET",
                f"/in/local/{path}?group={world.group.pk}",
                headers={"cookie": f"qz_member={token}".encode("latin-1")},
            )
            assert refused(answer)[0] == status, (path, token)
    assert world.log() == []


def test_ids_of_other_groups(world):
    """Being in one group gives no way into another, nor into its messages."""
    world.join("路人", group=1)
    seq = world.say("路人", "别的群", group=1)
    world.settle()
    world.log()
    elsewhere = world.groups[1].pk
    assert refused(world.post("小林", group=1, **GOOD)) == (403, "not_member")
    assert refused(world.post("小林", "/recall", group=1, seq=seq)) == (403, "not_member")
    assert refused(world.post("小林", "/recall", seq=seq)) == (404, "unknown_message")
    assert refused(world.post("小林", reply_to=seq, **GOOD)) == (400, "unknown_message")
    assert refused(world.post("小林", image="8aaf83b2-f988-505e-8e3e-a16ac53376d6", **GOOD)) == (400, "unknown_image")
    cookie = {"cookie": f"qz_member={world.people['小林'].token}"}
    for path in ("history", "members", "state"):
        answer = world.request("GET", f"/in/local/{path}?group={elsewhere}", headers=cookie)
        assert refused(answer) == (403, "not_member")
    for query in ("", "group=", "group=-1", "group=abc", "group=1e3", "group=" + "9" * 40, "group=１", "group=1;--"):
        for path in ("history", "members", "state"):
            answer = world.request("GET", f"/in/local/{path}?{query}", headers=cookie)
            assert refused(answer) == (400, "malformed"), query
    assert world.log() == []


def test_forms_of_other_sites(world):
    cookie = {"cookie": f"qz_member={world.people['小林'].token}"}
    body = json.dumps({"group": world.group.pk, **GOOD}).encode()
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        for path in FIELDS:
            answer = world.request("POST", f"/in/local{path}", content=body, headers={**cookie, "content-type": kind})
            assert refused(answer) == (403, "forged")
    assert world.log() == []


def test_the_same_client_id_with_other_words_is_the_same_message(world):
    first = world.post("小林", client_id="same", text="第一句").json()
    again = world.post("小林", client_id="same", text="换一句").json()
    assert first == again
    theirs = world.post("小美", client_id="same", text="别人的").json()
    assert theirs["seq"] == first["seq"] + 1
    world.settle()
    assert world.log() == ["message.posted 小林 第一句", "message.posted 小美 别人的"]


STRANGE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "'; DROP TABLE event; --",
    "${jndi:ldap://x}",
    "{{7*7}}{% debug %}",
    "\u202e反着写\u202c",
    "\u2066\u2067\u2069x",
    "👩‍👩‍👧‍👦" * 20,
    "a\u0301" * 500,
    "\ufeff\u200b隐身",
    "%s%n%d",
    "../../etc/passwd",
    "\\u0000",
    "ﷺ" * 100,
    "\r\nX-Header: 1",
    "]]>",
    "=1+1",
    "\x1b[31m红",
    "\x7f",
]


def test_strange_words_are_kept_as_they_are(world):
    for text in STRANGE:
        world.say("小林" if STRANGE.index(text) % 4 else "小美", text)
        world.later(days=1)
    world.settle()
    said = [e.body["text"] for e in world.events("message.posted")]
    assert said == [text.strip() for text in STRANGE]
    assert [t for t in world.seen_by("小林") if t in said] == said
    assert "event" in connection.introspection.table_names()


def test_nul_is_dropped_and_lone_surrogates_are_refused(world):
    world.say("小林", "a\x00b")
    sent = b'{"group":%d,"client_id":"s","text":"\\ud83d"}' % world.group.pk
    assert refused(raw(world, sent)) == (400, "malformed")
    sent = b'{"group":%d,"nickname":"\\udc00"}' % world.group.pk
    assert refused(raw(world, sent, path="/rename"))[0] == 400
    world.settle()
    assert world.log() == ["message.posted 小林 ab"]


NAMES = ["", " ", "\u200b", "\x00", "a" * 31, "\u202eevil", "a\x07b", "\u2028", "\ufeff", "\ue000"]


@pytest.mark.parametrize("name", NAMES)
def test_nicknames_that_cannot_be_read(world, name):
    assert refused(world.post("小林", "/rename", nickname=name)) == (400, "nickname")
    assert world.log() == []


def test_streams_ask_for_a_cookie_or_token(world):
    assert world.request("GET", f"/live/local?group={world.group.pk}").status_code == 401
    for token in ("", "x", world.people["小林"].token):
        assert world.request("GET", f"/live/console?token={token}").status_code == 403
