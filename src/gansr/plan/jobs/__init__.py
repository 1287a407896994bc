"""The jobs of a run, one class for each kind: the Snakefile writes them as JSON, the command line reads them."""
