"""Files that came in, and what became of their rows."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.choices import ImportState


class ImportRun(models.Model):
    """One file read in, with its report."""

    kind = models.CharField(_("kind"), max_length=30)
    filename = models.CharField(_("file"), max_length=255)
    state = models.CharField(
        _("state"), max_length=20, choices=ImportState, default=ImportState.RUNNING
    )
    rows = models.PositiveIntegerField(_("rows read"), default=0)
    report = models.JSONField(_("report"), default=dict)
    error = models.CharField(_("error"), max_length=500, blank=True)
    started_at = models.DateTimeField(_("started at"))
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)

    class Meta:
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        ordering = ["-started_at"]

    def __str__(self) -> str:
        return self.filename
