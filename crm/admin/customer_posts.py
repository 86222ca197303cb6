"""What staff decide on the page of a customer: pause, lift, consent, write."""

from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from crm import consent, conversations, customers, preferences, tasks
from crm.admin.inbox_posts import check_gate
from crm.admin.parts import post_once, staff_of
from crm.choices import Channel, ConsentState, DecisionSource, Purpose


class PauseForm(forms.Form):
    """Until when, and why."""

    until_date = forms.DateField()
    reason = forms.CharField(max_length=255)


class DecideForm(forms.Form):
    """What the customer told us about a channel, and how we know."""

    channel = forms.ChoiceField(choices=Channel.choices)
    purpose = forms.ChoiceField(choices=Purpose.choices)
    state = forms.ChoiceField(choices=ConsentState.choices)
    reason = forms.CharField(max_length=255)


class AskForm(forms.Form):
    """What a customer is asked to allow."""

    channel = forms.ChoiceField(choices=Channel.choices)
    purpose = forms.ChoiceField(choices=Purpose.choices)


class WriteForm(forms.Form):
    """A message that staff begin a conversation with."""

    channel = forms.ChoiceField(choices=Channel.choices)
    subject = forms.CharField(max_length=255, required=False)
    text = forms.CharField(max_length=20_000)


def pause(request: HttpRequest, object_id: int) -> HttpResponse:
    """Keep marketing from a customer until the end of a day."""

    def call() -> str:
        data = read(PauseForm, request)
        now = timezone.now()
        until_at = end_of(data["until_date"])
        if until_at is None or until_at <= now:
            raise ValidationError(_("The pause must end in the future."))
        customers.pause(
            customer_id=object_id,
            until_at=until_at,
            reason=data["reason"],
            by=staff_of(request),
            now=now,
        )
        return _("Marketing to this person is paused.")

    return post_once(request, permission="crm.pause_customer", back_to=_page(object_id), call=call)


def lift_pause(request: HttpRequest, object_id: int) -> HttpResponse:
    """Let marketing through again."""

    def call() -> str:
        customers.lift_pause(customer_id=object_id, by=staff_of(request), now=timezone.now())
        return _("The pause is lifted.")

    return post_once(request, permission="crm.pause_customer", back_to=_page(object_id), call=call)


def decide(request: HttpRequest, object_id: int) -> HttpResponse:
    """Write down what a customer decided, told to staff."""

    def call() -> str:
        data = read(DecideForm, request)
        now = timezone.now()
        decision = consent.NewDecision(
            customer_id=object_id,
            channel=data["channel"],
            purpose=data["purpose"],
            state=data["state"],
            source=DecisionSource.STAFF,
            proof={"reason": data["reason"]},
            decided_at=now,
            recorded_by_id=request.user.pk,
        )
        consent.decide_many(decisions=[decision], now=now)
        return _("The decision is in the ledger.")

    return post_once(
        request, permission="crm.add_consentdecision", back_to=_page(object_id), call=call
    )


def ask_consent(request: HttpRequest, object_id: int) -> HttpResponse:
    """Write to a customer to have a consent confirmed."""

    def call() -> str:
        data = read(AskForm, request)
        sign_up = preferences.SignUp(
            customer_id=object_id,
            channel=data["channel"],
            purposes=(data["purpose"],),
            source=DecisionSource.STAFF,
        )
        if not preferences.ask(sign_up=sign_up, now=timezone.now()):
            raise ValidationError(_("It is granted already, or was asked for within the hour."))
        tasks.ring(tasks.send_queued_messages)
        return _("The question is on its way.")

    return post_once(
        request, permission="crm.add_consentdecision", back_to=_page(object_id), call=call
    )


def write(request: HttpRequest, object_id: int) -> HttpResponse:
    """Begin (or go on with) a conversation by writing to the customer."""

    def call() -> str:
        data, now = read(WriteForm, request), timezone.now()
        check_gate(customer_id=object_id, channel=data["channel"], now=now)
        conversations.write(
            customer_id=object_id,
            channel=data["channel"],
            subject=data["subject"],
            text=data["text"],
            staff=staff_of(request),
            now=now,
        )
        tasks.ring(tasks.send_queued_messages)
        return _("The message is on its way.")

    return post_once(request, permission="crm.reply_message", back_to=_page(object_id), call=call)


def read(form_class: type[forms.Form], request: HttpRequest) -> dict[str, Any]:
    """The checked data of a posted form; what is wrong is one message that names the field."""
    form = form_class(request.POST)
    if form.is_valid():
        return form.cleaned_data
    wrong = [
        f"{form.fields[name].label or name}: {' '.join(map(str, errors))}"
        for name, errors in form.errors.items()
        if name in form.fields
    ]
    raise ValidationError(wrong or list(form.non_field_errors()))


def end_of(day: date | None) -> datetime | None:
    """The moment a day ends on the clock of the installation; none of none."""
    if day is None:
        return None
    return timezone.make_aware(datetime.combine(day, time.min) + timedelta(days=1))


def _page(customer_id: int) -> str:
    return reverse("admin:crm_customer_change", args=[customer_id])
