"""活跃 › 打卡挑战: put one up, who takes part, every proof with its message; approve, reject, call off."""

from datetime import date, timedelta
from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_POST, require_safe

from qunzhu.console.context import page
from qunzhu.console.lists import Column, Listing, ListSpec, as_file, list_page
from qunzhu.console.pages.acting import audited
from qunzhu.console.reading import slices
from qunzhu.engagement.challenge import policy, selectors, services
from qunzhu.engagement.challenge.models import Challenge, ChallengeEntry, ChallengeProof
from qunzhu.engagement.challenge.policy import Refused, Terms
from qunzhu.kernel.clock import SYSTEM_CLOCK, local_day
from qunzhu.kernel.community.access import StaffRequest, staff_page
from qunzhu.kernel.community.selectors import blueprint_of, groups_of, names_of

BIGINT = 1 << 63
SHOWN = 200  # proofs on the page of a challenge
STATES = {
    "signup": lazy("报名中"), "running": lazy("进行中"), "settled": lazy("已结算"), "cancelled": lazy("已取消"),
}  # fmt: skip
ENTRIES = {
    "in": lazy("参加中"), "out": lazy("已退出"), "finished": lazy("完成"), "failed": lazy("未完成"),
    "refunded": lazy("已退回"),
}  # fmt: skip
PROOFS = {"pending": lazy("待认可"), "approved": lazy("已认可"), "rejected": lazy("未认可")}
LIST = ListSpec[Challenge](
    name="challenges",
    filters=("state",),
    columns=(
        Column("number", lazy("编号"), lambda r: r.pk, "num", fixed=True),
        Column("name", lazy("名称"), lambda r: r.name, fixed=True),
        Column("state", lazy("状态"), lambda r: STATES[r.state]),
        Column("starts", lazy("开始"), lambda r: r.starts_on, "num"),
        Column("days", lazy("天数"), lambda r: r.days, "num"),
        Column("need", lazy("要完成"), lambda r: r.need, "num"),
        Column("stake", lazy("押金"), lambda r: r.stake, "num"),
        Column("by", lazy("发起人"), lambda r: r.created_by, usual=False),
    ),
    export_action="challenge.export",
)


