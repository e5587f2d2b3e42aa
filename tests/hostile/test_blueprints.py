"""Blueprints that are traps: an error that names the file, quickly, and nothing made."""

import time

import pytest

from qunzhu.config.init import load_checked
from qunzhu.config.problems import Problem
from qunzhu.kernel.blueprint.loader import BadBlueprint, loads
from qunzhu.kernel.community.models import Community

BOMB = "a: &a [x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(8)
)
TRAPS = {
    "nothing": b"",
    "binary": bytes(range(256)),
    "utf16": "format: 1".encode("utf-16"),
    "a list": b"- 1\n- 2\n",
    "a word": b"hello",
    "alias bomb": BOMB.encode(),
    "python tag": b"format: !!python/object/apply:os.system ['touch /tmp/owned']\n",
    "own tag": b"format: !evil 1\n",
    "merge": b"x: &x {a: 1}\ny: {<<: *x}\n",
    "deep": b"[" * 5_000 + b"]" * 5_000,
    "deep map": b"\n".join(b" " * n + b"a:" for n in range(400)),
    "open quote": b'name: "abc',
    "tabs": b"a:\n\t- b",
    "twice": b"format: 1\nformat: 2\n",
    "many": b"\n".join(b"k%d: 1" % n for n in range(60_000)),
    "two documents": b"format: 1\n---\nformat: 1\n",
    "control": b"name: a\x00b\x07",
    "json": b'{"format": {"format": {"format": []}}}',
}


@pytest.mark.parametrize("trap", TRAPS)
def test_traps(trap):
    began = time.monotonic()
    with pytest.raises(BadBlueprint) as bad:
        loads(TRAPS[trap], file="trap.yaml")
    assert str(bad.value).startswith("trap.yaml:")
    assert time.monotonic() - began < 30


def test_wrong_types_everywhere_are_mistakes_with_line_and_field():
    text = "\n".join(
        f"{field}: {value}"
        for field, value in {
            "format": "[1]", "slug": "../../etc", "name": "{}", "timezone": "Mars/Base", "groups": "1", "staff": "x",
            "governance": "[]", "risk": "null", "rules": "{a: 1}", "evil": "<script>",
        }.items()
    )  # fmt: skip
    with pytest.raises(BadBlueprint) as bad:
        loads(text.encode(), file="wrong.yaml")
    named = {mistake.field for mistake in bad.value.mistakes}
    assert named >= {"format", "slug", "name", "groups", "staff", "governance", "rules", "evil"}


@pytest.mark.django_db(transaction=True)
def test_nothing_is_made_of_them(tmp_path):
    big = tmp_path / "big.yaml"
    big.write_bytes(b"#" * 1_000_001)
    for source in (str(big), str(tmp_path), "../../etc/passwd", "no-such", "\x00", "a" * 5000):
        with pytest.raises((Problem, BadBlueprint)):
            load_checked(source)
    assert Community.objects.count() == 0
