"""Forms of conditions about what we understand: scores, clusters and other segments."""

from django.utils.translation import gettext as _

from marketing.choices import RunState, ScoreKind
from marketing.models import Cluster, Segment

from .parts import Part, choice, entry, one

# More than these are found by typing, not in a list.
MOST_LISTED = 100


def scores() -> list[Part]:
    """One form per kind of score."""
    return [
        entry(_("Understanding"), kind.label, fixed={"score": kind.value}, family="number")
        for kind in ScoreKind
    ]


def clusters() -> list[Part]:
    """The clusters of the run in use."""
    found = Cluster.objects.filter(run__state=RunState.USED).order_by("number")
    options = [[cluster.traits, cluster.name] for cluster in found]
    label = _("is in the cluster")
    return [entry(_("Understanding"), label, controls=[choice("cluster", options)])]


def segments() -> list[Part]:
    """Members of another segment."""
    rows = list(Segment.objects.order_by("name").values_list("pk", "name")[: MOST_LISTED + 1])
    ways = [["in", _("is in")], ["not_in", _("is not in")]]
    chosen = choice("segment", [list(row) for row in rows])
    if len(rows) > MOST_LISTED:
        chosen = one("segment", {"of": "segments"}, _("segment"))
    controls = [choice("op", ways), chosen]
    return [entry(_("Understanding"), _("segment"), controls=controls)]
