"""Batches whose mails are not made: the first one of each template goes to everybody.

What is left is what must be done for a mail however it is made: claims, the gate, its rows, the
journal and the wire.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

from crm.channels import mime, smtp_pump
from crm.channels.base import Outgoing
from crm.rendering import Encoded, RenderError
from crm.rendering.compiled import CompiledTemplate, Item


@contextmanager
def applied() -> Iterator[None]:
    """Render and build one mail only, and send it in the place of every other."""
    encode_many, mail_of = CompiledTemplate.encode_many, smtp_pump.mail_of
    rendered: list[Encoded | RenderError] = []
    built: list[bytes] = []

    def encode_first(
        template: CompiledTemplate, items: Iterable[Item]
    ) -> Iterator[Encoded | RenderError]:
        for item in items:
            rendered[:] = rendered or encode_many(template, [item])
            yield rendered[0]

    def build_first(
        outgoing: Outgoing, sender: mime.Address, recipient: mime.Address, *, eight_bit: bool
    ) -> bytes:
        built[:] = built or [mail_of(outgoing, sender, recipient, eight_bit=eight_bit)]
        return built[0]

    with (
        patch.object(CompiledTemplate, "encode_many", encode_first),
        patch.object(smtp_pump, "mail_of", build_first),
    ):
        yield
