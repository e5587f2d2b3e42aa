"""Every page of the console at two lengths of the log: number of queries, and server time.

Pages are found through the console's URL patterns, filters and older slices through the links that stand on them;
what a crawl cannot find (a rare rule, a heavy speaker, the last page) is added in `_further`.
Run: `.venv/bin/python bench/pages.py [--small 5000] [--big 5000000] [--repeats 30] [--only feed] [--explain 150]`
"""

import argparse
import gc
import html
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import common
import history
import pipeline

LIMIT_MS = 150.0
NOT_PAGES = (
    "export", "file", "evidence", "aside", "source", "login", "logout", "password", "language", "entrance",
    "list_columns", "deny", "reverse",
)  # fmt: skip
ASKED_BY_NAME = frozenset({"rule", "draft_rule"})  # pages that are nothing without ?id=
_LINK = re.compile(r'href="([^"?#]*)(\?[^"#]+)"')
_NAMES = re.compile(r'SELECT "member"\."id" AS "pk", "member"\."display_name"')
_MANY = re.compile(r"\b(group|before|member|page)=[^&]+")


@dataclass(frozen=True)
class Page:
    """A page in both communities: `name` is its URL name and query, `paths` where it is (small, big)."""

    name: str
    paths: tuple[str, str]


@dataclass(frozen=True)
class Measured:
    """Queries and times (ms) of a page in the small and in the big community."""

    page: Page
    queries: tuple[int, int]
    p50: tuple[float, float]
    p95: tuple[float, float]
    lists_empty: bool = False

    @property
    def differs(self) -> bool:
        """Whether the length of the log changes the number of queries.

        An empty list needs no names and no words: that is no cost of history, and the only difference let pass.
        """
        return self.queries[0] != self.queries[1] and not self.lists_empty

    @property
    def flag(self) -> str:
        said = []
        if self.differs:
            said.append("QUERIES DIFFER")
        if self.p95[1] >= LIMIT_MS:
            said.append("SLOW")
        return " ".join(said)


