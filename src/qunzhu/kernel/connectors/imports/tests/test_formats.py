"""Every format's sample gives exactly these entries; arbitrary bytes are imported or rejected, never lost."""

# ruff: noqa: E501  (samples are as wide as the programs write them)
import gzip
import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from qunzhu.kernel.connectors.imports import formats, jsonstream
from qunzhu.kernel.connectors.imports.records import BadValue, Record, Rejected, time_reader
from qunzhu.kernel.connectors.imports.source import MAX_LINE_BYTES, Unreadable, of_bytes

SHANGHAI = ZoneInfo("Asia/Shanghai")


def parse(data, fmt="auto", zone=SHANGHAI, mapping=None):
    source = of_bytes(data if isinstance(data, bytes) else data.encode())
    fmt = formats.detect(source, "x") if fmt == "auto" else fmt
    return fmt, list(formats.parse(source, fmt, zone, mapping or {}))


def short(entries):
    """Records as (line, UTC time, kind, id, user, text, media), rejected ones as (line, reason)."""
    return [
        (e.line, e.at.strftime("%Y-%m-%d %H:%M:%S"), e.kind, e.user_id, e.user, e.text, e.media)
        if isinstance(e, Record)
        else (e.line, e.reason)
        for e in entries
    ]


CSV = """时间,昵称,内容
2024-01-05 08:00:00,小明,早上好
2024/1/5 8:03,小红,"逗号,和
换行"
昨天,小刚,看不懂
2024-01-05 08:05:00,小明,"没有闭合
2024-01-05 08:06:00,小红,后面的还在
2024-01-05 08:07:00,,没有名字
2024-01-05 08:08:00,小明,
2024-01-05 08:09:00,小明
"""


def test_csv():
    assert parse(CSV)[0] == "csv"
    assert short(parse(CSV)[1]) == [
        (2, "2024-01-05 00:00:00", "msg", "", "小明", "早上好", "text"),
        (3, "2024-01-05 00:03:00", "msg", "", "小红", "逗号,和\n换行", "text"),
        (5, "看不懂的时间 '昨天'"),
        (6, "引号没有闭合"),
        (7, "2024-01-05 00:06:00", "msg", "", "小红", "后面的还在", "text"),
        (8, "没有发言人"),
        (9, "内容是空的"),
        (10, "有 2 列,表头有 3 列"),
    ]


TSV = (
    "ts_bst\tkind\tuser\ttext\n2016-06-01 02:06:03\tmsg\tf10\ta\\nb\n2016-06-01 02:06:04\taction\tf10\twaves\n"
    "2016-06-01 02:06:05\tjoin\tAda\t\n2016-06-01 02:06:06\tnick\tAda\tAda_\n2016-06-01 02:06:07\tleave\tAda_\t\n"
    "2016-06-01 02:06:08\tother\t\t*** mode\n2016-06-01 02:06:09\tdance\tAda\tx\n"
)


def test_tsv_with_kinds():
    fmt, entries = parse(TSV, zone=ZoneInfo("Europe/London"))
    assert fmt == "tsv"
    assert short(entries) == [
        (2, "2016-06-01 01:06:03", "msg", "", "f10", "a\nb", "text"),
        (3, "2016-06-01 01:06:04", "action", "", "f10", "waves", "text"),
        (4, "2016-06-01 01:06:05", "join", "", "Ada", "", "text"),
        (5, "2016-06-01 01:06:06", "nick", "", "Ada", "Ada_", "text"),
        (6, "2016-06-01 01:06:07", "leave", "", "Ada_", "", "text"),
        (7, "系统消息,没有对应的事件"),
        (8, "不认识的类型 'dance'"),
    ]


def test_columns_may_be_mapped_and_a_utc_column_is_utc():
    data = "a\tb\tc\n2024-01-05 08:00:00\tx\thello\n"
    mapping = {"time": "a", "user": "b", "text": "c"}
    assert short(parse(data, mapping=mapping)[1]) == [(2, "2024-01-05 00:00:00", "msg", "", "x", "hello", "text")]
    utc = "ts_utc\tuser\ttext\n2024-01-05 08:00:00\tx\thello\n"
    assert short(parse(utc)[1]) == [(2, "2024-01-05 08:00:00", "msg", "", "x", "hello", "text")]
    with pytest.raises(Unreadable, match="没有“z”这一列,文件里有: a, b, c"):
        parse(data, mapping={"time": "z"})
    with pytest.raises(Unreadable, match="找不到 time 列,请用 --map time=列名 指定"):
        parse(data)


