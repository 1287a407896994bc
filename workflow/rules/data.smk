# Archives -> HR images -> LR images (MATLAB bicubic) -> patch store of the training images; and pretrained weights.


rule fetch:
    output:
        DATA.dataset_receipt("{dataset}"),
    log:
        PATHS.log("fetch", "{dataset}"),
    benchmark:
        PATHS.timing("fetch", "{dataset}")
    wildcard_constraints:
        dataset=any_of(FETCHED),
    # Fetch first, so that a file that cannot be fetched stops the run before anything is trained.
    priority: 100
    conda:
        "../envs/gansr.yaml"
    params:
        request=str(DATA.dataset_request("{dataset}")),
    shell:
        "gansr fetch --request {params.request:q} --output {output:q} --log {log:q}"


rule fetch_weights:
    output:
        DATA.weight_receipt("{weights}"),
    log:
        PATHS.log("fetch_weights", "{weights}"),
    benchmark:
        PATHS.timing("fetch_weights", "{weights}")
    wildcard_constraints:
        weights=any_of(PLAN.catalog.weights),
    priority: 100
    conda:
        "../envs/gansr.yaml"
    params:
        request=str(DATA.weight_request("{weights}")),
    shell:
        "gansr fetch --request {params.request:q} --output {output:q} --log {log:q}"


rule images:
    input:
        files=lambda wildcards: FILES.dataset_originals(wildcards.dataset),
        receipt=dataset_receipt,
    output:
        directory(DATA.images("{dataset}")),
    log:
        PATHS.log("images", "{dataset}"),
    benchmark:
        PATHS.timing("images", "{dataset}")
    wildcard_constraints:
        dataset=any_of(name for name in PLAN.datasets if name not in SUBSETS),
    conda:
        "../envs/gansr.yaml"
    threads: 4
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        job=lambda wildcards: run_jobs.images_job(PLAN, wildcards.dataset).to_json(),
        receipt=of_input("--receipt", "receipt"),
        archives=str(RUN.datasets_dir),
    shell:
        "gansr images --job {params.job:q} {params.receipt} --archives {params.archives:q} --output {output:q} "
        "--threads {threads} --log {log:q}"


rule subset:
    input:
        lambda wildcards: DATA.images(PLAN.datasets[wildcards.dataset].part_of),
    output:
        directory(DATA.images("{dataset}")),
    log:
        PATHS.log("subset", "{dataset}"),
    benchmark:
        PATHS.timing("subset", "{dataset}")
    wildcard_constraints:
        dataset=any_of(SUBSETS),
    conda:
        "../envs/gansr.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        job=lambda wildcards: run_jobs.images_job(PLAN, wildcards.dataset).to_json(),
    shell:
        "gansr subset --job {params.job:q} --images {input:q} --output {output:q} --log {log:q}"


rule patch_store:
    input:
        images=lambda wildcards: FILES.images_of_parts(wildcards.dataset),
    output:
        directory(DATA.patches("{dataset}")),
    log:
        PATHS.log("patch_store", "{dataset}"),
    benchmark:
        PATHS.timing("patch_store", "{dataset}")
    conda:
        "../envs/gansr.yaml"
    resources:
        mem_mb=1000,
        runtime=240,
    params:
        job=PatchStoreJob(code=code_versions.PATCH_STORE, scale=SCALE).to_json(),
        images=of_input("--images", "images"),
    shell:
        "gansr patch-store --job {params.job:q} {params.images} --output {output:q} --log {log:q}"


rule mad_patches:
    input:
        images=FILES.mad_images(),
    output:
        PATHS.mad_patches,
    log:
        PATHS.log("mad_patches"),
    benchmark:
        PATHS.timing("mad_patches")
    conda:
        "../envs/gansr.yaml"
    params:
        job=run_jobs.mad_patches_job(PLAN).to_json() if RUN.mad else "",
    shell:
        "gansr mad-patches --job {params.job:q} --images {input.images:q} --output {output:q} --log {log:q}"
