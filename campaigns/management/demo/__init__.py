"""The demo shop: a believable tea-and-home shop of two years, made from a seed."""
