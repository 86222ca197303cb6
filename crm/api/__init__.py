"""The API at /api/v1/: how shops and other programs tell us what happened."""
