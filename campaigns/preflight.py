"""What stands against a launch, found before anybody is written to."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns import audiences, ways_out
from campaigns.models import Campaign, Step
from crm import accounts, domains, templates
from crm.channels import sms_text
from crm.choices import Channel, Purpose
from crm.models import TemplateVersion
from crm.rendering import CompiledTemplate, RenderError

_WAYS_OUT = {"unsubscribe_url", "preferences_url"}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, in words for staff; a warning does not stop the launch."""

    code: str
    message: str
    stops: bool = True


def check_launch(*, campaign: Campaign, now: datetime) -> list[Problem]:
    """Everything that stops a launch or is worth a second look."""
    steps = list(campaign.steps.select_related("template").order_by("position"))
    problems = [*_check_time(campaign, now), *_check_segments(campaign)]
    if not steps:
        problems.append(Problem("no_message", _("There is no message to send yet.")))
    for step in steps:
        problems += _check_template(campaign, step)
    if any(step.channel == Channel.EMAIL for step in steps):
        problems += _check_domain()
    if any(problem.stops for problem in problems):
        return problems
    return [*problems, *_check_audience(campaign, steps[0], now)]


def stopping(*, problems: list[Problem]) -> list[Problem]:
    """Only those that stop a launch."""
    return [problem for problem in problems if problem.stops]


def _check_time(campaign: Campaign, now: datetime) -> Iterator[Problem]:
    if campaign.scheduled_at is not None and campaign.scheduled_at < now:
        yield Problem(
            "in_the_past",
            _("The time to send at has passed: choose a later one, or none to send at once."),
        )


def _check_segments(campaign: Campaign) -> Iterator[Problem]:
    chosen = list(campaign.segments.all())
    if not chosen:
        yield Problem("no_segment", _("No segment to send to has been chosen."))
    for segment in [*chosen, *campaign.excluded_segments.all()]:
        if segment.error:
            yield Problem(
                "segment_fails",
                _("The segment “%(segment)s” cannot be computed: %(error)s")
                % {"segment": segment.name, "error": segment.error},
            )
        elif segment.refreshed_at is None:
            yield Problem(
                "segment_not_computed",
                _("The segment “%(segment)s” has not been computed yet.")
                % {"segment": segment.name},
                stops=False,
            )


def _check_template(campaign: Campaign, step: Step) -> Iterator[Problem]:
    name = {"template": step.template.name}
    if step.template.channel != step.channel:
        yield Problem(
            "other_channel", _("The template “%(template)s” is for another channel.") % name
        )
        return
    version = templates.latest(template_id=step.template_id)
    if version is None:
        yield Problem("no_content", _("The template “%(template)s” has no content yet.") % name)
        return
    try:
        compiled = templates.compiled(version=version)
    except RenderError as error:
        yield Problem(
            "template_fails",
            _("The template “%(template)s” does not work: %(error)s") % {**name, "error": error},
        )
        return
    if Purpose(campaign.purpose).needs_consent:
        yield from _check_way_out(step, version, compiled)


def _check_way_out(
    step: Step, version: TemplateVersion, compiled: CompiledTemplate
) -> Iterator[Problem]:
    if step.channel == Channel.EMAIL and not _WAYS_OUT & compiled.variables:
        yield Problem(
            "no_unsubscribe_link",
            _("The mail shows no unsubscribe link; only the mail program offers one."),
            stops=False,
        )


def _check_domain() -> Iterator[Problem]:
    words = {
        "not_signed": _("Mails of %(domain)s are not signed: make a key on the domain's page."),
        "dmarc_would_fail": _(
            "By what DNS says, mails of %(domain)s fail DMARC: see the domain's page."
        ),
        "envelope_apart": _(
            "Bounces come back to %(envelope)s, which is no part of %(domain)s: mails pass DMARC "
            "by their signature alone."
        ),
    }
    for doubt in domains.doubts_about(sender=accounts.sender(channel=Channel.EMAIL)):
        facts = {"domain": doubt.domain, "envelope": doubt.envelope}
        yield Problem(doubt.code, words[doubt.code] % facts, stops=False)


def _check_audience(campaign: Campaign, step: Step, now: datetime) -> Iterator[Problem]:
    card = audiences.card(campaign=campaign, now=now)
    if not card.total:
        yield Problem("nobody", _("Nobody is in the audience."))
    elif not card.reachable:
        yield Problem("nobody_reachable", _("Nobody in the audience may be written to."))
    version = templates.latest(template_id=step.template_id)
    assert version is not None
    texts = []
    for customer in card.sample:
        try:
            shown = templates.preview_version(version=version, customer_id=customer.pk, now=now)
        except RenderError as error:
            yield Problem(
                "sample_fails",
                _("The template fails for %(customer)s: %(error)s")
                % {"customer": customer, "error": error},
            )
            return
        texts.append(shown.text)
    if ways_out.are_needed(campaign=campaign, channel=step.channel):
        yield from _check_texts(campaign, version, texts, card.reachable, now)


def _check_texts(
    campaign: Campaign,
    version: TemplateVersion,
    texts: Sequence[str],
    reachable: int,
    now: datetime,
) -> Iterator[Problem]:
    """Whether each SMS says how to end them; what the text says itself needs nothing more."""
    has_link = _WAYS_OUT & templates.compiled(version=version).variables
    if has_link or (texts and all(map(sms_text.says_how, texts))):
        return
    left = ways_out.left_without(campaign=campaign, reachable=reachable, now=now)
    if left and left == reachable:
        yield Problem(
            "no_opt_out_words",
            _(
                "The SMS does not say how to opt out; write for example “Reply STOP to end” into "
                "the text, or as the campaign's opt-out text."
            ),
        )
    elif left:
        words = ngettext(
            "%(number)s person may get an SMS that does not say how to opt out: no line of the "
            "opt-out text is for their number. Add one without a number.",
            "%(number)s people may get an SMS that does not say how to opt out: no line of the "
            "opt-out text is for their number. Add one without a number.",
            left,
        )
        yield Problem("not_all_opt_out_words", words % {"number": left})
