# PSNR-oriented generators: once per generator, dataset, scale and seed, shared by all methods.


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
        gpu=1,
        gpu_manufacturer="nvidia",
        mem_mb=4000,
        runtime=2880,
    params:
        spec=training_slice,
        name=model_name,
        state=f"{RESULTS}/state/{{model}}",
        folder=subpath(output.raw, parent=True),
    shell:
        "gansr train --spec {params.spec:q} --name {params.name:q} --patches {input.patches:q} "
        "--state {params.state:q} --output {params.folder:q} --gpus {resources.gpu} --threads {threads} --log {log:q}"
