"""Cells that a spreadsheet would run are quoted, and the quoting is exactly undone."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.spreadsheets import quote, unquote


@pytest.mark.parametrize(
    "text", ["=1+1", "+49 151", "-x", "@SUM(A1)", "\tx", "\rx", "＝1", "＋1", " =1", "'=1"]
)
def test_what_a_spreadsheet_would_run_is_quoted(text: str):
    assert quote(text) == f"'{text}"


@pytest.mark.parametrize("value", [5, -5, 1.5, Decimal("-2.50"), "-5", "-0.5", "Ann", "O'Brien"])
def test_numbers_stay_numbers_and_texts_stay_texts(value: object):
    assert quote(value) == value


@given(st.text(alphabet="'=+-@\t 1a＝") | st.text())
def test_reading_gives_back_what_was_written(text: str):
    assert unquote(str(quote(text))) == text


def test_every_known_attack_is_quoted(shared_corpora: Path):
    attacks = json.loads((shared_corpora / "attack_payloads" / "csv_formula.json").read_text())

    cells = [str(quote(attack)) for attack in attacks]

    assert all(cell.lstrip()[:1] not in "=+-@" for cell in cells)
    assert [unquote(cell) for cell in cells] == attacks
