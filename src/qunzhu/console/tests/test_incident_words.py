"""Every sentence that an incident's step can say has its English, with its names and numbers in place."""

import re

from django.utils.translation import override

from qunzhu.console.reading.incident_words import said_of_step
from qunzhu.risk.incident.policy import STEPS, Facts, plan

HAN = re.compile("[\u4e00-\u9fff]")


def facts(**changes):
    known = {
        "group": "G", "connector": "local", "profile": "full", "capacity": 500, "members": 12, "leaders": 2,
        "how": {"freeze": "native", "close": "native"}, "offenders": 1, "invited": 9, "posts": 3, "invite_after": 5,
        "two_people": True, "without_a_human": frozenset({"freeze"}),
    }  # fmt: skip
    return Facts(**{**known, **changes})


def test_what_a_drill_says_is_told_in_english():
    human = {"freeze": "human", "close": "human"}
    for known in (
        facts(), facts(two_people=False, invite_after=0), facts(without_a_human=frozenset({"close"})),
        facts(how=human, connector="wecom"), facts(how={"freeze": "emulated", "close": "none"}),
    ):  # fmt: skip
        for step in STEPS:
            with override("en"):
                said = said_of_step(plan(step, known).sentence)
            assert not HAN.search(said), said
            assert "{" not in said


def test_names_and_numbers_stay_and_unknown_sentences_pass():
    with override("en"):
        assert said_of_step("已邀请 9 位成员,1 位除外") == "9 members invited, 1 left out"
        assert said_of_step("群已冻结") == "Group frozen"
        assert said_of_step("平台说: 不行") == "平台说: 不行"
        assert said_of_step("") == ""
    with override("zh-hans"):
        assert said_of_step("已邀请 9 位成员,1 位除外") == "已邀请 9 位成员,1 位除外"
