"""Language (Chinese unless a person chose otherwise) and security headers for every page."""

import secrets
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.utils import translation

GetResponse = Callable[[HttpRequest], HttpResponse]


class LanguageMiddleware:
    """Chinese is the default whatever the browser prefers; the language cookie is a person's own choice."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        chosen = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
        language = chosen if chosen in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE
        with translation.override(language):
            request.LANGUAGE_CODE = language
            response = self.get_response(request)
        response.headers.setdefault("Content-Language", language)
        return response


def _has_nul(request: HttpRequest) -> bool:
    """Whether path or query hold a NUL: no column can, and nobody types it."""
    return "\0" in request.path or any("\0" in part for key, values in request.GET.lists() for part in (key, *values))


def _unaskable() -> HttpResponse:
    return HttpResponseBadRequest("这个网址里有无法识别的字符", content_type="text/plain; charset=utf-8")


class SecurityHeadersMiddleware:
    """A content security policy with a nonce per response (`request.csp_nonce` in templates)."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        nonce = secrets.token_urlsafe(16)
        request.csp_nonce = nonce  # type: ignore[attr-defined]
        response = _unaskable() if _has_nul(request) else self.get_response(request)
        # Unfold runs Alpine.js, whose expressions need 'unsafe-eval'; inline scripts still need the nonce.
        response.headers.setdefault(
            "Content-Security-Policy",
            f"default-src 'self'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; style-src 'self' 'unsafe-inline';"
            " img-src 'self' data: blob:; connect-src 'self'; object-src 'none'; base-uri 'none';"
            " form-action 'self'; frame-ancestors 'none'",
        )
        response.headers.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
        return response
