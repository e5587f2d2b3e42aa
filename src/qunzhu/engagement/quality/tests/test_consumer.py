"""Scores from the log: who counts, what staff and penalties do, however the batches fall, and rebuilt the same."""

import dataclasses
import random
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from qunzhu.engagement.quality.consumer import CONSUMER
from qunzhu.engagement.quality.models import MessageScore, QualityGram, QualitySupport
from qunzhu.engagement.quality.selectors import best_of, quality_share, scored
from qunzhu.engagement.quality.services import NotJudged, deny
from qunzhu.engagement.quality.tests.test_policy import RICH
from qunzhu.kernel.clock import local_day
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
from qunzhu.kernel.events.erase import erase_member

pytestmark = pytest.mark.django_db(transaction=True)
ANSWER = "这个办法我也试过"


class Talk:
    def __init__(self, blueprint=None, people=8):
        self.community = make_community(blueprint)
        self.id = self.community.pk
        self.group = make_group(self.community)
        self.people = [make_member(self.community, f"成员{i}") for i in range(people)]

    def say(self, who=0, text=RICH, **more):
        return write(
            self.community, "message.posted", group=self.group, member=self.people[who], text=text, links=[], **more
        )  # fmt: skip

    def hear(self, kind, who=0, **body):
        return write(self.community, kind, group=self.group, member=self.people[who], **body)

    def consume(self, batch=5_000):
        run(dataclasses.replace(CONSUMER, batch=batch))

    def parts(self, seq):
        row = MessageScore.objects.get(community_id=self.id, message_seq=seq)
        assert row.score == scored(row).score
        return scored(row).parts()

    def rows(self):
        tables = (MessageScore, QualitySupport, QualityGram)
        return [list(t.objects.filter(community_id=self.id).order_by("pk").values()) for t in tables]


def test_answers_of_different_people_count_once_each():
    talk = Talk()
    first = talk.say()
    for who in (1, 2, 2, 0):
        talk.say(who, ANSWER, reply_to=first)
    talk.say(3, "赞", reply_to=first)
    talk.say(3, "👍", reply_to=first)
    talk.consume()
    assert talk.parts(first) == {"length": 12, "information": 25, "replies": 12, "reactions": 3}
    talk.say(3, ANSWER, reply_to=first)  # who reacted, now answers in words
    talk.consume()
    assert talk.parts(first) == {"length": 12, "information": 25, "replies": 18}
    assert_rebuild_equals(talk.community, CONSUMER)


def test_the_same_few_do_not_lift_each_other():
    talk = Talk()
    posts = [talk.say(0, RICH + f"第{i}次"[::-1] * 9) for i in range(5)]
    for post in posts:
        talk.say(1, ANSWER, reply_to=post)
    backs = [talk.say(1, f"另外一件事情{i}") for i in range(2)]
    for post in backs:
        talk.say(0, ANSWER, reply_to=post)
    talk.consume()
    assert [talk.parts(p).get("replies", 0) for p in posts] == [6, 6, 6, 0, 0]
    assert [talk.parts(p).get("replies", 0) for p in backs] == [3, 3]
    assert_rebuild_equals(talk.community, CONSUMER)


def test_a_copy_is_worth_nothing_by_itself_unless_it_is_old():
    talk = Talk()
    first = talk.say()
    copy = talk.say(1, "转 " + RICH)
    late = talk.say(2, RICH, at=NOW + timedelta(days=91))
    talk.consume()
    assert talk.parts(first) == {"length": 12, "information": 25}
    row = MessageScore.objects.get(community_id=talk.id, message_seq=copy)
    assert (row.copy_of, row.score) == (first, 0)
    assert talk.parts(late) == {"length": 12, "information": 25}


def test_staff_beat_the_score_both_ways_and_the_last_word_holds():
    talk = Talk()
    low, high = talk.say(0, "好"), talk.say(1)
    talk.hear("quality.marked", 0, message=low, by="owner", via="chat", points=10, turn=1)
    denied = deny(community_id=talk.id, seq=high, by="owner", now=NOW)
    assert deny(community_id=talk.id, seq=high, by="owner", now=NOW) == denied
    talk.consume()
    assert talk.parts(low) == {"marked": 100}
    assert talk.parts(high) == {"length": 12, "information": 25, "denied": -37}
    talk.hear("quality.unmarked", 0, message=low, by="owner", why="staff", turn=1)
    talk.hear("quality.marked", 1, message=high, by="owner", via="console", points=10, turn=1)
    talk.consume()
    assert talk.parts(low) == {}
    assert talk.parts(high) == {"length": 12, "information": 25, "marked": 63}
    assert deny(community_id=talk.id, seq=high, by="owner", now=NOW) > denied  # after the new mark, said anew
    talk.consume()
    assert MessageScore.objects.get(message_seq=high).score == 0
    for seq in (talk.hear("command.posted", command="level"), 10**12):
        with pytest.raises(NotJudged):
            deny(community_id=talk.id, seq=seq, by="owner", now=NOW)
    assert_rebuild_equals(talk.community, CONSUMER)


