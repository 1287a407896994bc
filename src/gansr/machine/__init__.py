"""What depends on the machine: which job uses which GPU, locks of run folders, the command `snakemake`."""
