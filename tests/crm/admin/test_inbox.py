"""The inbox: who waits, what staff answer, and that nothing typed is lost."""

import pytest
from django.urls import reverse
from django.utils import timezone

from crm import consent, conversations, extensions
from crm.models import Conversation, Message, Note


def at(talk, page="conversation", *more):
    return reverse(f"admin:crm_inbox_{page}", args=[talk.pk, *more])


@pytest.fixture
def rung(monkeypatch):
    """Which doorbells were rung."""
    rings = []
    monkeypatch.setattr("crm.tasks.ring", lambda task, *arguments: rings.append(task.name))
    return rings


def test_the_inbox_opens_the_first_conversation(admin, talk):
    answer = admin.get(reverse("admin:crm_inbox"))

    assert answer["Location"] == at(talk)


def test_an_empty_inbox_says_how_to_begin(admin):
    answer = admin.get(reverse("admin:crm_inbox"))

    assert "Reply as this person" in answer.content.decode()


def test_the_three_panes_show_talk_words_and_person(
    admin, talk, order, django_assert_max_num_queries
):
    with django_assert_max_num_queries(25):
        text = admin.get(at(talk)).content.decode()

    assert "Where is my teapot?" in text
    assert "60.00" in text


def test_a_reply_is_queued_and_the_sender_is_rung(admin, staff, talk, rung):
    answer = admin.post(at(talk, "act", "reply"), {"text": "It left us today."})

    reply = Message.objects.get(direction="out")
    talk.refresh_from_db()
    assert (reply.text, reply.staff, reply.state) == ("It left us today.", staff, "queued")
    assert (talk.handler, talk.assigned_to, talk.waiting_since_at) == ("staff", staff, None)
    assert rung == ["crm.tasks.send_queued_messages"]
    assert answer["HX-Trigger"] == "rp-written"


def test_a_refusal_of_the_gate_is_said_and_the_draft_stays(admin, talk, rung, now):
    complaint = consent.NewSuppression("email", talk.customer.email, "complaint")
    consent.suppress(suppression=complaint, now=now)

    answer = admin.post(at(talk, "act", "reply"), {"text": "Hello?"})

    assert "Address suppressed" in answer.content.decode()
    assert "HX-Trigger" not in answer
    assert not Message.objects.filter(direction="out").exists()
    assert rung == []


def test_a_closed_conversation_takes_no_reply(admin, staff, talk, rung):
    conversations.close(conversation_id=talk.pk, staff=staff, now=timezone.now())

    answer = admin.post(at(talk, "act", "reply"), {"text": "Hello?"})

    assert "open it again first" in answer.content.decode()


def test_an_empty_reply_is_no_reply(admin, talk, rung):
    answer = admin.post(at(talk, "act", "reply"), {"text": "  "})

    assert "Write something first" in answer.content.decode()


def test_a_note_stays_private(admin, staff, talk, rung):
    admin.post(at(talk, "act", "note"), {"text": "Third time this month."})

    note = Note.objects.get()
    assert (note.author, note.text) == (staff, "Third time this month.")
    assert not Message.objects.filter(direction="out").exists()
    assert rung == []


def test_staff_take_over_hand_back_close_and_reopen(admin, staff, talk):
    def stands():
        talk.refresh_from_db()
        return talk.state, talk.handler, talk.assigned_to

    admin.post(at(talk, "act", "assign"))
    taken = stands()
    admin.post(at(talk, "act", "hand-back"))
    given = stands()
    admin.post(at(talk, "act", "close"))
    closed = stands()
    admin.post(at(talk, "act", "reopen"))

    assert taken == ("open", "staff", staff)
    assert given == ("open", "bot", None)
    assert closed[0] == "closed"
    assert stands() == ("open", "staff", staff)


def test_the_thread_answers_only_when_it_looks_different(admin, talk):
    mark = admin.get(at(talk)).context["mark"]

    unchanged = admin.get(at(talk, "thread"), {"mark": mark})
    conversations.note(
        conversation_id=talk.pk, author=talk.assigned_to or _anybody(), text="!", now=timezone.now()
    )
    changed = admin.get(at(talk, "thread"), {"mark": mark})

    assert unchanged.status_code == 204
    assert changed.status_code == 200
    assert "<textarea" not in changed.content.decode()


def test_the_list_answers_only_when_it_looks_different(admin, talk):
    mark = admin.get(at(talk)).context["list_mark"]
    address = reverse("admin:crm_inbox_list")

    unchanged = admin.get(address, {"mark": mark})
    Conversation.objects.update(handler="staff", waiting_since_at=timezone.now())

    assert unchanged.status_code == 204
    assert admin.get(address, {"mark": mark}).status_code == 200


@pytest.mark.parametrize(
    ("chosen", "shown"),
    [("waiting", False), ("mine", False), ("bot", True), ("open", True), ("closed", False)],
)
def test_the_filters_sort_conversations(admin, talk, chosen, shown):
    rows = admin.get(reverse("admin:crm_inbox_list"), {"filter": chosen}).context["rows"]

    assert (talk in rows) is shown


def test_who_was_handed_over_waits_for_staff(admin, talk):
    conversations.hand_over(conversation_id=talk.pk, because="not sure", now=timezone.now())

    rows = admin.get(reverse("admin:crm_inbox_list"), {"filter": "waiting"}).context["rows"]

    assert talk in rows
    assert "not sure" in admin.get(at(talk)).content.decode()


def test_ready_replies_come_from_the_apps_above(admin, talk, monkeypatch):
    monkeypatch.setattr(
        extensions.reply_shortcuts, "all", lambda: iter([lambda talk: [("thanks", "Thank you!")]])
    )

    shortcuts = admin.get(at(talk)).context["shortcuts"]

    assert shortcuts == [{"shortcut": "thanks", "text": "Thank you!"}]


@pytest.mark.parametrize("page", ["conversation", "thread"])
def test_a_newcomer_reads_no_conversation(newcomer, talk, page):
    assert newcomer.get(at(talk, page)).status_code == 403


@pytest.mark.parametrize("verb", ["reply", "note", "assign", "close"])
def test_a_newcomer_does_nothing_to_a_conversation(newcomer, talk, verb):
    assert newcomer.post(at(talk, "act", verb), {"text": "x"}).status_code == 403


def test_nothing_is_done_by_looking(admin, talk):
    assert admin.get(at(talk, "act", "close")).status_code == 404
    assert admin.post(at(talk, "act", "explode")).status_code == 404


def _anybody():
    from django.contrib.auth.models import User

    return User.objects.get(username="maria")
