"""群规 1.3: a code that leads out of the group is shown to a human, and the same code again is the same link."""

import io

import pytest
import segno

from qunzhu.kernel.cases.models import Case

pytestmark = pytest.mark.django_db(transaction=True)
FRIEND = "https://u.wechat.com/EAbcdefgh"


def picture(text: str) -> bytes:
    out = io.BytesIO()
    segno.make(text).save(out, kind="png", scale=5, border=4)
    return out.getvalue()


def show(world, name, text):
    """Send a picture with a code that says `text`."""
    headers = {
        "cookie": f"qz_member={world.people[name].token}", "content-type": "image/png", "x-qunzhu": "1",
    }  # fmt: skip
    kept = world.request(
        "POST", f"/in/local/upload?group={world.group.pk}", content=picture(text), headers=headers
    ).json()
    return world.say(name, "", image=kept["upload"])


def test_a_code_of_somebodys_account_is_shown_to_a_human(world):
    world.join("老贾", "小美")
    show(world, "老贾", FRIEND)
    world.settle()
    assert [(kind, urgency) for kind, urgency, *_ in world.cases()] == [("rule_review", "grey")]
    (opened,) = [line for line in world.log() if line.startswith("case.opened")]
    assert opened.startswith("case.opened 老贾 rule_review grey")
    assert "图里有加人或加群的二维码" in world.console(f"cases/{Case.objects.get().pk}/")


def test_the_same_code_six_times_in_an_hour_is_the_same_link(world):
    world.join("老贾")
    for _ in range(6):
        show(world, "老贾", "https://example.com/p/1")
    world.settle()
    assert any(line.startswith("member.muted 老贾") for line in world.log())


@pytest.mark.parametrize("text", ["有事找我 QQ 二八三四七七一九三", "联系 1３8-〇〇13-捌〇〇〇 加我"])
def test_a_number_said_in_another_way_is_still_a_way_out(world, text):
    world.join("老贾")
    world.say("老贾", text)
    world.settle()
    assert [(kind, urgency) for kind, urgency, *_ in world.cases()] == [("rule_review", "grey")]
