"""Staff who may not see personal data see every page of the admin with it masked."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from crm.models import Customer, veil

View = Callable[..., HttpResponse]
SEES_ALL = "crm.view_personal_data"


def veil_personal_data(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Draw the veil for whoever looks at the admin without that right.

    What changes something works on things as they are: its page is shown by the GET that follows.
    """

    def answer(request: HttpRequest) -> HttpResponse:
        if not is_veiled(request):
            return get_response(request)
        with veil.drawn():
            return get_response(request)

    return answer


@contextmanager
def reading(request: HttpRequest) -> Iterator[None]:
    """Draw the veil, where the reader needs it, over what a POST answers with."""
    with nullcontext() if request.user.has_perm(SEES_ALL) else veil.drawn():
        yield


def reads(view: View) -> View:
    """Show what a view answers a POST with as a page is shown: it changes nothing."""

    @wraps(view)
    def answer(request: HttpRequest, *where: Any, **named: Any) -> HttpResponse:
        with reading(request):
            return view(request, *where, **named)

    return answer


def words_for(*, customer: Customer, request: HttpRequest) -> str:
    """What staff type to show whom they mean: the name as they see it.

    Where it is masked, or holds signs that no keyboard has, the number does.
    """
    name = " ".join(str(customer).split())
    is_seen = request.user.has_perm(SEES_ALL) and name.isprintable()
    return name if is_seen else f"#{customer.pk}"


def is_veiled(request: HttpRequest) -> bool:
    """Whether the reader of this page must not see personal data."""
    if request.method not in {"GET", "HEAD"}:
        return False
    if not request.path.startswith(reverse("admin:index")):
        return False
    user = request.user
    return user.is_authenticated and not user.has_perm(SEES_ALL)
