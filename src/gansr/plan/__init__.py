"""A run resolved: its models over seeds, its datasets, all checks in one place, and its jobs. Imports no torch."""
