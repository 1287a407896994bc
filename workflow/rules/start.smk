# Before the first job: lock what this run makes, check that datasets to be obtained by hand are there, and write the
# files that jobs read instead of parameters.
from gansr.atomic import write_text
from gansr.machine.run_lock import lock_run
from gansr.plan.jobs.base import as_json

# Rules that make files of a dataset in data_dir, which several runs may share.
PREPARING = ("fetch", "images", "subset", "patch_store", "hr_features")


def lock_what_is_made():
    """Lock the run's folder and every dataset that this run prepares, until this Snakemake ends."""
    datasets = {
        job.wildcards.dataset
        for job in workflow.dag.needrun_jobs()
        if job.rule.name in PREPARING
    }
    lock_run(PATHS.folder)
    for name in sorted(datasets):
        lock_run(DATA.lock(name))


def require_what_only_a_user_can_get():
    """Refuse to start where a dataset is missing that has no address and must be obtained by hand."""
    to_fetch = {
        job.wildcards.dataset
        for job in workflow.dag.needrun_jobs()
        if job.rule.name == "fetch"
    }
    absent = [
        name
        for name, dataset in PLAN.datasets.items()
        if name in to_fetch and not dataset.sources
    ]
    for name in absent:
        print(
            f"gansr: error: dataset {name}: {run_jobs.by_hand(PLAN, name)}",
            file=sys.stderr,
        )
    if absent:
        sys.exit(
            "gansr: nothing was started; add these datasets or leave them out of the run"
        )


def write_requests():
    """Write what each job that fetches a file is asked for.

    It is a file and no parameter, so that a changed address does not fetch a file again that is there.
    """
    for job in workflow.dag.needrun_jobs():
        if job.rule.name == "fetch":
            name = job.wildcards.dataset
            request = run_jobs.fetch_dataset_job(PLAN, name)
            write_text(DATA.dataset_request(name), request.to_json())
        elif job.rule.name == "fetch_weights":
            name = job.wildcards.weights
            request = run_jobs.fetch_weights_job(PLAN, name)
            write_text(DATA.weight_request(name), request.to_json())


def write_training_settings():
    write_text(PATHS.training_settings, as_json(RUN.training.of_watch))


def start():
    try:
        lock_what_is_made()
        require_what_only_a_user_can_get()
        write_requests()
        write_training_settings()
    except UserError as error:
        sys.exit(f"gansr: error: {error}")
    except OSError as error:
        sys.exit(f"gansr: error: {error.filename}: {error.strerror}; correct that")
