"""What a run learnt from people who were erased since cannot be unlearnt, so it is said."""

from datetime import datetime

from django.db.models import F

from marketing.models import TrainingRun


def note_erased(*, people: int, known_since_at: datetime) -> int:
    """Count erased people on every run that had seen them; gives how many runs that were.

    A run that began after the first of them was known may have had them in its data.
    """
    seen = TrainingRun.objects.filter(started_at__gte=known_since_at)
    return seen.update(erased_people=F("erased_people") + people)
