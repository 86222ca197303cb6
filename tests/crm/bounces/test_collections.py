"""Two labelled collections of mails that came back: what is read is not to grow worse.

The floors are what was reached on the half of the mails that was only counted, not tuned on;
the labels call some refusals a filter whose words say that the user is unknown.
"""

import os
from pathlib import Path

import pytest

from benchmarks import bounces, bounces_left_out

FLOORS = {
    "hard_precision_of_words": 0.95,
    "hard_recall": 0.97,
    "kind": 0.93,
    "recipients": 0.98,
    "recipients_precision": 0.97,
}
# With the words that only one family of servers uses forgotten, family by family.
LEFT_OUT_FLOORS = {"hard_recall": 0.97, "kind": 0.94, "recipients": 0.98}
# Reports of a delivery that stand among mails of other sorts: who reads them sees them bounce.
REPORTS_AMONG_OTHERS = {"msg_16.txt", "msg_43.txt"}


@pytest.fixture
def halves(shared_corpora: Path) -> tuple[list[bounces.Labelled], list[bounces.Labelled]]:
    if not (shared_corpora / "bounces_sisimai").is_dir():
        pytest.skip("no collection of bounces among the shared corpora")
    return bounces.halves(shared_corpora)


@pytest.mark.parametrize("half", [0, 1], ids=["tuned", "held back"])
def test_what_came_back_is_read_as_it_is_labelled(
    halves: tuple[list[bounces.Labelled], list[bounces.Labelled]], half: int
) -> None:
    figures = bounces.tally(halves[half]).figures()

    assert {name: figures[name] for name in FLOORS if figures[name] < FLOORS[name]} == {}


if os.environ.get("RAPPORT_LONG"):

    def test_servers_that_nobody_saw_are_read_nearly_as_well(
        halves: tuple[list[bounces.Labelled], list[bounces.Labelled]],
    ) -> None:
        figures = bounces_left_out.run(halves[0] + halves[1])["by_family"]

        low = {
            name: figures[name] for name in LEFT_OUT_FLOORS if figures[name] < LEFT_OUT_FLOORS[name]
        }
        assert low == {}
        assert figures["phrases_struck"] > 100


def test_mails_of_other_sorts_are_no_bounces(shared_corpora: Path) -> None:
    taken = bounces.taken_for_bounces(shared_corpora / "email_cpython")

    assert set(taken) == REPORTS_AMONG_OTHERS


def test_mails_that_are_no_bounces_are_not_taken_for_one(shared_corpora: Path) -> None:
    taken = bounces.taken_for_bounces(shared_corpora / "bounces_sisimai_not")

    assert not [name for name in taken if "is-not-bounce" in name]
