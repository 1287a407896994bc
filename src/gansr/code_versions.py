"""Versions of the code that several plug-ins share, one for each stage of the workflow.

Snakemake does not notice an edit of an imported package. Raise a stage's version when an edit changes what the stage
computes: its jobs, and the jobs that use their results, then run again. Leave it for an edit that changes no result.
"""

IMAGES = 1
PATCH_STORE = 1
MAD_PATCHES = 1
TRAINING = 3
INTERPOLATION = 1
RELEASED = 1
INFERENCE = 1
METRICS = 3  # code that all metrics share; each metric's own files have a VERSION
TABLES = 3
FIGURES = 2
