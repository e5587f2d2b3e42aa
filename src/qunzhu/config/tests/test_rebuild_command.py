"""`qunzhu rebuild` says what it finds and exits with 1 when a row differs."""

import pytest
from click.testing import CliRunner

from qunzhu.analytics.models import MemberDay
from qunzhu.config.rebuild import command
from qunzhu.config.subscriptions import CONSUMERS
from qunzhu.kernel.community.tests.factories import make_community, make_group, make_member, run, write

pytestmark = pytest.mark.django_db(transaction=True)


def test_check_rebuild_check():
    c = make_community()
    g, lin = make_group(c), make_member(c)
    write(c, "member.joined", group=g, member=lin, nickname="小林", via="link", platform_user_id="u")
    write(c, "message.posted", group=g, member=lin, text="早", type="text", platform_id="p", nickname="小林")
    run(*CONSUMERS)
    ask = CliRunner().invoke
    healthy = ask(command, ["--check", "--community", c.slug])
    assert (healthy.exit_code, "differ" in healthy.output) == (0, False), healthy.output
    assert f"{c.slug}: rollups: 2 events → group_hour 1, member_day 1, community_day 1: equal" in healthy.output
    MemberDay.objects.update(messages=9)
    broken = ask(command, ["--check", "--consumer", "rollups"])
    key = f"community_id={c.pk}, day=2026-11-24, member_id={lin.pk}, group_id={g.pk}"
    assert broken.exit_code == 1
    assert broken.output.splitlines() == [
        f"{c.slug}: rollups: 2 events → group_hour 1, member_day 1, community_day 1: 1 rows differ",
        f"  member_day({key}): messages is 9, should be 1",
    ]
    mended = ask(command, ["--consumer", "rollups"])
    assert (mended.exit_code, "1 rows corrected" in mended.output) == (0, True)
    assert ask(command, ["--check"]).exit_code == 0


def test_unknown_names_are_refused():
    assert "no such consumer: nobody" in CliRunner().invoke(command, ["--consumer", "nobody"]).output
    assert "no community has the slug 'x'" in CliRunner().invoke(command, ["--community", "x"]).output
