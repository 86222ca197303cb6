"""Shared pieces of templates: a snippet, its versions, and which versions a template has."""

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.models.template import TemplateVersion


class Snippet(models.Model):
    """A header, a footer, a card: content that many templates use by its name."""

    # Templates say the name, so it stays.
    name = models.CharField(
        _("name"),
        max_length=80,
        unique=True,
        validators=[
            RegexValidator(
                r"^\w[\w ./-]*$", _("Letters, digits, spaces and . / - are possible in a name.")
            )
        ],
    )
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        verbose_name = _("snippet")
        verbose_name_plural = _("snippets")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class SnippetVersion(models.Model):
    """What a snippet said at one time; editing makes a new version."""

    snippet = models.ForeignKey(
        Snippet, models.CASCADE, related_name="versions", verbose_name=_("snippet")
    )
    number = models.PositiveIntegerField(_("version"))
    html = models.TextField(_("HTML"), blank=True)
    text = models.TextField(_("text"), blank=True)
    # The snippets that it names itself.
    names = models.JSONField(_("uses"), default=list, blank=True)
    created_at = models.DateTimeField(_("created at"))
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("created by"),
    )

    class Meta:
        verbose_name = _("snippet version")
        verbose_name_plural = _("snippet versions")
        ordering = ["snippet", "-number"]
        constraints = [
            models.UniqueConstraint(
                fields=["snippet", "number"], name="one_snippet_version_per_number"
            )
        ]

    def __str__(self) -> str:
        return f"{self.snippet} v{self.number}"


class SnippetUse(models.Model):
    """A version of a snippet that was put into a version of a template."""

    template_version = models.ForeignKey(
        TemplateVersion,
        models.CASCADE,
        related_name="snippet_uses",
        verbose_name=_("template version"),
    )
    snippet_version = models.ForeignKey(
        SnippetVersion, models.PROTECT, related_name="uses", verbose_name=_("snippet version")
    )

    class Meta:
        verbose_name = _("use of a snippet")
        verbose_name_plural = _("uses of snippets")
        constraints = [
            models.UniqueConstraint(
                fields=["template_version", "snippet_version"], name="one_use_per_snippet_version"
            )
        ]

    def __str__(self) -> str:
        return f"{self.snippet_version} in {self.template_version}"