MEMOTRACE = """localId,TalkerId,Type,SubType,IsSender,CreateTime,Status,StrContent,StrTime,Remark,NickName,Sender
1,2,1,0,0,1704412800,,早上好,2024-01-05 08:00:00,,小明,wxid_a
2,2,3,0,0,1704412801,,<msg><img/></msg>,2024-01-05 08:00:01,,小明,wxid_a
3,2,10000,0,0,1704412802,,"""
MEMOTRACE += """"小红"邀请"小刚"加入了群聊,2024-01-05 08:00:02,,,\n"""


def test_memotrace():
    fmt, entries = parse(MEMOTRACE.replace('"小红"邀请"小刚"', "小红邀请小刚"))
    assert fmt == "memotrace"
    assert short(entries) == [
        (2, "2024-01-05 00:00:00", "msg", "wxid_a", "小明", "早上好", "text"),
        (3, "2024-01-05 00:00:01", "msg", "wxid_a", "小明", "[图片]", "image"),
        (4, "系统消息,没有对应的事件 (Type 10000)"),
    ]


def test_jsonl():
    data = '{"time": 1704412800, "user": "小明", "text": "早"}\n\n{"time": "1704412800000", "user_id": 7, "text": 5}\n{oops\n[1]\n{"time": true, "user": "a", "text": "b"}\n'
    fmt, entries = parse(data)
    assert fmt == "jsonl"
    assert short(entries) == [
        (1, "2024-01-05 00:00:00", "msg", "", "小明", "早", "text"),
        (3, "2024-01-05 00:00:00", "msg", "7", "7", "5", "text"),
        (4, "不是有效的 JSON: JSON is malformed: object keys must be strings (byte 1)"),
        (5, "不是一条消息"),
        (6, "没有时间"),
    ]


CHATLAB = {
    "chatlab": {"version": "0.0.2", "exportedAt": 1704412900},
    "meta": {"name": "读书群", "platform": "wechat", "type": "group"},
    "members": [{"platformId": "a", "accountName": "小明", "avatar": "data:image/png;base64," + "A" * 300_000}],
    "messages": [
        {"sender": "a", "accountName": "小明", "timestamp": 1704412800, "type": 0, "content": '早 {["}'},
        {"sender": "a", "accountName": "小明", "groupNickname": "明哥", "timestamp": 1704412801, "type": 1, "content": None},
        {"sender": "a", "accountName": "小明", "timestamp": 1704412802, "type": 80, "content": "小红加入了群聊"},
        {"sender": "a", "accountName": "小明", "timestamp": 1704412803, "type": 25, "content": "收到"},
    ],
}  # fmt: skip


def test_chatlab_json_and_jsonl():
    expected = [
        ("2024-01-05 00:00:00", "msg", "a", "小明", '早 {["}', "text"),
        ("2024-01-05 00:00:01", "msg", "a", "明哥", "[图片]", "image"),
        ("系统消息,没有对应的事件",),
        ("2024-01-05 00:00:03", "msg", "a", "小明", "收到", "quote"),
    ]
    fmt, entries = parse(json.dumps(CHATLAB, ensure_ascii=False, indent=1))
    assert (fmt, [e[1:] for e in short(entries)]) == ("chatlab", expected)
    lines = [{"_type": "header", "chatlab": CHATLAB["chatlab"]}, {"_type": "member", "platformId": "a"}]
    lines += [{"_type": "message", **m} for m in CHATLAB["messages"]]
    text = "# 备注\n".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    fmt, entries = parse(text)
    assert (fmt, [e[1:] for e in short(entries)]) == ("chatlab", expected)


