"""The mall in pure code: who may redeem what, which state follows which, what a file of codes holds."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

PLACED, SHIPPED, DONE, CANCELLED, REFUNDED = "placed", "shipped", "done", "cancelled", "refunded"
OPEN = (PLACED, SHIPPED)  # the points are still held
MOVES: dict[str, frozenset[str]] = {
    PLACED: frozenset({SHIPPED, DONE, CANCELLED}),
    SHIPPED: frozenset({DONE, REFUNDED}),
    DONE: frozenset({REFUNDED}),
    CANCELLED: frozenset(),
    REFUNDED: frozenset(),
}
NEEDS_ADDRESS = "physical"
NEEDS_WORDS = "ad_slot"
BY_HAND = frozenset({"physical", "ad_slot"})  # always; a virtual good only without codes and content
RECEIVED_AFTER = 15  # days after which a parcel counts as received
NAME_LENGTH, PHONE_LENGTH, ADDRESS_LENGTH, WORDS_LENGTH, REASON_LENGTH = 30, 20, 200, 1_000, 200
CODE_LENGTH, CODES_AT_ONCE = 200, 10_000
_PHONE = re.compile(r"\+?[0-9][0-9 -]{5,18}[0-9]")
_TRACKING = re.compile(r"[A-Za-z0-9-]{4,40}")
_HEADS = frozenset({"code", "codes", "卡密", "兑换码", "券码", "激活码"})


class Refused(ValueError):
    """An order that was not taken, and why; nothing happened. `code` is for programs, the text for the member."""

    def __init__(self, code: str, text: str) -> None:
        self.code = code
        super().__init__(text)


class Offer(msgspec.Struct, frozen=True):
    """A good as a member meets it."""

    number: int
    name: str
    kind: str
    price: int
    stock: int
    on_sale: bool = True
    per_member: int = 0
    min_level: int = 0
    level_limits: tuple[tuple[int, int], ...] = ()


class Delivery(msgspec.Struct, frozen=True):
    """What a member adds to an order: where a parcel goes, or the words of an ad."""

    recipient: str = ""
    phone: str = ""
    address: str = ""
    words: str = ""


def limit_for(offer: Offer, level: int) -> int:
    """How many of it one member may have, 0 for any number: what the highest level reached says, else `per_member`."""
    reached = [(at, limit) for at, limit in offer.level_limits if at <= level]
    return max(reached)[1] if reached else offer.per_member


def refusal(offer: Offer, *, level: int, had: int, balance: int) -> Refused | None:
    """Why the member cannot redeem it now; None when nothing stands in the way. `had` counts orders not undone."""
    limit = limit_for(offer, level)
    if not offer.on_sale:
        return Refused("gone", f"“{offer.name}”已经下架了。")
    if level < offer.min_level:
        return Refused("level", f"“{offer.name}”要到 {offer.min_level} 级才能兑换。")
    if limit and had >= limit:
        return Refused("limit", f"“{offer.name}”每人限兑 {limit} 件，你已经兑过了。")
    if offer.stock < 1:
        return sold_out(offer)
    if balance < offer.price:
        return Refused("points", f"“{offer.name}”要 {offer.price} 积分，你有 {balance}，还差 {offer.price - balance}。")
    return None


def sold_out(offer: Offer) -> Refused:
    """There is none left."""
    return Refused("sold_out", f"“{offer.name}”已经兑完了。")


def check_delivery(kind: str, given: Delivery) -> Delivery:
    """What an order of this kind keeps of what was filled in. Raises `Refused` with what is wrong with it."""
    if kind == NEEDS_ADDRESS:
        name, phone = " ".join(given.recipient.split()), given.phone.strip()
        address = " ".join(given.address.split())
        if not name or len(name) > NAME_LENGTH:
            raise Refused("recipient", f"请填收货人，最多 {NAME_LENGTH} 个字。")
        if not _PHONE.fullmatch(phone):
            raise Refused("phone", "电话号码没有看懂，请只填数字。")
        if not 5 <= len(address) <= ADDRESS_LENGTH:  # noqa: PLR2004  (shorter is no address)
            raise Refused("address", f"请填完整的收货地址，最多 {ADDRESS_LENGTH} 个字。")
        return Delivery(name, phone, address)
    if kind == NEEDS_WORDS:
        words = given.words.strip()
        if not words or len(words) > WORDS_LENGTH:
            raise Refused("words", f"请写下要发的内容，最多 {WORDS_LENGTH} 个字。")
        return Delivery(words=words)
    return Delivery()


def check_tracking(tracking: str) -> str:
    """A tracking number as carriers write it. Raises `Refused`."""
    cleaned = tracking.strip()
    if not _TRACKING.fullmatch(cleaned):
        raise Refused("tracking", "单号只有字母、数字和横线，4 到 40 位。")
    return cleaned


def check_move(state: str, to: str) -> None:
    """Raise `Refused` when an order in `state` cannot become `to`."""
    if to not in MOVES[state]:
        raise Refused("state", "这个订单刚刚有变化，请刷新后再看。")


def by_itself(kind: str, *, with_codes: bool, content: str) -> bool:
    """Whether an order is handed over without a human."""
    return kind == "perk" or (kind == "virtual" and (with_codes or bool(content)))


def matching(words: str, offers: Sequence[Offer]) -> list[Offer]:
    """The offers that `words` mean: the number, else the very name, else every name that holds them."""
    wanted = words.strip().lstrip("#＃").strip().casefold()
    if wanted.isascii() and wanted.isdigit():
        return [o for o in offers if o.number == int(wanted[:9])]
    same = [o for o in offers if o.name.casefold() == wanted]
    return same or [o for o in offers if wanted and wanted in o.name.casefold()]


def affordable(offers: Iterable[Offer], balance: int) -> list[Offer]:
    """What this balance buys of what is there, the dearest first."""
    return sorted(
        (o for o in offers if o.on_sale and o.stock > 0 and o.price <= balance), key=lambda o: (-o.price, o.number)
    )


@dataclass(frozen=True)
class BadLine:
    """A line of a file that cannot be taken, and why; `n` is the figure that stands for {n} in `problem`."""

    line: int
    text: str
    problem: str
    n: int = 0

    @property
    def said(self) -> str:
        return self.problem.format(n=self.n)


def parse_codes(data: bytes, *, known: Iterable[str] = ()) -> tuple[list[str], list[BadLine]]:
    """The codes of a CSV (first column; a second one is the password), and every line that cannot be taken.

    `known` are codes that the good has already.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("gb18030", errors="replace")
    codes: list[str] = []
    bad: list[BadLine] = []
    lines: dict[str, int] = {}
    before = frozenset(known)
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if not any(cells) or (not lines and not bad and cells[0].casefold() in _HEADS):
                continue
            if found := _problem(cells, lines, before):
                bad.append(BadLine(reader.line_num, ",".join(cells)[:60], *found))
                continue
            code = " ".join(cell for cell in cells[:2] if cell)
            lines[code] = reader.line_num
            codes.append(code)
    except csv.Error as error:
        bad.append(BadLine(reader.line_num, str(error)[:60], "不是 CSV"))
    if len(codes) > CODES_AT_ONCE:
        bad.append(BadLine(lines[codes[CODES_AT_ONCE]], "", "一次最多 {n} 个码", CODES_AT_ONCE))
    return codes, bad


def _problem(cells: list[str], lines: dict[str, int], before: frozenset[str]) -> tuple[str, int] | None:
    code = " ".join(cell for cell in cells[:2] if cell)
    checks = (
        (not cells[0], "第一列是空的", 0),
        (any(cells[2:]), "最多两列：码、密码", 0),
        (len(code) > CODE_LENGTH, "太长，最多 {n} 个字符", CODE_LENGTH),
        (not code.isprintable() or "\ufffd" in code, "有不能显示的字符，请用 UTF-8 保存", 0),
        (code in lines, "和第 {n} 行重复", lines.get(code, 0)),
        (code in before, "这个码已经导入过", 0),
    )
    return next(((problem, n) for wrong, problem, n in checks if wrong), None)
