"""Django by WSGI."""

import os

from django.core.wsgi import get_wsgi_application

from marketing.runtime.launch import follow_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketing.settings")
follow_parent()
application = get_wsgi_application()
