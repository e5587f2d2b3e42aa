"""Settings: each is declared once, here, with its environment variable (docs/operations/settings.md lists them)."""

import os
from pathlib import Path

import django_stubs_ext
from django.utils.translation import gettext_lazy as _

from qunzhu.config.addresses import allowed_hosts, public_url
from qunzhu.kernel.database import database_url, django_database, home
from qunzhu.kernel.installation import installation_secret

django_stubs_ext.monkeypatch()

PACKAGE = Path(__file__).resolve().parent.parent
# First of all: where there is no installation this ends here, and nothing was left behind.
DATABASES = {"default": django_database(database_url())}
HOME = home()

SECRET_KEY = installation_secret("secret_key")
DEBUG = os.environ.get("QUNZHU_DEBUG") == "1"
ALLOWED_HOSTS = allowed_hosts()
PUBLIC_URL = public_url()
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]

INSTALLED_APPS = [
    "qunzhu.ui",  # before Unfold: replaces templates of it
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "qunzhu.console",
    "django.contrib.admin",
    "django.contrib.humanize",
    "procrastinate.contrib.django",
    "qunzhu.portal",
    "qunzhu.governance",
    "qunzhu.engagement",
    "qunzhu.risk",
    "qunzhu.analytics",
    "qunzhu.kernel.community",
    "qunzhu.kernel.events",
    "qunzhu.kernel.engine",
    "qunzhu.kernel.effects",
    "qunzhu.kernel.ledger",
    "qunzhu.kernel.cases",
    "qunzhu.kernel.connectors.local",
    "qunzhu.kernel.connectors.imports",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "qunzhu.ui.middleware.LanguageMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "qunzhu.ui.middleware.SecurityHeadersMiddleware",
]

ROOT_URLCONF = "qunzhu.config.urls"
WSGI_APPLICATION = "qunzhu.config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
            ],
        },
    }
]

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", "简体中文"), ("en", "English")]
LOCALE_PATHS = [PACKAGE / "ui" / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "Asia/Shanghai"

STATIC_URL = "/static/"
STATIC_ROOT = HOME / "static"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
UPLOADS = HOME / "uploads"

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_AGE = 12 * 3600
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
LOGIN_URL = "/console/login/"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

# The console's theme. Navigation is declared in console/navigation.py.
UNFOLD = {
    "SITE_TITLE": "群主",
    "SITE_HEADER": "群主 Qunzhu",
    "SITE_SUBHEADER": _("社群运营控制台"),
    "SHOW_LANGUAGES": False,
}
