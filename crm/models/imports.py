"""Files that came in and went out, and what became of their rows."""

import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from crm import masking
from crm.choices import ExportState, ImportState, RejectReason

from .veil import Veiled


class ImportRun(Veiled):
    """One file read in, with its report.

    Customers come in by steps that can be paused: rows_done and the counts are committed with
    the rows they count, so that a worker that dies loses and doubles nothing.
    """

    VEILED = {"error": masking.text}

    kind = models.CharField(_("kind"), max_length=30)
    filename = models.CharField(_("file"), max_length=255)
    state = models.CharField(
        _("state"), max_length=20, choices=ImportState, default=ImportState.RUNNING
    )
    # Where the upload lies, relative to the folder of imports; empty once it was deleted.
    path = models.CharField(_("path"), max_length=255, blank=True, editable=False)
    format = models.JSONField(_("format"), default=dict, editable=False)
    mapping = models.JSONField(_("mapping"), default=dict, editable=False)
    options = models.JSONField(_("options"), default=dict, editable=False)
    rows = models.PositiveIntegerField(_("rows read"), default=0)
    rows_done = models.PositiveIntegerField(_("rows done"), default=0)
    created = models.PositiveIntegerField(_("new"), default=0)
    updated = models.PositiveIntegerField(_("updated"), default=0)
    unchanged = models.PositiveIntegerField(_("unchanged"), default=0)
    rejected = models.PositiveIntegerField(_("rejected"), default=0)
    report = models.JSONField(_("report"), default=dict)
    error = models.CharField(_("error"), max_length=500, blank=True)
    owner = models.CharField(_("owner"), max_length=100, blank=True, editable=False)
    lease_until_at = models.DateTimeField(_("lease until"), null=True, editable=False)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("started by"),
    )
    started_at = models.DateTimeField(_("started at"))
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)

    class Meta:
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        ordering = ["-started_at"]

    def __str__(self) -> str:
        return self.filename


class RejectedRow(Veiled):
    """A row of an import that was not taken: as it came, and why."""

    VEILED = {"cells": masking.cells}

    run = models.ForeignKey(
        ImportRun, models.CASCADE, related_name="rejected_rows", verbose_name=_("import")
    )
    line = models.PositiveIntegerField(_("line"))
    reason = models.CharField(_("reason"), max_length=30, choices=RejectReason)
    heading = models.CharField(_("column"), max_length=200, blank=True)
    cells = models.JSONField(_("cells"), default=list)

    class Meta:
        verbose_name = _("rejected row")
        verbose_name_plural = _("rejected rows")
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.line}: {self.reason}"


class ExportRun(Veiled):
    """Rows that left as a file: what, for whom, and until when the file is kept."""

    VEILED = {"error": masking.text, "options": masking.facts}

    # Opaque: in addresses, and the name of the file on the disk.
    key = models.UUIDField(_("key"), default=uuid.uuid4, unique=True, editable=False)
    kind = models.CharField(_("kind"), max_length=30)
    state = models.CharField(
        _("state"), max_length=20, choices=ExportState, default=ExportState.PLANNED
    )
    # Columns, filter and format as plain values.
    options = models.JSONField(_("options"), default=dict)
    is_masked = models.BooleanField(_("masked"), default=True)
    path = models.CharField(_("path"), max_length=255, blank=True, editable=False)
    rows = models.PositiveIntegerField(_("rows"), default=0)
    size = models.PositiveBigIntegerField(_("bytes"), default=0)
    error = models.CharField(_("error"), max_length=500, blank=True)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("asked for by"),
    )
    program = models.CharField(_("program"), max_length=100, blank=True)
    created_at = models.DateTimeField(_("asked for at"))
    finished_at = models.DateTimeField(_("finished at"), null=True)
    expires_at = models.DateTimeField(_("kept until"), null=True)

    class Meta:
        verbose_name = _("export")
        verbose_name_plural = _("exports")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.kind} #{self.pk}"