class ChallengeForm(forms.Form):
    """A new challenge; the terms never change once it is open."""

    name = forms.CharField(label=lazy("名称"), max_length=policy.NAME_LENGTH)
    about = forms.CharField(
        label=lazy("说明"), required=False, max_length=policy.ABOUT_LENGTH, widget=forms.Textarea(attrs={"rows": 2})
    )
    group = forms.ChoiceField(label=lazy("群"), required=False)
    starts_on = forms.DateField(label=lazy("开始日期"), widget=forms.DateInput(attrs={"type": "date"}))
    days = forms.IntegerField(label=lazy("一共几天"), min_value=1, max_value=policy.MOST_DAYS)
    need = forms.IntegerField(label=lazy("要完成几天"), min_value=1, max_value=policy.MOST_DAYS)
    stake = forms.IntegerField(
        label=lazy("押金(积分)"), min_value=0, max_value=policy.MOST_STAKE,
        help_text=lazy("完成的人退回押金,并平分没完成的"),
    )  # fmt: skip
    proof = forms.ChoiceField(
        label=lazy("怎么证明"), choices=(("any", lazy("文字或图片")), ("text", lazy("文字")), ("picture", lazy("图片")))
    )
    buddies = forms.BooleanField(
        label=lazy("搭档互相认可"), required=False, initial=True, help_text=lazy("搭档不处理的,算认可")
    )

    def __init__(self, community_id: int, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        choices = [("", _("全部群"))] + [(str(g.pk), g.name) for g in groups_of(community_id) if g.state == "active"]
        self.fields["group"].choices = choices  # type: ignore[attr-defined]

    def terms(self) -> Terms:
        """What the filled form asks."""
        data = self.cleaned_data
        return Terms(
            data["name"].strip(), data["starts_on"], data["days"], data["need"], data["stake"], data["proof"],
            data["buddies"], data["about"].strip(),
        )  # fmt: skip


@staff_page("view")
@require_safe
@list_page(LIST)
def challenge_list(request: StaffRequest, listing: Listing[Challenge]) -> HttpResponse:
    """All challenges, the newest first."""
    rows = _wanted(request)
    found = slices.numbered(rows, slices.page_number(request.GET.get("page")))
    listing.count(found.total)
    context = {
        "title": _("打卡挑战"), "list": listing, "page": found, "states": STATES,
        "people": selectors.people([row.pk for row in found.rows]),
        "filters": [slices.chips(request.GET, "state", _("状态"), list(STATES.items()), everything=_("全部"))],
    }  # fmt: skip
    return page(request, "console/challenges.html", context, active="challenges")


@staff_page("view")
@require_safe
def challenge_export(request: StaffRequest, fmt: str) -> HttpResponseBase:
    """The filtered challenges as CSV or Excel; exporting is itself recorded."""
    return as_file(request, LIST, fmt, _wanted(request).iterator(2_000))


@staff_page("challenge.run")
def challenge_new(request: StaffRequest) -> HttpResponse:
    """Put one up for joining; the groups hear of it."""
    community = request.community.pk
    today = local_day(SYSTEM_CLOCK.now(), request.community.timezone)
    days, stake = policy.settings_from(blueprint_of(community))
    usual = {"starts_on": today + timedelta(days=3), "days": days, "need": days, "stake": stake, "proof": "any"}
    posted = request.method == "POST"
    form = ChallengeForm(community, request.POST) if posted else ChallengeForm(community, initial=usual)
    if posted and form.is_valid():
        try:
            with audited(request, "challenge.open", detail={"name": form.cleaned_data["name"]}) as known:
                made = services.open_challenge(
                    community_id=community, terms=form.terms(), key=f"page:{request.POST.get('key', '')[:60]}",
                    group_id=slices.positive(form.cleaned_data["group"]), by=request.user.get_username(),
                    now=SYSTEM_CLOCK.now(),
                )  # fmt: skip
                known["challenge"] = made.pk
        except Refused as reason:
            form.add_error(reason.code if reason.code in form.fields else None, str(reason))
        else:
            messages.success(request, _("已发起,群里会收到报名通知。"))
            return redirect("console:challenge", slug=request.community.slug, challenge_id=made.pk)
    context = {"title": _("发起打卡挑战"), "form": form, "key": request.POST.get("key") or uuid4().hex}
    status = 422 if form.errors else 200
    return page(request, "console/challenge_new.html", context, active="challenges", status=status)


@staff_page("view")
@require_safe
def challenge_page(request: StaffRequest, challenge_id: int) -> HttpResponse:
    """One challenge: who takes part, and what was proven."""
    return _page(request, _found(request, challenge_id))


@staff_page("challenge.run")
@require_POST
def challenge_act(request: StaffRequest, challenge_id: int) -> HttpResponse:
    """Call it off, or decide on a proof."""
    found, given = _found(request, challenge_id), request.POST
    do = given.get("do", "")
    common: dict[str, Any] = {
        "community_id": request.community.pk, "challenge_id": found.pk, "by": request.user.get_username(),
        "now": SYSTEM_CLOCK.now(),
    }  # fmt: skip
    if do not in {"cancel", "judge"}:
        raise Http404
    try:
        with audited(request, f"challenge.{do}", target=f"challenge:{found.pk}"):
            if do == "cancel":
                services.cancel(reason=given.get("reason", ""), **common)
            else:
                member, day = slices.positive(given.get("member")), _day(given.get("day", ""))
                if member is None or day is None:
                    raise Http404
                services.judge(member_id=member, day=day, approve="approve" in given, buddy_id=None, **common)
    except Refused as reason:
        return _page(request, found, problem=str(reason), status=422)
    messages.success(request, _("已保存"))
    return redirect("console:challenge", slug=request.community.slug, challenge_id=found.pk)


def _page(request: StaffRequest, found: Challenge, *, problem: str = "", status: int = 200) -> HttpResponse:
    entries = list(ChallengeEntry.objects.filter(challenge_id=found.pk).order_by("joined_at", "member_id"))
    proofs = list(ChallengeProof.objects.filter(challenge_id=found.pk).order_by("-day", "member_id")[:SHOWN])
    done = services.days_done(found.pk)
    names = names_of(request.community.pk, [e.member_id for e in entries])
    context = {
        "title": found.name, "found": found, "state": STATES[found.state], "names": names, "problem": problem,
        "entries": [(e, done.get(e.member_id, 0), ENTRIES[e.state]) for e in entries],
        "proofs": [(p, PROOFS[p.state]) for p in proofs], "last_day": services.terms_of(found).last_day,
        "open": found.state in selectors.OPEN, "pot": found.stake * sum(e.state != "out" for e in entries),
        "reason_length": policy.REASON_LENGTH,
    }  # fmt: skip
    return page(request, "console/challenge.html", context, active="challenges", status=status)


def _found(request: StaffRequest, challenge_id: int) -> Challenge:
    found = selectors.challenge(request.community.pk, challenge_id) if challenge_id < BIGINT else None
    if found is None:
        raise Http404
    return found


def _day(raw: str) -> date | None:
    try:
        return date.fromisoformat(raw)
    except ValueError:
        return None


def _wanted(request: StaffRequest) -> Any:
    state = request.GET.get("state", "")
    return selectors.challenges(request.community.pk, [state] if state in STATES else ())
