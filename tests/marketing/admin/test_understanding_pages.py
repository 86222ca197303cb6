"""Training runs, clusters, intents and scores are shown with their reasons, and can be acted on."""

import pytest
from django.urls import reverse

from marketing.choices import RunKind, RunState
from marketing.models import (
    Cluster,
    ClusterMembership,
    Intent,
    Score,
    ScoreOverride,
    Segment,
    TrainingRun,
)


@pytest.fixture
def run(db, now):
    return TrainingRun.objects.create(
        kind=RunKind.BUYS_90_DAYS,
        state=RunState.USED,
        rows=1200,
        gate=[{"code": "test_buyers", "needed": 50, "found": 212, "is_met": True}],
        metrics={"auc": 0.781, "brier": 0.14},
        baseline={"auc": 0.702, "brier": 0.16},
        requested_at=now,
    )


@pytest.fixture
def cluster(greta, now):
    run = TrainingRun.objects.create(
        kind=RunKind.CLUSTERS, state=RunState.USED, rows=10, requested_at=now
    )
    made = Cluster.objects.create(
        run=run, number=0, traits=["recent", "big_spender"], centre={"orders": 9.0}, size=4
    )
    ClusterMembership.objects.create(customer=greta, cluster=made, distance=0.1)
    return made


@pytest.fixture
def score(greta, run, now):
    reasons = [{"feature": "recency_days", "value": 12, "effect": 0.8}]
    return Score.objects.create(
        customer=greta,
        kind="buys_90_days",
        value=0.62,
        reasons=reasons,
        run=run,
        computed_at=now,
    )


LISTS = ["trainingrun", "cluster", "intent", "segment"]


@pytest.mark.parametrize("model", LISTS)
def test_every_list_answers_staff_within_few_queries(
    admin, run, cluster, model, django_assert_max_num_queries
):
    with django_assert_max_num_queries(12):
        answer = admin.get(reverse(f"admin:marketing_{model}_changelist"))

    assert answer.status_code == 200


@pytest.mark.parametrize("model", LISTS)
def test_no_list_answers_others(newcomer, client, model):
    url = reverse(f"admin:marketing_{model}_changelist")

    assert newcomer.get(url).status_code == 403
    assert client.get(url).status_code == 302


def test_a_run_shows_its_gate_and_how_it_compares(admin, run):
    html = admin.get(reverse("admin:marketing_trainingrun_change", args=[run.pk])).content.decode()

    assert "AUC 0.781 against 0.702 of the baseline" in html
    assert "212" in html
    assert "not met" not in html
    assert html.count("better") >= 2


def test_runs_and_clusters_are_ledgers(admin, run, cluster):
    for row in (run, cluster):
        name = f"admin:marketing_{row._meta.model_name}"

        posted = admin.post(reverse(f"{name}_change", args=[row.pk]), {"rows": 1})

        assert posted.status_code == 403
        assert admin.get(reverse(f"{name}_add")).status_code == 403


def test_staff_ask_for_a_run_and_a_worker_is_rung(admin, rung):
    url = reverse("admin:marketing_trainingrun_train")

    admin.post(url, {"kind": "clusters"})

    assert TrainingRun.objects.get().state == RunState.QUEUED
    assert rung == [("train_due",)]


def test_newcomers_train_nothing(newcomer, rung):
    answer = newcomer.post(reverse("admin:marketing_trainingrun_train"), {"kind": "clusters"})

    assert answer.status_code == 403
    assert rung == []


def test_a_cluster_shows_its_centre_and_becomes_a_segment(admin, cluster, rung):
    page = admin.get(reverse("admin:marketing_cluster_change", args=[cluster.pk]))

    answer = admin.post(reverse("admin:marketing_cluster_segment", args=[cluster.pk]))

    segment = Segment.objects.get()
    assert "orders" in page.content.decode()
    assert (segment.kind, segment.cluster, segment.name) == ("cluster", cluster, cluster.name)
    assert answer["Location"] == reverse("admin:marketing_segment_page", args=[segment.pk])
    assert rung == [("refresh_segment", segment.pk)]


def test_a_cluster_becomes_a_segment_once(admin, cluster):
    url = reverse("admin:marketing_cluster_segment", args=[cluster.pk])
    admin.post(url)

    answer = admin.post(url, follow=True)

    assert "already" in " ".join(str(message) for message in answer.context["messages"])
    assert Segment.objects.count() == 1


def test_a_sentence_is_tried_against_the_intents(admin, db):
    Intent.objects.create(
        code="delivery", name="Where is it", phrases="Where is my parcel?\n我的包裹在哪里"
    )
    Intent.objects.create(code="return", name="Return", phrases="I want to send it back")
    url = reverse("admin:marketing_intent_try")

    sure = admin.get(url, {"text": "where is my parcel"}).content.decode()
    unsure = admin.get(url, {"text": "zzzz qqqq"}).content.decode()

    assert "Where is it" in sure
    assert "hands over to staff" in unsure


def test_the_customers_page_says_why_a_score_is_what_it_is(admin, greta, score, cluster):
    html = admin.get(reverse("admin:crm_customer_change", args=[greta.pk])).content.decode()

    assert "62%" in html
    assert "12 days ago" in html
    assert cluster.name in html


def test_a_score_set_by_hand_stands_beside_the_automatic_one(admin, maria, greta, score):
    page = reverse("admin:crm_customer_change", args=[greta.pk])
    fields = {"kind": "buys_90_days", "percent": "5", "reason": "Moved away", "next": page}

    answer = admin.post(reverse("admin:marketing_score_set", args=[greta.pk]), fields)

    html = admin.get(page).content.decode()
    override = ScoreOverride.objects.get()
    score.refresh_from_db()
    assert answer["Location"] == page
    assert (override.set_by, override.value, score.value) == (maria, 0.05, 0.62)
    assert "5%" in html
    assert "computed: 62%" in html
    assert "Moved away" in html


def test_a_score_set_by_hand_can_be_lifted(admin, maria, greta, score):
    fields = {"kind": "buys_90_days", "percent": "5", "reason": "Moved away"}
    admin.post(reverse("admin:marketing_score_set", args=[greta.pk]), fields)

    admin.post(reverse("admin:marketing_score_lift", args=[greta.pk]), {"kind": "buys_90_days"})

    assert ScoreOverride.objects.get().lifted_by == maria


@pytest.mark.parametrize(
    "changed", [{"percent": "120"}, {"percent": "x"}, {"reason": ""}, {"kind": "luck"}]
)
def test_a_score_that_makes_no_sense_is_refused(admin, greta, changed):
    fields = {"kind": "buys_90_days", "percent": "5", "reason": "x", **changed}

    admin.post(reverse("admin:marketing_score_set", args=[greta.pk]), fields)

    assert not ScoreOverride.objects.exists()


def test_newcomers_set_no_score(newcomer, greta):
    fields = {"kind": "buys_90_days", "percent": "5", "reason": "x"}

    answer = newcomer.post(reverse("admin:marketing_score_set", args=[greta.pk]), fields)

    assert answer.status_code == 403


LEDGERS = ["membership", "segmentoverride", "score", "scoreoverride", "feature", "insight"]


@pytest.mark.parametrize("model", LEDGERS)
def test_the_rows_behind_the_screens_can_be_looked_at(
    admin, germans, score, greta, model, django_assert_max_num_queries
):
    with django_assert_max_num_queries(12):
        answer = admin.get(reverse(f"admin:marketing_{model}_changelist"), {"q": "Greta"})

    assert answer.status_code == 200
