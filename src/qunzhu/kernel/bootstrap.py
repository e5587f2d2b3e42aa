"""Start Django for commands and processes that are not web requests."""

import os


def setup_django() -> None:
    """Configure Django once per process; safe to call again."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "qunzhu.config.settings")
    import django

    django.setup()
