# Figures: one rule for each figure of the run, because each figure makes other files.
from gansr.schema import plugins
from gansr.plan.figure_jobs import figure_inputs, figure_job

for figure in PLAN.figures:
    files = figure_files(PLAN, figure)

    rule:
        name:
            f"figure_{figure}"
        input:
            **figure_inputs(PLAN, figure),
        output:
            [file for file in files if file.suffix != ".png"],
            report(
                [file for file in files if file.suffix == ".png"],
                caption="../report/figure.rst",
                category="Figures",
                labels={"figure": plugins.fact("figure", figure, "TITLE", figure)},
            ),
        log:
            PATHS.log("figures", figure),
        benchmark:
            PATHS.timing("figures", figure)
        conda:
            "../envs/gansr.yaml"
        threads: 1
        resources:
            mem_mb=4000,
            runtime=30,
        params:
            job=figure_job(PLAN, figure).to_json(),
            caption=plugins.fact("figure", figure, "CAPTION", figure),
            folder=subpath(output[0], ancestor=2),
            mad_patches=of_input("--mad-patches", "mad_patches"),
            images=of_input("--images", "images"),
        shell:
            "gansr figure --job {params.job:q} --run-folder {params.folder:q} {params.mad_patches} {params.images} "
            "--threads {threads} --log {log:q}"
