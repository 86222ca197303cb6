"""Imports: order lines judged all or nothing, and customers by steps that can be paused."""

from .mapping import Column, Plan
from .mapping import Options as CustomerOptions
from .orders import Options, Report, import_orders
from .reading import UnusableFile
from .running import KIND, owner, run_due
from .uploads import cancel, check, delete_files, pause, receive, resume, settle, start

__all__ = [
    "KIND",
    "Column",
    "CustomerOptions",
    "Options",
    "Plan",
    "Report",
    "UnusableFile",
    "cancel",
    "check",
    "delete_files",
    "import_orders",
    "owner",
    "pause",
    "receive",
    "resume",
    "run_due",
    "settle",
    "start",
]
