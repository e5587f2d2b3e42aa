"""Limits, matching and files of codes, without a database."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qunzhu.engagement.mall.policy import (
    MOVES,
    Delivery,
    Offer,
    Refused,
    affordable,
    check_delivery,
    check_move,
    check_tracking,
    limit_for,
    matching,
    parse_codes,
    refusal,
)
from qunzhu.engagement.mall.sayings import say_offers, say_together

COFFEE = Offer(1, "咖啡券", "virtual", 300, 5)
LATTE = Offer(2, "拿铁咖啡券", "virtual", 200, 5)
MUG = Offer(12, "马克杯 12", "physical", 50, 0)


@given(st.integers(0, 20), st.integers(0, 9), st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), max_size=4))
def test_the_highest_level_reached_says_the_limit(level, plain, limits):
    offer = Offer(1, "x", "virtual", 1, 1, per_member=plain, level_limits=tuple(dict(limits).items()))
    reached = {at: limit for at, limit in dict(limits).items() if at <= level}
    assert limit_for(offer, level) == (reached[max(reached)] if reached else plain)


@given(st.integers(0, 5), st.integers(0, 3), st.integers(0, 9), st.integers(0, 9), st.booleans())
def test_what_is_not_refused_can_be_paid_and_is_there(stock, had, price, balance, on_sale):
    offer = Offer(1, "x", "virtual", price, stock, on_sale, per_member=2)
    possible = on_sale and had < 2 and stock > 0 and balance >= price
    assert (refusal(offer, level=0, had=had, balance=balance) is None) == possible


def test_number_name_and_part_of_a_name():
    offers = [COFFEE, LATTE, MUG]
    assert matching("1", offers) == matching(" ＃1", offers) == [COFFEE]
    assert matching("12", offers) == [MUG]
    assert matching("咖啡券", offers) == [COFFEE]
    assert matching("咖啡", offers) == [COFFEE, LATTE]
    assert matching("拿铁", offers) == [LATTE]
    assert matching("茶", offers) == matching("9" * 40, offers) == []


def test_the_list_names_what_one_can_afford():
    offers = [COFFEE, LATTE, MUG]
    assert affordable(offers, 300) == [COFFEE, LATTE]
    assert say_offers(offers, 250, "L") == "你有 250 积分，可以兑换：2 拿铁咖啡券 200分。发“兑换 编号”就行。商城：L"
    assert say_offers(offers, 10, "L") == "你有 10 积分，离“拿铁咖啡券”还差 190。商城：L"
    assert say_offers([MUG], 10, "L") == "商城现在没有可兑换的商品，上新了会告诉大家。"
    many = [Offer(n, f"第{n}件", "virtual", n, 1) for n in range(1, 8)]
    assert "（还有 2 件）" in say_offers(many, 100, "L")
    assert say_together([("小林", "好"), ("", "行")]) == "@小林 好\n行"


@pytest.mark.parametrize(
    ("given_", "code"),
    [
        (Delivery("", "13800000000", "浙江省杭州市"), "recipient"),
        (Delivery("林" * 31, "13800000000", "浙江省杭州市"), "recipient"),
        (Delivery("林", "一三八", "浙江省杭州市"), "phone"),
        (Delivery("林", "13800000000' OR 1=1", "浙江省杭州市"), "phone"),
        (Delivery("林", "13800000000", "杭州"), "address"),
        (Delivery("林", "13800000000", "杭" * 201), "address"),
    ],
)
def test_an_address_that_no_parcel_reaches(given_, code):
    with pytest.raises(Refused) as reason:
        check_delivery("physical", given_)
    assert reason.value.code == code


def test_what_was_filled_in_is_kept_only_where_it_is_needed():
    full = Delivery(" 林  小林 ", " +86 138-0000-0000 ", "浙江省\n杭州市", "广告")
    assert check_delivery("physical", full) == Delivery("林 小林", "+86 138-0000-0000", "浙江省 杭州市")
    assert check_delivery("ad_slot", full) == Delivery(words="广告")
    assert check_delivery("virtual", full) == Delivery()


def test_tracking_numbers():
    assert check_tracking(" SF-12345 ") == "SF-12345"
    for wrong in ("", "abc", "顺丰 123", "a" * 41, "<b>1234</b>"):
        with pytest.raises(Refused):
            check_tracking(wrong)


def test_ends_are_ends():
    for state, onward in MOVES.items():
        for to in MOVES:
            if to in onward:
                check_move(state, to)
            else:
                with pytest.raises(Refused):
                    check_move(state, to)


@given(st.binary(max_size=400))
def test_any_bytes_are_codes_or_named_lines(data):
    codes, bad = parse_codes(data)
    assert len(codes) == len(set(codes))
    assert all(0 < len(code) <= 200 and code.isprintable() for code in codes)
    assert all(line.line >= 1 and line.problem for line in bad)


def test_files_of_excel_in_gbk_and_with_a_mark():
    assert parse_codes("\ufeff兑换码\nA\n".encode()) == (["A"], [])
    assert parse_codes("卡密\n券甲\n".encode("gb18030")) == (["券甲"], [])
