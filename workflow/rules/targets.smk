# What `all` asks for, stage by stage.

PREPARED = (
    [
        f"{RUN.data_dir}/{dataset}/x{SCALE}/images"
        for dataset in PLAN.prepared_datasets()
    ]
    + [
        f"{RUN.data_dir}/{dataset}/x{SCALE}/patches"
        for dataset in dict.fromkeys(model.dataset for model in PLAN.trained.values())
    ]
    + ([f"{RESULTS}/mad_patches.json"] if RUN.mad else [])
)
MODEL_FILES = (
    collect(
        "{results}/models/{model}/{file}",
        results=RESULTS,
        model=MODELS,
        file=["generator.safetensors", "generator_ema.safetensors", "spec.yaml"],
    )
    + collect(
        "{results}/models/{model}/log.jsonl",
        results=RESULTS,
        model=PRETRAINED + FINETUNED,
    )
    + collect(
        "{results}/models/{model}/snapshots.npz",
        results=RESULTS,
        model=FINETUNED if RUN.mad else [],
    )
)
SR_IMAGES = [f"{RESULTS}/images/{test}" for test in TESTS]
SCORES = [
    f"{RESULTS}/metrics/{test}.csv"
    for test in TESTS
    if test.rpartition("/")[2] in PLAN.scored_benchmarks
]
TABLES = collect(
    "{results}/tables/{table}{form}",
    results=RESULTS,
    table=TABLE_NAMES,
    form=[".csv", ".md", ".tex", "_notes.md", "_vs_published.csv"],
)
# One strip for each type of patch: all three where the patches are picked, else the types that are given.
ARTIFACT_MAP_TYPES = (
    sorted({patch.type for patch in RUN.mad.patches})
    if RUN.mad and RUN.mad.patches != "auto"
    else ["A", "B", "C"]
)
FIGURE_STEMS = (["mad_stability"] if RUN.figures.mad_stability else []) + (
    [f"artifact_map_{kind}" for kind in ARTIFACT_MAP_TYPES]
    if RUN.figures.artifact_map
    else []
)
FIGURES = collect(
    "{results}/figures/{stem}.{form}",
    results=RESULTS,
    stem=FIGURE_STEMS,
    form=["pdf", "png"],
) + ([f"{RESULTS}/figures/mad_stability.csv"] if RUN.figures.mad_stability else [])
