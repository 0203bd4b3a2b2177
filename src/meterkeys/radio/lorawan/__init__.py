"""LoRaWAN 1.0.x and 1.1: joins, data frames, multicast."""