TELEGRAM = """{
 "name": "读书群",
 "type": "private_supergroup",
 "id": 1,
 "messages": [
  {"id": 1, "type": "service", "date": "2024-01-05T08:00:00", "date_unixtime": "1704412800", "actor": "Ada",
   "actor_id": "user1", "action": "join_group_by_link", "inviter": "x", "text": ""},
  {"id": 2, "type": "message", "date_unixtime": "1704412801", "from": "Ada", "from_id": "user1",
   "text": ["看 ", {"type": "link", "text": "https://a.cn"}]},
  {"id": 3, "type": "message", "date_unixtime": "1704412802", "from": "Ada", "from_id": "user1", "photo": "p", "text": ""},
  {"id": 4, "type": "service", "date_unixtime": "1704412803", "actor": "Ada", "actor_id": "user1", "action": "pin_message"},
  {"id": 5, "type": "service", "date_unixtime": "1704412804", "actor": "Ada", "actor_id": "user1",
   "action": "invite_members", "members": ["Bob"]},
  {"id": 6, "type": "message", "date": "2024-01-05T08:00:05", "from": "Bob", "from_id": "user2", "text": "本地时间"},
  {"id": 7, broken}
 ]
}
"""


def test_telegram():
    fmt, entries = parse(TELEGRAM)
    assert fmt == "telegram"
    assert short(entries)[:-1] == [
        (6, "2024-01-05 00:00:00", "join", "user1", "Ada", "", "text"),
        (8, "2024-01-05 00:00:01", "msg", "user1", "Ada", "看 https://a.cn", "text"),
        (10, "2024-01-05 00:00:02", "msg", "user1", "Ada", "[图片]", "image"),
        (11, "系统消息,没有对应的事件"),
        (12, "2024-01-05 00:00:04", "join", "", "Bob", "", "text"),
        (14, "2024-01-05 00:00:05", "msg", "user2", "Bob", "本地时间", "text"),
    ]
    last = entries[-1]
    assert isinstance(last, Rejected)
    assert (last.line, last.raw) == (15, '{"id": 7, broken}')
    assert last.reason.startswith("不是有效的 JSON")


def test_discord():
    data = {
        "guild": {"id": "1", "name": "g"},
        "channel": {"id": "2"},
        "messages": [
            {"id": "9", "type": "GuildMemberJoin", "timestamp": "2024-01-05T00:00:00+00:00", "content": "Joined.", "author": {"id": "5", "name": "ada"}},
            {"id": "10", "type": "Default", "timestamp": "2024-01-05T00:00:01.5+00:00", "content": "hi", "author": {"id": "5", "name": "ada", "nickname": "Ada"}},
            {"id": "11", "type": "ChannelPinnedMessage", "timestamp": "2024-01-05T00:00:02+00:00", "content": "", "author": {"id": "5", "name": "ada"}},
            {"id": "12", "type": "Reply", "timestamp": "2024-01-05T00:00:03+00:00", "content": "", "attachments": [{}], "author": {"id": "6", "name": "bob"}},
        ],
        "messageCount": 4,
    }  # fmt: skip
    fmt, entries = parse(json.dumps(data))
    assert fmt == "discord"
    assert short(entries) == [
        (1, "2024-01-05 00:00:00", "join", "5", "ada", "", "text"),
        (1, "2024-01-05 00:00:01", "msg", "5", "Ada", "hi", "text"),
        (1, "系统消息,没有对应的事件"),
        (1, "2024-01-05 00:00:03", "msg", "6", "bob", "[附件]", "quote"),
    ]


