"""Imported history runs through the same log and consumers, and nothing of it reaches anybody."""

import pytest

from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.connectors.imports.services import run_import
from qunzhu.kernel.effects.models import Effect
from qunzhu.kernel.ledger.models import LedgerTransaction

pytestmark = pytest.mark.django_db(transaction=True)

TAIL = "觉得不对？发“申诉 原因”。"


def history():
    lines = ["time,user,text"]
    lines += [f"2026-11-2{day} 09:00:0{n},小林,https://a.example.com/x" for day in (1, 2) for n in range(6)]
    lines += ["2026-11-22 10:00:00,骗子,资金募集开始了", "2026-11-22 10:00:01,小林,签到"]
    lines += [f"2026-11-22 11:00:0{n},小林,举报 @骗子" for n in range(3)]
    return "\n".join(lines)


def test_decided_for_the_record_only(world, tmp_path):
    world.join("小林", "小美")
    file = tmp_path / "history.csv"
    file.write_text(history())
    *_, result = run_import(group=world.groups[0], path=file, clock=world.clock)
    world.settle()
    assert (result.added, result.rejected) == (17, 0)
    lines = world.log()
    cap = "小林，今天已发 6 条（群规 2.1，上限 5 条），{}。" + TAIL
    links = "小林，同一链接 1 小时内已发 6 次（群规 2.3，上限 5 次），先休息 1 小时，10:00 恢复。" + TAIL
    red = "骗子 的消息含「资金募集」（群规 6.3，禁止资金募集与诈骗信息），这条消息先收回，本群先冻结，等管理员处理。"
    assert [line for line in lines if line.startswith("decision.made")] == [
        f"decision.made 小林 daily_cap historic warn to equal_links: {cap.format('先提醒一次')}",
        f"decision.made 小林 equal_links historic mute strike: {links}",
        f"decision.made 小林 daily_cap historic mute to equal_links: {cap.format('先休息 1 小时，10:00 恢复')}",
        f"decision.made 小林 equal_links historic mute strike: {links}",
        f"decision.made 骗子 red_keyword historic: {red}",
    ]
    assert len(lines) == 17 + 1 + 5
    assert all(e.historic for e in world.events("decision.made"))
    assert (Effect.objects.count(), Case.objects.count(), LedgerTransaction.objects.count()) == (0, 0, 0)
    assert world.group.state == "active"

    # The live windows know nothing of it: whoever is called 小林 here starts with a clean sheet.
    world.say("小林", "https://a.example.com/x")
    world.settle()
    assert world.log() == ["message.posted 小林 https://a.example.com/x"]

    *_, again = run_import(group=world.groups[0], path=file, clock=world.clock)
    world.settle()
    assert (again.added, again.duplicates) == (0, 17)
    assert world.log() == []
