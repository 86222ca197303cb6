"""What needs a person's attention, each line leading to where it is dealt with."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crm import mailboxes, notices, templates
from crm.admin.spans import distance
from crm.choices import Channel
from marketing import dashboards, segments
from marketing.choices import RunState
from marketing.models import Segment, TrainingRun

from .segment_standing import trouble

SHOWN = 5


@dataclass(frozen=True)
class Item:
    """One line: how bad, what, and where."""

    tone: str
    icon: str
    text: str
    address: str
    detail: str = ""


def attention(request: HttpRequest, now: datetime) -> list[Item]:
    """Every line that this person can do something about."""
    items: list[Item] = list(_notices(request, now))
    worries = dashboards.worries(now=now)
    if request.user.has_perm("crm.use_inbox"):
        items += _conversations(worries)
    if request.user.has_perm("crm.view_message"):
        items += _messages(worries)
    if request.user.has_perm("crm.view_callback"):
        items += _callbacks(worries)
    if request.user.has_perm("crm.view_returnedmail"):
        items += _mailboxes()
    if request.user.has_perm("crm.view_template"):
        items += _templates(now)
    if request.user.has_perm("marketing.view_segment"):
        items += _segments(now)
    if request.user.has_perm("marketing.view_trainingrun"):
        items += _runs()
    return items


def _notices(request: HttpRequest, now: datetime) -> Iterator[Item]:
    """What staff were told of late, in their language."""
    for notice in notices.latest(staff_id=request.user.pk or 0, now=now)[:SHOWN]:
        yield Item("bad", "campaign", _(notice.title), notice.path or "#", notice.detail)


def _conversations(worries: dashboards.Worries) -> Iterator[Item]:
    count = worries.waiting_conversations
    if count and worries.waiting_since_at:
        text = ngettext(
            "%(n)d conversation waits for an answer",
            "%(n)d conversations wait for an answer",
            count,
        )
        detail = _("the oldest came %(time)s") % {
            "time": distance(at=worries.waiting_since_at, now=timezone.now())
        }
        yield Item("warn", "inbox", text % {"n": count}, reverse("admin:crm_inbox"), detail)


def _messages(worries: dashboards.Worries) -> Iterator[Item]:
    messages = reverse("admin:crm_message_changelist")
    for channel, count in worries.unreachable.items():
        text = _("The provider for %(channel)s could not be reached in the last hour")
        yield Item(
            "bad",
            "cloud_off",
            text % {"channel": Channel(channel).label},
            f"{messages}?reason__exact=unreachable",
            ngettext("%(n)d message", "%(n)d messages", count) % {"n": count},
        )
    if worries.in_doubt:
        text = ngettext("%(n)d message in doubt", "%(n)d messages in doubt", worries.in_doubt)
        yield Item(
            "warn",
            "help",
            text % {"n": worries.in_doubt},
            reverse("admin:crm_doubts"),
            _("They may or may not have arrived, and are never sent again blindly."),
        )


def _callbacks(worries: dashboards.Worries) -> Iterator[Item]:
    count = worries.failed_callbacks
    if count:
        text = ngettext(
            "%(n)d callback of a provider could not be processed",
            "%(n)d callbacks of providers could not be processed",
            count,
        )
        address = f"{reverse('admin:crm_callback_changelist')}?state__exact=failed"
        yield Item("bad", "webhook", text % {"n": count}, address)


def _mailboxes() -> Iterator[Item]:
    """Those that cannot be read, and mails that were put aside."""
    found = mailboxes.worries()
    for mailbox in found.ailing[:SHOWN]:
        said = _("The mailbox “%(name)s” cannot be read") % {"name": mailbox.name}
        address = reverse("admin:crm_mailbox_changelist")
        yield Item("bad", "mark_email_unread", said, address, mailbox.health_detail)
    if found.put_aside:
        text = ngettext(
            "%(n)d mail that came back is put aside",
            "%(n)d mails that came back are put aside",
            found.put_aside,
        )
        address = f"{reverse('admin:crm_returnedmail_changelist')}?state__exact=put_aside"
        yield Item("warn", "undo", text % {"n": found.put_aside}, address)


def _templates(now: datetime) -> Iterator[Item]:
    """Those whose mails go out right, but cost time for a fault of ours."""
    for version in templates.slow(now=now)[:SHOWN]:
        text = _("The template “%(name)s” is rendered the slow way: %(error)s")
        detail = ngettext(
            "version %(version)d, %(n)d time, last %(time)s",
            "version %(version)d, %(n)d times, last %(time)s",
            version.slow_count,
        )
        last = distance(at=version.slow_at or now, now=now)
        yield Item(
            "warn",
            "hourglass_top",
            text % {"name": version.template.name, "error": version.slow_because},
            reverse("admin:crm_template_change", args=[version.template_id]),
            detail % {"version": version.number, "n": version.slow_count, "time": last},
        )


def _segments(now: datetime) -> Iterator[Item]:
    """Those that fail and those that lag, the worst first."""
    worries = segments.worries(now=now)
    known = Segment.objects.in_bulk([one.segment_id for one in worries[:SHOWN]])
    for one in worries[:SHOWN]:
        segment = known[one.segment_id]
        name = {"name": segment.name}
        address = reverse("admin:marketing_segment_page", args=[one.segment_id])
        if found := trouble(segment):
            said = _("The segment “%(name)s” cannot be computed") % name
            yield Item("bad", "donut_small", said, address, found.problem)
            continue
        said = _("The segment “%(name)s” lags behind") % name
        waiting = distance(at=one.waiting_since_at or now, now=now)
        detail = _("the oldest change came %(time)s") % {"time": waiting}
        yield Item("warn", "donut_small", said, address, detail)
    yield from _more_segments(worries[SHOWN:])


def _more_segments(worries: list[segments.Freshness]) -> Iterator[Item]:
    if not worries:
        return
    text = ngettext(
        "%(n)d more segment needs a look", "%(n)d more segments need a look", len(worries)
    )
    state = worries[0].state
    tone = "bad" if state == "failing" else "warn"
    address = f"{reverse('admin:marketing_segment_changelist')}?state={state}"
    yield Item(tone, "donut_small", text % {"n": len(worries)}, address)


def _runs() -> Iterator[Item]:
    """The newest run of each kind, where it was refused or failed."""
    newest = TrainingRun.objects.order_by("kind", "-requested_at", "-id").distinct("kind")
    for run in newest.defer("artifact"):
        if run.state not in (RunState.REFUSED, RunState.FAILED):
            continue
        yield Item(
            "warn" if run.state == RunState.REFUSED else "bad",
            "model_training",
            f"{run.get_kind_display()}: {run.get_state_display()}",
            reverse("admin:marketing_trainingrun_change", args=[run.pk]),
            run.error,
        )
