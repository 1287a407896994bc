# Models of a method, from the generator named by `start`, with SR of the MAD patches kept on the way; and models
# between two others, weight by weight.


rule finetune:
    input:
        patches=patch_store_of,
        start=start_weights,
        judges=judge_receipts,
        mad_patches=rules.mad_patches.output if RUN.mad else [],
        mad_images=rules.mad_patches.input.images,
    output:
        raw=f"{RESULTS}/models/{{model}}/generator.safetensors",
        ema=f"{RESULTS}/models/{{model}}/generator_ema.safetensors",
        spec=f"{RESULTS}/models/{{model}}/spec.yaml",
        history=f"{RESULTS}/models/{{model}}/log.jsonl",
        snapshots=f"{RESULTS}/models/{{model}}/snapshots.npz" if RUN.mad else [],
    log:
        f"{LOGS}/finetune/{{model}}.log",
    benchmark:
        f"{TIMINGS}/finetune/{{model}}.tsv"
    wildcard_constraints:
        model=any_of(FINETUNED),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        gpu=training_gpus,
        gpu_manufacturer="nvidia",
        mem_mb=8000,
        runtime=training_minutes,
    params:
        spec=training_slice,
        name=model_name,
        state=f"{RESULTS}/state/{{model}}",
        settings=TRAINING_SETTINGS,
        folder=subpath(output.raw, parent=True),
        judges=judge_options,
        mad_patches=lambda wildcards, input: option("--mad-patches", input.mad_patches),
        mad_images=lambda wildcards, input: option("--mad-images", input.mad_images),
    shell:
        "gansr train --spec {params.spec:q} --name {params.name:q} --patches {input.patches:q} --start {input.start:q} "
        "{params.judges} {params.mad_patches} {params.mad_images} "
        "--state {params.state:q} --settings {params.settings:q} --output {params.folder:q} "
        "--gpus {resources.gpu} --threads {threads} --log {log:q}"


rule interpolate:
    input:
        first=parent_weights(0),
        second=parent_weights(1),
    output:
        raw=f"{RESULTS}/models/{{model}}/generator.safetensors",
        ema=f"{RESULTS}/models/{{model}}/generator_ema.safetensors",
        spec=f"{RESULTS}/models/{{model}}/spec.yaml",
    log:
        f"{LOGS}/interpolate/{{model}}.log",
    benchmark:
        f"{TIMINGS}/interpolate/{{model}}.tsv"
    wildcard_constraints:
        model=any_of(INTERPOLATED),
    conda:
        "../../environment.yml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        spec=training_slice,
        name=model_name,
        folder=subpath(output.raw, parent=True),
    shell:
        "gansr interpolate --spec {params.spec:q} --name {params.name:q} --first {input.first:q} "
        "--second {input.second:q} --output {params.folder:q} --log {log:q}"
