"""`qunzhu staff` makes users, changes passwords and roles, and never takes the last owner away."""

import re

import pytest
from click.testing import CliRunner
from django.contrib.auth import authenticate

from qunzhu.config.staff import command
from qunzhu.kernel.community.models import Staff
from qunzhu.kernel.community.tests.factories import events_of, make_community

pytestmark = pytest.mark.django_db(transaction=True)


def ask(*arguments: str, typed: str = ""):
    return CliRunner().invoke(command, list(arguments), input=typed)


def posts(community):
    found = Staff.objects.filter(community=community).order_by("user__username")
    return list(found.values_list("user__username", "role"))


def test_an_owner_is_created_with_a_password_that_is_shown_once():
    c = make_community()
    made = ask("role", "wang", "--community", c.slug)
    password = re.fullmatch(r"wang: owner   密码 password: (\S+)\n", made.output)[1]
    assert (made.exit_code, posts(c)) == (0, [("wang", "owner")])
    assert authenticate(username="wang", password=password) is not None
    again = ask("role", "wang", "--community", c.slug)
    assert (again.exit_code, again.output) == (0, "wang: owner\n")
    assert [e.body["role"] for e in events_of(c, "staff.changed")] == ["owner"]  # no change, no event


def test_a_password_is_asked_for_or_generated_and_a_weak_one_is_refused():
    ask("role", "wang", "--community", make_community().slug)
    typed = ask("password", "wang", typed="kT9-unusual-words\n")
    assert (typed.exit_code, typed.output.splitlines()[-1]) == (0, "密码已更新 password changed")
    assert authenticate(username="wang", password="kT9-unusual-words") is not None
    weak = ask("password", "wang", typed="123\n")
    assert (weak.exit_code != 0, authenticate(username="wang", password="123")) == (True, None)
    generated = re.search(r"密码 password: (\S+)\n$", ask("password", "wang", typed="\n").output)[1]
    assert authenticate(username="wang", password=generated) is not None
    assert authenticate(username="wang", password="kT9-unusual-words") is None
    assert "there is no user 'nobody'" in ask("password", "nobody").stderr


def test_a_role_changes_and_the_last_owner_stays():
    c = make_community()
    ask("role", "wang", "--community", c.slug)
    ask("role", "li", "--community", c.slug, "--role", "moderator")
    assert posts(c) == [("li", "moderator"), ("wang", "owner")]
    for role in ("manager", "none"):
        refused = ask("role", "wang", "--community", c.slug, "--role", role)
        assert (refused.exit_code, refused.stderr.splitlines()[0]) == (1, "错误 error: 至少要留一位群主")
    assert ask("role", "li", "--community", c.slug, "--role", "owner").exit_code == 0
    assert ask("role", "wang", "--community", c.slug, "--role", "none").exit_code == 0
    assert posts(c) == [("li", "owner")]
    assert f"{c.slug:<24} {'li':<20} owner\n" in ask("list").output


def test_an_unknown_community_is_named_with_those_there_are():
    c = make_community()
    refused = ask("role", "wang", "--community", "nowhere")
    assert refused.stderr.splitlines()[0] == "错误 error: there is no community 'nowhere'"
    assert c.slug in refused.stderr.splitlines()[1]
