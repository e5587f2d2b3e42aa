"""Secrets of this installation, shared by Django and the receiver (which imports no Django)."""

import os
import secrets

from qunzhu.kernel.database import home


def installation_secret(name: str) -> str:
    """A secret: from the environment (`QUNZHU_<NAME>`), else made once and kept in QUNZHU_HOME with mode 0600."""
    if given := os.environ.get(f"QUNZHU_{name.upper()}"):
        return given
    file = home() / name
    if not file.exists():
        draft = file.with_name(f"{name}.{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            out.write(secrets.token_urlsafe(48))
        try:
            os.link(draft, file)  # atomic and never overwrites: of two first starts one secret wins, complete
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return file.read_text().strip()
