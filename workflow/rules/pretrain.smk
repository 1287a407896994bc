# PSNR-oriented generators, trained once and shared by all methods; and generators that others have released.


rule pretrain:
    input:
        patches=patch_store_of,
    output:
        raw=f"{RESULTS}/models/{{model}}/generator.safetensors",
        ema=f"{RESULTS}/models/{{model}}/generator_ema.safetensors",
        spec=f"{RESULTS}/models/{{model}}/spec.yaml",
        history=f"{RESULTS}/models/{{model}}/log.jsonl",
    log:
        f"{LOGS}/pretrain/{{model}}.log",
    benchmark:
        f"{TIMINGS}/pretrain/{{model}}.tsv"
    wildcard_constraints:
        model=any_of(PRETRAINED),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        gpu=training_gpus,
        gpu_manufacturer="nvidia",
        mem_mb=4000,
        runtime=training_minutes,
    params:
        spec=training_slice,
        name=model_name,
        state=f"{RESULTS}/state/{{model}}",
        settings=TRAINING_SETTINGS,
        folder=subpath(output.raw, parent=True),
    shell:
        "gansr train --spec {params.spec:q} --name {params.name:q} --patches {input.patches:q} "
        "--state {params.state:q} --settings {params.settings:q} --output {params.folder:q} "
        "--gpus {resources.gpu} --threads {threads} --log {log:q}"


rule adopt:
    input:
        released_receipt,
    output:
        raw=f"{RESULTS}/models/{{model}}/generator.safetensors",
        ema=f"{RESULTS}/models/{{model}}/generator_ema.safetensors",
        spec=f"{RESULTS}/models/{{model}}/spec.yaml",
    log:
        f"{LOGS}/adopt/{{model}}.log",
    benchmark:
        f"{TIMINGS}/adopt/{{model}}.tsv"
    wildcard_constraints:
        model=any_of(RELEASED),
    conda:
        "../../environment.yml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        spec=training_slice,
        name=model_name,
        listed=lambda wildcards: MODELS[wildcards.model].weights,
        weights=lambda wildcards: str(PLAN.weight_file(MODELS[wildcards.model].weights)),
        folder=subpath(output.raw, parent=True),
    shell:
        "gansr adopt --spec {params.spec:q} --listed {params.listed} --weights {params.weights:q} "
        "--name {params.name:q} --output {params.folder:q} --log {log:q}"
