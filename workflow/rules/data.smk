# HR images -> LR images (MATLAB bicubic) -> patch store of the training images.


rule images:
    input:
        dataset_files,
    output:
        directory(f"{IMAGES}/images"),
    log:
        f"{LOGS}/images/{{dataset}}.log",
    benchmark:
        f"{TIMINGS}/images/{{dataset}}.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=2000,
        runtime=120,
    params:
        spec=dataset_slice,
    shell:
        "gansr images --spec {params.spec:q} --output {output:q} --log {log:q}"


rule patch_store:
    input:
        images=f"{IMAGES}/images",
    output:
        directory(f"{IMAGES}/patches"),
    log:
        f"{LOGS}/patch_store/{{dataset}}.log",
    benchmark:
        f"{TIMINGS}/patch_store/{{dataset}}.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=2000,
        runtime=120,
    params:
        code=code_versions.PATCH_STORE,
        scale=SCALE,
    shell:
        "gansr patch-store --images {input.images:q} --scale {params.scale} --output {output:q} --log {log:q}"


rule mad_patches:
    input:
        images=f"{RUN.data_dir}/{RUN.mad.benchmark}/x{SCALE}/images" if RUN.mad else [],
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
