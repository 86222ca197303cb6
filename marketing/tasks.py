"""The doorbells of marketing."""

from celery import shared_task
from django.utils import timezone

from marketing import heartbeats, segments, understanding


@shared_task
def heartbeat() -> None:
    """Show that a worker takes tasks and finishes them."""
    heartbeats.mark("worker")


# One bell follows this often before the next one does.
_TURNS = 50


@shared_task
def follow_changes() -> None:
    """Bring segments up to what the follower has left, or would do where none runs."""
    for _ in range(_TURNS):
        if not segments.follow(now=timezone.now()).is_more:
            return


@shared_task
def refresh_segments() -> None:
    """Compute the segments that are due."""
    segments.refresh_due(clock=timezone.now)


@shared_task
def sample_segments() -> None:
    """Keep how large every segment is this hour."""
    segments.sample(now=timezone.now())


@shared_task
def refresh_segment(segment_id: int) -> None:
    """Refresh one segment."""
    segments.refresh(segment_id=segment_id, now=timezone.now())


@shared_task
def train_due() -> None:
    """Run what is requested, then request and run what has grown old."""
    from marketing import training  # numpy and scikit-learn stay out of other processes

    training.run_due(now=timezone.now())


@shared_task
def score_customers(kind: str) -> None:
    """Score everybody anew with the run in use."""
    from marketing import scoring

    scoring.score_all(kind=kind, now=timezone.now())


@shared_task
def read_message(message_id: int) -> None:
    """Read what one inbound message means."""
    understanding.read(message_id=message_id, now=timezone.now())


@shared_task
def read_messages() -> None:
    """Read inbound messages whose bell was lost."""
    understanding.read_due(now=timezone.now())
