"""The draft: one a community, never overwritten unseen, put aside and brought back, published once."""

import threading

import pytest
from django.db import connections

from qunzhu.kernel.community.tests.factories import NOW, events_of, make_community
from qunzhu.kernel.engine.draft_service import (
    DraftMoved,
    RulebookMoved,
    do_discard_draft,
    do_publish_draft,
    do_restore_draft,
    do_save_draft,
    do_start_draft,
)
from qunzhu.kernel.engine.models import RulebookDraft, RulebookVersion
from qunzhu.kernel.engine.rulebook_service import publish_rulebook
from qunzhu.kernel.engine.rules import RulebookInvalid
from qunzhu.kernel.engine.tests.workplace import workplace

pytestmark = pytest.mark.django_db(transaction=True)
RULES = workplace()["rules"]


@pytest.fixture
def community():
    made = make_community()
    publish_rulebook(community_id=made.pk, rules=RULES, settings=workplace()["settings"], by="t", now=NOW)
    return made


def save(draft, rules, *, revision=None, by="a", settings=None):
    return do_save_draft(
        community_id=draft.community_id, draft_id=draft.pk, revision=revision or draft.revision, rules=rules,
        settings=settings, by=by, now=NOW,
    )  # fmt: skip


def test_a_draft_begins_with_the_live_rulebook_and_is_found_again(community):
    draft = do_start_draft(community_id=community.pk, by="a", now=NOW)
    assert (draft.rules, draft.base_version, draft.revision) == (RULES, 1, 1)
    saved = save(draft, RULES[:2])
    again = do_start_draft(community_id=community.pk, by="b", now=NOW)
    assert (again.pk, again.rules, again.revision, again.changed_by) == (draft.pk, RULES[:2], 2, "a")
    assert saved.settings == draft.settings


def test_saving_what_is_there_already_is_no_new_revision(community):
    draft = do_start_draft(community_id=community.pk, by="a", now=NOW)
    assert save(draft, RULES, by="b").revision == 1
    assert RulebookDraft.objects.get().changed_by == "a"


def test_what_cannot_run_is_not_kept(community):
    draft = do_start_draft(community_id=community.pk, by="a", now=NOW)
    with pytest.raises(RulebookInvalid):
        save(draft, [{**RULES[0], "explain": "{who}"}])
    with pytest.raises(RulebookInvalid):
        save(draft, RULES, settings={"ladder": {"mute_minutes": 0}})
    assert (RulebookDraft.objects.get().rules, RulebookDraft.objects.get().revision) == (RULES, 1)


def test_the_zone_is_the_communitys_own(community):
    draft = do_start_draft(community_id=community.pk, by="a", now=NOW)
    assert save(draft, RULES, settings={"zone": "Asia/Tokyo", "repeat_case_hours": 5}).settings == {
        "zone": "Asia/Shanghai", "ladder": {"mute_minutes": 60, "strikes_to_remove": 3, "strike_days": 30},
        "not_counted": ["command.posted", "checkin", "vote"], "repeat_case_hours": 5,
    }  # fmt: skip


def at_once(community, *acts):
    """Run acts in threads that start together; (results, errors)."""
    barrier, results, errors = threading.Barrier(len(acts)), [], []

    def run(act):
        barrier.wait()
        try:
            results.append(act())
        except (DraftMoved, RulebookMoved) as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results, errors


def test_two_who_begin_at_once_share_one_draft(community):
    acts = [lambda: do_start_draft(community_id=community.pk, by="a", now=NOW)] * 2
    results, errors = at_once(community, *acts)
    assert errors == []
    assert {draft.pk for draft in results} == {RulebookDraft.objects.get().pk}


def test_of_two_who_save_at_once_one_is_told(community):
    draft = do_start_draft(community_id=community.pk, by="a", now=NOW)
    acts = [lambda n=n: save(draft, RULES[:n], revision=1, by=str(n)) for n in (1, 2)]
    (saved,), (error,) = at_once(community, *acts)
    kept = RulebookDraft.objects.get()
    assert (kept.revision, kept.rules) == (2, saved.rules)
    assert (error.draft.revision, error.draft.changed_by) == (2, saved.changed_by)


def test_of_two_who_publish_at_once_one_is_told(community):
    draft = do_start_draft(community_id=community.pk, by="a", now=NOW)
    save(draft, RULES[:1])
    acts = [
        lambda: do_publish_draft(community_id=community.pk, draft_id=draft.pk, revision=2, live=1, by="a", now=NOW)
    ] * 2
    (published,), (error,) = at_once(community, *acts)
    assert isinstance(error, DraftMoved)
    assert (published.version, RulebookVersion.objects.count()) == (2, 2)
    assert [e.body["version"] for e in events_of(community, "rulebook.published")] == [1, 2]
    assert RulebookDraft.objects.get().state == "published"


def test_a_rulebook_that_came_in_between_is_noticed(community):
    draft = do_start_draft(community_id=community.pk, by="a", now=NOW)
    save(draft, RULES[:1])
    publish_rulebook(community_id=community.pk, rules=RULES[:3], by="b", now=NOW)
    with pytest.raises(RulebookMoved) as caught:
        do_publish_draft(community_id=community.pk, draft_id=draft.pk, revision=2, live=1, by="a", now=NOW)
    assert caught.value.version == 2
    assert RulebookVersion.objects.get(state="live").version == 2
    assert RulebookDraft.objects.get().state == "open"


def test_a_discarded_draft_comes_back_unless_another_was_begun(community):
    draft = do_start_draft(community_id=community.pk, by="a", now=NOW)
    with pytest.raises(DraftMoved):
        do_discard_draft(community_id=community.pk, draft_id=draft.pk, revision=7, by="a", now=NOW)
    do_discard_draft(community_id=community.pk, draft_id=draft.pk, revision=1, by="a", now=NOW)
    with pytest.raises(DraftMoved):
        save(draft, RULES[:1], revision=2)
    assert do_restore_draft(community_id=community.pk, draft_id=draft.pk, by="b", now=NOW).state == "open"
    do_discard_draft(community_id=community.pk, draft_id=draft.pk, revision=3, by="a", now=NOW)
    other = do_start_draft(community_id=community.pk, by="c", now=NOW)
    with pytest.raises(DraftMoved) as caught:
        do_restore_draft(community_id=community.pk, draft_id=draft.pk, by="b", now=NOW)
    assert caught.value.draft.pk == other.pk
