"""Chapter 3 招募: channels with their cost, live QR codes, referral."""

from typing import Annotated

from msgspec import Meta, field

from qunzhu.kernel.blueprint.fields import Days, Fen, Key, Name, Percent, Points, Positive, Section, unit


class Channel(Section, frozen=True, kw_only=True):
    """Where members come from, and what one joined member costs."""

    id: Key
    name: Name
    how: Name
    cost_per_join: Fen = 0


class LiveQr(Section, frozen=True, kw_only=True):
    """活码: one printed code that moves on when a group's code is worn out."""

    scans_per_code: Annotated[int, Meta(ge=1, le=200, extra=unit("scans"))] = 200
    seats: Annotated[int, Meta(ge=2, le=500, extra=unit("people"))] = 500
    code_lives: Days = 7


class ReferralTier(Section, frozen=True, kw_only=True):
    invited: Positive
    reward: Points


class Referral(Section, frozen=True, kw_only=True):
    """Rewards for invitations; credited only after the invited person stayed."""

    tiers: list[ReferralTier] = field(
        default_factory=lambda: [
            ReferralTier(invited=1, reward=20),
            ReferralTier(invited=3, reward=80),
            ReferralTier(invited=10, reward=300),
        ]
    )
    credited_after: Days = 7
    clawback_within: Days = 7


class RecruitmentBenchmarks(Section, frozen=True, kw_only=True):
    invited_conversion: Percent = 32
    natural_conversion: Percent = 17


class Recruitment(Section, frozen=True, kw_only=True):
    channels: list[Channel]
    funnel: list[Key] = field(
        default_factory=lambda: ["seen", "scanned", "questionnaire", "approved", "joined", "retained_7d", "paid"]
    )
    live_qr: LiveQr = field(default_factory=LiveQr)
    referral: Referral = field(default_factory=Referral)
    benchmarks: RecruitmentBenchmarks = field(default_factory=RecruitmentBenchmarks)
