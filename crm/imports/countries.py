"""Countries as shops write them: code, usual language and time zone."""

from typing import NamedTuple


class Country(NamedTuple):
    """What a country's name tells about a customer there."""

    code: str
    language: str
    time_zone: str


KNOWN = {
    "australia": Country("AU", "en", "Australia/Sydney"),
    "austria": Country("AT", "de", "Europe/Vienna"),
    "bahrain": Country("BH", "ar", "Asia/Bahrain"),
    "belgium": Country("BE", "nl", "Europe/Brussels"),
    "brazil": Country("BR", "pt", "America/Sao_Paulo"),
    "canada": Country("CA", "en", "America/Toronto"),
    "channel islands": Country("JE", "en", "Europe/Jersey"),
    "china": Country("CN", "zh", "Asia/Shanghai"),
    "cyprus": Country("CY", "el", "Asia/Nicosia"),
    "czech republic": Country("CZ", "cs", "Europe/Prague"),
    "denmark": Country("DK", "da", "Europe/Copenhagen"),
    "eire": Country("IE", "en", "Europe/Dublin"),
    "finland": Country("FI", "fi", "Europe/Helsinki"),
    "france": Country("FR", "fr", "Europe/Paris"),
    "germany": Country("DE", "de", "Europe/Berlin"),
    "greece": Country("GR", "el", "Europe/Athens"),
    "hong kong": Country("HK", "zh-hant", "Asia/Hong_Kong"),
    "iceland": Country("IS", "is", "Atlantic/Reykjavik"),
    "ireland": Country("IE", "en", "Europe/Dublin"),
    "israel": Country("IL", "he", "Asia/Jerusalem"),
    "italy": Country("IT", "it", "Europe/Rome"),
    "japan": Country("JP", "ja", "Asia/Tokyo"),
    "lebanon": Country("LB", "ar", "Asia/Beirut"),
    "lithuania": Country("LT", "lt", "Europe/Vilnius"),
    "malta": Country("MT", "en", "Europe/Malta"),
    "netherlands": Country("NL", "nl", "Europe/Amsterdam"),
    "norway": Country("NO", "nb", "Europe/Oslo"),
    "poland": Country("PL", "pl", "Europe/Warsaw"),
    "portugal": Country("PT", "pt", "Europe/Lisbon"),
    "rsa": Country("ZA", "en", "Africa/Johannesburg"),
    "saudi arabia": Country("SA", "ar", "Asia/Riyadh"),
    "singapore": Country("SG", "en", "Asia/Singapore"),
    "spain": Country("ES", "es", "Europe/Madrid"),
    "sweden": Country("SE", "sv", "Europe/Stockholm"),
    "switzerland": Country("CH", "de", "Europe/Zurich"),
    "united arab emirates": Country("AE", "ar", "Asia/Dubai"),
    "united kingdom": Country("GB", "en", "Europe/London"),
    "usa": Country("US", "en", "America/New_York"),
}
UNKNOWN = Country("", "", "")


def find(*, name: str) -> Country:
    """The country of that name or two-letter code; an unknown one tells nothing."""
    plain = name.strip().lower()
    if len(plain) == 2 and plain.isascii():
        by_code = {country.code.lower(): country for country in KNOWN.values()}
        return by_code.get(plain, Country(plain.upper(), "", ""))
    return KNOWN.get(plain, UNKNOWN)
