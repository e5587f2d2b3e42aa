"""Docs that cannot lie: what exists is documented, what is documented exists."""

import re
from pathlib import Path

from qunzhu.kernel.events.schema import KINDS

ROOT = Path(__file__).resolve().parents[2]


def test_every_event_kind_is_documented_and_no_other():
    documented = re.findall(r"^\| `([a-z.]+)` \|", (ROOT / "docs/events.md").read_text(), re.MULTILINE)
    assert documented == list(KINDS)


def test_every_decision_is_listed():
    files = sorted(p.name for p in (ROOT / "docs/decisions").glob("0*.md"))
    listed = re.findall(r"\]\((0\d+[^)]+)\)", (ROOT / "docs/decisions/README.md").read_text())
    assert listed == files


def test_links_between_documents_lead_somewhere():
    broken = [
        f"{page.relative_to(ROOT)} → {target}"
        for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text())
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert broken == []


def test_every_event_kind_written_in_the_code_is_known():
    """A kind that is appended but not listed would be invisible to consumers and documents."""
    known = set(KINDS)
    families = {kind.split(".")[0] for kind in known}
    unknown = {
        f"{path.relative_to(ROOT)}: {literal}"
        for path in (ROOT / "src").rglob("*.py")
        if "tests" not in path.parts
        for literal in re.findall(r"kind=\"([a-z]+\.[a-z]+)\"", path.read_text())
        if literal not in known and literal.split(".")[0] in families
    }
    assert unknown == set()
