"""Ad clearances (报备) in pure code: what one covers, and when. The same code judges messages and tells pages."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from qunzhu.kernel.text.likeness import alike, marks_of, shape_of
from qunzhu.kernel.text.links import canonical, canonical_links
from qunzhu.kernel.text.normalise import text_digest


class Clearance(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """An ad that may be posted from `since` until `until` (ms; the end itself is outside).

    By anyone when `member` is None, in every group when `group` is None. It covers a message by its `links`, by a text
    of near-equal `shape`, or by a picture; with none of these, all that the member posts. `marks` are the numbers and
    accounts that were looked at: a message that names another one is not this ad.
    """

    seq: int
    member: int | None
    link: str
    text_digest: str
    until: int
    since: int = 0
    group: int | None = None
    links: tuple[str, ...] = ()
    shape: tuple[int, ...] = ()
    marks: tuple[int, ...] = ()
    images: tuple[str, ...] = ()

    @property
    def everything(self) -> bool:
        """Whether it names no content at all."""
        return not (self.link or self.text_digest or self.links or self.shape or self.images)


class Said(msgspec.Struct, frozen=True):
    """A message, as far as a clearance looks at it."""

    at: int
    member: int | None
    group: int | None
    text: str
    links: tuple[str, ...]
    image: str = ""


def clearance_from(seq: int, body: Mapping[str, Any]) -> Clearance:
    """The clearance that a `clearance.granted` tells of."""
    text = str(body.get("text") or "")
    links = {canonical(link) for link in body.get("links") or ()}
    if text:
        links |= set(canonical_links(text))
    since = body.get("since")
    return Clearance(
        seq,
        body.get("member"),
        str(body.get("link") or ""),
        str(body.get("text_digest") or ""),
        _milliseconds(body["until"]),
        _milliseconds(since) if since else 0,
        body.get("group"),
        tuple(sorted(links)),
        tuple(shape_of(text)),
        tuple(sorted({*marks_of(text), *(mark for link in links for mark in marks_of(link))})),
        tuple(str(image) for image in body.get("images") or ()),
    )


def covers(clearance: Clearance, said: Said) -> bool:
    """Whether the message is the cleared ad, in its window, by whom and where it was cleared."""
    if not clearance.since <= said.at < clearance.until:
        return False
    if clearance.member not in {None, said.member} or clearance.group not in {None, said.group}:
        return False
    if clearance.everything:
        return clearance.member is not None
    if clearance.link or clearance.text_digest:  # as they were granted before texts and links came together
        by_link = not clearance.link or clearance.link in said.links
        return by_link and (not clearance.text_digest or clearance.text_digest == text_digest(said.text))
    return _is_the_ad(clearance, said)


def _is_the_ad(clearance: Clearance, said: Said) -> bool:
    """By link, by text or by picture; and nothing else to click, call or add has come in."""
    if not set(said.links) <= set(clearance.links) or (said.image and said.image not in clearance.images):
        return False
    if not set(marks_of(said.text)) <= set(clearance.marks):
        return False
    if said.links or (said.image and not said.text.strip()):
        return True
    return alike(clearance.shape, shape_of(said.text))


def granted_body(  # noqa: PLR0913  (a grant is described once, by name)
    *,
    member: int | None,
    until: datetime,
    by: str,
    since: datetime | None = None,
    group: int | None = None,
    text: str = "",
    links: Sequence[str] = (),
    images: Sequence[str] = (),
    name: str = "",
    request: int | None = None,
) -> dict[str, Any]:
    """The body of `clearance.granted`. Raises ValueError for a window that ends before it begins, or an empty grant."""
    if since is not None and since >= until:
        raise ValueError("报备的结束时间要晚于开始时间")
    if member is None and not (text or links or images):
        raise ValueError("对所有人的报备要写明链接或文字")
    body: dict[str, Any] = {"member": member, "until": until.isoformat(), "by": by}
    if since is not None:
        body["since"] = since.isoformat()
    named = {"group": group, "text": text, "name": name, "request": request}
    body |= {key: value for key, value in named.items() if value}
    if links:
        body["links"] = list(dict.fromkeys(canonical(link) for link in links))
    if images:
        body["images"] = list(images)
    return body


def _milliseconds(at: str) -> int:
    return int(datetime.fromisoformat(at).timestamp() * 1000)
