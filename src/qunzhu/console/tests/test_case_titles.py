"""Titles that the product wrote are said again in the reader's language; people's own words are left alone."""

import re
from pathlib import Path

import pytest
from django.utils.translation import override

import qunzhu
from qunzhu.console.reading.case_titles import FORMS, case_title

FIGURES = {"n": "12", "days": "3", "most": "20"}


@pytest.mark.parametrize(
    ("title", "english"),
    [
        ("疑似炸群:群已冻结", "Raid suspected: group frozen"),
        ("12 位成员连续 3 天没有互动", "12 members silent for 3 days"),
        ("请 阿强 暂停发言(一群(周末))", "Ask 阿强 to be quiet (一群(周末))"),
        ("申诉：禁言", "Appeal: mute"),
        ("动作没有成功:移出成员(一群)", "An action failed: remove members (一群)"),
        ("小林 报备：周五直播 https://a.cn", "小林 asks to clear: 周五直播 https://a.cn"),
        ("资金募集或诈骗信息", "资金募集或诈骗信息"),
        ("x 位成员连续 3 天没有互动", "x 位成员连续 3 天没有互动"),
    ],
)
def test_titles(title, english):
    with override("en"):
        assert case_title(title).lower() == english.lower()
    with override("zh-hans"):
        assert case_title(title) == title


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_in_the_catalogue(form):
    title = re.sub(r"\{(\w+)\}", lambda found: FIGURES.get(found[1], "甲"), form)
    with override("en"):
        said = case_title(title)
    assert not re.search("[\u4e00-\u9fff]", said.replace("甲", ""))


def test_every_form_is_one_that_the_product_writes():
    """Each fixed part of a form stands in the code that opens cases."""
    folder = Path(qunzhu.__file__).parent
    written = "".join(
        path.read_text(encoding="utf-8")
        for path in folder.rglob("*.py")
        if "tests" not in path.parts and "console" not in path.parts
    )
    for form in FORMS:
        for part in re.split(r"\{\w+\}|[(]|[)]", form):
            assert part.strip() in written, form
