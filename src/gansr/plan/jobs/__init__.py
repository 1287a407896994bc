"""The jobs of a run, one class for each kind: written by the Snakefile as JSON, read by the command line."""
