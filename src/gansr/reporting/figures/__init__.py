"""The figures: one file each, found by its name."""
