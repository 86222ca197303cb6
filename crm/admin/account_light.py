"""The light of an account: one badge that says whether it carries messages, and why not."""

from datetime import datetime

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from crm.admin.tags import ago, badge
from crm.choices import BreakerState, Health, TrialState
from crm.models import AccountStanding, AccountTrial, ProviderAccount

_TRIAL_TONES = {
    TrialState.SENT: "good",
    TrialState.FAILED: "bad",
    TrialState.IN_DOUBT: "warn",
    TrialState.SENDING: "accent",
}


def of(row: ProviderAccount, standing: AccountStanding | None, now: datetime) -> SafeString:
    """The worst that is known of an account, with the provider's own words behind it."""
    tone, text, detail = _worst(row, standing, now)
    if not detail:
        return badge(text, tone, "circle")
    return format_html(
        '{} <span class="rp-soft rp-small">{}</span>', badge(text, tone, "circle"), detail
    )


def of_trial(trial: AccountTrial) -> SafeString:
    """How a test stands."""
    return badge(trial.get_state_display(), _TRIAL_TONES.get(TrialState(trial.state), ""))


def _worst(
    row: ProviderAccount, standing: AccountStanding | None, now: datetime
) -> tuple[str, str, SafeString | str]:
    if not row.is_active or standing is None:
        return "", _("Not asked yet") if row.is_active else _("Stopped"), ""
    is_ailing = standing.health == Health.AILING
    on_trial = standing.breaker == BreakerState.HALF_OPEN and not is_ailing
    if on_trial or standing.breaker == BreakerState.OPEN:
        return _left_alone(standing, now)
    if standing.rests_until_at and standing.rests_until_at > now:
        until = format_html(
            "{} {}", _("as the provider asked, until"), ago(standing.rests_until_at)
        )
        return "warn", _("Rests"), until
    if standing.health == Health.UNKNOWN:
        return "accent", _("In use"), ""
    return "bad" if is_ailing else "good", standing.get_health_display(), standing.health_detail


def _left_alone(standing: AccountStanding, now: datetime) -> tuple[str, str, SafeString | str]:
    tone = "bad" if standing.breaker == BreakerState.OPEN else "warn"
    why = f"{standing.get_reason_display()} · {standing.detail}"
    until = standing.opened_until_at
    if until is None or until <= now:
        said = format_html("{} · {}", why, _("the next messages are its trial"))
    else:
        said = format_html("{} · {} {}", why, _("next trial"), ago(until))
    return tone, standing.get_breaker_display(), said
