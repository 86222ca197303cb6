"""Numbers of four digits and more are grouped by thousands, as shops and banks write them."""

THOUSAND_SEPARATOR = ","
NUMBER_GROUPING = 3
MONTH_DAY_FORMAT = "n月j日"
