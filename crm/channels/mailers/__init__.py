"""Providers of e-mail that are spoken to by HTTP: one module each, none knows another."""
