"""Channels: adapters that carry messages out and read what comes back; see docs/channels.md."""
