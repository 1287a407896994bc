"""Everything that follows from a run's config: models (one per seed), datasets, all checks, files and jobs.

Imports no torch.
"""
