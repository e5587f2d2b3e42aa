"""活跃 › 辩论与投票: what is planned, on and past; topics, polls; a debate as it runs, and the hand on it."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_POST, require_safe

from qunzhu.console.context import page
from qunzhu.console.lists import Column, Listing, ListSpec, as_file, list_page
from qunzhu.console.pages.acting import audited
from qunzhu.console.reading import slices
from qunzhu.engagement.debate import policy, selectors, services, steps
from qunzhu.engagement.debate.models import Debate, DebateTopic, Poll
from qunzhu.engagement.debate.policy import CON, OPEN, PRO, Refused
from qunzhu.engagement.debate.polls import tally_of
from qunzhu.kernel.calendar import calendar_of
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community.access import StaffRequest, staff_page
from qunzhu.kernel.community.models import Community
from qunzhu.kernel.community.selectors import groups_of, names_of

BIGGEST = 1 << 31
PLANNED, POLLS = 4, 5
STATES = {
    "speaking": lazy("正在发言"), "voting": lazy("正在投票"), "done": lazy("已结束"), "cancelled": lazy("已取消"),
    "skipped": lazy("已跳过"),
}  # fmt: skip
WINNERS = {"pro": lazy("正方获胜"), "con": lazy("反方获胜"), "draw": lazy("平局"), "": lazy("未分胜负")}
WHY = {"holiday": lazy("节假日"), "late": lazy("机器停机太久"), "running": lazy("上一场还没结束")}

LIST = ListSpec[Debate](
    name="debates",
    filters=("state",),
    columns=(
        Column("number", lazy("编号"), lambda r: r.number, "num", fixed=True),
        Column("title", lazy("辩题"), lambda r: r.title or r.slot, fixed=True),
        Column("state", lazy("状态"), lambda r: STATES[r.state]),
        Column("opened", lazy("开始时间"), lambda r: r.opened_at, "num"),
        Column("pro", lazy("正方票"), lambda r: (r.result.get("votes") or {}).get(PRO), "num"),
        Column("con", lazy("反方票"), lambda r: (r.result.get("votes") or {}).get(CON), "num"),
        Column("winner", lazy("结果"), lambda r: result_of(r)),  # noqa: PLW0108  (defined below)
        Column("points", lazy("发出积分"), lambda r: r.result.get("points"), "num", usual=False),
    ),
    export_action="debate.export",
)


class TopicForm(forms.Form):
    """A topic; `number` is empty for a new one."""

    number = forms.IntegerField(required=False, min_value=1, max_value=BIGGEST - 1, widget=forms.HiddenInput)
    title = forms.CharField(label=lazy("辩题"), max_length=80)
    pro = forms.CharField(label=lazy("正方观点"), max_length=80)
    con = forms.CharField(label=lazy("反方观点"), max_length=80)
    active = forms.BooleanField(label=lazy("参加轮换"), required=False, initial=True)
    pinned = forms.BooleanField(label=lazy("下一场就用它"), required=False)


class PollForm(forms.Form):
    """A poll: one option a line."""

    group = forms.ChoiceField(label=lazy("群"))
    question = forms.CharField(label=lazy("问题"), max_length=policy.QUESTION_LENGTH)
    options = forms.CharField(
        label=lazy("选项"),
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=lazy("每行一个,2 到 6 个"),
        max_length=400,
    )
    minutes = forms.IntegerField(label=lazy("投票分钟"), min_value=1, max_value=9_999, initial=policy.POLL_MINUTES)

    def __init__(self, community_id: int, *given: Any) -> None:
        super().__init__(*given)
        choices = [(str(g.pk), g.name) for g in groups_of(community_id) if g.state == "active"]
        self.fields["group"].choices = choices  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Planned:
    """A coming debate with the topic whose turn it is, if nothing changes."""

    at: datetime
    title: str
    holiday: bool


@staff_page("view")
@require_safe
@list_page(LIST)
def debate_list(request: StaffRequest, listing: Listing[Debate]) -> HttpResponse:
    """The calendar: planned, running, past."""
    community = request.community
    rows = _wanted(request)
    total = rows.count()
    number = slices.page_number(request.GET.get("page"))
    first = (min(number, max(1, -(-total // slices.ROWS))) - 1) * slices.ROWS
    listing.count(total)
    shown = list(rows[first : first + slices.ROWS])
    polls = list(selectors.polls(community.pk)[:POLLS])
    context = {
        "title": _("辩论与投票"), "list": listing, "states": STATES,
        "results": {row.number: result_of(row) for row in shown},
        "page": slices.Page(shown, total, first // slices.ROWS + 1),
        "filters": [slices.chips(request.GET, "state", _("状态"), list(STATES.items()), everything=_("全部"))],
        "planned": _planned(community), "running": selectors.running(community.pk),
        "polls": [(poll, tally_of(poll)) for poll in polls],
    }  # fmt: skip
    return page(request, "console/debates.html", context, active="debates")


@staff_page("view")
@require_safe
def debate_export(request: StaffRequest, fmt: str) -> HttpResponseBase:
    """The filtered debates as CSV or Excel; exporting is itself recorded."""
    return as_file(request, LIST, fmt, list(_wanted(request)))


@staff_page("debate.edit")
def topics(request: StaffRequest) -> HttpResponse:
    """All topics, each with its form, and one for a new one."""
    form = TopicForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        fields = dict(form.cleaned_data)
        number = fields.pop("number")
        if number and not DebateTopic.objects.filter(community_id=request.community.pk, number=number).exists():
            raise Http404
        with audited(request, "debate.topic", detail={"title": fields["title"]}):
            services.save_topic(number=number, fields=fields, **_by(request))
        messages.success(request, _("已保存"))
        return redirect("console:debate_topics", slug=request.community.slug)
    rows = selectors.topics(request.community.pk)
    context = {
        "title": _("辩题"), "form": form,
        "rows": [(topic, None) for topic in rows],
    }  # fmt: skip
    return page(request, "console/debate_topics.html", context, active="debates", status=422 if form.is_bound else 200)


@staff_page("debate.run")
@require_POST
def start(request: StaffRequest) -> HttpResponse:
    """A debate at once, with the topic whose turn it is."""
    try:
        with audited(request, "debate.start"):
            services.start_now(topic=None, **_by(request))
    except Refused as reason:
        messages.error(request, _(str(reason)))
    else:
        messages.success(request, _("几秒后开始"))
    return redirect("console:debates", slug=request.community.slug)


@staff_page("debate.run")
def poll(request: StaffRequest) -> HttpResponse:
    """Ask a group a question, or end a poll."""
    ends = request.POST.get("end", "")
    if ends.isascii() and ends.isdigit() and len(ends) < 10:  # noqa: PLR2004
        if not Poll.objects.filter(community_id=request.community.pk, number=int(ends)).exists():
            raise Http404
        with audited(request, "debate.poll", detail={"end": int(ends)}):
            services.end_poll(poll=int(ends), **_by(request))
        return redirect("console:debates", slug=request.community.slug)
    form = PollForm(request.community.pk, request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        options = [line.strip() for line in given["options"].splitlines() if line.strip()]
        try:
            with audited(request, "debate.poll", detail={"question": given["question"]}):
                services.ask_poll(
                    group_id=int(given["group"]), question=given["question"], options=options,
                    minutes=given["minutes"], **_by(request),
                )  # fmt: skip
        except Refused as reason:
            form.add_error("options", _(str(reason)))
        else:
            messages.success(request, _("几秒后在群里发出"))
            return redirect("console:debates", slug=request.community.slug)
    context = {"title": _("发起投票"), "form": form}
    return page(request, "console/debate_poll.html", context, active="debates", status=422 if form.is_bound else 200)


@staff_page("view")
@require_safe
def debate_page(request: StaffRequest, debate_id: int) -> HttpResponse:
    """A debate as it runs: arguments by side with their messages, votes, remaining time."""
    row = _row(request, debate_id)
    said = selectors.arguments(row.community_id, row.number)
    votes = selectors.votes(row.community_id, row.number)
    anonymous = bool(row.settings.get("anonymous"))
    names = {} if anonymous else names_of(row.community_id, [v.member_id for v in votes])
    sides = [
        {
            "side": side, "name": name, "words": words, "votes": sum(v.side == side for v in votes),
            "arguments": [entry for entry in said if entry[0].side == side],
            "voters": [(v.member_id, names[v.member_id]) for v in votes if v.side == side and v.member_id in names],
        }
        for side, name, words in ((PRO, _("正方"), row.pro), (CON, _("反方"), row.con))
    ]  # fmt: skip
    ends = row.speech_ends_at if row.state == policy.SPEAKING else row.vote_ends_at
    left = max(0, -(-int((ends - SYSTEM_CLOCK.now()).total_seconds()) // 60)) if ends and row.state in OPEN else 0
    context = {
        "title": row.title or row.slot, "row": row, "sides": sides, "state": STATES[row.state],
        "open": row.state in OPEN,
        "ends": ends, "left": left, "verdict": result_of(row), "best": row.result.get("best"), "anonymous": anonymous,
        "has_card": bool(selectors.has_card(row.community_id, [row.number])),
    }  # fmt: skip
    return page(request, "console/debate.html", context, active="debates")


@staff_page("debate.run")
@require_POST
def debate_act(request: StaffRequest, debate_id: int) -> HttpResponse:
    """End the step that is on, give it more time, or cancel with a reason."""
    row, do = _row(request, debate_id), request.POST.get("do", "")
    raw = request.POST.get("minutes", "")
    minutes = int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 6 else 0  # noqa: PLR2004
    try:
        with audited(request, "debate.act", target=f"debate:{row.number}", detail={"do": do}):
            if do == "extend":
                services.extend(number=row.number, minutes=minutes, **_by(request))
            elif do == "cancel":
                services.cancel(number=row.number, reason=request.POST.get("reason", ""), **_by(request))
            elif do == "next":
                services.close_now(number=row.number, **_by(request))
            else:
                raise Http404
    except Refused as reason:
        messages.error(request, _(str(reason)))
    else:
        messages.success(request, _("已交给系统,几秒后生效"))
    return redirect("console:debate", slug=request.community.slug, debate_id=row.number)


@staff_page("view")
@require_safe
def card(request: StaffRequest, debate_id: int) -> HttpResponse:
    """The result card."""
    data = selectors.card(request.community.pk, _row(request, debate_id).number)
    if data is None:
        raise Http404
    return HttpResponse(data, content_type="image/png")


def result_of(row: Debate) -> Any:
    """Who won, or why there was nothing to win."""
    if row.state == policy.DONE:
        return WINNERS.get(row.result.get("winner", ""), "")
    return WHY.get(row.reason, row.reason)


def _planned(community: Community) -> list[Planned]:
    rules = policy.settings_from(community.blueprint)
    calendar = calendar_of(community.blueprint.get("calendar", []))
    rows = {t.number: t for t in selectors.topics(community.pk) if t.active}
    turn = [rows[t.number].title for t in steps.turns(community.pk, list(rows.values()))]
    found: list[Planned] = []
    coming: list[tuple[date, bool]] = policy.coming_slots(
        rules, SYSTEM_CLOCK.now(), community.timezone, calendar, PLANNED if turn else 0
    )
    held = 0
    for day, holiday in coming[:PLANNED] if turn else []:
        title = "" if holiday else turn[held % len(turn)]
        held += not holiday
        found.append(Planned(policy.slot_at(day, rules, community.timezone), title, holiday))
    return found


def _wanted(request: HttpRequest) -> Any:
    rows = Debate.objects.filter(community_id=request.community.pk).order_by("-number")  # type: ignore[attr-defined]
    state = request.GET.get("state", "")
    return rows.filter(state=state) if state in STATES else rows


def _row(request: StaffRequest, number: int) -> Debate:
    row = selectors.debate(request.community.pk, number) if number < BIGGEST else None
    if row is None:
        raise Http404
    return row


def _by(request: StaffRequest) -> dict[str, Any]:
    return {"community_id": request.community.pk, "by": request.user.get_username(), "now": SYSTEM_CLOCK.now()}
