# SR images of every model on every benchmark, and their per-image scores.


rule upscale:
    input:
        images=DATA.images("{benchmark}"),
        weights=lambda wildcards: FILES.scored_weights(wildcards.scored),
    output:
        directory(PATHS.images("{scored}", "{benchmark}")),
    log:
        PATHS.log("upscale", "{scored}", "{benchmark}"),
    benchmark:
        PATHS.timing("upscale", "{scored}", "{benchmark}")
    conda:
        "../envs/gansr.yaml"
    threads: 1
    resources:
        gpu=lambda wildcards: int(bool(FILES.scored_weights(wildcards.scored))),
        gpu_manufacturer="nvidia",
        mem_mb=8000,
        runtime=240,
    params:
        job=lambda wildcards: run_jobs.upscale_job(
            PLAN, SCORED[wildcards.scored][0]
        ).to_json(),
        weights=of_input("--weights", "weights"),
    shell:
        "gansr upscale --job {params.job:q} --images {input.images:q} {params.weights} --output {output:q} "
        "--gpus {resources.gpu} --threads {threads} --log {log:q}"


rule hr_features:
    input:
        images=DATA.images("{dataset}"),
        weights=weight_receipts(score_jobs.hr_features_weights(PLAN)),
    output:
        DATA.hr_features("{dataset}"),
    log:
        PATHS.log("hr_features", "{dataset}"),
    benchmark:
        PATHS.timing("hr_features", "{dataset}")
    wildcard_constraints:
        dataset=any_of(PLAN.scored_benchmarks),
    conda:
        "../envs/gansr.yaml"
    threads: 1
    resources:
        gpu=1,
        gpu_manufacturer="nvidia",
        mem_mb=3000,
        runtime=60,
    params:
        job=lambda wildcards: score_jobs.hr_features_job().to_json(),
        weights_dir=str(RUN.weights_dir),
    shell:
        "gansr hr-features --job {params.job:q} --images {input.images:q} --weights-dir {params.weights_dir:q} "
        "--output {output:q} --gpus {resources.gpu} --threads {threads} --log {log:q}"


rule score:
    input:
        sr=PATHS.images("{scored}", "{benchmark}"),
        images=DATA.images("{benchmark}"),
        hr_features=score_hr_features,
        weights=score_weights,
    output:
        scores=PATHS.scores("{scored}", "{benchmark}"),
        notes=PATHS.score_notes("{scored}", "{benchmark}"),
    log:
        PATHS.log("score", "{scored}", "{benchmark}"),
    benchmark:
        PATHS.timing("score", "{scored}", "{benchmark}")
    conda:
        "../envs/gansr.yaml"
    threads: 1
    resources:
        gpu=lambda wildcards: int(
            score_jobs.scored_on_gpu(PLAN, scored_model(wildcards))
        ),
        gpu_manufacturer="nvidia",
        # independent of the image size: networks process large images in strips (src/gansr/metrics/trunks.py)
        mem_mb=6000,
        runtime=480,
    params:
        job=lambda wildcards: score_jobs.score_job(
            PLAN, scored_model(wildcards)
        ).to_json(),
        weights_dir=str(RUN.weights_dir),
        # The folder of finished values is no output, because Snakemake deletes outputs before a job starts: a job that
        # adds a metric finds the other values here. It is text, because Snakemake fills in wildcards only in strings.
        kept=str(PATHS.score_values("{scored}", "{benchmark}")),
        hr_features=of_input("--hr-features", "hr_features"),
    shell:
        "gansr score-benchmark --job {params.job:q} --sr {input.sr:q} --images {input.images:q} "
        "--weights-dir {params.weights_dir:q} {params.hr_features} --kept {params.kept:q} --output {output.scores:q} "
        "--gpus {resources.gpu} --threads {threads} --log {log:q}"
