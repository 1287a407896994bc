# Before the first job: nobody else makes the same, what only a user can get is there, and requests are written down.
from gansr.atomic import write_text
from gansr.machine.run_lock import lock_run
from gansr.plan.jobs.base import as_json

# A receipt outlives changes of its request: where a file came from makes nothing again. A request is no parameter
# of its job for the same reason.
PREPARING = ("fetch", "images", "subset", "patch_store", "hr_features")


def own_what_is_made():
    """The run's folder, and every dataset that it prepares: until this Snakemake ends, no other one does."""
    datasets = {
        job.wildcards.dataset
        for job in workflow.dag.needrun_jobs()
        if job.rule.name in PREPARING
    }
    lock_run(PATHS.folder)
    for name in sorted(datasets):
        lock_run(DATA.lock(name))


def require_what_only_a_user_can_get():
    """Refuse to start what cannot be finished: datasets that have no address and are not there."""
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
    """What the jobs that fetch something are asked for."""
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
        own_what_is_made()
        require_what_only_a_user_can_get()
        write_requests()
        write_training_settings()
    except UserError as error:
        sys.exit(f"gansr: error: {error}")
    except OSError as error:
        sys.exit(f"gansr: error: {error.filename}: {error.strerror}; correct that")
