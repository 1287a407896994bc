# Archives -> HR images -> LR images (MATLAB bicubic) -> patch store of the training images; and pretrained weights.


rule fetch:
    output:
        f"{RECEIPTS}/datasets/{{dataset}}.json",
    log:
        f"{LOGS}/fetch/{{dataset}}.log",
    benchmark:
        f"{TIMINGS}/fetch/{{dataset}}.tsv"
    wildcard_constraints:
        dataset=any_of(FETCHED),
    # first of all: what cannot be had stops the run before anything is trained
    priority: 100
    conda:
        "../../environment.yml"
    params:
        request=f"{REQUESTS}/datasets/{{dataset}}.json",
    shell:
        "gansr fetch --request {params.request:q} --output {output:q} --log {log:q}"


rule fetch_weights:
    output:
        f"{RECEIPTS}/weights/{{weights}}.json",
    log:
        f"{LOGS}/fetch_weights/{{weights}}.log",
    benchmark:
        f"{TIMINGS}/fetch_weights/{{weights}}.tsv"
    wildcard_constraints:
        weights=any_of(PLAN.catalog.weights),
    priority: 100
    conda:
        "../../environment.yml"
    params:
        request=f"{REQUESTS}/weights/{{weights}}.json",
    shell:
        "gansr fetch --request {params.request:q} --output {output:q} --log {log:q}"


rule images:
    input:
        files=dataset_files,
        receipt=dataset_receipt,
    output:
        directory(f"{IMAGES}/images"),
    log:
        f"{LOGS}/images/{{dataset}}.log",
    benchmark:
        f"{TIMINGS}/images/{{dataset}}.tsv"
    wildcard_constraints:
        dataset=any_of(name for name in PLAN.datasets if name not in SUBSETS),
    conda:
        "../../environment.yml"
    threads: 4
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        spec=lambda wildcards: canonical(
            input_slices.images_slice(PLAN, wildcards.dataset)
        ),
        receipt=lambda wildcards, input: option("--receipt", input.receipt),
        archives=str(RUN.datasets_dir),
    shell:
        "gansr images --spec {params.spec:q} {params.receipt} --archives {params.archives:q} --output {output:q} "
        "--threads {threads} --log {log:q}"


rule subset:
    input:
        lambda wildcards: prepared_images(PLAN.datasets[wildcards.dataset].part_of),
    output:
        directory(f"{IMAGES}/images"),
    log:
        f"{LOGS}/subset/{{dataset}}.log",
    benchmark:
        f"{TIMINGS}/subset/{{dataset}}.tsv"
    wildcard_constraints:
        dataset=any_of(SUBSETS),
    conda:
        "../../environment.yml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        spec=lambda wildcards: canonical(
            input_slices.images_slice(PLAN, wildcards.dataset)
        ),
    shell:
        "gansr subset --spec {params.spec:q} --images {input:q} --output {output:q} --log {log:q}"


rule patch_store:
    input:
        images=lambda wildcards: prepared_images(
            *PLAN.datasets.parts(wildcards.dataset)
        ),
    output:
        directory(f"{IMAGES}/patches"),
    log:
        f"{LOGS}/patch_store/{{dataset}}.log",
    benchmark:
        f"{TIMINGS}/patch_store/{{dataset}}.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=1000,
        runtime=240,
    params:
        code=code_versions.PATCH_STORE,
        scale=SCALE,
        images=lambda wildcards, input: option("--images", input.images),
    shell:
        "gansr patch-store {params.images} --scale {params.scale} --output {output:q} --log {log:q}"


rule mad_patches:
    input:
        images=prepared_images(RUN.mad.benchmark) if RUN.mad else [],
    output:
        f"{RESULTS}/mad_patches.json",
    log:
        f"{LOGS}/mad_patches.log",
    benchmark:
        f"{TIMINGS}/mad_patches.tsv"
    conda:
        "../../environment.yml"
    params:
        spec=canonical(slices.mad_slice(RUN.mad)) if RUN.mad else "",
        scale=SCALE,
    shell:
        "gansr mad-patches --spec {params.spec:q} --images {input.images:q} --scale {params.scale} "
        "--output {output:q} --log {log:q}"
