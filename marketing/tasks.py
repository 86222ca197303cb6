"""The doorbells of marketing."""

from celery import shared_task

from marketing import heartbeats


@shared_task
def heartbeat() -> None:
    """Show that a worker takes tasks and finishes them."""
    heartbeats.mark("worker")
