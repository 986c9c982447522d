"""Supervised fitting of a Q-net to expected deliveries."""
