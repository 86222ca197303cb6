"""The news marketing announces, always after the commit; receivers above only queue ids."""

from django.dispatch import Signal

segment_entered = Signal()  # provides: segment_id, customer_ids, cause
segment_left = Signal()  # provides: segment_id, customer_ids, cause
segment_refreshed = Signal()  # provides: segment_id, entered, left
scores_computed = Signal()  # provides: kind, run_id
