"""短链接: where the community wants to know, a short link counts as the page it leads to."""

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from qunzhu.kernel.community.models import Community
from qunzhu.risk.links.follow import Led
from qunzhu.risk.links.models import ShortLink
from qunzhu.risk.links.services import MOST_AN_HOUR, resolve

pytestmark = pytest.mark.django_db(transaction=True)
SHORT, PAGE = "https://t.cn/A1b2C3", "https://shop.example.com/p/9"


def wanted(world):
    community = Community.objects.get(pk=world.community.pk)
    community.blueprint["risk"]["links"] = {"resolve_short": True}
    community.save(update_fields=["blueprint"])


def jobs(world):
    """What is asked about, for this community."""
    rows = ProcrastinateJob.objects.filter(task_name="risk.resolve_link", args__community_id=world.community.pk)
    return [args["link"] for args in rows.values_list("args", flat=True)]


def test_nothing_is_asked_unless_the_community_wants_to_know(world):
    world.join("小林")
    world.say("小林", f"看 {SHORT}")
    world.settle()
    assert (jobs(world), ShortLink.objects.count()) == ([], 0)


def test_each_short_link_is_asked_once_and_then_counts_as_its_page(world):
    wanted(world)
    world.join("小林")
    for _ in range(2):
        world.say("小林", f"看 {SHORT}")
    world.settle()
    assert jobs(world) == [SHORT]
    world.log()
    for _ in range(2):  # a job that runs again says nothing new
        led = Led(f"{PAGE}?utm_source=x")
        resolve(community_id=world.community.pk, link=SHORT, now=world.clock.now(), ask=lambda _, led=led: led)
    world.settle()
    assert [line.split()[0] for line in world.log()] == ["link.resolved"]
    world.later(days=1)
    for _ in range(5):
        world.say("小林", f"看 {PAGE}")
    world.settle()
    assert not any("equal_links" in line for line in world.log())
    world.say("小林", f"看 {SHORT}")  # the sixth of the same page
    world.settle()
    assert any(line.startswith("decision.made 小林 equal_links") for line in world.log())
    assert f"{SHORT} → {PAGE}" in world.console("feed/?kind=settings")


def test_a_flood_of_short_links_is_not_followed(world):
    wanted(world)
    world.join("小林")
    links = [f"https://t.cn/x{n}" for n in range(MOST_AN_HOUR + 20)]
    for at in range(0, len(links), 20):
        world.say("小林", " ".join(links[at : at + 20]))
    world.settle()
    assert len(jobs(world)) == ShortLink.objects.count() == MOST_AN_HOUR
