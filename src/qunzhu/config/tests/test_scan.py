"""`qunzhu scan`: figures, files and refusals, on tables written here."""

import gzip
import json

import pytest
from click.testing import CliRunner

from qunzhu.config.scan import command

HEAD = "text,label,who,at"
ROWS = [
    ("招兼职日赚三百，加微信 abcdef123", "spam", "甲", "2026-11-24T12:00:00"),
    ("全网最低价批发，量大从优，加QQ 28347719", "spam", "乙", "2026-11-24T12:00:01"),
    ("今天天气真好", "ham", "甲", "2026-11-24T12:00:02"),
    ("明天几点开会", "ham", "乙", "2026-11-24T12:00:03"),
]


def table(folder, rows=ROWS, name="chat.csv"):
    file = folder / name
    file.write_text("\n".join([HEAD, *(",".join(row) for row in rows)]) + "\n", encoding="utf-8")
    return file


def scan(*arguments):
    return CliRunner().invoke(command, [str(a) for a in arguments])


def test_scores_reasons_and_figures(tmp_path):
    out = tmp_path / "out.jsonl"
    done = scan(table(tmp_path), "--column", "text", "--labels", "label", "--threshold-for-fpr", "0.01", "--jsonl", out)
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert lines[0] == "chat.csv: 4 messages, 0 lines left out"
    assert [line.split() for line in lines if line.startswith(("precision", "recall  ", "f1", "auc"))] == [
        ["precision", "1.0000"], ["recall", "1.0000"], ["f1", "1.0000"], ["auc", "1.0000"],
    ]  # fmt: skip
    said = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(row["line"], row["label"], row["flagged"]) for row in said] == [
        (2, 1, True), (3, 1, True), (4, 0, False), (5, 0, False),
    ]  # fmt: skip
    assert "account_to_add" in said[0]["verdicts"]["ad"]["reasons"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["chat.csv", "out.jsonl"]


def test_the_same_input_gives_the_same_output_byte_for_byte(tmp_path):
    file, outs = table(tmp_path), [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    first, second = (scan(file, "--column", "text", "--jsonl", out) for out in outs)
    assert first.output == second.output
    assert outs[0].read_bytes() == outs[1].read_bytes()


def test_bad_lines_are_told_with_what_to_do(tmp_path):
    file = tmp_path / "chat.tsv"
    file.write_bytes("text\tlabel\n好\t0\n多\t一\t列\n".encode() + b"\xff\xfe\t0\n" + "加微信 abcdef1\t1\n".encode())
    done = scan(file, "--column", "text", "--labels", "label")
    assert done.exit_code == 0
    assert "chat.tsv: 2 messages, 2 lines left out" in done.output
    assert "line 3: has 3 columns, the header 2; quote or escape its separators" in done.output
    assert "line 4: is not UTF-8 text; save the file as UTF-8" in done.output


def test_json_lines_gzipped(tmp_path):
    file = tmp_path / "chat.jsonl.gz"
    with gzip.open(file, "wt", encoding="utf-8") as out:
        out.write('{"text": "你就是个傻逼"}\n[1]\n{"other": 1}\n\n{"text": "你好"}\n')
    done = scan(file, "--column", "text")
    assert done.exit_code == 0
    assert "2 messages, 2 lines left out" in done.output
    assert "line 3: has no text; name the column that holds it, or fill it in" in done.output
    assert "attack 50.00%" in done.output


def test_flooding_by_author_and_day(tmp_path):
    rows = [("快看快看", "ham", "甲", f"2026-11-24T12:00:{n:02}") for n in range(20)] + [
        ("不急", "ham", "乙", "2026-11-24T12:00:00"), ("什么时候", "ham", "甲", "2026-11-25T12:00:00"),
    ]  # fmt: skip
    done = scan(table(tmp_path, rows), "--column", "text", "--user", "who", "--time", "at")
    assert "flooding: 1 of 3 user-days (33.33%)" in done.output


def test_learning_from_another_table(tmp_path):
    taught = [(f"大闸蟹接龙第{n}单阳澄湖现捞", "spam", "甲", "") for n in range(30)]
    taught += [(f"会议纪要第{chr(0x4E00 + n)}版请查收", "ham", "乙", "") for n in range(30)]
    lessons = table(tmp_path, taught, "lessons.csv")
    fresh = table(tmp_path, [("大闸蟹接龙第九单阳澄湖现捞啦", "spam", "丙", ""), ("会议纪要请查收", "ham", "丙", "")])
    plain = scan(fresh, "--column", "text", "--labels", "label", "--category", "ad")
    learnt = scan(fresh, "--column", "text", "--labels", "label", "--category", "ad", "--learn-from", lessons)
    assert "recall        0.0000" in plain.output
    assert "learned from 60 labelled texts of lessons.csv" in learnt.output
    assert "recall        1.0000" in learnt.output
    assert "false alarms  0.0000" in learnt.output


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--column", "nothing"], "chat.csv: no column nothing; there are text, label, who, at"),
        (["--column", "text", "--category", "weather"], "--category weather: there are ad, contact, attack"),
        (["--column", "text", "--learn-half"], "learning needs the answers: name their column with --labels"),
        (["--column", "text", "--threshold-for-fpr", "0.01"], "--threshold-for-fpr needs the answers"),
        (["--column", "text", "--user", "who"], "flooding needs author and time: give both --user and --time"),
        (["--column", "text", "--where", "label"], "'label': write COLUMN=VALUE"),
    ],
)
def test_refusals_name_the_option(tmp_path, more, told):
    done = scan(table(tmp_path), *more)
    assert done.exit_code == 1
    assert told in done.output
    assert sorted(p.name for p in tmp_path.iterdir()) == ["chat.csv"]
