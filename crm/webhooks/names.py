"""What webhooks tell besides events: news about the record itself."""

MERGED = "customer.merged"
UNMERGED = "customer.unmerged"
ERASED = "customer.erased"
CHANGED = "customer.changed"
TEST = "webhook.tested"

NEWS = (CHANGED, MERGED, UNMERGED, ERASED)
