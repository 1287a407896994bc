# SR images of every model on every benchmark, and their per-image scores.


rule upscale:
    input:
        images=f"{RUN.data_dir}/{{benchmark}}/x{SCALE}/images",
        weights=scored_weights,
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
        gpu=lambda wildcards: int(SCORED[wildcards.scored][0] != BICUBIC),
        gpu_manufacturer="nvidia",
        mem_mb=8000,
        runtime=240,
    params:
        spec=upscale_slice,
        weights=lambda wildcards, input: option("--weights", input.weights),
    shell:
        "gansr upscale --spec {params.spec:q} --images {input.images:q} {params.weights} --output {output:q} "
        "--gpus {resources.gpu} --threads {threads} --log {log:q}"


rule score:
    input:
        sr=f"{RESULTS}/images/{{scored}}/{{benchmark}}",
        images=f"{RUN.data_dir}/{{benchmark}}/x{SCALE}/images",
        # where nothing is downloaded, a file put there later makes the scores that need it
        weights=weight_receipts(PLAN.metric_weights),
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
        mem_mb=4000,
        runtime=240,
    params:
        code=code_versions.METRICS,
        metrics=",".join(RUN.metrics),
        weights_dir=str(RUN.weights_dir),
        required=option("--required", PLAN.metric_weights),
    shell:
        "gansr score --sr {input.sr:q} --hr {input.images:q}/HR --metrics {params.metrics} "
        "--weights-dir {params.weights_dir:q} {params.required} --output {output.scores:q} --threads {threads} --log {log:q}"
