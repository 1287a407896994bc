# What `all` asks for, stage by stage.

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
