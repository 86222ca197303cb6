"""The API of marketing: what is understood of customers."""
