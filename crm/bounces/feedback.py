"""Complaints: feedback reports (RFC 5965) and what some providers send instead of them."""

from dataclasses import dataclass

from crm.bounces import addresses, mime, originals, reports
from crm.bounces.words import Outcome, Reason

MAX_RECIPIENTS = 200
# Providers that forward the mail itself and name the complainer in its headers (JMRP).
_NAMED_IN = ("x-hmxmroriginalrecipient", "x-original-rcpt-to", "x-complaint-recipient")


@dataclass(frozen=True, slots=True)
class Feedback:
    """A complaint, of what type, told by whom; `return_path` is that of the mail, where told."""

    outcomes: tuple[Outcome, ...]
    feedback_type: str
    reporter: str
    return_path: str = ""


def feedback_of(mail: mime.Mail, original: mime.Headers) -> Feedback | None:
    """The complaint that a mail is, if it is one."""
    fields = _fields(mail)
    if fields is None:
        return _forwarded(mail, original)
    named = fields.all("original-rcpt-to") + fields.all("removal-recipient")
    found = [reports.address_of(value) for value in named if value]
    found = [one for one in found if "@" in one]
    if not found:
        found = originals.recipients(original)
    wanted = addresses.distinct(found)[:MAX_RECIPIENTS] or [""]
    agent = fields.get("user-agent")
    return Feedback(
        outcomes=tuple(Outcome(one, Reason.FEEDBACK) for one in wanted),
        feedback_type=fields.get("feedback-type").lower().strip()[:40],
        reporter=agent[:200],
        # Where the original was made unreadable to hide who complains, this alone names it.
        return_path=reports.address_of(fields.get("original-mail-from")),
    )


def _fields(mail: mime.Mail) -> reports.Group | None:
    for part in mail.parts:
        if part.media_type == "message/feedback-report" or (
            mail.report_type == "feedback-report" and reports.has_feedback(part.text)
        ):
            groups = reports.groups_in(part.text)
            return reports.Group(tuple(field for group in groups for field in group.fields))
    return None


def _forwarded(mail: mime.Mail, original: mime.Headers) -> Feedback | None:
    named = [value for name, value in (*mail.headers, *original) if name in _NAMED_IN]
    is_told = "complaint" in mail.header("subject").lower() or "staff@" in mail.header("from")
    found = [one.address for value in named for one in addresses.find(value)]
    if not found or not (is_told or mail.header("x-hmxmroriginalrecipient") or mail.attached):
        return None
    outcomes = tuple(Outcome(one, Reason.FEEDBACK) for one in addresses.distinct(found))
    return Feedback(outcomes, "abuse", mail.header("from")[:200])
