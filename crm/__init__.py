"""crm remembers: who customers are, what they did, what they allow and what was said."""
