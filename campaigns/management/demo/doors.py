"""Where exactly the demo shop's customers live: a street and a postcode that fit the country."""

# The street as the country writes it, with the house number, and the form of its postcodes.
FORMS = {
    "DE": ("{street} {number}", "{:05d}"),
    "GB": ("{number} {street}", "LS{:d} 4QX"),
    "CN": ("{street}{number}号", "{:06d}"),
    "FR": ("{number} {street}", "{:05d}"),
    "US": ("{number} {street}", "{:05d}"),
    "ES": ("{street}, {number}", "{:05d}"),
    "JP": ("{street}{number}", "{:03d}-0012"),
    "IT": ("{street} {number}", "{:05d}"),
    "NL": ("{street} {number}", "{:04d} AB"),
    "BR": ("{street}, {number}", "{:05d}-000"),
}
STREETS = {
    "DE": "Lindenstraße|Gartenweg|Hauptstraße|Am Markt|Bergstraße|Schulstraße|Mühlenweg",
    "GB": "High Street|Mill Lane|Church Road|Station Road|Victoria Terrace|Park Row",
    "CN": "中山路|人民路|建设路|和平路|解放路|文化街",
    "FR": "rue de la Paix|rue des Lilas|avenue Victor Hugo|place du Marché|rue Pasteur",
    "US": "Maple Avenue|Oak Street|Main Street|Cedar Lane|Elm Drive|River Road",
    "ES": "Calle Mayor|Calle del Sol|Avenida de la Paz|Plaza Nueva|Calle Real",
    "JP": "本町|中央|栄町|緑町|旭町",
    "IT": "via Roma|via Garibaldi|corso Italia|via Dante|piazza Duomo",
    "NL": "Dorpsstraat|Kerkstraat|Molenweg|Stationsplein|Julianalaan",
    "BR": "Rua das Flores|Avenida Brasil|Rua do Sol|Rua Bela Vista",
}
# Lengths of the numbers in the postcodes of each country, from the first one in use.
FIRST = {"GB": (1, 28), "CN": (100_000, 600_000), "JP": (100, 880), "NL": (1000, 8900)}


def door(*, country: str, number: int) -> tuple[str, str]:
    """Street with house number, and postcode, of the customer of this number."""
    if country not in FORMS:
        return "", ""
    street_form, postcode_form = FORMS[country]
    names = STREETS[country].split("|")
    first, span = FIRST.get(country, (10_000, 80_000))
    street = street_form.format(street=names[number % len(names)], number=1 + number * 7 % 89)
    return street, postcode_form.format(first + number * 7919 % span)