class Site:
    """The console of one community, asked as its owner."""

    def __init__(self, community_id: int, user: Any) -> None:
        from django.test import Client

        from qunzhu.kernel.community.models import Community

        self.community = Community.objects.get(pk=community_id)
        self.client = Client()
        self.client.force_login(user)
        self.ids = _ids(community_id)

    def get(self, path: str) -> Any:
        return self.client.get(path)

    def measure(self, path: str, repeats: int) -> tuple[list[float], list[tuple[str, float]]]:
        """The times of `repeats` calls in ms; each query of one call with its ms. Warmed up before."""
        from django.db import connection

        ran: list[tuple[str, float]] = []

        def listen(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            began = time.perf_counter()
            try:
                return execute(sql, params, many, context)
            finally:
                ran.append((sql, (time.perf_counter() - began) * 1000))

        self.get(path)
        with connection.execute_wrapper(listen):
            answer = self.get(path)
        if answer.status_code != 200:
            raise RuntimeError(f"{path} answered {answer.status_code}")
        times = []
        for _ in range(repeats):
            began = time.perf_counter()
            self.get(path)
            times.append((time.perf_counter() - began) * 1000)
        return times, ran


def _ids(community_id: int) -> dict[str, Any]:
    """Real ids for the detail pages, by the name of the argument; those of what happened most."""
    from django.db import connection

    sql = {
        "group_id": "SELECT group_id FROM group_hour WHERE community_id = %s GROUP BY 1 ORDER BY sum(messages) DESC",
        "member_id": "SELECT member_id FROM member_day WHERE community_id = %s GROUP BY 1 ORDER BY sum(messages) DESC",
        "case_id": "SELECT id FROM \"case\" WHERE community_id = %s AND state = 'open' ORDER BY id",
        "effect_id": "SELECT id FROM effect WHERE community_id = %s ORDER BY created_at",
        "seq": "SELECT seq FROM event WHERE community_id = %s AND kind = 'decision.made' ORDER BY seq",
        "number": "SELECT version FROM rulebook_version WHERE community_id = %s",
        "job_id": "SELECT id FROM console_job WHERE community_id = %s AND kind = 'verify'",
        "import_job_id": "SELECT id FROM console_job WHERE community_id = %s AND kind = 'import'",
        "backtest_job_id": "SELECT id FROM console_job WHERE community_id = %s AND kind = 'backtest'",
        "import_id": "SELECT id FROM import_job WHERE community_id = %s",
        "clearance_seq": "SELECT seq FROM clearance WHERE community_id = %s ORDER BY seq",
        "observed_seq": "SELECT seq FROM observation WHERE community_id = %s ORDER BY seq",
        "incident_seq": "SELECT seq FROM incident WHERE community_id = %s ORDER BY seq",
        "rule": "SELECT rules->0->>'id' FROM rulebook_version WHERE community_id = %s ORDER BY version DESC",
        "transaction": "SELECT id FROM ledger_transaction WHERE community_id = %s ORDER BY at",
        "head": "SELECT seq FROM event_head WHERE community_id = %s",
        "rare_rule": "SELECT rule FROM decision WHERE community_id = %s GROUP BY 1 ORDER BY count(*), 1",
        "quiet": "SELECT member_id FROM member_day WHERE community_id = %s GROUP BY 1 ORDER BY sum(messages), 1",
    }
    found = {}
    with connection.cursor() as cursor:
        for name, query in sql.items():
            cursor.execute(f"{query} LIMIT 1", [community_id])
            found[name] = (cursor.fetchone() or (None,))[0]
    return found


def discover(small: Site, big: Site) -> tuple[list[Page], list[str]]:
    """The pages to open, and the names of what is no page (forms that are sent, downloads)."""
    from qunzhu.console.urls import urlpatterns

    pages: dict[str, Page] = {}
    skipped = []
    for pattern in urlpatterns:
        name = str(pattern.name)  # type: ignore[union-attr]
        if any(word in name for word in NOT_PAGES):
            skipped.append(name)
            continue
        paths = _paths(name, list(pattern.pattern.converters), small, big)
        if name in ASKED_BY_NAME:
            name = f"{name}_act"
        further = [*_further(name, small, big)]
        answer = big.get(paths[1] + (further[0][1][1] if further and name.endswith("_act") else ""))
        if answer.status_code in {302, 404, 405}:  # is sent, or needs what this history does not have
            skipped.append(name)
            continue
        if not name.endswith("_act"):
            pages[name] = Page(name, paths)
        for label, queries in [*further, *_links(answer.content.decode(), paths[1])]:
            key = f"{name}{label}"
            pages.setdefault(key, Page(key, (paths[0] + queries[0], paths[1] + queries[1])))
    return list(pages.values()), skipped


def _paths(name: str, arguments: list[str], small: Site, big: Site) -> tuple[str, str]:
    from django.urls import reverse

    found = [reverse(f"console:{name}", kwargs={a: _argument(s, name, a) for a in arguments}) for s in (small, big)]
    return found[0], found[1]


def _argument(site: Site, page: str, name: str) -> Any:
    if name == "slug":
        return site.community.slug
    fixed = {"fmt": "csv", "action": "retry", "user_id": 1, "view_id": 1, "page": "cases"}
    if name in fixed:
        return fixed[name]
    if page.startswith("ledger_") and name == "number":
        return site.ids["transaction"] or UUID(int=1)
    value = site.ids.get(f"{page.split('_', 1)[0]}_{name}", site.ids.get(name))
    if page.startswith("import_job"):
        value = site.ids["import_job_id"]
    if value is None and name.endswith("_id"):
        return 1  # of what this history does not have: the page is not there, and is skipped
    return value if isinstance(value, int | UUID) else str(value)


def _links(content: str, path: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """(label, queries) of the filters and slices a page offers; of many groups or members only the first."""
    for where, found in _LINK.findall(content):
        query = html.unescape(found)
        if where not in {"", path} or "group=" in query or "member=" in query or "before=" in query:
            continue  # ids differ between the communities: `_further` has these
        yield _MANY.sub(r"\1=…", query), (query, query)


def _further(name: str, small: Site, big: Site) -> Iterator[tuple[str, tuple[str, str]]]:
    """Filters that no link shows, or whose ids differ: {group}, {member}, {quiet}, {rare_rule}, {head}, {middle}."""
    asked = {
        "feed": (
            "?group={group_id}", "?member={member_id}", "?member={quiet}", "?before={middle}",
            "?kind=decisions&level=red", "?kind=decisions&level=notice", "?kind=decisions&outcome=cleared",
            "?kind=decisions&outcome=historic", "?rule={rare_rule}", "?rule=nothing", "?kind=reports&group={group_id}",
            "?kind=settings&member={member_id}", "?kind=settings&range=30d", "?kind=messages&range=yesterday",
            "?kind=messages&member={quiet}", "?group={group_id}&member={quiet}", "?group={group_id}&range=30d",
            "?kind=reports&before={middle}", "?kind=decisions&level=red&group={group_id}",
        ),
        "feed_newer": ("?after={head}", "?after={middle}", "?after={middle}&kind=reports"),
        "search": ("?q=成员12", "?q=你好", "?q=没有的词组", "?q={member_id}"),
        "groups": (),
        "group_act": ("?do=freeze", "?do=announce", "?do=profile"),
        "rule_act": ("?id={rule}",),
        "draft_rule_act": ("?id={rule}",),
        "members": (
            "?q=成员49", "?q=没有这个人", "?q={member_id}", "?group={group_id}", "?state=never&group={group_id}",
            "?state=penalised&group={group_id}", "?state=today&group={group_id}", "?state=observed",
            "?before={quiet}", "?q=成员12&state=penalised",
        ),
        "member": ("?before={middle}",),
        "member_act": ("?do=warn", "?do=mute", "?do=points"),
        "cases": ("?state=decided&page=90", "?state=all&page=3", "?member={member_id}&state=all", "?group={group_id}"),
        "effects": (
            "?group={group_id}", "?member={member_id}", "?rule={rare_rule}", "?rule=nothing",
            "?status=failed&kind=warn",
            "?status=task_created&kind=freeze", "?kind=unfreeze", "?status=failed&group={group_id}",
            "?before={effect_before}",
        ),
        "keywords": ("?q=一", "?q=没有的词", "?page=1000", "?category=allow", "?category=ad&page=100"),
        "blackbox": ("?before=3000",),
        "audit": (
            "?user=once", "?action=member.erase", "?user=nobody", "?allowed=no&days=30", "?before={effect_before}",
            "?user=staff1&action=action.1",
        ),
        "imports": ("?before=50",),
    }.get(name, ())  # fmt: skip
    for query in asked:
        yield query, tuple(_fill(query, site) for site in (small, big))  # type: ignore[misc]


def _fill(query: str, site: Site) -> str:
    from datetime import timedelta

    from qunzhu.console.reading.slices import position
    from qunzhu.kernel.clock import SYSTEM_CLOCK

    middle = position(SYSTEM_CLOCK.now() - timedelta(days=45), 1)
    return query.format(**site.ids, middle=site.ids["head"] // 2, effect_before=middle)


def prepare(small: int, big: int, members: int, groups: int) -> tuple[Site, Site]:
    """Both communities with their owner."""
    from django.contrib.auth import get_user_model

    from qunzhu.kernel.clock import SYSTEM_CLOCK
    from qunzhu.kernel.community.models import Community
    from qunzhu.kernel.community.services import set_staff
    from qunzhu.kernel.engine.draft_service import do_start_draft

    user = get_user_model().objects.create_user("bench", password="only for this benchmark")  # noqa: S106
    rules = pipeline.rulebook()
    ids = []
    for slug, events in (("small", small), ("big", big)):
        with common.clocked() as took:
            ids.append(history.fill(slug, events, members=members, groups=groups, rules=rules))
        print(f"filled {slug}: {events:,} events in {took[0]:.0f} s", flush=True)
        community = Community.objects.get(pk=ids[-1])
        set_staff(community=community, user=user, role="owner", by="bench", now=SYSTEM_CLOCK.now())
        do_start_draft(community_id=ids[-1], by="bench", now=SYSTEM_CLOCK.now())
        _backtest(ids[-1])
    history.settle()
    return Site(ids[0], user), Site(ids[1], user)


def _backtest(community_id: int) -> None:
    """One real report over about the newest 50,000 events: the page shows its file."""
    from datetime import timedelta

    from qunzhu.console import jobs
    from qunzhu.console.reading import backtests
    from qunzhu.kernel.clock import SYSTEM_CLOCK
    from qunzhu.kernel.community.selectors import log_head
    from qunzhu.kernel.engine.draft_service import live_version
    from qunzhu.risk.backtest.replay import Stretch
    from qunzhu.risk.backtest.run import Question

    now, live = SYSTEM_CLOCK.now(), live_version(community_id)
    assert live is not None
    days = history.DAYS * min(1.0, 50_000 / log_head(community_id))
    question = Question(
        community_id=community_id, rulebook=backtests.book_of(live), stretch=Stretch(now - timedelta(days=days), now),
        upto=log_head(community_id), group_id=None, against="nothing", words_of_today=True,
    )  # fmt: skip
    params = backtests.params_of(question, title="bench")
    job = jobs.do_start(community_id=community_id, kind=backtests.KIND, params=params, user="bench", now=now)
    jobs.do_run(job.pk)


def measure(pages: list[Page], small: Site, big: Site, repeats: int, explain: float) -> list[Measured]:
    """Open every page `repeats` times in both communities; print queries that take `explain` ms or more."""
    result = []
    for page in pages:
        queries, times, empty = [], [], []
        for site, path in zip((small, big), page.paths, strict=True):
            took, ran = site.measure(path, repeats)
            queries.append(Counter(sql for sql, _ in ran))
            times.append(took)
            empty.append(b'class="empty' in site.get(path).content)
            for sql, spent in ran:
                if spent >= explain:
                    print(f"    {page.name} {spent:.0f} ms: {' '.join(sql.split())[:400]}")
        p50, p95 = ((common.percentile(times[0], q), common.percentile(times[1], q)) for q in (0.5, 0.95))
        counts = queries[0].total(), queries[1].total()
        extra = (queries[1] - queries[0]) + (queries[0] - queries[1])
        only_names = bool(extra) and all(_NAMES.match(sql) for sql in extra)
        result.append(Measured(page, counts, p50, p95, lists_empty=empty[0] != empty[1] or only_names))
        print(_line(result[-1]), flush=True)
    return result


def _line(m: Measured) -> str:
    same = "≠" if m.differs else "=" if m.queries[0] == m.queries[1] else "∅"
    return (
        f"{m.page.name:<52} | {m.queries[0]:>3} {same} {m.queries[1]:>3} | {m.p50[0]:>6.1f} | {m.p50[1]:>6.1f} |"
        f" {m.p95[0]:>6.1f} | {m.p95[1]:>6.1f} | {m.p95[1] / m.p95[0]:>5.2f} {m.flag}"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--small", type=int, default=5_000)
    parser.add_argument("--big", type=int, default=5_000_000)
    parser.add_argument("--members", type=int, default=50_000)
    parser.add_argument("--groups", type=int, default=1_000)
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--only", default="", help="pages whose name contains this")
    parser.add_argument("--explain", type=float, default=1e9, help="print queries that take so many ms")
    parser.add_argument("--here", action="store_true", help="use (and keep) QUNZHU_HOME; filled when it is empty")
    options = parser.parse_args()
    if options.here:
        run(options)
        return
    with common.scratch_home():
        run(options)


def run(options: argparse.Namespace) -> None:
    """Fill unless filled, measure, summarise."""
    common.set_up()
    from django.contrib.auth import get_user_model

    from qunzhu.kernel.community.models import Community

    known = dict(Community.objects.values_list("slug", "pk"))
    if "big" in known:
        user = get_user_model().objects.get(username="bench")
        small, big = Site(known["small"], user), Site(known["big"], user)
    else:
        small, big = prepare(options.small, options.big, options.members, options.groups)
    pages, skipped = discover(small, big)
    pages = [p for p in pages if options.only in p.name]
    gc.freeze()  # as the server does when it has started
    print(f"{'page':<52} | queries   | p50 small | p50 big | p95 small | p95 big (ms) | ratio")
    found = measure(pages, small, big, options.repeats, options.explain)
    differ = sum(m.differs for m in found)
    slow = sum(m.p95[1] >= LIMIT_MS for m in found)
    worst = max(found, key=lambda m: m.p95[1])
    print(f"\nno pages (sent forms, downloads): {', '.join(skipped)}")
    print("∅: an empty list on one side, which leaves out the look-up of names and words")
    print(f"pages opened: {len(found)} · other number of queries: {differ} · p95 of 150 ms or more: {slow}")
    print(
        f"worst console page, p95: {worst.p95[1]:.1f} ms ({worst.page.name}) ·"
        f" of the limit: {worst.p95[1] / LIMIT_MS:.2f}"
    )


if __name__ == "__main__":
    main()
