"""How this installation is addressed; settings and doctor read it here."""

import os

HOSTS = "localhost,127.0.0.1,[::1],testserver"
PUBLIC_URL = "http://127.0.0.1:8000"


def allowed_hosts() -> list[str]:
    """Host names that pages answer to (`QUNZHU_HOSTS`, separated by commas)."""
    return os.environ.get("QUNZHU_HOSTS", HOSTS).split(",")


def public_url() -> str:
    """The address that people type (`QUNZHU_PUBLIC_URL`), without a slash at its end."""
    return os.environ.get("QUNZHU_PUBLIC_URL", PUBLIC_URL).rstrip("/")
