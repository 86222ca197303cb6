"""What the demo shop sells: 400 products in twelve categories that belong to four tastes."""

from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import NamedTuple

from crm.products import NewProduct


class Shelf(NamedTuple):
    """A category: who likes it, what it costs, and the words its products are named from."""

    category: str
    taste: str
    low: int
    high: int
    kinds: str
    things: str
    story: str


SHELVES = (
    Shelf(
        "Green tea",
        "tea",
        6,
        28,
        "Sencha|Jasmine|Gunpowder|Longjing|Genmaicha|Matcha|Bancha",
        "loose leaf, 100 g|in a tin, 125 g|tea bags, 20 pieces|tasting set|gift box",
        "{name}: picked in spring, light in the cup and clear in taste. Brew at 75 °C.",
    ),
    Shelf(
        "Black tea",
        "tea",
        5,
        26,
        "Assam|Darjeeling|Earl Grey|Keemun|Ceylon|Lapsang Souchong|Yunnan",
        "loose leaf, 100 g|in a tin, 125 g|tea bags, 20 pieces|tasting set|gift box",
        "{name}: full and warm, good with milk or on its own. Brew for four minutes.",
    ),
    Shelf(
        "Chocolate",
        "tea",
        3,
        22,
        "Dark 70 %|Milk|White|Hazelnut|Sea salt|Orange|Ginger",
        "bar, 90 g|truffles, 12 pieces|drinking chocolate|thins|gift box",
        "{name}: made in small batches from beans of one farm.",
    ),
    Shelf(
        "Teaware",
        "tea",
        12,
        90,
        "Cast-iron|Porcelain|Glass|Stoneware|Bamboo|Enamel|Clay",
        "teapot, 0.8 l|cup, pair|kettle|tray|infuser",
        "{name}: made to be used every day, and to be handed on.",
    ),
    Shelf(
        "Kitchen",
        "home",
        8,
        80,
        "Oak|Steel|Linen|Marble|Copper|Olive-wood|Ceramic",
        "chopping board|mixing bowl|storage jar|spoon set|apron",
        "{name}: plain, sturdy and easy to clean.",
    ),
    Shelf(
        "Candles",
        "home",
        7,
        38,
        "Beeswax|Cedar|Lavender|Vanilla|Fig|Amber|Unscented",
        "pillar candle|candle in a jar|tea lights, 24 pieces|dinner candles, 6 pieces|travel tin",
        "{name}: burns slowly and evenly, up to forty hours.",
    ),
    Shelf(
        "Blankets & cushions",
        "home",
        18,
        120,
        "Wool|Cotton|Linen|Alpaca|Velvet|Knitted|Quilted",
        "throw|cushion|blanket|bed runner|seat pad",
        "{name}: soft from the first day, washable at 30 °C.",
    ),
    Shelf(
        "Seeds & bulbs",
        "garden",
        2,
        18,
        "Tomato|Tulip|Wildflower|Herb|Sunflower|Lettuce|Narcissus",
        "seeds|bulbs, 10 pieces|seed ball set|starter kit|collection",
        "{name}: tested for this year; sowing guide inside.",
    ),
    Shelf(
        "Garden tools",
        "garden",
        9,
        75,
        "Forged|Copper|Ash-handled|Folding|Stainless|Children's|Long",
        "trowel|secateurs|rake|watering can|gloves",
        "{name}: balanced in the hand and built to last for decades.",
    ),
    Shelf(
        "Outdoor",
        "garden",
        14,
        140,
        "Canvas|Enamel|Folding|Solar|Wicker|Waxed|Travel",
        "picnic basket|lantern|chair|flask|blanket",
        "{name}: for long evenings outside, packed in a minute.",
    ),
    Shelf(
        "Paper & pens",
        "paper",
        2,
        45,
        "Recycled|Dotted|Ruled|Marbled|Cotton|Washi|Kraft",
        "notebook, A5|letter set|fountain pen|ink, 30 ml|calendar",
        "{name}: smooth under the nib, bound by hand.",
    ),
    Shelf(
        "Games & puzzles",
        "paper",
        8,
        60,
        "Wooden|Travel|Family|Classic|Cooperative|Junior|Giant",
        "puzzle, 1000 pieces|card game|memory game|chess set|domino",
        "{name}: for two to six players and any rainy afternoon.",
    ),
)
TASTES = ("tea", "home", "garden", "paper")
BRANDS = ("Rowan & Reed", "Nordlicht", "Little Harbour", "Studio Kiln", "Old Orchard", "Lumen")
PRODUCTS = 400


@dataclass(frozen=True)
class Catalogue:
    """The products, and for each taste the SKUs that its people like, best sellers first."""

    products: tuple[NewProduct, ...]
    prices: dict[str, Decimal]
    categories: dict[str, str]
    by_taste: dict[str, tuple[str, ...]]


def stock(*, drawn: Random, currency: str, shop_url: str) -> Catalogue:
    """Fill the shelves until there are 400 products."""
    combined = [
        (shelf, kind, thing)
        for shelf in SHELVES
        for kind in shelf.kinds.split("|")
        for thing in shelf.things.split("|")
    ]
    kept = sorted(drawn.sample(range(len(combined)), PRODUCTS))
    products = []
    by_taste: dict[str, list[str]] = {taste: [] for taste in TASTES}
    for number, at in enumerate(kept, start=1):
        shelf, kind, thing = combined[at]
        product = _product(drawn, number, shelf, f"{kind} {thing}", currency, shop_url)
        products.append(product)
        by_taste[shelf.taste].append(product.sku)
    for skus in by_taste.values():
        drawn.shuffle(skus)
    return Catalogue(
        tuple(products),
        {product.sku: product.price for product in products},
        {product.sku: product.category for product in products},
        {taste: tuple(skus) for taste, skus in by_taste.items()},
    )


def _product(
    drawn: Random, number: int, shelf: Shelf, name: str, currency: str, shop_url: str
) -> NewProduct:
    # More cheap things than dear ones, at prices that end in .90 or .50.
    price = shelf.low + (shelf.high - shelf.low) * drawn.random() ** 1.8
    sku = f"RS-{number:04d}"
    return NewProduct(
        sku=sku,
        name=name,
        description=shelf.story.format(name=name),
        category=shelf.category,
        brand=drawn.choice(BRANDS),
        price=Decimal(int(price)) + drawn.choice((Decimal("0.90"), Decimal("0.50"))),
        currency=currency,
        url=f"{shop_url}/products/{sku.lower()}",
    )
