"""Floors of the scores on real data that they have not learned from (what is reached: bench/RESULTS.md)."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from qunzhu.config.scan import command

pytestmark = pytest.mark.realdata
SOLICITATION = [v for c in ("ad", "contact", "gambling", "porn", "fraud", "fundraising") for v in ("--category", c)]


def real(name):
    folder = os.environ.get("QUNZHU_REAL_DATA")
    if not folder or not (Path(folder) / name).exists():
        pytest.skip(f"{name} is not there; set QUNZHU_REAL_DATA to the folder that holds it")
    return str(Path(folder) / name)


def figures(name, *arguments):
    done = CliRunner().invoke(command, [real(name), "--column", "text", *arguments])
    assert done.exit_code == 0, done.output
    found = {}
    for line in done.output.splitlines():
        words = line.rsplit(" ", 1)
        if len(words) == 2 and words[1].replace(".", "", 1).isdigit():
            found[words[0].strip().rstrip(":")] = float(words[1])
    return found, done.output


def test_group_ads_after_learning_half():
    found, _ = figures("spam_telegram_cn.tsv", "--labels", "label", "--category", "ad", "--learn-half")
    assert found["recall at 1.0% false positives"] >= 0.85


def test_attack_on_cold_dev():
    found, _ = figures("abuse_cold.tsv", "--labels", "label", "--category", "attack", "--where", "split=dev")
    assert found["f1"] >= 0.85


@pytest.mark.parametrize(
    ("name", "where"),
    [("spam_telegram_cn.tsv", "label=0"), ("spam_sms80w_10k.tsv", "label=0"), ("ham_nus_sms_zh.tsv", "")],
)
def test_few_false_alarms_out_of_the_box(name, where):
    label = "type" if not where else "label"
    arguments = ["--labels", label, "--positive", "1", *SOLICITATION, *(["--where", where] if where else [])]
    found, _ = figures(name, *arguments)
    assert found["false alarms"] <= 0.02


def test_lively_talk_is_not_flooding():
    _, said = figures("chat_irc_qtox.tsv", "--user", "user", "--time", "ts_bst", "--zone", "Europe/London")
    share = float(said.partition("user-days (")[2].partition("%")[0])
    assert share <= 2
