"""The rule builder: what it offers, how it completes values, and where one may start from."""

from .catalogue import build

__all__ = ["build"]
