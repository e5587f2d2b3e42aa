"""Imports end to end: exact events, nothing twice, interrupted anywhere, and real exports."""

import os
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from qunzhu.kernel.clock import FixedClock
from qunzhu.kernel.community.models import Group, Identity, Member
from qunzhu.kernel.community.services import create_community
from qunzhu.kernel.connectors.imports import services
from qunzhu.kernel.connectors.imports.command import command
from qunzhu.kernel.connectors.imports.models import ImportJob
from qunzhu.kernel.connectors.imports.records import Rejected
from qunzhu.kernel.connectors.imports.services import Result, group_for_import, run_import
from qunzhu.kernel.connectors.imports.source import Unreadable
from qunzhu.kernel.events.models import Event

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
SAMPLE = """time\tkind\tuser\ttext
2024-01-05 08:00:00\tjoin\tAda\t
2024-01-05 08:00:01\tmsg\tAda\t看 https://a.cn/x
2024-01-05 08:00:01\tmsg\tAda\t看 https://a.cn/x
2024-01-05 08:00:02\taction\tBob\twaves
2024-01-05 08:00:03\tnick\tAda\tAda_away
2024-01-05 08:00:04\tmsg\tAda_away\t签到
2024-01-05 08:00:05\tleave\tAda_away\t
oops
2024-01-05 08:00:06\tother\t\t*** mode
2099-01-05 08:00:06\tmsg\tBob\tfrom the future
"""


@pytest.fixture
def group():
    community = create_community(slug="imports", name="读书", timezone="Asia/Shanghai", blueprint={}, now=NOW)
    return group_for_import(community=community, name="读书群", now=NOW)


def run(group, path, **options) -> Result:
    *_, result = run_import(group=group, path=path, clock=FixedClock(NOW), **options)
    return result


def log_of(group):
    rows = Event.objects.filter(group_id=group.pk).exclude(kind="group.created").order_by("seq")
    return [(e.kind, e.member_id, e.occurred_at, e.historic, e.connector, e.body) for e in rows]


def test_the_exact_events(group, tmp_path):
    file = tmp_path / "chat.tsv"
    file.write_text(SAMPLE)
    result = run(group, file)
    assert (result.format, result.added, result.duplicates, result.rejected) == ("tsv", 7, 0, 3)
    assert result.kinds == {
        "member.joined": 1,
        "message.posted": 3,
        "member.renamed": 1,
        "command.posted": 1,
        "member.left": 1,
    }
    members = {m.display_name: m.pk for m in Member.objects.all()}
    assert sorted(members) == ["Ada", "Bob"]
    ada, bob = members["Ada"], members["Bob"]
    events = log_of(group)
    assert [(kind, member) for kind, member, *_ in events] == [
        ("member.joined", ada), ("message.posted", ada), ("message.posted", ada), ("message.posted", bob),
        ("member.renamed", ada), ("command.posted", ada), ("member.left", ada), ("import.finished", None),
    ]  # fmt: skip
    assert all(historic and connector == "import:tsv" for *_, historic, connector, _ in events[:-1])
    assert events[0][2] == datetime(2024, 1, 5, 0, 0, tzinfo=UTC)
    bodies = [body for *_, body in events]
    assert bodies[0] == {"nickname": "Ada", "via": "import", "platform_user_id": f"name:{group.pk}:Ada"}
    assert {k: v for k, v in bodies[1].items() if k != "platform_id"} == {
        "text": "看 https://a.cn/x", "type": "text", "nickname": "Ada", "links": ["https://a.cn/x"],
    }  # fmt: skip
    assert bodies[3]["text"] == "/me waves"
    assert (bodies[5]["command"], bodies[5]["args"], bodies[5]["nickname"]) == ("checkin", "", "Ada_away")
    assert bodies[7] == {"file": "chat.tsv", "format": "tsv", "added": 7, "duplicates": 0, "rejected": 3}
    assert (tmp_path / "chat.tsv.rejected").read_text() == (
        "9\t有 1 列,表头有 4 列\toops\n10\t系统消息,没有对应的事件\t2024-01-05 08:00:06\tother\t\t*** mode\n"
        "11\t时间在未来\t2099-01-05 08:00:06\tmsg\tBob\tfrom the future\n"
    )


def test_the_same_file_twice_and_a_longer_one_add_only_what_is_new(group, tmp_path):
    file = tmp_path / "chat.tsv"
    file.write_text(SAMPLE)
    run(group, file)
    before = log_of(group)
    again = run(group, file)
    assert (again.added, again.duplicates, again.rejected) == (0, 7, 3)
    assert log_of(group) == before
    longer = tmp_path / "renamed.tsv"
    longer.write_text(SAMPLE + "2024-01-06 08:00:00\tmsg\tAda\t新的一天\n")
    third = run(group, longer)
    assert (third.added, third.duplicates) == (1, 7)
    assert Member.objects.count() == 2
    assert Identity.objects.count() == 3


