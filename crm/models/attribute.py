"""What attributes of customers mean: their types, and which of them are delicate."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from crm.choices import AttributeState, AttributeType


class AttributeDefinition(models.Model):
    """One attribute: seen in what came in, or defined by staff."""

    name = models.CharField(_("name"), max_length=100, unique=True)
    label = models.CharField(_("label"), max_length=150, blank=True)
    type = models.CharField(
        _("type"), max_length=20, choices=AttributeType, default=AttributeType.TEXT
    )
    choices = ArrayField(
        models.CharField(max_length=150), verbose_name=_("choices"), default=list, blank=True
    )
    is_personal = models.BooleanField(
        _("personal data"), default=True, help_text=_("Masked for whoever may not see it")
    )
    is_protected = models.BooleanField(
        _("protected group"),
        default=False,
        help_text=_("Used in fairness reports, never to decide"),
    )
    state = models.CharField(
        _("state"), max_length=20, choices=AttributeState, default=AttributeState.SEEN
    )
    example = models.CharField(_("example"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("first seen"))

    history = HistoricalRecords()

    class Meta:
        verbose_name = _("attribute")
        verbose_name_plural = _("attributes")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.label or self.name

    @classmethod
    def public_names(cls) -> frozenset[str]:
        """The attributes that staff said are no personal data."""
        adopted = cls.objects.filter(state=AttributeState.ADOPTED, is_personal=False)
        return frozenset(adopted.values_list("name", flat=True))
