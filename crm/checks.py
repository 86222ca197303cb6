"""What must be right before crm can work; checked at every start."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from crm import accounts, reach
from crm.channels import registry
from crm.choices import Channel
from crm.messages import journals


@register
def providers_are_known(**kwargs: Any) -> list[CheckMessage]:
    """Every adapter can be imported, and one of them can use each channel's address."""
    problems: list[CheckMessage] = [
        Error(problem, hint="See crm/channels/registry.py.", id="crm.E001")
        for problem in registry.check_registered()
    ]
    if problems:
        return problems
    for channel in Channel:
        try:
            described = accounts.from_settings(channel=channel)
            if described is None:
                continue
            account = described.account
            registry.adapter_class(account.provider)(account).close()
        except ValueError as error:
            hint = f"Mend {channel.upper()}_URL in the environment."
            problems.append(Error(str(error), hint=hint, id="crm.E002"))
    return problems


@register
def private_places_are_places(**kwargs: Any) -> list[CheckMessage]:
    """What the operator has named as private places that may be called can be read."""
    problems: list[CheckMessage] = []
    for setting in ("PROVIDER_ALLOWED_HOSTS", "WEBHOOK_ALLOWED_HOSTS"):
        for entry in getattr(settings, setting):
            try:
                reach.named(entry)
            except ValueError as error:
                hint = f"Mend {setting}: name a host, a network or host:port."
                problems.append(Error(str(error), hint=hint, id="crm.E004"))
    return problems


@register
def journals_can_be_written(**kwargs: Any) -> list[CheckMessage]:
    """A worker that cannot write its journal could not tell after a crash what it had sent."""
    folder = journals.folder()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        probe = folder / ".probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        return [
            Error(
                f"The folder {folder} cannot be written to: {error.strerror}.",
                hint="Give it to the user that runs the workers, or set RAPPORT_VAR.",
                id="crm.E003",
            )
        ]
    return []
