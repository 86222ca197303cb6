"""Django by WSGI, and the tracking API before it."""

import os
from importlib import import_module

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from marketing.runtime.launch import follow_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketing.settings")
follow_parent()
django_application = get_wsgi_application()
# Load every address now, and the admin with them: not while the first visitor waits.
import_module(settings.ROOT_URLCONF)
# Needs the apps, and is needed by nothing of them.
application = import_module("crm.api.tracking").before(django_application)
