"""Keyword lists and chat exports that are traps: all or nothing, each bad line named, nothing executed."""

import gzip
import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from qunzhu.kernel.connectors.imports.services import Result, group_for_import, run_import
from qunzhu.kernel.connectors.imports.source import Unreadable
from qunzhu.risk.models import Keyword

from .test_join_and_console_forms import owner

pytestmark = pytest.mark.django_db(transaction=True)


def import_words(world, content, name="words.csv") -> tuple[int, str]:
    file = SimpleUploadedFile(name, content, "text/csv")
    answer = owner().post(f"/console/{world.community.slug}/keywords/import/", {"file": file})
    return answer.status_code, answer.content.decode()


WORD_TRAPS = [
    b"",
    b"\n\n\n",
    b"\x00\x01\x02\xff\xfe",
    b"PK\x03\x04" + bytes(range(256)),
    "词,不存在".encode(),
    b"a,ad,purple",
    b"a,ad,red,maybe",
    ("x" * 201).encode(),
    '"开着的引号\n'.encode() + b"x" * 200_000,
    "\u200b,ad".encode(),
    "好词,ad,red,0\n坏词,<script>alert(1)</script>\n".encode(),
    "词".encode("utf-16"),
]


@pytest.mark.parametrize("content", WORD_TRAPS)
def test_a_bad_list_changes_nothing(world, content):
    before = Keyword.objects.count()
    status, page = import_words(world, content)
    assert status == 422
    assert "<script>alert(1)" not in page
    assert Keyword.objects.count() == before
    assert world.log() == []


def test_words_that_look_like_formulas_or_markup_come_back_harmless(world):
    words = ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(1)", "<script>alert(1)</script>", "正常词"]
    content = "\n".join(f'"{word}",ad,red,0' for word in words).encode()
    assert import_words(world, content)[0] == 302
    page = world.console("keywords/?q=script")
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page
    client = owner()
    csv = b"".join(client.get(f"/console/{world.community.slug}/keywords/export.csv")).decode()
    for word in words[:4]:
        assert f"'{word}" in csv
        assert f"\n{word}" not in csv
    book = b"".join(client.get(f"/console/{world.community.slug}/keywords/export.xlsx"))
    from openpyxl import load_workbook

    cells = [row[0] for row in load_workbook(io.BytesIO(book), read_only=True).active.iter_rows(values_only=True)]
    assert {f"'{word}" for word in words[:4]} <= set(cells)
    assert not [c for c in cells if isinstance(c, str) and c.startswith(("=", "+", "-", "@"))]


def run(world, content, name="chat.csv", **options) -> Result:
    file = options.pop("folder") / name
    file.write_bytes(content)
    group = group_for_import(community=world.community, name="旧群", now=world.clock.now())
    *_, result = run_import(group=group, path=file, clock=world.clock, **options)
    world.settle()
    return result


UNREADABLE = {
    "empty.csv": b"",
    "binary.bin": bytes(range(256)) * 50,
    "words.txt": b"hello",
    "png.png": b"\x89PNG\r\n\x1a\n" + b"\x00" * 99,
    "deep.json": b"[" * 100_000,
    "object.json": b'{"messages": 1}',
    "half.json.gz": gzip.compress(b"time,user,text\n" * 9)[:-9],
    "bomb.csv.gz": gzip.compress(b"time,user,text\n" + b"0" * (80 << 20)),
    "columns.csv": b"a,b,c\n1,2,3\n",
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_files_that_are_no_export(world, tmp_path, name):
    with pytest.raises(Unreadable):
        run(world, UNREADABLE[name], name, folder=tmp_path)
    world.settle()
    assert [line for line in world.log() if not line.startswith("group.created")] == []


def test_absurd_lines_are_left_aside_one_by_one(world, tmp_path):
    lines = [
        b"time,user,text",
        b"2026-01-05 08:00:00,<b>a</b>,<script>alert(1)</script>",
        b"2026-01-05 08:00:01,a," + b"x" * 30_000,
        b"2026-01-05 08:00:02,a," + b"y" * (2 << 20),
        b"99999999999999999999,a,b",
        b"0000-00-00,a,b",
        b"2026-01-05 08:00:03,,b",
        b"2026-01-05 08:00:04,a,\xff\xfe",
        b"2026-01-05 08:00:05,a",
        b"2026-01-05 08:00:06,a,b,c,d",
        b"NaN,a,b",
        b"2026-01-05 08:00:07,a,\\u0000",
        b"2026-01-05 08:00:08,a,\x00\x00",
        b"2026-01-05 08:00:09,a,=1+1",
        b'2026,"a,b',
    ]
    result = run(world, b"\n".join(lines), folder=tmp_path)
    assert (result.added, result.rejected) == (3, 11)
    aside = (tmp_path / "chat.csv.rejected").read_text()
    assert [int(line.split("\t")[0]) for line in aside.splitlines()] == [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15]
    assert [line for line in world.log() if line.startswith("message")] == [
        "message.posted <b>a</b> <script>alert(1)</script>",
        "message.posted a \\u0000",
        "message.posted a =1+1",
    ]
    assert "<script>alert(1)" not in world.console("feed/")


def test_uploads_of_strangers(world):
    file = SimpleUploadedFile("x.csv", b"a", "text/csv")
    for path in ("keywords/import/", "imports/start/"):
        assert Client().post(f"/console/{world.community.slug}/{path}", {"file": file}).status_code == 302
    assert world.log() == []
