"""Events in by the tracking API: taken down on a spool, then recorded by thousands."""

from .receipt import Receipt, Refused, receive

__all__ = ["Receipt", "Refused", "receive"]
