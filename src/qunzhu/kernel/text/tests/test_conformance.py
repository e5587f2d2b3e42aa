"""Our filter against the published cases of others; they are not part of the repository."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from qunzhu.kernel.text.convert import convert
from qunzhu.kernel.text.filter import KeywordFilter
from qunzhu.kernel.text.normalise import normalise

# Readings that depend on the phrase: a character alone cannot know them.
BY_PHRASE = {
    "case_044", "BYVoid_OpenCC_PR_1369_t2x", "BYVoid_OpenCC_Issue_767_solace", "t2s_huai_and_pi_phrases",
    "su_variant_preserve",
}  # fmt: skip


def cases(name: str) -> list[dict[str, Any]]:
    folder = os.environ.get("QUNZHU_REAL_DATA") or Path(__file__).resolve().parents[6] / "shared" / "data"
    file = Path(folder) / name
    if not file.exists():
        pytest.skip(f"{file} is not there; set QUNZHU_REAL_DATA to the folder that holds it")
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line]


@pytest.mark.realdata
def test_every_published_case_of_keyword_filters_holds():
    wrong = []
    for case in cases("conf_keyword_filter.jsonl"):
        if case["quirk"]:
            continue
        keywords = KeywordFilter(case["words"], case["allow"], **case["options"])
        if case["op"] == "find_all_set":
            right = set(keywords.find_all(case["text"])) == set(case["expect"])
        else:
            right = getattr(keywords, case["op"])(case["text"]) == case["expect"]
        if not right:
            wrong.append(case["id"])
    assert wrong == []


@pytest.mark.realdata
def test_scripts_convert_as_published():
    found = cases("conf_opencc.jsonl")
    assert [c["id"] for c in found if convert(c["input"], c["config"]) != c["expect"]] == []


@pytest.mark.realdata
def test_both_scripts_have_one_normal_form():
    found = [c for c in cases("conf_opencc.jsonl") if c["config"] in {"t2s", "hk2s", "tw2s"}]
    different = {c["id"] for c in found if normalise(c["input"]) != normalise(c["expect"])}
    assert different <= BY_PHRASE


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({}, ["大", "土豆", "刚出锅"]),
        ({"density": True}, ["大", "土豆", "刚出锅", "出锅"]),
        ({"greed": True}, ["大", "大土豆", "刚出锅"]),
        ({"density": True, "greed": True}, ["大", "大土豆", "土豆", "刚出锅", "出锅"]),
    ],
)
def test_density_and_greed(options, found):
    keywords = KeywordFilter(["大", "大土豆", "土豆", "刚出锅", "出锅"], **options)
    assert keywords.match_all("我有一颗大土豆,刚出锅的") == found


def test_the_filter_by_itself():
    keywords = KeywordFilter(
        ["傻冒", "av"], ["傻冒烟"], ignore_special_chars=True, english_word_boundary=True, mask="#"
    )
    assert keywords.replace("傻@冒 have av") == "### have ##"
    assert (keywords.count("傻冒傻冒"), keywords.find_first("have"), keywords.contains("傻冒烟")) == (2, None, False)
    assert KeywordFilter(["微信"], skip_chars="-_").find_all("加微-_信") == ["微-_信"]
    assert KeywordFilter([], check_number=True, num_len=3, ignore_num_style=True).find_all("号 一②3") == ["一②3"]


def test_an_unknown_switch_is_refused():
    with pytest.raises(ValueError, match="nonsense"):
        KeywordFilter(["a"], nonsense=True)
