"""The cookie of a member: whom it names, and what is not believed."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import TimestampSigner

from qunzhu.kernel.connectors.local.tokens import (
    COOKIE_SECONDS,
    MOST_COMMUNITIES,
    MemberToken,
    console_token,
    in_community,
    member_token,
    read_console_token,
    read_session,
    session_token,
)
from qunzhu.kernel.installation import installation_secret

A, B = MemberToken(1, 10), MemberToken(2, 20)
IDS = st.integers(1, 2**63 - 1)


class At(TimestampSigner):
    """Signs with our key as if it were another time."""

    seconds = 0

    def get_timestamp(self):
        return int(time.time()) + self.seconds


def signed(text: str, *, seconds: int = 0, salt: str = "qunzhu.member") -> str:
    signer = At(installation_secret("secret_key"), salt=salt)
    signer.seconds = seconds
    return signer.sign(text).decode()


@given(st.lists(st.builds(MemberToken, IDS, IDS), min_size=1, max_size=30))
def test_a_session_names_one_member_of_each_community_the_first_one_first(members):
    expected = [m for n, m in enumerate(members) if m.community_id not in {e.community_id for e in members[:n]}]
    expected = expected[:MOST_COMMUNITIES]
    assert list(read_session(session_token(members))) == expected


def test_one_member_is_a_session_too():
    assert read_session(member_token(1, 10)) == (A,)
    session = read_session(session_token([B, A]))
    assert (in_community(session, 1), in_community(session, 2), in_community(session, 3)) == (A, B, None)


@pytest.mark.parametrize(
    "value",
    [
        "", "1.10", "x", session_token([A, B]) + "x", session_token([A, B])[1:],
        session_token([A]).replace("1.10", "1.11"), session_token([A]).replace("1.10", "1.10~2.20"),
        signed("1.10~2.20", salt="qunzhu.console"), signed("1.10~1.11"), signed("1.0"), signed("0.1"),
        signed("1.10~"), signed("1"), signed("1.10~2.x"), signed("-1.10"), signed(""),
    ],
)  # fmt: skip
def test_what_was_not_signed_here_as_a_session_names_nobody(value):
    assert read_session(value) == ()


def test_a_session_runs_out_and_one_from_the_future_is_not_believed():
    assert read_session(signed("1.10~2.20", seconds=-COOKIE_SECONDS + 60)) == (A, B)
    assert read_session(signed("1.10~2.20", seconds=-COOKIE_SECONDS - 60)) == ()
    assert read_session(signed("1.10", seconds=3600)) == ()


def test_a_session_that_runs_out_while_it_is_remembered_is_refused(monkeypatch):
    value = signed("1.10")
    assert read_session(value) == (A,)
    later = time.time() + COOKIE_SECONDS + 60
    monkeypatch.setattr("qunzhu.kernel.connectors.local.tokens.time.time", lambda: later)
    assert read_session(value) == ()


def test_tokens_of_consoles_and_members_are_not_each_other():
    assert read_console_token(console_token(3)) == 3
    assert read_session(console_token(3)) == ()
    assert read_console_token(member_token(3, 1)) is None
