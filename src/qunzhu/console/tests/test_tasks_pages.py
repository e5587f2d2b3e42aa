"""活跃 › 任务: figures, who did what, files, and nobody else's community."""

import pytest

from qunzhu.console.tests.desk import make_desk
from qunzhu.engagement.tasks.consumer import CONSUMER
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community.models import AuditEntry, Group
from qunzhu.kernel.community.tests.factories import run, write

pytestmark = pytest.mark.django_db(transaction=True)
TASKS = [
    {"id": "talk", "name": "说两句<b>", "kind": "daily", "on": "message", "count": 2, "points": 2},
    {"id": "good", "name": "优质", "kind": "contribution", "on": "quality", "count": 1, "points": 5},
]


@pytest.fixture
def desk():
    made = make_desk()
    made.community.blueprint = {"engagement": {"tasks": TASKS}}
    made.community.save()
    write(made.community, "rulebook.published", version=1, by="a", rules=[], settings={}, note="")
    run(CONSUMER)
    group = Group.objects.filter(community=made.community).first()
    for _ in range(2):
        write(
            made.community, "message.posted", group=group, member=made.member, at=SYSTEM_CLOCK.now(), text="早上好",
            nickname="x",
        )  # fmt: skip
    run(CONSUMER)
    return made


def get(desk, path):
    return desk.client("owner").get(desk.url(path))


def test_tasks_with_figures_filters_and_files(desk):
    page = get(desk, "tasks/?view=standard").content.decode()
    assert "说两句&lt;b&gt;" in page
    assert "100%" in page
    assert "优质" in page
    assert "说两句" not in get(desk, "tasks/?kind=contribution").content.decode()
    file = b"".join(get(desk, "tasks/export.csv")).decode("utf-8-sig")
    assert "说两句<b>" in file
    assert list(AuditEntry.objects.values_list("action", flat=True)) == ["tasks.export"]


def test_who_did_one_task(desk):
    name = desk.member.display_name
    page = get(desk, "task_people/?unit=talk&state=done").content.decode()
    assert name in page
    assert "2/2" in page
    assert "2/2" not in get(desk, "task_people/?unit=talk&state=back").content.decode()
    assert "2/2" not in get(desk, "task_people/?unit=other").content.decode()
    file = b"".join(get(desk, "task_people/export.csv?unit=talk")).decode("utf-8-sig")
    assert name in file
    assert "2/2" in file


def test_another_community_sees_nothing(desk):
    assert desk.client("owner").get("/console/other/tasks/").status_code == 404
    assert desk.client("owner").get("/console/other/task_people/?unit=talk").status_code == 404
