"""Templates: publish numbered versions, compile them, show what one would look like."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils.translation import gettext as _

from crm import snippets, variables
from crm.choices import Channel, SourceKind
from crm.models import SnippetUse, SnippetVersion, Template, TemplateVersion, TrackedLink
from crm.rendering import (
    UNDEFINED,
    CompiledTemplate,
    LinkContext,
    Parts,
    Rendered,
    RenderError,
    compile_template,
    is_mjml,
    make,
    standing_alone,
)
from crm.signals import announce, template_withdrawn

STARTERS = settings.BASE_DIR / "templates" / "messages"

SLOW_SHOWN_FOR = timedelta(days=7)

# A preview leads nowhere: a click on it is nobody's click.
_NOWHERE = LinkContext(unsubscribe_url="#", preferences_url="#", view_url="#")


@dataclass(frozen=True, slots=True)
class Starter:
    """Content to begin a template with."""

    name: str
    language: str
    channel: Channel
    subject: str
    html: str
    text: str


def starters() -> list[Starter]:
    """What there is to begin with: each starter in each language."""
    return [_starter(folder) for folder in sorted(STARTERS.glob("*/*")) if folder.is_dir()]


@transaction.atomic
def publish(
    *,
    template: Template,
    subject: str,
    html: str,
    text: str,
    by: AbstractBaseUser | None,
    now: datetime,
) -> TemplateVersion:
    """Make content the latest version; RenderError if it cannot be compiled.

    Locks the template, so that numbers follow one another. Content that is the latest already
    makes no new version.
    """
    library = snippets.Library()
    written = Parts(subject, html, text)
    made = _made(template.channel, written, library)
    content = _compiled(template.channel, made)
    Template.objects.select_for_update().get(pk=template.pk)
    last = _versions(template.pk).first()
    if last and not last.withdrawn_at and _is_same(last, written, made, library):
        return last
    version = TemplateVersion.objects.create(
        template=template,
        number=last.number + 1 if last else 1,
        subject=subject,
        html=html,
        text=text,
        kind=SourceKind.MJML if is_mjml(html) or is_mjml(made.html) else SourceKind.HTML,
        made=_differing(written, made),
        created_at=now,
        created_by_id=by.pk if by else None,
    )
    SnippetUse.objects.bulk_create(
        SnippetUse(template_version=version, snippet_version=used) for used in library.used.values()
    )
    TrackedLink.objects.bulk_create(
        TrackedLink(version=version, position=link.position, url=link.url_source)
        for link in content.links
    )
    return version


def check_variables(*, channel: str, subject: str, html: str, text: str) -> None:
    """Raise RenderError if content names a variable that no customer has, with part and line.

    Not part of `publish`: who sends a message by hand may give it variables of its own.
    """
    written = Parts(subject, html, text)
    made = _made(channel, written, snippets.Library())
    for path, like in variables.undeclared(paths=_compiled(channel, made).variables).items():
        hint = f" Is “{like}” meant?" if like else ""
        part, line = _place_of(path, written)
        message = f"“{path}” is no variable of templates.{hint}"
        raise RenderError(UNDEFINED, message, line, part)


def _place_of(path: str, written: Parts) -> tuple[str, int]:
    """In which part and line a variable is named first; nowhere if a snippet names it."""
    named = re.compile(r"\b" + r"\W+".join(map(re.escape, path.split("."))) + r"\b")
    for part, source in asdict(written).items():
        if found := named.search(source):
            return part, source.count("\n", 0, found.start()) + 1
    return "", 0


def latest(*, template_id: int) -> TemplateVersion | None:
    """The newest version of a template that was not withdrawn, if it has one."""
    return _versions(template_id).filter(withdrawn_at=None).first()


@transaction.atomic
def withdraw(
    *, version_id: int, reason: str, by: AbstractBaseUser | None, now: datetime
) -> TemplateVersion:
    """Send nothing with a version any more, what is queued included. Locks the version.

    Workers notice within a quarter of a second; campaigns that send it are paused.
    """
    version = TemplateVersion.objects.select_for_update().get(pk=version_id)
    if version.withdrawn_at is not None:
        raise ValidationError(_("This version was withdrawn already."))
    if not reason.strip():
        raise ValidationError(_("Say why: the reason is kept with the version."))
    version.withdrawn_at, version.withdrawn_because = now, reason.strip()[:255]
    version.withdrawn_by_id = by.pk if by else None
    version.save(update_fields=["withdrawn_at", "withdrawn_because", "withdrawn_by"])
    announce(template_withdrawn, sender=TemplateVersion, version_id=version.pk)
    return version


def note_slow(*, version: TemplateVersion, errors: Mapping[str, int], now: datetime) -> None:
    """Count mails that were rendered the slow way, and keep the most frequent error behind it."""
    TemplateVersion.objects.filter(pk=version.pk).update(
        slow_because=max(errors, key=lambda kind: errors[kind])[:100],
        slow_count=F("slow_count") + sum(errors.values()),
        slow_at=now,
    )


def slow(*, now: datetime) -> list[TemplateVersion]:
    """The versions of which mails were rendered the slow way of late, the latest first."""
    recent = TemplateVersion.objects.filter(slow_at__gt=now - SLOW_SHOWN_FOR)
    return list(recent.select_related("template").order_by("-slow_at"))


def compiled(*, version: TemplateVersion) -> CompiledTemplate:
    """A version ready to render; compiled once per process."""
    return _compiled(version.template.channel, made_of(version=version))


def made_of(*, version: TemplateVersion) -> Parts:
    """The parts of a version as they are compiled: with its snippets, in HTML."""
    return Parts(
        **{"subject": version.subject, "html": version.html, "text": version.text, **version.made}
    )


def preview_version(*, version: TemplateVersion, customer_id: int, now: datetime) -> Rendered:
    """What a version would look like for a real customer; nothing in it is tracked."""
    return _shown(compiled(version=version), customer_id, now)


def preview(
    *, channel: str, subject: str, html: str, text: str, customer_id: int, now: datetime
) -> Rendered:
    """What content would look like for a real customer; nothing in it is tracked."""
    made = _made(channel, Parts(subject, html, text), snippets.Library())
    return _shown(_compiled(channel, made), customer_id, now)


def preview_snippet(*, version: SnippetVersion, customer_id: int, now: datetime) -> Rendered:
    """What a snippet, published or not, would show a real customer by itself."""
    library = snippets.Library(draft=version)
    made = make(Parts(html=standing_alone(version.html), text=version.text), fetch=library.part)
    return _shown(_compiled(Channel.EMAIL, made), customer_id, now)


def made_now(*, channel: str, written: Parts) -> Parts:
    """What parts would come to if they were published now; RenderError if they cannot be."""
    made = _made(channel, written, snippets.Library())
    _compiled(channel, made)
    return made


def _made(channel: str, written: Parts, library: snippets.Library) -> Parts:
    if channel != Channel.EMAIL:
        written = replace(written, html="")
    return make(written, fetch=library.part)


def _shown(content: CompiledTemplate, customer_id: int, now: datetime) -> Rendered:
    known = variables.gather_many(customer_ids=[customer_id], now=now, wanted=content.reads)
    return content.render(variables=known[customer_id], links=_NOWHERE)


def _compiled(channel: str, made: Parts) -> CompiledTemplate:
    return compile_template(channel=channel, subject=made.subject, html=made.html, text=made.text)


def _is_same(
    version: TemplateVersion, written: Parts, made: Parts, library: snippets.Library
) -> bool:
    """Whether publishing would change nothing."""
    before = Parts(version.subject, version.html, version.text)
    had = set(version.snippet_uses.values_list("snippet_version_id", flat=True))
    has = {used.pk for used in library.used.values()}
    return (before, made_of(version=version), had) == (written, made, has)


def _differing(written: Parts, made: Parts) -> dict[str, str]:
    return {name: text for name, text in asdict(made).items() if text != getattr(written, name)}


def _versions(template_id: int) -> QuerySet[TemplateVersion]:
    """The versions of a template, the newest first."""
    versions = TemplateVersion.objects.select_related("template")
    return versions.filter(template_id=template_id).order_by("-number")


def _starter(folder: Path) -> Starter:
    subject, html, text = (
        path.read_text(encoding="utf-8").strip() if path.exists() else ""
        for path in (folder / "subject.txt", folder / "body.html", folder / "body.txt")
    )
    name = folder.parent.name
    channel = Channel.SMS if name == Channel.SMS else Channel.EMAIL
    return Starter(name, folder.name, channel, subject, html, text)
