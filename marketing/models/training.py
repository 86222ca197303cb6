"""Recorded fits and the customer clusters that came out of them."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.models import Customer
from marketing.choices import RunKind, RunState
from marketing.wording import cluster_name


class TrainingRun(models.Model):
    """One recorded fit: on what, how well against which baseline, and whether it is used."""

    kind = models.CharField(_("kind"), max_length=30, choices=RunKind)
    state = models.CharField(_("state"), max_length=20, choices=RunState, default=RunState.QUEUED)
    as_of_date = models.DateField(_("as of"), null=True, blank=True)
    rows = models.PositiveIntegerField(_("customers seen"), default=0)
    # The gate: each demand, what was found, and whether it was met.
    gate = models.JSONField(_("gate"), default=list)
    metrics = models.JSONField(_("measured"), default=dict)
    baseline = models.JSONField(_("baseline"), default=dict)
    parameters = models.JSONField(_("parameters"), default=dict)
    artifact = models.BinaryField(null=True, editable=False)
    artifact_sha256 = models.CharField(max_length=64, blank=True, editable=False)
    error = models.CharField(_("error"), max_length=500, blank=True)
    # How many of the people it had learnt from were erased since.
    erased_people = models.PositiveIntegerField(_("people erased since"), default=0)
    requested_at = models.DateTimeField(_("requested at"))
    started_at = models.DateTimeField(_("started at"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)

    class Meta:
        verbose_name = _("training run")
        verbose_name_plural = _("training runs")
        ordering = ["-requested_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind"], condition=models.Q(state=RunState.USED), name="one_run_in_use"
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} #{self.pk}"


class Cluster(models.Model):
    """A group of like customers that k-means found, named from its centre."""

    run = models.ForeignKey(
        TrainingRun, models.CASCADE, related_name="clusters", verbose_name=_("run")
    )
    number = models.PositiveSmallIntegerField(_("number"))
    # Codes of what stands out, most striking first; the words come from the catalogue.
    traits = models.JSONField(_("traits"), default=list)
    centre = models.JSONField(_("centre"), default=dict)
    size = models.PositiveIntegerField(_("customers"))

    class Meta:
        verbose_name = _("customer cluster")
        verbose_name_plural = _("customer clusters")
        ordering = ["run", "number"]
        constraints = [
            models.UniqueConstraint(fields=["run", "number"], name="one_cluster_per_number")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """A readable name in the reader's language, made from the traits."""
        return cluster_name(self.traits)


class ClusterMembership(models.Model):
    """The cluster a customer is in, as of the run in use."""

    # Computed: when customers are merged or parted it is left to be computed again.
    is_derived = True

    customer = models.OneToOneField(
        Customer,
        models.CASCADE,
        primary_key=True,
        related_name="cluster_membership",
        verbose_name=_("customer"),
    )
    cluster = models.ForeignKey(
        Cluster, models.CASCADE, related_name="memberships", verbose_name=_("cluster")
    )
    distance = models.FloatField(_("distance from the centre"))

    class Meta:
        verbose_name = _("cluster membership")
        verbose_name_plural = _("cluster memberships")

    def __str__(self) -> str:
        return f"{self.customer_id}: {self.cluster_id}"
