"""A broken invariant is a human's matter: a case names it, and closes itself when all is well again."""

import hashlib
from collections.abc import Set as AbstractSet
from datetime import datetime

from django.db import transaction

from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.cases.services import decide_case, open_case
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection

KIND = "invariant_broken"
NAMED = 10  # problems that a case spells out


@transaction.atomic
def report_breakage(community_id: int, problems: AbstractSet[tuple[str, str]], *, now: datetime) -> int:
    """Open a case for every check with `problems` (check, sentence) that nobody has noted; returns how many.

    Open cases whose check found nothing, or something else, are closed by the product.
    """
    wanted: dict[str, tuple[str, list[str]]] = {}
    for check in sorted({check for check, _ in problems}):
        sentences = sorted(sentence for of, sentence in problems if of == check)
        digest = hashlib.sha256("\n".join(sentences).encode()).hexdigest()[:12]
        wanted[f"invariant:{check}:{digest}"] = (check, sentences)
    known = set(Case.objects.filter(community_id=community_id, kind=KIND).values_list("key", flat=True))
    for case in Case.objects.filter(community_id=community_id, kind=KIND, state=Case.State.OPEN).exclude(
        key__in=wanted
    ):
        decide_case(
            community_id=community_id, case_id=case.pk, action="mended", user="qunzhu", role=None, version=case.version,
            now=now,
        )  # fmt: skip
    fresh = [key for key in wanted if key not in known]
    for key in fresh:
        check, sentences = wanted[key]
        more = f"\n… {len(sentences) - NAMED}" if len(sentences) > NAMED else ""
        opened = open_case(
            community_id=community_id, kind=KIND, key=key, title=f"自检发现 {len(sentences)} 处不一致（{check}）",
            summary="\n".join(sentences[:NAMED]) + more, urgency="orange", now=now,
        )  # fmt: skip
        if opened.event is not None:
            log.append(raw_connection(), [opened.event], now=now)
    return len(fresh)
