"""Every Django page. The receiver, the live stream and health checks are Starlette routes (`config/asgi.py`)."""

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("console/", include("qunzhu.console.urls")),
    path("", include("qunzhu.portal.urls")),
]
