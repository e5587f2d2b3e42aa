"""群规 › 回测: try a rulebook on recorded history; the report, its rows, and the file."""

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_POST, require_safe

from qunzhu.console import jobs as running
from qunzhu.console.context import fragment, page
from qunzhu.console.forms import LongSelect
from qunzhu.console.models import Job
from qunzhu.console.pages import jobs
from qunzhu.console.pages.acting import audited
from qunzhu.console.reading import backtests, people, slices
from qunzhu.console.reading.downloads import download
from qunzhu.kernel.clock import SYSTEM_CLOCK, local_day
from qunzhu.kernel.community.access import StaffRequest, staff_page
from qunzhu.kernel.community.models import Group
from qunzhu.kernel.community.selectors import log_head
from qunzhu.kernel.connectors.imports.models import ImportJob
from qunzhu.kernel.engine.draft_service import live_version, open_draft
from qunzhu.risk.backtest.compare import CHANGES, LISTED
from qunzhu.risk.backtest.replay import Stretch
from qunzhu.risk.backtest.run import Question

KINDS = (backtests.KIND,)
DAYS = 30


class BacktestForm(forms.Form):
    """What is tried, on which stretch, against what."""

    book = forms.ChoiceField(label=lazy("试哪一份群规"))
    since = forms.DateField(label=lazy("从哪天"), widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}))
    until = forms.DateField(label=lazy("到哪天(含)"), widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}))
    group = forms.ModelChoiceField(
        label=lazy("哪个群"), queryset=Group.objects.none(), empty_label=lazy("全部群"), required=False,
        widget=LongSelect,
    )  # fmt: skip
    against = forms.ChoiceField(label=lazy("和什么比"))
    words_of_today = forms.BooleanField(label=lazy("用今天的关键词库"), required=False)

    def __init__(self, request: StaffRequest, data: Any = None, initial: dict[str, Any] | None = None) -> None:
        super().__init__(data, initial=initial)
        self.community = request.community
        self.draft, self.live = open_draft(request.community.pk), live_version(request.community.pk)
        books = [("draft", _("草稿"))] if self.draft else []
        books += [("live", _("现行群规(第 %(n)d 版)") % {"n": self.live.version})] if self.live else []
        self._choose("book", books)
        names = backtests.against_names()
        self._choose("against", [(k, names[k]) for k in ("rulebook", "recorded", "nothing")])
        group = self.fields["group"]
        assert isinstance(group, forms.ModelChoiceField)  # noqa: S101  (for the type checker)
        group.queryset = Group.objects.filter(community=request.community).order_by("name")

    def _choose(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  (for the type checker)
        field.choices = choices

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and since > until:
            self.add_error("until", _("不能早于开始的那天"))
        if cleaned.get("against") == "rulebook" and self.live is None:
            self.add_error("against", _("还没有生效的群规可比,请选“当时的决定”或“不比较”"))
        return cleaned

    def question(self) -> Question:
        """What the filled form asks."""
        data, zone = self.cleaned_data, ZoneInfo(self.community.timezone)
        source = self.draft if data["book"] == "draft" else self.live
        assert source is not None  # noqa: S101  (the form offered what there is)
        return Question(
            community_id=self.community.pk,
            rulebook=backtests.book_of(source),
            stretch=Stretch(
                datetime.combine(data["since"], time(), zone),
                datetime.combine(data["until"], time(), zone) + timedelta(days=1),
            ),
            upto=log_head(self.community.pk),
            group_id=data["group"].pk if data["group"] else None,
            against=data["against"],
            other=backtests.book_of(self.live) if self.live and data["against"] == "rulebook" else None,
            words_of_today=data["words_of_today"],
        )


@staff_page("backtest.run")
@require_safe
def backtest_list(request: StaffRequest) -> HttpResponse:
    """Backtests that were run, and the form for another one."""
    today = local_day(SYSTEM_CLOCK.now(), request.community.timezone)
    initial = {"since": today - timedelta(days=DAYS), "until": today, "group": request.GET.get("group")}
    return _list(request, BacktestForm(request, initial=initial))


@staff_page("backtest.run")
@require_POST
def backtest_start(request: StaffRequest) -> HttpResponse:
    """Start one; where one is on its way already, that one is shown."""
    form = BacktestForm(request, request.POST)
    if not form.is_valid():
        return _list(request, form, status=422)
    return _start(request, form.question(), form.cleaned_data["book"])


@staff_page("backtest.run")
@require_POST
def backtest_import(request: StaffRequest, import_id: int) -> HttpResponse:
    """One click after an import: what would the rules have done in that group's history?"""
    community = request.community.pk
    done = ImportJob.objects.filter(community_id=community, pk=import_id).first() if import_id < 1 << 63 else None
    if done is None:
        raise Http404
    live, stretch = live_version(community), backtests.span_of_history(community, done.group_id)
    if live is None or stretch is None:
        messages.error(request, _("还没有生效的群规,或者这个群还没有历史消息:先发布群规,或等导入完成"))
        return redirect("console:imports", slug=request.community.slug)
    question = Question(
        community_id=community, rulebook=backtests.book_of(live), stretch=stretch, upto=log_head(community),
        group_id=done.group_id, against="nothing", words_of_today=True,
    )  # fmt: skip
    return _start(request, question, done.file_name)


@staff_page("backtest.run")
@require_safe
def backtest_page(request: StaffRequest, job_id: int) -> HttpResponse:
    """A report; while it is made, how far it is."""
    job = jobs.find(request, job_id, KINDS)
    report = backtests.report_of(job)
    groups = people.group_names(request.community.pk)
    context: dict[str, Any] = {
        "title": _("回测"), "item": jobs.shown(job), "job": job, "report": report, "listed": LISTED,
        "group_name": groups.get(job.params["group"] or 0, ""), "against": backtests.against_names(),
        "since": datetime.fromisoformat(job.params["since"]),
        "until": datetime.fromisoformat(job.params["until"]) - timedelta(microseconds=1),
    }  # fmt: skip
    if report is not None:
        context |= _rows(request, report, groups)
    return page(request, "console/backtest.html", context, active="backtests")


@staff_page("backtest.run")
@require_safe
def backtest_state(request: StaffRequest, job_id: int) -> HttpResponse:
    """The card of one backtest, asked for every second while it runs."""
    job = jobs.find(request, job_id, KINDS)
    return fragment(request, "console/parts/job.html", {"item": jobs.shown(job)})


@staff_page("backtest.run")
@require_POST
def backtest_restart(request: StaffRequest, job_id: int) -> HttpResponse:
    """Run an interrupted one again; it asks the same."""
    jobs.restart(request, jobs.find(request, job_id, KINDS))
    return redirect("console:backtest", slug=request.community.slug, job_id=job_id)


@staff_page("backtest.run")
@require_safe
def backtest_export(request: StaffRequest, job_id: int, fmt: str) -> HttpResponseBase:
    """The rows that the filter leaves, as CSV or Excel; on record."""
    job = jobs.find(request, job_id, KINDS)
    report = backtests.report_of(job)
    if report is None:
        raise Http404
    community = request.community.pk
    rows = backtests.chosen(report.compared.rows, request.GET)
    with audited(request, "backtest.export", target=f"job:{job.pk}", detail={"rows": len(rows)}):
        members = people.member_names(community, [row.member for row in rows])
        groups = people.group_names(community)
    names = {rule.rule: rule.name for rule in report.compared.rules}
    header = [
        _("编号"),
        _("时间"),
        _("变化"),
        _("规则"),
        _("群"),
        _("成员编号"),
        _("成员"),
        _("内容"),
        _("对照"),
        _("试的群规"),
        _("复核"),
        _("说明"),
    ]
    change, verdict = backtests.change_names(), _verdicts()
    lines = (
        (
            s.row.seq, s.row.at, change[s.row.change], names[s.row.rule], s.group, s.row.member, s.member, s.text,
            s.before, s.after, verdict[s.row.verdict or "none"], s.sentence,
        )
        for part in range(0, len(rows), 1000)
        for s in backtests.seen(rows[part : part + 1000], community, members, groups)
    )  # fmt: skip
    return download(fmt, f"backtest-{job.pk}", header, lines, zone=request.community.timezone)


def _start(request: StaffRequest, question: Question, title: str) -> HttpResponse:
    community = request.community
    waiting = backtests.unfinished(community.pk)
    if waiting is not None and not running.interrupted(waiting, SYSTEM_CLOCK.now()):
        messages.info(request, _("已经有一个回测在进行,先看它;完成后可以再开始一个"))
        return redirect("console:backtest", slug=community.slug, job_id=waiting.pk)
    params = backtests.params_of(question, title=title)
    detail = {name: params[name] for name in ("title", "digest", "since", "until", "group", "against")}
    job = jobs.start(request, Job.Kind.BACKTEST, "backtest.run", params, **detail)
    return redirect("console:backtest", slug=community.slug, job_id=job.pk)


def _list(request: StaffRequest, form: BacktestForm, *, status: int = 200) -> HttpResponse:
    groups = people.group_names(request.community.pk)
    found = backtests.latest(request.community.pk, slices.ROWS)
    context = {
        "title": _("回测"),
        "form": form,
        "ready": bool(form.draft or form.live),
        "rows": [(jobs.shown(job), groups.get(job.params["group"] or 0, ""), last_day(job)) for job in found],
        "against": backtests.against_names(),
        "listed": LISTED,
    }
    return page(request, "console/backtests.html", context, active="backtests", status=status)


def _verdicts() -> dict[str, str]:
    return {"right": _("属实"), "wrong": _("误判"), "none": _("没有复核")}


def last_day(job: Job) -> str:
    """The last day of the stretch, as the form asked for it: the end itself is not in it."""
    return f"{datetime.fromisoformat(job.params['until']) - timedelta(microseconds=1):%Y-%m-%d}"


def _rows(request: StaffRequest, report: Any, groups: dict[int, str]) -> dict[str, Any]:
    """The filtered page of rows, with names and words."""
    query, compared = request.GET, report.compared
    rows = backtests.chosen(compared.rows, query)
    number = slices.page_number(query.get("page"))
    part = rows[(number - 1) * slices.ROWS : number * slices.ROWS]
    members = people.member_names(request.community.pk, [row.member for row in part])
    counts: dict[str, int] = {change: getattr(compared.totals, change) for change in CHANGES}
    by_rule = {r.rule: r.figures.new + r.figures.lost + r.figures.changed + r.figures.same for r in compared.rules}
    names = backtests.change_names()
    hit = [(r.rule, r.name) for r in compared.rules if by_rule[r.rule]]
    return {
        "totals": compared.totals,
        "names": {r.rule: r.name for r in compared.rules},
        "changes": names,
        "filters": [
            slices.chips(query, "change", _("变化"), [(k, v) for k, v in names.items() if counts[k]],
                         counts=counts, everything=_("全部")),
            slices.chips(query, "rule", _("规则"), hit, counts=by_rule, everything=_("全部")),
            slices.chips(query, "verdict", _("复核"), list(_verdicts().items()), everything=_("全部")),
        ],
        "page": slices.Page(part, len(rows), number),
        "rows": backtests.seen(part, request.community.pk, members, groups),
        "penalties": [p for p in compared.penalties if p.before or p.after],
        "effects": {p.step: backtests.effect_words(p.step) for p in compared.penalties},
        "unlisted": sum(compared.unlisted.values()),
        "query": query.urlencode(),
        "member": people.member_names(request.community.pk, [slices.positive(query.get("member"))]),
    }  # fmt: skip