QQ = """消息记录(此消息记录为文本格式,不支持重新导入)

================================================================
消息分组:我的QQ群
================================================================
消息对象:读书群
================================================================

2024-01-05 8:00:00 【群主】小明(10001)
早上好
第二行

2024-01-05 8:01:00 小红<red@example.com>
[图片]

2024-01-05 8:02:00 系统消息(10000)
小刚加入本群。

2024-01-05 8:03:00 小明(1)(10001)
名字里有括号
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_qq_in_every_encoding(encoding, ends):
    fmt, entries = parse(QQ.replace("\n", ends).encode(encoding))
    assert fmt == "qq"
    assert short(entries) == [
        (9, "2024-01-05 00:00:00", "msg", "10001", "小明", "早上好\n第二行", "text"),
        (13, "2024-01-05 00:01:00", "msg", "red@example.com", "小红", "[图片]", "image"),
        (16, "系统消息,没有对应的事件"),
        (19, "2024-01-05 00:03:00", "msg", "10001", "小明(1)", "名字里有括号", "text"),
    ]


def test_gzip_is_read_and_a_bomb_refused():
    assert short(parse(gzip.compress(TSV.encode()))[1])[0][4] == "f10"
    bomb = gzip.compress(b"time,user,text\n" + b"a" * (80 << 20))
    with pytest.raises(Unreadable, match="压缩比超过 200 倍"):
        parse(bomb, "csv")
    with pytest.raises(Unreadable, match="压缩文件已损坏"):
        parse(gzip.compress(CSV.encode())[:-20] + b"x" * 20, "csv")


def test_an_absurd_line_is_one_rejected_line():
    data = b"time,user,text\n" + b"x" * (3 * MAX_LINE_BYTES) + b"\n2024-01-05 08:00:00,a,b\n"
    assert short(parse(data, "csv")[1]) == [
        (2, "这一行超过 1 MB"),
        (3, "2024-01-05 00:00:00", "msg", "", "a", "b", "text"),
    ]


def test_a_line_in_another_encoding_is_named():
    data = "时间,昵称,内容\n2024-01-05 08:00:00,小明,好\n".encode() + "2024-01-05 08:00:00,小红,你好\n".encode(
        "gb18030"
    )
    assert short(parse(data)[1])[1] == (3, "不是有效的 utf-8 文字")


def test_clocks_put_back_and_forward():
    read = time_reader(ZoneInfo("Europe/London"))
    assert read("2016-10-30 01:30:00") == datetime(2016, 10, 30, 0, 30, tzinfo=UTC)  # twice that night: the first
    assert read("2016-03-27 01:30:00") == datetime(2016, 3, 27, 1, 30, tzinfo=UTC)  # never: an hour later
    assert read("2016-07-01 12:00:00") == datetime(2016, 7, 1, 11, 0, tzinfo=UTC)
    assert read("2016-01-01 12:00:00+08:00") == datetime(2016, 1, 1, 4, 0, tzinfo=UTC)
    assert read("2024年1月5日 下午3:04:05") == datetime(2024, 1, 5, 15, 4, 5, tzinfo=UTC)
    for bad in ("", "1970-01-01 00:00:00", "99999999999999999999", None, [], float("nan"), 1e300, "2024-13-01"):
        with pytest.raises(BadValue):
            read(bad)


def test_what_is_no_export_is_refused_in_words():
    for data, message in ((b"", "看不出"), (b"hello", "看不出"), (b"\x00" * 50, "看不出")):
        with pytest.raises(Unreadable, match=message):
            parse(data)
    with pytest.raises(Unreadable, match="没有“messages”列表"):
        parse('{"guild": 1}', "telegram")
    with pytest.raises(Unreadable, match="JSON 不完整或已损坏"):
        parse('{"guild": {"a": ', "discord")


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=600), st.sampled_from(sorted(formats.FORMATS)))
@example(b'{"messages":[1', "telegram")
@example(b'{"messages":[{"a":"\\', "telegram")
@example(b'time,user,text\n"', "csv")
def test_arbitrary_bytes_never_crash(data, fmt):
    for prefix in (b"", b"time,user,text\n", b'{"messages":['):
        try:
            entries = parse(prefix + data, fmt)[1]
        except Unreadable:
            continue
        assert all(isinstance(e, Record | Rejected) for e in entries)


lines = st.lists(
    st.one_of(
        st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]), max_size=60),
        st.sampled_from(["2024-01-05 08:00:00,a,b", '2024-01-05 08:00:00,a,"b', '"', 'x","y', "1704412800,甲,乙"]),
    ),
    max_size=30,
)


@settings(max_examples=300, deadline=None)
@given(lines)
def test_every_line_of_a_table_is_imported_or_rejected(rows):
    entries = parse("time,user,text\n" + "\n".join(rows) + "\n", "csv")[1]
    covered = [line for e in entries for line in range(e.line, e.line + e.raw.count("\n") + 1)]
    assert len(covered) == len(set(covered))
    assert {n for n, row in enumerate(rows, 2) if row.strip()} <= set(covered)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.recursive(
            st.none() | st.text() | st.integers(), lambda x: st.lists(x) | st.dictionaries(st.text(), x), max_leaves=8
        )
    ),
    st.integers(1, 7),
)
def test_objects_are_cut_out_of_any_document_however_it_arrives(items, size):
    document = json.dumps({"head": {"messages": [1]}, "list": [{}], "n": 5, "messages": items, "tail": 1}, indent=1)
    pieces = (document[i : i + size] for i in range(0, len(document), size))
    found = list(jsonstream.objects(pieces, "messages"))
    assert [(value, problem) for _, _, value, problem in found] == [(item, "") for item in items]
