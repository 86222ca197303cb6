"""All clients have the files that WhiteNoise finds, and only the first of them looks."""

from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from whitenoise.middleware import WhiteNoiseMiddleware

from tests import static_files


def answer(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


def headers(middleware: WhiteNoiseMiddleware) -> dict[str, Any]:
    """What each file is sent with, as it is and compressed."""
    return {
        url: [sorted(sent) for _, _, sent in file.alternatives]
        for url, file in middleware.files.items()
    }


def test_every_client_has_what_is_found_and_only_the_first_looks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked = []
    look = static_files._look
    monkeypatch.setattr(static_files, "_found", {})
    monkeypatch.setattr(static_files, "_look", lambda one: (looked.append(one), look(one)))

    first, second = WhiteNoiseMiddleware(answer), WhiteNoiseMiddleware(answer)
    with monkeypatch.context() as alone:
        alone.setattr(WhiteNoiseMiddleware, "add_files_from_finders", look)
        bare = WhiteNoiseMiddleware(answer)

    assert looked == [first]
    assert headers(first) == headers(second) == headers(bare)
    assert len(bare.files) > 100


def test_clients_that_answer_otherwise_look_for_themselves(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    monkeypatch.setattr(static_files, "_found", {})
    before = WhiteNoiseMiddleware(answer)
    settings.WHITENOISE_MAX_AGE = 77

    after = WhiteNoiseMiddleware(answer)

    assert headers(before) != headers(after)
    assert before.files.keys() == after.files.keys()
