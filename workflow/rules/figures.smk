# The papers' figures. A figure that the run does not ask for has no rule.

if RUN.figures.mad_stability:

    rule mad_stability:
        input:
            snapshots=figure_snapshots("mad_stability"),
        output:
            csv=f"{RESULTS}/figures/mad_stability.csv",
            pdf=f"{RESULTS}/figures/mad_stability.pdf",
            png=report(
                f"{RESULTS}/figures/mad_stability.png",
                caption="../report/mad_stability.rst",
                category="Figures",
                labels={"figure": "MAD stability"},
            ),
        log:
            f"{LOGS}/figures/mad_stability.log",
        benchmark:
            f"{TIMINGS}/figures/mad_stability.tsv"
        conda:
            "../../environment.yml"
        params:
            spec=canonical(slices.figure_slice(PLAN, "mad_stability")),
            folder=subpath(output[0], ancestor=2),
        shell:
            "gansr figure mad_stability --spec {params.spec:q} --run-folder {params.folder:q} --log {log:q}"


if RUN.figures.artifact_map:

    rule artifact_map:
        input:
            snapshots=figure_snapshots("artifact_map"),
            mad_patches=rules.mad_patches.output,
            images=rules.mad_patches.input.images,
        output:
            [
                f"{RESULTS}/figures/artifact_map_{kind}.pdf"
                for kind in ARTIFACT_MAP_TYPES
            ],
            report(
                [
                    f"{RESULTS}/figures/artifact_map_{kind}.png"
                    for kind in ARTIFACT_MAP_TYPES
                ],
                caption="../report/artifact_map.rst",
                category="Figures",
                labels={"figure": "artifact maps"},
            ),
        log:
            f"{LOGS}/figures/artifact_map.log",
        benchmark:
            f"{TIMINGS}/figures/artifact_map.tsv"
        conda:
            "../../environment.yml"
        threads: 1
        resources:
            mem_mb=4000,
            runtime=30,
        params:
            spec=canonical(slices.figure_slice(PLAN, "artifact_map")),
            folder=subpath(output[0], ancestor=2),
        shell:
            "gansr figure artifact_map --spec {params.spec:q} --run-folder {params.folder:q} "
            "--mad-patches {input.mad_patches:q} --images {input.images:q} --threads {threads} --log {log:q}"
