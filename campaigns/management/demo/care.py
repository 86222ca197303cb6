"""What staff and customers settle between them: notes, tasks, locks, how often, requests."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from crm import desk, preferences, privacy
from crm.choices import Channel, DecisionSource, PrivacyKind
from crm.models import CustomerNote, PrivacyRequest

NOTES = (
    "Prefers to be called in the evening. Very knowledgeable about oolong.",
    "Broken teapot in March: replaced at no cost, was happy with how fast it went.",
    "Orders for her whole office; ask before substituting anything.",
    "喜欢龙井，每年春天会大量订购。",
    "Wrote a kind review; may be quoted with the first name only.",
)
TASKS = (
    ("Call back about the wedding order", -1),
    ("Send a sample of the new Darjeeling", 3),
    ("Ask whether the replacement arrived well", 8),
)


def keep(*, ids: Sequence[int], now: datetime) -> None:
    """Write notes and tasks down, lock a field, and choose how often."""
    if CustomerNote.objects.exists():
        return
    favourites = ids[:: max(1, len(ids) // 40)]
    for nth, customer_id in enumerate(favourites[:20]):
        at = now - timedelta(days=3 + nth * 5)
        text = NOTES[nth % len(NOTES)]
        note = desk.add_note(customer_id=customer_id, text=text, by=None, now=at)
        if nth % 4 == 0:
            desk.pin_note(note_id=note.pk)
    for nth, customer_id in enumerate(favourites[:9]):
        _promise(customer_id, nth, now)
    desk.lock_field(
        customer_id=favourites[0],
        field="last_name",
        reason="Spelt by the customer on the phone",
        by=None,
        now=now - timedelta(days=12),
    )
    for nth, customer_id in enumerate(favourites[::2]):
        often = "weekly" if nth % 2 else "monthly"
        preferences.choose_frequency(customer_id=customer_id, frequency=often, now=now)


def ask_for_data(*, ids: Sequence[int], now: datetime) -> None:
    """One privacy request in each state."""
    if PrivacyRequest.objects.filter(customer__in=ids[11:15]).exists():
        return
    waiting, ordered, answered, refused = ids[11:15]
    privacy.ask(
        kind=PrivacyKind.ERASURE,
        customer_id=waiting,
        source=DecisionSource.PREFERENCES,
        channel=Channel.EMAIL,
        now=now - timedelta(hours=5),
    )
    orders = {
        customer_id: privacy.order(
            kind=PrivacyKind.EXPORT,
            customer_id=customer_id,
            by=None,
            source=DecisionSource.STAFF,
            now=now - timedelta(days=days),
        ).pk
        for customer_id, days in ((ordered, 1), (answered, 6), (refused, 16))
    }
    privacy.hand_out(request_id=orders[answered], now=now - timedelta(days=5))
    privacy.refuse(
        request_id=orders[refused],
        reason="Asked by somebody else: the voice and the birthday did not match.",
        by=None,
        now=now - timedelta(days=14),
    )


def _promise(customer_id: int, nth: int, now: datetime) -> None:
    title, days = TASKS[nth % len(TASKS)]
    task = desk.add_task(
        customer_id=customer_id,
        title=title,
        due_date=(now + timedelta(days=days)).date(),
        assigned_to=None,
        by=None,
        now=now - timedelta(days=2),
    )
    if nth % 5 == 4:
        desk.finish_task(task_id=task.pk, now=now)
