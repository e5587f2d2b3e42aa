"""The simulator is deterministic, marked, plausible and fast."""

from collections import Counter
from datetime import date

from qunzhu.kernel.text.keywords import KeywordLibrary
from qunzhu.simulation.events import as_events
from qunzhu.simulation.month import Act, month
from qunzhu.simulation.people import population
from qunzhu.simulation.words import GRAMMAR

ZONE = "Asia/Shanghai"
FIRST = date(2026, 10, 1)


def acts(seed: int = 7, size: int = 200, days: int = 30) -> list[Act]:
    return list(month(population(seed, size, days), seed=seed, first=FIRST, days=days, zone=ZONE))


def test_the_same_seed_is_the_same_month_and_another_one_is_not():
    assert acts() == acts()
    assert acts(seed=8) != acts()


def test_every_person_is_marked():
    assert all(person.nickname.endswith("（模拟）") for person in population(7, 500))


def test_acts_are_in_order_inside_the_month_and_only_of_people_who_are_there():
    done = acts()
    assert [a.at for a in done] == sorted(a.at for a in done)
    assert min(a.at for a in done).date() == FIRST
    assert max(a.at for a in done).date() == date(2026, 10, 30)
    joined = {a.who: a.at for a in done if a.kind == "member.joined"}
    left = {a.who: a.at for a in done if a.kind == "member.left"}
    assert len(joined) == 200
    spoke = [a for a in done if a.kind == "message.posted"]
    assert all(joined[a.who].date() <= a.at.date() for a in spoke)
    assert all(a.at.date() <= left[a.who].date() for a in spoke if a.who in left)


def test_a_month_has_rule_breakers_check_ins_and_reports():
    done = acts(size=500)
    assert Counter(a.kind for a in done).keys() == {"message.posted", "command.posted", "member.joined", "member.left"}
    commands = Counter(a.body["command"] for a in done if a.kind == "command.posted")
    assert commands.keys() == {"checkin", "points", "report"}
    links = Counter((a.who, link) for a in done for link in a.body.get("links", ()))
    assert max(links.values()) == 6  # one more than the guide allows in an hour
    assert all(a.about is not None and a.about != a.who for a in done if a.body.get("command") == "report")


def test_no_simulated_sentence_trips_a_red_keyword():
    from qunzhu.kernel.blueprint.keywords import read_keywords
    from qunzhu.kernel.blueprint.loader import find, load

    library = KeywordLibrary(read_keywords(load(find("workplace-knowledge"))))
    said = " ".join(text for texts in GRAMMAR.values() for text in texts)
    assert [hit.word for hit in library.find(said) if hit.level == "red"] == []


def test_events_are_historic_and_each_a_fact_of_its_own():
    people = population(7, 500, 30)
    events = list(
        as_events(
            month(people, seed=7, first=FIRST, days=30, zone=ZONE),
            community_id=1,
            group_id=2,
            member_ids={person.number: person.number + 1 for person in people},
        )
    )
    assert len({event.id for event in events}) == len(events) > 15_000
    assert {(event.historic, event.connector) for event in events} == {(True, "simulation")}
