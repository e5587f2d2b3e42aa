"""Topics: written while people come in, who wait for nobody."""

import threading

import pytest
from django.db import connection, connections, transaction

from qunzhu.engagement.debate.services import save_topic
from qunzhu.kernel.community.models import Member
from qunzhu.kernel.community.tests.factories import NOW, make_community, make_group
from qunzhu.kernel.connectors.local.services import join_room, open_room

pytestmark = pytest.mark.django_db(transaction=True)
FIELDS = {"title": "先看薪资还是先看成长", "pro": "薪资", "con": "成长"}


def test_who_joins_while_a_topic_is_written_waits_for_nobody():
    community = make_community()
    room = open_room(group=make_group(community))
    refused: list[Exception] = []

    def join() -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '5s'")
            join_room(room=room, nickname="小林", now=NOW)
        except Exception as error:  # noqa: BLE001  (told by the assertion)
            refused.append(error)
        finally:
            connections.close_all()

    events: list = []
    with transaction.atomic():
        save_topic(community_id=community.pk, number=None, fields=FIELDS, by="o", now=NOW, append=events.append)
        joining = threading.Thread(target=join)
        joining.start()
        joining.join()
    assert refused == []
    assert Member.objects.filter(community=community).count() == 1
    assert [event.kind for event in events] == ["debate.topic"]
