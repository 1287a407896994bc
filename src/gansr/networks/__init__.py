"""Generators, critics and judges; one file each, found by name."""
