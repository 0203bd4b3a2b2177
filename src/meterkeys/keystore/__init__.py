"""The only door to device keys; `services` is its handle."""
