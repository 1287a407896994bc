# The three ways to make a model: train it (from scratch or from another model's weights), interpolate between two
# others, or take weights that others have released.


rule train:
    input:
        patches=lambda wildcards: DATA.patches(model_of(wildcards).dataset),
        start=lambda wildcards: FILES.start(wildcards.model),
        judges=lambda wildcards: weight_receipts(model_of(wildcards).method.judges),
        mad_patches=lambda wildcards: FILES.monitored(wildcards.model)[0],
        mad_images=lambda wildcards: FILES.monitored(wildcards.model)[1],
    output:
        raw=PATHS.weights("{model}"),
        ema=PATHS.weights("{model}", "ema"),
        spec=PATHS.spec("{model}"),
        history=PATHS.training_log("{model}"),
        # without patches where the run keeps none (no section `mad`, or pretraining)
        snapshots=PATHS.snapshots("{model}"),
    log:
        PATHS.log("train", "{model}"),
    benchmark:
        PATHS.timing("train", "{model}")
    wildcard_constraints:
        model=any_of(model.slug for model in PLAN.trained.values()),
    conda:
        "../envs/gansr.yaml"
    threads: 1
    resources:
        gpu=training_gpus,
        gpu_manufacturer="nvidia",
        mem_mb=8000,
        runtime=training_minutes,
    params:
        job=job_of,
        name=lambda wildcards: model_of(wildcards).name,
        state=str(PATHS.state("{model}")),
        settings=str(PATHS.training_settings),
        folder=subpath(output.raw, parent=True),
        start=of_input("--start", "start"),
        judges=judge_options,
        mad_patches=of_input("--mad-patches", "mad_patches"),
        mad_images=of_input("--mad-images", "mad_images"),
    shell:
        "gansr train --job {params.job:q} --name {params.name:q} --patches {input.patches:q} {params.start} "
        "{params.judges} {params.mad_patches} {params.mad_images} "
        "--state {params.state:q} --settings {params.settings:q} --output {params.folder:q} "
        "--gpus {resources.gpu} --threads {threads} --log {log:q}"


rule interpolate:
    input:
        first=lambda wildcards: FILES.between(wildcards.model)[0],
        second=lambda wildcards: FILES.between(wildcards.model)[1],
    output:
        raw=PATHS.weights("{model}"),
        ema=PATHS.weights("{model}", "ema"),
        spec=PATHS.spec("{model}"),
    log:
        PATHS.log("interpolate", "{model}"),
    benchmark:
        PATHS.timing("interpolate", "{model}")
    wildcard_constraints:
        model=any_of(model.slug for model in PLAN.interpolated.values()),
    conda:
        "../envs/gansr.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        job=job_of,
        name=lambda wildcards: model_of(wildcards).name,
        folder=subpath(output.raw, parent=True),
    shell:
        "gansr interpolate --job {params.job:q} --name {params.name:q} --first {input.first:q} "
        "--second {input.second:q} --output {params.folder:q} --log {log:q}"


rule adopt:
    input:
        lambda wildcards: weight_receipts([model_of(wildcards).weights]),
    output:
        raw=PATHS.weights("{model}"),
        ema=PATHS.weights("{model}", "ema"),
        spec=PATHS.spec("{model}"),
    log:
        PATHS.log("adopt", "{model}"),
    benchmark:
        PATHS.timing("adopt", "{model}")
    wildcard_constraints:
        model=any_of(model.slug for model in PLAN.released.values()),
    conda:
        "../envs/gansr.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        job=job_of,
        name=lambda wildcards: model_of(wildcards).name,
        listed=lambda wildcards: model_of(wildcards).weights,
        weights=lambda wildcards: str(PLAN.weight_file(model_of(wildcards).weights)),
        folder=subpath(output.raw, parent=True),
    shell:
        "gansr adopt --job {params.job:q} --listed {params.listed} --weights {params.weights:q} "
        "--name {params.name:q} --output {params.folder:q} --log {log:q}"
