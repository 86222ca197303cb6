"""What a training run measured against its baseline, as rows and as one sentence."""

from dataclasses import dataclass
from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from marketing.choices import RunState
from marketing.models import TrainingRun
from marketing.wording import DEMANDS

NAMES: dict[str, Any] = {
    "auc": gettext_lazy("Ranks buyers above others (AUC)"),
    "brier": gettext_lazy("Mean squared error of the probability (Brier)"),
    "average_precision": gettext_lazy("Finds buyers first (average precision)"),
    "top_decile_lift": gettext_lazy("Buyers among the best tenth, times the average"),
    "ndcg": gettext_lazy("How far up the ten shown are what was bought next (NDCG)"),
    "hit_rate": gettext_lazy("Share who bought one of the ten shown"),
    "silhouette": gettext_lazy("How well the clusters stand apart (silhouette)"),
    "stability": gettext_lazy("Agreement with a second fit"),
    "positive_rate": gettext_lazy("Share who bought"),
    "clusters": gettext_lazy("Clusters found"),
    "rows": gettext_lazy("Customers in the test"),
}


@dataclass(frozen=True)
class Measure:
    """One number of the run beside the baseline's."""

    name: Any
    value: Any
    baseline: Any
    is_better: bool | None


SMALLER_IS_BETTER = ("brier",)
# These describe the test, not the run.
PLAIN = ("rows", "positive_rate", "clusters")


def measures(run: TrainingRun) -> list[Measure]:
    """Every number that was measured, the baseline's beside it where it has one."""
    names = [*run.metrics, *(name for name in run.baseline if name not in run.metrics)]
    return [_measure(name, run.metrics.get(name), run.baseline.get(name)) for name in names]


@dataclass(frozen=True)
class GateRow:
    """One demand of the gate in words."""

    name: Any
    needed: int
    found: int
    is_met: bool


def gate_rows(run: TrainingRun) -> list[GateRow]:
    """What had to be there, and what was."""
    return [
        GateRow(DEMANDS.get(row["code"], row["code"]), row["needed"], row["found"], row["is_met"])
        for row in run.gate
    ]


def verdict(run: TrainingRun) -> str:
    """The run in one sentence."""
    if run.state == RunState.FAILED:
        return run.error
    auc, baseline = run.metrics.get("auc"), run.baseline.get("auc")
    if isinstance(auc, int | float) and isinstance(baseline, int | float):
        return _("AUC %(auc)s against %(baseline)s of the baseline") % {
            "auc": _three(auc),
            "baseline": _three(baseline),
        }
    hits, baseline = run.metrics.get("hit_rate"), run.baseline.get("hit_rate")
    if isinstance(hits, int | float) and isinstance(baseline, int | float):
        return _("%(hits)s bought one of ten shown, %(baseline)s one of ten bestsellers") % {
            "hits": _percent(hits),
            "baseline": _percent(baseline),
        }
    silhouette = run.metrics.get("silhouette")
    if isinstance(silhouette, int | float):
        return _("silhouette %(value)s") % {"value": _three(silhouette)}
    return ""


def _measure(name: str, value: Any, baseline: Any) -> Measure:
    is_better = None
    if _are_comparable(name, value, baseline):
        is_better = (value < baseline) if name in SMALLER_IS_BETTER else (value > baseline)
    return Measure(NAMES.get(name, name), _said(value), _said(baseline), is_better)


def _are_comparable(name: str, value: Any, baseline: Any) -> bool:
    both = isinstance(value, int | float) and isinstance(baseline, int | float)
    return name not in PLAIN and both and value != baseline


def _said(value: Any) -> Any:
    if isinstance(value, float):
        return _three(value)
    return "–" if value is None else intcomma(value)


def _percent(share: float) -> str:
    return f"{formats.number_format(100 * share, decimal_pos=1)} %"


def _three(value: float) -> str:
    return str(formats.number_format(value, decimal_pos=3))
