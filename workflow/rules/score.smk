# SR images of every model on every benchmark, and their per-image scores.


rule upscale:
    input:
        images=f"{RUN.data_dir}/{{benchmark}}/x{SCALE}/images",
        weights=lambda wildcards: FILES.scored_weights(wildcards.scored),
    output:
        directory(f"{RESULTS}/images/{{scored}}/{{benchmark}}"),
    log:
        f"{LOGS}/upscale/{{scored}}/{{benchmark}}.log",
    benchmark:
        f"{TIMINGS}/upscale/{{scored}}/{{benchmark}}.tsv"
    conda:
        "../../environment.yml"
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
        weights=lambda wildcards, input: option("--weights", input.weights),
    shell:
        "gansr upscale --spec {params.job:q} --images {input.images:q} {params.weights} --output {output:q} "
        "--gpus {resources.gpu} --threads {threads} --log {log:q}"


rule hr_features:
    input:
        images=f"{IMAGES}/images",
        weights=weight_receipts(["inception"] if OF_INCEPTION else []),
    output:
        f"{IMAGES}/hr_features.npz",
    log:
        f"{LOGS}/hr_features/{{dataset}}.log",
    benchmark:
        f"{TIMINGS}/hr_features/{{dataset}}.tsv"
    wildcard_constraints:
        dataset=any_of(PLAN.scored_benchmarks),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        gpu=1,
        gpu_manufacturer="nvidia",
        mem_mb=3000,
        runtime=60,
    params:
        code=code_versions.METRICS,
        metrics="fid,kid",
        weights_dir=str(RUN.weights_dir),
    shell:
        "gansr hr-features --images {input.images:q} --metrics {params.metrics} --weights-dir {params.weights_dir:q} "
        "--output {output:q} --gpus {resources.gpu} --threads {threads} --log {log:q}"


rule score:
    input:
        sr=f"{RESULTS}/images/{{scored}}/{{benchmark}}",
        images=f"{RUN.data_dir}/{{benchmark}}/x{SCALE}/images",
        hr_features=score_hr_features,
        weights=score_weights,
    output:
        scores=f"{RESULTS}/metrics/{{scored}}/{{benchmark}}.csv",
        protocols=f"{RESULTS}/metrics/{{scored}}/{{benchmark}}.json",
    log:
        f"{LOGS}/score/{{scored}}/{{benchmark}}.log",
    benchmark:
        f"{TIMINGS}/score/{{scored}}/{{benchmark}}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        gpu=score_gpus,
        gpu_manufacturer="nvidia",
        # whatever the size of the images: networks take them in strips (src/gansr/metrics/trunks.py)
        mem_mb=6000,
        runtime=480,
    params:
        code=code_versions.METRICS,
        metrics=",".join(RUN.metrics),
        protocols=score_protocols,
        weights_dir=str(RUN.weights_dir),
        required=lambda wildcards: option("--required", scored_with(wildcards)),
        hr_features=lambda wildcards, input: option("--hr-features", input.hr_features),
    shell:
        "gansr score {input.sr:q} {input.images:q}/HR --metrics {params.metrics} {params.protocols} "
        "--weights-dir {params.weights_dir:q} {params.required} --skip-absent {params.hr_features} "
        "--output {output.scores:q} --gpus {resources.gpu} --threads {threads} --log {log:q}"
