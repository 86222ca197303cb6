"""Chosen by staff, then what goes with what was bought, then bestsellers; always the same."""

from dataclasses import replace

from marketing.recommendations.ranking import Past, Shelf, leaders, rank

CUP, TEA, POT, BOOK, PEN = range(1, 6)
SHELF = Shelf(
    neighbours={CUP: {TEA: 0.5, POT: 0.3}, BOOK: {PEN: 0.4, POT: 0.3}},
    categories={CUP: "Kitchen", BOOK: "Paper"},
    bestsellers=[BOOK, CUP, TEA, POT, PEN],
    of_category={"Kitchen": [POT, CUP], "Paper": [PEN]},
)


def test_weights_of_all_that_was_bought_add_up() -> None:
    past = Past(seeds=[(CUP, 1.0), (BOOK, 1.0)], owned={CUP, BOOK})

    assert rank(past=past, shelf=SHELF, count=3) == [POT, TEA, PEN]


def test_what_was_bought_long_ago_leads_less() -> None:
    past = Past(seeds=[(CUP, 1.0), (BOOK, 0.1)], owned={CUP, BOOK})

    assert rank(past=past, shelf=SHELF, count=3) == [TEA, POT, PEN]


def test_what_is_owned_is_not_recommended_again_and_bestsellers_fill_up() -> None:
    past = Past(seeds=[(CUP, 1.0)], owned={CUP, TEA})

    assert rank(past=past, shelf=SHELF, count=9) == [POT, BOOK, PEN]


def test_bestsellers_of_the_favourite_category_come_before_the_others() -> None:
    past = Past(seeds=[(CUP, 1.0)], owned=set())
    shelf = replace(SHELF, neighbours={})

    assert rank(past=past, shelf=shelf, count=9) == [POT, CUP, BOOK, TEA, PEN]


def test_a_stranger_gets_the_bestsellers() -> None:
    assert rank(past=Past(), shelf=SHELF, count=2) == [BOOK, CUP]


def test_staff_say_what_comes_first_and_what_never_does() -> None:
    past = Past(seeds=[(CUP, 1.0)], owned={CUP})
    shelf = replace(SHELF, first=[PEN, CUP, TEA, BOOK], never={TEA, POT})

    assert rank(past=past, shelf=shelf, count=9) == [PEN, BOOK]
    assert rank(past=past, shelf=shelf, count=1) == [PEN]


def test_what_led_to_a_product_is_what_weighed_most() -> None:
    past = Past(seeds=[(99, 1.0), (BOOK, 1.0), (CUP, 0.9)])

    found = leaders(products=[POT, TEA, BOOK], past=past, shelf=SHELF)

    assert found == {POT: BOOK, TEA: CUP}


def test_of_equals_the_one_that_is_met_first_comes_first() -> None:
    shelf = Shelf(neighbours={CUP: {POT: 0.5, TEA: 0.5}, BOOK: {PEN: 0.5}})

    assert rank(past=Past(seeds=[(CUP, 1.0), (BOOK, 1.0)]), shelf=shelf, count=3) == [POT, TEA, PEN]
