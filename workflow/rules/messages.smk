# Messages to the user: after a dry run, what its jobs need; after a run, where the results are.
import atexit

from gansr.estimate.needs import Jobs, needs


def print_needs():
    """Print, at the end of a dry run, what the listed jobs need."""
    if not workflow.dryrun or not workflow.is_main_process:
        return
    jobs = list(workflow.dag.needrun_jobs(exclude_finished=False))
    if not jobs:
        return

    def names(rules, wildcard):
        return [job.wildcards[wildcard] for job in jobs if job.rule.name in rules]

    todo = Jobs(
        total=len(jobs),
        trained=[MODELS[model].name for model in names(("train",), "model")],
        fetched=names(("fetch",), "dataset"),
        weights=names(("fetch_weights",), "weights"),
        prepared=names(("images", "subset"), "dataset"),
        patch_stores=names(("patch_store",), "dataset"),
        upscaled=names(("upscale",), "benchmark"),
    )
    limit = workflow.global_resources.get("gpu")
    try:
        needed = needs(
            PLAN, todo, PLAN.catalog.rates, int((limit and limit.value) or 1)
        )
    except UserError as error:
        needed = [f"more than can be told: {error}"]
    print(f"\nThe run {RUN.run} needs", *needed, sep="\n  ", file=sys.stderr)


atexit.register(print_needs)


def print_where_the_results_are():
    print(f"\nTables and figures of the run {RUN.run}:", file=sys.stderr)
    for pattern in ("tables/*.md", "figures/*.png"):
        for file in sorted(PATHS.folder.glob(pattern)):
            print(f"  {file}", file=sys.stderr)
