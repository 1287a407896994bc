# Tables as CSV, Markdown and LaTeX, and a CSV of measured and published values; and the run's provenance.json.
from gansr.plan.table_jobs import table_inputs, table_job


rule table:
    input:
        unpack(lambda wildcards: table_inputs(PLAN, wildcards.table)),
    output:
        csv=report(
            PATHS.table("{table}"),
            caption="../report/table.rst",
            category="Tables",
            labels={"table": "{table}", "content": "measured"},
        ),
        beside=report(
            PATHS.table("{table}", "_vs_published.csv"),
            caption="../report/vs_published.rst",
            category="Tables",
            labels={"table": "{table}", "content": "beside published"},
        ),
        markdown=PATHS.table("{table}", ".md"),
        latex=PATHS.table("{table}", ".tex"),
        notes=PATHS.table("{table}", "_notes.md"),
    log:
        PATHS.log("tables", "{table}"),
    benchmark:
        PATHS.timing("tables", "{table}")
    wildcard_constraints:
        table=any_of(PLAN.tables),
    conda:
        "../envs/gansr.yaml"
    params:
        job=lambda wildcards: table_job(PLAN, wildcards.table).to_json(),
        folder=subpath(output.csv, ancestor=2),
        images=of_input("--images", "images"),
        published=of_input("--published", "published"),
    shell:
        "gansr table --job {params.job:q} --run-folder {params.folder:q} {params.images} {params.published} "
        "--log {log:q}"


rule provenance:
    input:
        FILES.all_prepared(),
        FILES.all_model_files(),
        FILES.all_sr_images(),
        FILES.all_scores(),
        TABLES,
        FIGURES,
    output:
        PATHS.provenance,
    log:
        PATHS.log("provenance"),
    benchmark:
        PATHS.timing("provenance")
    conda:
        "../envs/gansr.yaml"
    params:
        job=run_jobs.provenance_job(PLAN).to_json(),
        folder=subpath(output[0], parent=True),
        data_dir=lambda wildcards: str(RUN.data_dir),
    shell:
        "gansr provenance --job {params.job:q} --run-folder {params.folder:q} --data-dir {params.data_dir:q} "
        "--log {log:q}"