@pytest.mark.parametrize("batches", [0, 1, 2, 3])
def test_interrupted_after_any_batch_it_ends_as_in_one_go(group, tmp_path, monkeypatch, batches):
    monkeypatch.setattr(services, "BATCH", 3)
    file = tmp_path / "chat.tsv"
    file.write_text(SAMPLE)
    steps = run_import(group=group, path=file, clock=FixedClock(NOW))
    for _ in range(batches):
        next(steps)
    steps.close()
    result = run(group, file)
    assert (result.added, result.duplicates, result.rejected) == (7, 0, 3)
    assert len((tmp_path / "chat.tsv.rejected").read_text().splitlines()) == 3
    assert [kind for kind, *_ in log_of(group)] == [
        "member.joined", "message.posted", "message.posted", "message.posted", "member.renamed", "command.posted",
        "member.left", "import.finished",
    ]  # fmt: skip
    assert result.kinds == {
        "member.joined": 1, "message.posted": 3, "member.renamed": 1, "command.posted": 1, "member.left": 1,
    }  # fmt: skip
    job = ImportJob.objects.get()
    assert (job.state, job.lines, job.added, job.rejected) == ("done", 10, 7, 3)


def test_a_repeat_leaves_the_figures_of_the_first_import(group, tmp_path):
    file = tmp_path / "chat.tsv"
    file.write_text(SAMPLE)
    assert run(group, file).first_import is None
    first = ImportJob.objects.values("added", "duplicates", "rejected", "lines", "kinds", "started_at", "state").get()
    again = run(group, file)
    assert (again.added, again.duplicates, again.rejected, again.first_import) == (0, 7, 3, NOW)
    assert ImportJob.objects.values(*first).get() == first
    assert (first["added"], first["duplicates"], first["lines"], first["state"]) == (7, 0, 10, "done")
    assert list(ImportJob.objects.values_list("repeats", "repeated_at")) == [(1, NOW)]


def test_another_time_zone_for_the_same_content_must_be_wanted(group, tmp_path):
    file = tmp_path / "chat.tsv"
    file.write_text(SAMPLE)
    run(group, file)
    before = log_of(group)
    told = "这个文件已按时区 Asia/Shanghai 导入过“读书群”，现在用 Europe/London 会让每条消息多出一份。"
    with pytest.raises(Unreadable, match=told):
        run(group, file, timezone="Europe/London")
    refused = CliRunner().invoke(command, [str(file), "--group", "读书群", "--timezone", "Europe/London"])
    assert (refused.exit_code, told in refused.stderr, "--again" in refused.stderr) == (1, True, True)
    assert (log_of(group), ImportJob.objects.count()) == (before, 1)
    options = [str(file), "--group", "读书群", "--timezone", "Europe/London", "--again"]
    wanted = CliRunner().invoke(command, options)
    assert (wanted.exit_code, "新增 added 7 · 重复 duplicates 0" in wanted.stdout) == (0, True)
    assert run(group, file).duplicates == 7


def test_a_file_that_cannot_be_imported_leaves_no_group(group, tmp_path):
    file = tmp_path / "旧群.csv"
    for content, options, told in (
        ("nothing to see", [], "看不出“旧群.csv”是什么格式"),
        ("when,user,text\n2024-01-05 08:00:00,a,b\n", [], "找不到 time 列"),
        ("time,user,text\n2024-01-05 08:00:00,a,b\n", ["--map", "text=words"], "没有“words”这一列"),
        ("time,user,text\nyesterday,a,b\n", [], "没有一行可以导入；第 2 行: "),
        ("time,user,text\n2024-01-05 08:00:00,a,b\n", ["--timezone", "Mars"], "没有叫“Mars”的时区"),
    ):
        file.write_text(content)
        done = CliRunner().invoke(command, [str(file), *options])
        assert (done.exit_code, told in done.stderr) == (1, True), done.output
    assert [g.name for g in Group.objects.all()] == ["读书群"]
    assert ImportJob.objects.count() == 0


def test_what_stands_before_a_break_is_given_out_first(monkeypatch):
    monkeypatch.setattr(services, "BATCH", 2)
    lines = [Rejected(number, "x", "y") for number in range(1, 4)]

    def broken():
        yield from lines
        raise Unreadable("压缩文件已损坏")

    batches = services._batches(broken(), 0)
    assert [next(batches), next(batches)] == [lines[:2], lines[2:]]
    with pytest.raises(Unreadable, match="压缩文件已损坏"):
        next(batches)