def test_what_is_punished_counts_nothing_until_it_is_taken_back():
    talk = Talk()
    seq, answered = talk.say(), talk.say(1, RICH[::-1])
    answer = talk.say(0, ANSWER, reply_to=answered)
    given = {"outcome": "live", "rule": "ad.post", "cause_seq": seq, "effects": [{"kind": "mute"}]}
    talk.hear("decision.made", **given)
    talk.hear("decision.made", **(given | {"outcome": "shadow", "rule": "try"}))
    talk.hear("message.recalled", target=answer, by="staff")
    talk.hear("case.decided", case=1, step="warn", cause_seq=answered, rule="rude")
    talk.consume()
    assert talk.parts(seq) == {"length": 12, "information": 25, "punished": -37}
    assert talk.parts(answered) == {"length": 12, "information": 25, "punished": -37}
    assert QualitySupport.objects.get(community_id=talk.id).weight == 0
    talk.hear("penalty.reversed", cause_seq=seq, rule="ad.post")
    talk.hear("penalty.reversed", cause_seq=answered, rule="rude")
    talk.consume()
    assert talk.parts(seq) == talk.parts(answered) == {"length": 12, "information": 25}
    assert_rebuild_equals(talk.community, CONSUMER)


def test_the_product_marks_only_where_it_may_and_once():
    talk = Talk({"engagement": {"quality": {"award": True}}, "governance": {"points": {"quality_content": 7}}})
    seq = talk.say()
    talk.say(1, "好")
    talk.say(2, RICH[::-1], historic=True)
    talk.consume()
    talk.say(3, ANSWER, reply_to=seq)
    talk.consume()
    (mark,) = events_of(talk.community, "quality.marked")
    assert mark.body == {"message": seq, "by": "qunzhu", "via": "score", "points": 7, "turn": 1}
    assert mark.member_id == talk.people[0].pk
    assert talk.parts(seq) == {"length": 12, "information": 25, "replies": 6}  # no word of staff
    assert_rebuild_equals(talk.community, CONSUMER)
    plain = Talk()
    plain.say()
    plain.consume()
    assert events_of(plain.community, "quality.marked") == []


@pytest.mark.parametrize("batch", [1, 3, 17])
def test_batches_of_any_size_come_to_the_same(batch):
    chance = random.Random(5)
    talk = Talk()
    said = []
    for i in range(60):
        more = {"reply_to": chance.choice(said)} if said and chance.random() < 0.6 else {}
        text = chance.choice([RICH, "赞", ANSWER, f"{i}号问题怎么处理比较稳妥呢请大家帮忙看看这个方案行不行"])
        said.append(talk.say(chance.randrange(4), text, at=NOW + timedelta(hours=12 * i), **more))
        if chance.random() < 0.2:
            talk.hear("message.recalled", target=chance.choice(said), by="member")
    talk.consume(batch)
    assert len(talk.rows()[0]) == 60
    assert_rebuild_equals(talk.community, CONSUMER)  # replayed in batches of 5,000


def test_queries_do_not_grow_with_messages():
    counts = []
    for n in (5, 60):
        talk = Talk()
        first = talk.say()
        for i in range(n):
            talk.say(i % 8, ANSWER + str(i), reply_to=first)
        with CaptureQueriesContext(connection) as seen:
            talk.consume()
        counts.append(len(seen))
    assert counts[0] == counts[1]


def test_reading_the_best_and_the_share():
    talk = Talk()
    seq = talk.say()
    talk.say(1, "好的收到")
    talk.consume()
    day = local_day(NOW, "Asia/Shanghai")
    assert quality_share(talk.id, first=day, last=day) == (1, 2)
    assert quality_share(talk.id, first=day, last=day, group_id=10**9) == (0, 0)
    assert [r.message_seq for r in best_of(talk.id, talk.people[0].pk, since=day)] == [seq]
    assert best_of(talk.id, talk.people[1].pk, since=day) == []


def test_an_erased_member_leaves_no_marks_of_words():
    talk = Talk()
    talk.say()
    kept = talk.say(1, RICH[::-1])
    talk.consume()
    erase_member(community_id=talk.id, member_id=talk.people[0].pk, by="owner", now=NOW)
    talk.consume()
    assert set(QualityGram.objects.filter(community_id=talk.id).values_list("message_seq", flat=True)) == {kept}
    assert_rebuild_equals(talk.community, CONSUMER)
