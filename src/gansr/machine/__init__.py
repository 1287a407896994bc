"""The machine that a run uses: a GPU for each job, one owner for each run, Snakemake itself."""