def test_first_seen_is_the_earliest_time_in_any_history(group, tmp_path):
    file = tmp_path / "chat.csv"
    file.write_text("time,user,text\n2024-01-05 08:00:00,a,二\n2024-01-04 08:00:00,a,一\n2024-01-06 08:00:00,a,三\n")
    run(group, file)
    assert Member.objects.get().created_at == datetime(2024, 1, 4, 0, 0, tzinfo=UTC)
    older = tmp_path / "older.csv"
    older.write_text("time,user,text\n2023-05-01 08:00:00,a,更早\n2025-05-01 08:00:00,a,更晚\n")
    run(group, older)
    assert Member.objects.get().created_at == datetime(2023, 5, 1, 0, 0, tzinfo=UTC)


def test_no_rejected_file_remains_when_nothing_was_rejected(group, tmp_path):
    file = tmp_path / "chat.csv"
    file.write_text("time,user,text\n2024-01-05 08:00:00,a,b\n")
    assert run(group, file).rejected_file == ""
    assert [p.name for p in tmp_path.iterdir()] == ["chat.csv"]


def test_a_file_that_breaks_midway_fails_and_says_so(group, tmp_path):
    file = tmp_path / "chat.json"
    file.write_text('{"guild": 1}')
    with pytest.raises(Unreadable, match="没有“messages”列表"):
        run(group, file, fmt="discord")
    assert ImportJob.objects.get().state == "failed"
    with pytest.raises(Unreadable, match="没有叫“Mars”的时区"):
        run(group, file, timezone="Mars")


def test_names_are_people_of_one_group_only(group, tmp_path):
    file = tmp_path / "chat.csv"
    file.write_text("time,user,text\n2024-01-05 08:00:00,小明,b\n")
    other = group_for_import(community=group.community, name="另一个群", now=NOW)
    assert (run(group, file).added, run(other, file).added) == (1, 1)
    assert Member.objects.filter(display_name="小明").count() == 2


def test_the_command(group, tmp_path):
    file = tmp_path / "chat.tsv"
    file.write_text(SAMPLE)
    done = CliRunner().invoke(command, [str(file), "--group", "读书群", "--timezone", "Asia/Shanghai"])
    assert done.exit_code == 0, done.output
    assert "新增 added 7 · 重复 duplicates 0 · 未导入 rejected 3" in done.stdout
    assert "未导入 1: 时间在未来" in done.stdout
    bad = CliRunner().invoke(command, [str(file), "--map", "colour=x"])
    assert bad.exit_code == 2
    assert "fields are time, user, id, text, kind" in bad.stderr
    unknown = CliRunner().invoke(command, [str(file), "--community", "nobody"])
    assert (unknown.exit_code, "没有代号为“nobody”的社群" in unknown.stderr) == (1, True)


def real(name: str) -> Path:
    default = Path(__file__).resolve().parents[7] / "shared" / "data"
    file = Path(os.environ.get("QUNZHU_REAL_DATA") or default) / name
    if not file.exists():
        pytest.skip(f"{file} is not there; set QUNZHU_REAL_DATA to the folder that holds it")
    return file


@pytest.mark.realdata
def test_a_real_irc_log(group, tmp_path):
    file = real("chat_irc_qtox.tsv")
    aside = tmp_path / "aside"
    result = run(group, file, timezone="Europe/London", rejected_path=aside)
    assert (result.added, result.duplicates, result.rejected) == (29243, 0, 696)
    assert result.kinds == Counter(
        {
            "message.posted": 17383,
            "member.joined": 5895,
            "member.left": 5844,
            "member.renamed": 121,
        }
    )
    assert result.reasons == {"系统消息,没有对应的事件": 695, "内容是空的": 1}
    assert len(aside.read_text().splitlines()) == 696
    again = run(group, file, timezone="Europe/London", rejected_path=aside)
    assert (again.added, again.duplicates, again.rejected) == (0, 29243, 696)


@pytest.mark.realdata
def test_a_real_slack_archive(group, tmp_path):
    file = real("chat_slack_crs_threads.tsv")
    aside = tmp_path / "aside"
    result = run(group, file, rejected_path=aside)
    assert (result.added, result.duplicates, result.rejected, dict(result.reasons)) == (5484, 0, 7, {"内容是空的": 7})
    assert result.kinds == {"message.posted": 5484}
    first = Event.objects.filter(group_id=group.pk, kind="message.posted").order_by("seq").first()
    assert first is not None
    assert first.occurred_at == datetime(2018, 11, 5, 19, 30, 43, tzinfo=UTC)  # the column ts_utc says its zone
