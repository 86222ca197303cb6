"""Forms of conditions about what we understand: scores, clusters and other segments."""

from django.utils.translation import gettext as _

from marketing.choices import RunState, ScoreKind
from marketing.models import Cluster, Segment

from .parts import Part, choice, entry

MOST_SEGMENTS = 300


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
    rows = Segment.objects.order_by("name").values_list("pk", "name")[:MOST_SEGMENTS]
    ways = [["in", _("is in")], ["not_in", _("is not in")]]
    controls = [choice("op", ways), choice("segment", [list(row) for row in rows])]
    return [entry(_("Understanding"), _("segment"), controls=controls)]
