# What a user is told: that a run is under way already, what a dry run's jobs need, and where the results are.
import atexit

from gansr.config.needs import Jobs, needs
from gansr.run_lock import lock_run


def own_run_folder():
    try:
        lock_run(Path(RESULTS))
    except UserError as error:
        sys.exit(f"gansr: error: {error}")


def require_what_only_a_user_can_get():
    """Refuse to start what cannot be finished: datasets that have no address and are not there."""
    absent = [
        job.wildcards.dataset
        for job in workflow.dag.needrun_jobs()
        if job.rule.name == "fetch" and not PLAN.datasets[job.wildcards.dataset].sources
    ]
    for name in absent:
        print(
            f"gansr: error: dataset {name}: {input_slices.by_hand(PLAN, name)}",
            file=sys.stderr,
        )
    if absent:
        sys.exit(
            "gansr: nothing was started; add these datasets or leave them out of the run"
        )


def print_needs():
    """After a dry run: what the jobs that it lists need."""
    if not workflow.dryrun or not workflow.is_main_process:
        return
    jobs = list(workflow.dag.needrun_jobs(exclude_finished=False))
    if not jobs:
        return

    def names(rules, wildcard):
        return [job.wildcards[wildcard] for job in jobs if job.rule.name in rules]

    trained = names(("pretrain", "finetune"), "model")
    limit = workflow.global_resources.get("gpu")
    needed = needs(
        PLAN,
        Jobs(
            total=len(jobs),
            trained=[MODELS[model].name for model in trained],
            fetched=names(("fetch",), "dataset"),
            weights=names(("fetch_weights",), "weights"),
            prepared=names(("images", "subset"), "dataset"),
            patch_stores=names(("patch_store",), "dataset"),
            tested=names(("upscale",), "benchmark"),
        ),
        PLAN.catalog.rates,
        gpus=int((limit and limit.value) or 1),
    )
    print(f"\nThe run {RUN.run} needs", *needed, sep="\n  ", file=sys.stderr)


atexit.register(print_needs)


def print_where_the_results_are():
    print(f"\nTables and figures of the run {RUN.run}:", file=sys.stderr)
    for pattern in ("tables/*.md", "figures/*.png"):
        for file in sorted(Path(RESULTS).glob(pattern)):
            print(f"  {file}", file=sys.stderr)
