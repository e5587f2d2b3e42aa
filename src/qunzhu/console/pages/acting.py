"""How every page acts: the deed and its audit line in one transaction (refusals are recorded by `access.py`)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from qunzhu.kernel.community.access import StaffRequest, record_act


@contextmanager
def audited(
    request: StaffRequest, action: str, *, target: str = "", detail: dict[str, Any] | None = None
) -> Iterator[dict[str, Any]]:
    """Do something and record that it was done; an exception undoes both. What it yields takes more detail."""
    known: dict[str, Any] = dict(detail or {})
    with transaction.atomic():
        yield known
        record_act(request, action, target, known)


def back_to(request: StaffRequest, name: str) -> HttpResponse:
    """To the page the form stood on (its `back`), if that is the list `name` of this community; else to that list."""
    home = reverse(name, args=[request.community.slug])
    back = request.POST.get("back", "")
    return redirect(back if back.startswith(home) else home)
