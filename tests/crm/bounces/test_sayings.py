"""What servers of many makes say is understood, whatever their make."""

from pathlib import Path

import pytest

from crm.bounces import Kind, read
from tests.crm.bounces.samples import ADA
from tests.crm.bounces.test_reports import status_report

US = "bounce+17-abc@rapport.example"
SAYINGS = [
    line.split("|", 2)
    for line in Path(__file__).with_name("sayings.txt").read_text("utf-8").splitlines()
    if line and not line.startswith("#")
]


@pytest.mark.parametrize("kind", [Kind.HARD, Kind.SOFT, Kind.BLOCK, Kind.FULL])
def test_sayings_of_servers_are_of_their_kind(kind: Kind) -> None:
    misread = []

    for _, status, text in (saying for saying in SAYINGS if saying[0] == kind):
        said = text.format(ada=ADA, us=US, new="new@shop.example")
        report = read(status_report(_group(status, said)))
        if report.kind is not kind:
            misread.append((report.outcomes[0].reason.value, said))

    assert misread == []


def test_there_are_sayings_of_every_kind() -> None:
    assert {kind for kind, _, _ in SAYINGS} >= {Kind.HARD, Kind.SOFT, Kind.BLOCK, Kind.FULL}
    assert len(SAYINGS) > 200


def _group(status: str, said: str) -> str:
    typed = said if said.startswith("X-") else f"smtp; {said}"
    return (
        f"Final-Recipient: rfc822; {ADA}\nAction: failed\nStatus: {status}\n"
        f"Diagnostic-Code: {typed}"
    )
