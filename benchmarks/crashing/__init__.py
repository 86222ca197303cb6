"""Killing workers, servers and connections, and counting what is left; see benchmarks.crash."""
