"""Staff and roles are managed in the admin's own dress; what beats by itself is not."""

import pytest
from django.contrib import admin as site
from django.contrib.auth.models import Group, User
from django.urls import reverse


@pytest.mark.parametrize("model", ["user", "group"])
def test_lists_and_forms_answer(admin, model):
    Group.objects.create(name="Editors")

    for page in ("changelist", "add"):
        assert admin.get(reverse(f"admin:auth_{model}_{page}")).status_code == 200


def test_a_colleague_is_added_with_a_role(admin):
    fields = {"username": "lena", "password1": "Kettle-42-tea", "password2": "Kettle-42-tea"}

    answer = admin.post(reverse("admin:auth_user_add"), {**fields, "usable_password": "true"})

    assert answer.status_code == 302
    assert User.objects.get(username="lena").check_password("Kettle-42-tea")


def test_a_persons_page_and_password_form_answer(admin, maria):
    for page in ("auth_user_change", "auth_user_password_change"):
        assert admin.get(reverse(f"admin:{page}", args=[maria.pk])).status_code == 200


def test_schedules_and_sign_in_attempts_are_not_in_the_admin():
    labels = {model._meta.app_label for model in site.site._registry}

    assert labels.isdisjoint({"axes", "django_celery_beat"})
