"""Versions of the code that makes the numbers.

Snakemake does not notice an edit of an imported package. Raise a stage's version when an edit changes
what the stage computes: its jobs, and what follows from them, then run again. A refactoring leaves it.
"""

IMAGES = 1
PATCH_STORE = 1
MAD_PATCHES = 1
TRAINING = 3
INTERPOLATION = 1
RELEASED = 1
INFERENCE = 1
METRICS = 3  # what all metrics share; each counts by the VERSION of its own files
TABLES = 3
FIGURES = 2
