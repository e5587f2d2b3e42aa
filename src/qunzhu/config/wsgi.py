"""Django as a WSGI application: the console and the member pages."""

from qunzhu.kernel.bootstrap import setup_django

setup_django()

from django.core.wsgi import get_wsgi_application  # noqa: E402  (Django must be configured first)

application = get_wsgi_application()
