"""Readable names for what estimators find."""

from collections.abc import Sequence


def cluster_name(traits: Sequence[str]) -> str:
    """Name a cluster from the codes of what stands out in its centre."""
    return ", ".join(traits)
