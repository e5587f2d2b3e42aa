"""`qunzhu backtest`: a rulebook from a file on recorded history; the same bytes each time; mistakes with their line."""

import json

import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from qunzhu.config.backtest import command
from qunzhu.kernel.community.models import Community
from qunzhu.kernel.community.tests.factories import NOW, make_community, make_group, make_member, write
from qunzhu.kernel.engine.rulebook_service import publish_rulebook
from qunzhu.kernel.engine.tests.workplace import workplace
from qunzhu.kernel.events.models import Event

pytestmark = pytest.mark.django_db(transaction=True)
RULE = workplace()["rules"][0]
SPAN = ["--from", "2026-11-01", "--to", "2026-11-30"]


@pytest.fixture
def community() -> Community:
    made = make_community()
    group, member = make_group(made), make_member(made)
    publish_rulebook(community_id=made.pk, rules=workplace()["rules"], by="t", now=NOW)
    for n in range(7):
        write(made, "message.posted", group=group, member=member, text=f"{n}", type="text", nickname="小林",
              platform_id="x")  # fmt: skip
    return made


def call(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(command, [*SPAN, *arguments])
    return result.exit_code, result.stdout if result.exit_code == 0 else result.output


def written(tmp_path, data) -> str:
    path = tmp_path / "rules.yaml"
    with path.open("w", encoding="utf-8") as out:
        YAML().dump(data, out)
    return str(path)


def test_a_file_is_tried_and_nothing_is_written(community, tmp_path):
    cap = {**workplace()["rules"][0], "when": {"fact": "window.count", "over": 3}}
    file = written(tmp_path, {"rules": [cap]})
    before = Event.objects.count()
    code, out = call("--rulebook", file, "--against", "live", "--json")
    assert code == 0, out
    report = json.loads(out)
    assert report["compared"]["totals"]["new"] == 2
    assert report["judged"] == {"erased": 0, "events": 7, "people": 1, "skipped": 0}
    assert call("--rulebook", file, "--against", "live", "--json") == (0, out)
    assert Event.objects.count() == before
    code, out = call("--rulebook", "v1", "--against", "nothing")
    assert (code, out.splitlines()[0]) == (0, "7 条消息 messages · 1 人 people")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"rules": [{**RULE, "when": {"fact": "window.cuont", "over": 1}}]}, "did you mean 'window.count'?"),
        ({"rules": 5}, "rules: expected a list of rules"),
        ({"rulez": []}, "rulez: is not a known setting"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_file_is_named(community, tmp_path, data, said):
    code, out = call("--rulebook", written(tmp_path, data))
    assert code == 1
    assert said in out
    assert "rules.yaml:" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--rulebook", "v7"], "has no version 7"),
        (["--rulebook", "nowhere.yaml"], "cannot be read"),
        (["--group", "没有的群"], "no such group"),
        (["--from", "yesterday"], "is no day or time"),
        (["--from", "2026-12-24"], "--to must be after --from"),
        (["--community", "none"], "no such community"),
    ],
)
def test_bad_input_names_the_option(community, arguments, said):
    code, out = call(*arguments)
    assert code != 0
    assert said in out
