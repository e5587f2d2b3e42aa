"""My data: what the product knows about me, by a link that works for a while."""

from datetime import timedelta
from tempfile import TemporaryFile
from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community import audit
from qunzhu.kernel.community.models import Member
from qunzhu.kernel.community.personal import write_personal
from qunzhu.kernel.community.personal_links import link_lives, make_link_token, read_link_token
from qunzhu.portal.identity import Visitor, members_only


@require_http_methods(["GET", "HEAD", "POST"])
@members_only
def data(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """What is in the file, and (POST) a link to it."""
    lives = link_lives(visitor.community.pk)
    now = SYSTEM_CLOCK.now()
    context: dict[str, Any] = {
        "visitor": visitor, "tab": "me", "now": now, "zone": visitor.community.timezone,
        "hours": lives // timedelta(hours=1),
    }  # fmt: skip
    if request.method == "POST":
        context["link"] = settings.PUBLIC_URL + reverse("portal:data_file", args=[make_link_token(visitor.member)])
        context["until"] = now + lives
        audit.record(
            community_id=visitor.community.pk, user=f"member:{visitor.member.pk}", action="personal.link",
            target=f"member:{visitor.member.pk}", now=now,
        )  # fmt: skip
    return render(request, "portal/data.html", context)


@require_GET
def data_file(request: HttpRequest, token: str) -> HttpResponseBase:  # noqa: ARG001  (the token is the right to it)
    """The ZIP of the person whom the link names; each download is on record."""
    owner = read_link_token(token)
    if owner is None:
        raise Http404
    now = SYSTEM_CLOCK.now()
    out = TemporaryFile()  # noqa: SIM115  (the response closes it)
    try:
        with transaction.atomic():
            audit.record(
                community_id=owner.community_id, user=f"member:{owner.member_id}", action="personal.export",
                target=f"member:{owner.member_id}", now=now,
            )  # fmt: skip
            write_personal(out, community_id=owner.community_id, member_id=owner.member_id, now=now)
    except Member.DoesNotExist as error:
        raise Http404 from error
    out.seek(0)
    response = FileResponse(out, as_attachment=True, filename=f"my-data-{owner.member_id}.zip")
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
