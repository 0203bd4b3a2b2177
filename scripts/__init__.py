"""Helpers of the Makefile. `scripts.setup` runs on the machine's Python, before anything is installed."""
