"""Rejected rows as a file that can be repaired and uploaded again."""

import csv
import io
from collections.abc import Iterator

from django.utils.translation import gettext as _

from crm.choices import RejectReason
from crm.models import ImportRun, RejectedRow
from crm.spreadsheets import quote

# Columns of this name are left out when the repaired file comes back.
LINE, REASON, COLUMN = "rejected_line", "rejected_reason", "rejected_column"
_PIECE = 500


def as_csv(*, run: ImportRun) -> Iterator[bytes]:
    """The rows as they came, with line, reason and column beside them, in UTF-8 for Excel."""
    headings = list(run.format.get("headings", ()))
    buffer = io.StringIO()
    buffer.write("\ufeff")
    writer = csv.writer(buffer)
    writer.writerow([quote(name) for name in (*headings, LINE, REASON, COLUMN)])
    rows = RejectedRow.objects.filter(run=run).order_by("id").iterator(chunk_size=_PIECE)
    for number, row in enumerate(rows, start=1):
        cells = list(row.cells)[: len(headings)]
        cells += [""] * (len(headings) - len(cells))
        # Cells too many stand behind the reason, so that the rest keep their columns.
        more = row.cells[len(headings) :]
        reason = _(str(RejectReason(row.reason).label))
        writer.writerow([quote(cell) for cell in (*cells, row.line, reason, row.heading, *more)])
        if number % _PIECE == 0:
            yield _taken(buffer)
    yield _taken(buffer)


def _taken(buffer: io.StringIO) -> bytes:
    piece = buffer.getvalue().encode(errors="replace")
    buffer.seek(0)
    buffer.truncate()
    return piece
