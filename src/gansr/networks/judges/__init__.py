"""Frozen networks that a loss reads."""
