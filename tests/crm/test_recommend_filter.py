"""`recommend` takes the first products of a list: each once, of a category, between two prices."""

from decimal import Decimal
from typing import Any

import pytest

from crm.rendering import LinkContext, RenderError, compile_template, share

LINKS = LinkContext("#", "#", "#")


def product(sku: str, price: float = 10, category: str = "Shoes") -> dict[str, Any]:
    return {"sku": sku, "category": category, "price": price}


PRODUCTS = [
    product("a", 9),
    product("b", 10),
    product("a", 9),
    product("c", 49.99, "Hats"),
    product("d", 50, "Hats"),
]


def said(chain: str, **variables: Any) -> str:
    source = f"{{% for p in {chain} %}}{{{{ p.sku }}}}{{% endfor %}}"
    template = compile_template(channel="sms", text=source)
    return template.render(variables={"products": PRODUCTS, **variables}, links=LINKS).text


@pytest.mark.parametrize(
    ("chain", "wanted"),
    [
        ("products|recommend", "abcd"),
        ("products|recommend(2)", "ab"),
        ('products|recommend(4, category="Hats")', "cd"),
        ('products|recommend(category="hats")', "cd"),
        ("products|recommend(below=50)", "abc"),
        ("products|recommend(above=10)", "cd"),
        ('products|recommend(4, category="Hats", below=50, above=10)', "c"),
        ('products|recommend(category="Coats")', ""),
        ("products[:0]|recommend(3)", ""),
        ("orders.last.products|recommend(1)", "a"),
        ('products|selectattr("price", "gt", 9)|recommend(2)', "bc"),
        ("products|recommend(1)|recommend(1)", "a"),
    ],
)
def test_the_first_products_that_fit_are_shown(chain: str, wanted: str) -> None:
    assert said(chain, orders={"last": {"products": PRODUCTS}}) == wanted


def test_exact_prices_and_others_are_compared_alike() -> None:
    exact = [product("a", Decimal("49.99")), product("b", Decimal(50))]  # type: ignore[arg-type]

    assert said("products|recommend(below=50.0)", products=exact) == "a"


@pytest.mark.parametrize(
    ("chain", "words"),
    [
        ("products|recommend(0)", "1 to 100"),
        ("products|recommend(101)", "1 to 100"),
        ("products|recommend(true)", "1 to 100"),
        ('products|recommend("4")', "1 to 100"),
        ('products|recommend(below="cheap")', "numbers only"),
        ("products|recommend(above=true)", "numbers only"),
        ('"text"|recommend', "a list of products"),
        ("7|recommend", "a list of products"),
        ("[1, 2]|recommend", "a list of products"),
        ("products[0]|recommend", "a list of products"),
        ("priceless|recommend", "a list of products"),
        ("unknown|recommend", "unknown"),
    ],
)
def test_what_makes_no_sense_is_said(chain: str, words: str) -> None:
    with pytest.raises(RenderError, match=words):
        said(chain, priceless=[{"sku": "a", "category": "", "price": "12"}])


def test_a_list_without_end_is_refused() -> None:
    with pytest.raises(RenderError, match="10,000"):
        said("many|recommend(1)", many=[product("a")] * 10_001)


def test_what_is_shared_stays_the_same_object() -> None:
    template = compile_template(
        channel="email", html="<p>x</p>{% for p in products|recommend(2) %}{{ p.sku }}{% endfor %}"
    )
    products = [share(product(sku)) for sku in "ab"]

    mails = [template.render(variables={"products": list(products)}, links=LINKS) for _ in "xy"]

    assert [mail.html for mail in mails] == ["<p>x</p>ab"] * 2
