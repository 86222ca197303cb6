"""What staff keep beside a customer: notes, tasks, locked fields."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from crm import masking

from .customer import Customer
from .override import Override
from .veil import Veiled


class CustomerNote(Veiled):
    """A private remark about a customer."""

    VEILED = {"text": masking.hidden}

    customer = models.ForeignKey(
        Customer, models.CASCADE, related_name="notes", verbose_name=_("customer")
    )
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("author"),
    )
    text = models.TextField(_("text"))
    is_pinned = models.BooleanField(_("pinned"), default=False)
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        verbose_name = _("customer note")
        verbose_name_plural = _("customer notes")
        ordering = ["-is_pinned", "-created_at"]

    def __str__(self) -> str:
        return self.text[:50]


class CustomerTask(Veiled):
    """Something staff promised to do for a customer."""

    VEILED = {"title": masking.hidden}

    customer = models.ForeignKey(
        Customer, models.CASCADE, related_name="tasks", verbose_name=_("customer")
    )
    title = models.CharField(_("title"), max_length=255)
    due_date = models.DateField(_("due"), null=True, blank=True)
    assigned_to = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("assigned to"),
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("created by"),
    )
    created_at = models.DateTimeField(_("created at"))
    done_at = models.DateTimeField(_("done at"), null=True, blank=True)

    class Meta:
        verbose_name = _("customer task")
        verbose_name_plural = _("customer tasks")
        ordering = ["done_at", "due_date", "-created_at"]
        indexes = [
            models.Index(fields=["due_date"], condition=models.Q(done_at=None), name="task_to_do")
        ]

    def __str__(self) -> str:
        return self.title


class FieldLock(Override):
    """Staff keep a field of a customer as it is, whatever comes in."""

    customer = models.ForeignKey(
        Customer, models.CASCADE, related_name="field_locks", verbose_name=_("customer")
    )
    field = models.CharField(
        _("field"), max_length=120, help_text=_("A column, or attributes.<name>")
    )

    class Meta(Override.Meta):
        verbose_name = _("locked field")
        verbose_name_plural = _("locked fields")
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "field"],
                condition=models.Q(lifted_at__isnull=True),
                name="one_lock_a_field",
            )
        ]

    def __str__(self) -> str:
        return self.field
