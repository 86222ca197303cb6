"""Words in braces, kept from providers that would read them as their own template language.

A name or a text of a person may have them; nothing that a person wrote is ever run.
"""

# What begins a variable or a tag in the languages of providers, and how a reader sees the same.
_BEGINNINGS = ("{{", "{%", "{$")
# A word joiner: it takes no room, and it parts the two characters for whoever looks for both.
_JOINER = "\u2060"


def html(text: str) -> str:
    """The same page for whoever reads it, with the second character written as a number."""
    for beginning in _BEGINNINGS:
        while beginning in text:
            text = text.replace(beginning, f"{{&#{ord(beginning[1])};")
    return text


def plain(text: str) -> str:
    """The same text with something that takes no room between the two characters."""
    for beginning in _BEGINNINGS:
        while beginning in text:
            text = text.replace(beginning, f"{{{_JOINER}{beginning[1]}")
    return text
