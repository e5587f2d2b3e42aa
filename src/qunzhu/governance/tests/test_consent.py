"""Consent to a version: from the page, by a word in chat, once each; a projection of the log."""

import pytest

from qunzhu.governance.consent import GroupConsent, NotInForce, by_group, counts, give_consent
from qunzhu.governance.consumer import CONSUMER
from qunzhu.governance.models import Consent
from qunzhu.kernel.community.models import Membership
from qunzhu.kernel.community.tests.factories import (
    NOW,
    assert_rebuild_equals,
    events_of,
    make_community,
    make_group,
    make_member,
    run,
    write,
)
from qunzhu.kernel.connectors.commands import Command, parse_command
from qunzhu.kernel.effects.models import Effect
from qunzhu.kernel.engine.rulebook_service import publish_rulebook
from qunzhu.kernel.engine.tests.workplace import workplace

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def place():
    community = make_community()
    group = make_group(community)
    members = [make_member(community, f"成员{n}") for n in range(3)]
    for number, member in enumerate(members):
        Membership.objects.create(
            community_id=community.pk, group_id=group.pk, member_id=member.pk,
            state="left" if number == 2 else "active",
        )  # fmt: skip
    return community, group, members


def publish(community):
    return publish_rulebook(community_id=community.pk, rules=workplace()["rules"], by="t", now=NOW).version


def say(community, group, member):
    return write(
        community, "command.posted", group=group, member=member, text="同意群规", type="text", command="consent",
        nickname="x", platform_id="x",
    )  # fmt: skip


def answers(community):
    return [e.payload["text"] for e in Effect.objects.filter(community_id=community.pk).order_by("cause_seq")]


def test_a_page_and_a_word_in_chat_agree_to_the_version_in_force_once(place):
    community, group, members = place
    publish(community)
    for _ in range(2):
        give_consent(community_id=community.pk, member_id=members[0].pk, version=1, now=NOW)
        say(community, group, members[1])
        run(CONSUMER)
    run(CONSUMER)
    rows = list(Consent.objects.order_by("member_id").values_list("version", "member_id", "via"))
    assert rows == [(1, members[0].pk, "page"), (1, members[1].pk, "chat")]
    assert [e.member_id for e in events_of(community, "consent.given")] == [members[0].pk, members[1].pk]
    assert answers(community) == ["记下了：你同意第 1 版群规，谢谢。"] * 2
    assert_rebuild_equals(community, CONSUMER)


def test_the_next_version_asks_anew(place):
    community, group, members = place
    publish(community)
    give_consent(community_id=community.pk, member_id=members[0].pk, version=1, now=NOW)
    publish(community)
    with pytest.raises(NotInForce) as caught:
        give_consent(community_id=community.pk, member_id=members[1].pk, version=1, now=NOW)
    assert caught.value.version == 2
    say(community, group, members[1])
    run(CONSUMER)
    run(CONSUMER)
    assert counts(community.pk, [1, 2]) == {1: 1, 2: 1}
    assert by_group(community.pk, 1) == [GroupConsent(group.pk, 2, 1)]
    assert by_group(community.pk, 2) == [GroupConsent(group.pk, 2, 1)]


def test_without_a_rulebook_there_is_nothing_to_agree_to(place):
    community, group, members = place
    say(community, group, members[0])
    run(CONSUMER)
    assert answers(community) == ["群里还没有发布群规，发布后再同意就好。"]
    assert events_of(community, "consent.given") == []
    with pytest.raises(NotInForce):
        give_consent(community_id=community.pk, member_id=members[0].pk, version=0 + 1, now=NOW)


def test_only_the_whole_word_is_the_command():
    assert parse_command("同意群规") == Command("consent")
    assert parse_command(" 同意群規。") == Command("consent")
    assert parse_command("同意群规里的第二条吗") is None
    assert parse_command("同意") is None
