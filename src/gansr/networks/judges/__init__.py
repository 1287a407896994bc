"""Frozen networks whose outputs a loss uses."""
