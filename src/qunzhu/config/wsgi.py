"""Django as a WSGI application: the console and the member pages."""

from qunzhu.kernel.bootstrap import setup_django

setup_django()

from django.conf import settings  # noqa: E402  (Django must be configured first)
from django.core.wsgi import get_wsgi_application  # noqa: E402

settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # WhiteNoise warns about a folder that is not there
application = get_wsgi_application()
