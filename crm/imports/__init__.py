"""Imports: a shop's order lines from a file, judged row by row, all or nothing."""

from .orders import Options, Report, import_orders
from .reading import UnusableFile

__all__ = ["Options", "Report", "UnusableFile", "import_orders"]
