# SR images of every model on every benchmark, and their per-image scores.
from gansr.paths import RunPaths
from gansr.plan.jobs import score as score_jobs


def scored_model(wildcards):
    name, _ = SCORED[wildcards.scored]
    return name


def score_hr_features(wildcards):
    if not score_jobs.compared_features(PLAN, scored_model(wildcards)):
        return []
    return f"{RUN.data_dir}/{wildcards.benchmark}/x{SCALE}/hr_features.npz"


def score_weights(wildcards):
    # where nothing is downloaded, a file put there later makes the scores that need it
    return weight_receipts(score_jobs.score_weights(PLAN, scored_model(wildcards)))


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
        gpu=lambda wildcards: int(SCORED[wildcards.scored][0] not in UNTRAINED),
        gpu_manufacturer="nvidia",
        mem_mb=8000,
        runtime=240,
    params:
        spec=upscale_slice,
        weights=lambda wildcards, input: option("--weights", input.weights),
    shell:
        "gansr upscale --spec {params.spec:q} --images {input.images:q} {params.weights} --output {output:q} "
        "--gpus {resources.gpu} --threads {threads} --log {log:q}"


rule hr_features:
    input:
        images=f"{IMAGES}/images",
        weights=weight_receipts(score_jobs.hr_features_weights(PLAN)),
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
        spec=lambda wildcards: score_jobs.hr_features_job().to_json(),
        weights_dir=str(RUN.weights_dir),
    shell:
        "gansr hr-features --spec {params.spec:q} --images {input.images:q} --weights-dir {params.weights_dir:q} "
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
        gpu=lambda wildcards: int(
            score_jobs.scored_on_gpu(PLAN, scored_model(wildcards))
        ),
        gpu_manufacturer="nvidia",
        # whatever the size of the images: networks take them in strips (src/gansr/metrics/trunks.py)
        mem_mb=6000,
        runtime=480,
    params:
        spec=lambda wildcards: score_jobs.score_job(
            PLAN, scored_model(wildcards)
        ).to_json(),
        weights_dir=str(RUN.weights_dir),
        # no output: a job that computes one more metric finds the others here
        kept=str(RunPaths.of_run(RUN.run).score_values("{scored}", "{benchmark}")),
        hr_features=lambda wildcards, input: option("--hr-features", input.hr_features),
    shell:
        "gansr score-benchmark --spec {params.spec:q} --sr {input.sr:q} --images {input.images:q} "
        "--weights-dir {params.weights_dir:q} {params.hr_features} --kept {params.kept:q} --output {output.scores:q} "
        "--gpus {resources.gpu} --threads {threads} --log {log:q}"
