"""The canonical rules, for tests and benchmarks."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML


def workplace() -> dict[str, Any]:
    """{settings, rules} of rules_workplace.yaml as plain data."""
    data = YAML(typ="safe").load(Path(__file__).with_name("rules_workplace.yaml"))
    return {"settings": data["settings"], "rules": data["rules"]}
