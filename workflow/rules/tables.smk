# The papers' tables: ours as CSV, Markdown and LaTeX, and beside the published values.


rule table:
    input:
        scores=table_scores,
        specs=table_specs,
        images=table_images,
        published=f"{PLAN.catalog.folder}/published/{{table}}.csv",
    output:
        csv=report(
            f"{RESULTS}/tables/{{table}}.csv",
            caption="../report/table.rst",
            category="Tables",
            labels={"table": "{table}", "content": "measured"},
        ),
        beside=report(
            f"{RESULTS}/tables/{{table}}_vs_published.csv",
            caption="../report/vs_published.rst",
            category="Tables",
            labels={"table": "{table}", "content": "beside published"},
        ),
        markdown=f"{RESULTS}/tables/{{table}}.md",
        latex=f"{RESULTS}/tables/{{table}}.tex",
        notes=f"{RESULTS}/tables/{{table}}_notes.md",
    log:
        f"{LOGS}/tables/{{table}}.log",
    benchmark:
        f"{TIMINGS}/tables/{{table}}.tsv"
    conda:
        "../../environment.yml"
    params:
        spec=table_slice,
        folder=subpath(output.csv, ancestor=2),
        images=lambda wildcards, input: option("--images", input.images),
    shell:
        "gansr table {wildcards.table} --spec {params.spec:q} --run-folder {params.folder:q} "
        "{params.images} --published {input.published:q} --log {log:q}"


rule provenance:
    input:
        FILES.all_prepared(),
        FILES.all_model_files(),
        FILES.all_sr_images(),
        FILES.all_scores(),
        TABLES,
        FIGURES,
    output:
        f"{RESULTS}/provenance.json",
    log:
        f"{LOGS}/provenance.log",
    benchmark:
        f"{TIMINGS}/provenance.tsv"
    conda:
        "../../environment.yml"
    params:
        spec=canonical(slices.provenance_slice(PLAN)),
        folder=subpath(output[0], parent=True),
        data_dir=data_dir,
    shell:
        "gansr provenance --spec {params.spec:q} --run-folder {params.folder:q} --data-dir {params.data_dir:q} "
        "--log {log:q}"
