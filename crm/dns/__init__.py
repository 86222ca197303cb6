"""What DNS says of a domain's mail, asked with patience that ends and read by the letter."""

from crm.dns import dmarc, keys, spf
from crm.dns.asking import Resolver, Unanswered, WorldResolver

__all__ = ["Resolver", "Unanswered", "WorldResolver", "dmarc", "keys", "spf"]
