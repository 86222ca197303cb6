"""The Celery application: tasks are found in each app's `tasks` module."""

from celery import Celery

app = Celery("rapport")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
