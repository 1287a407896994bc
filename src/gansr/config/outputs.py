"""The tables and figures that a run makes, and the patches that the figures are of."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field, NonNegativeInt, PositiveInt, Tag

from gansr.config.model import BICUBIC, Weights
from gansr.config.section import Section

# What each paper's table shows. Both papers call theirs LPIPS; scores of the two networks are not comparable.
# KID stands beside FID, NIQE and the Ma score beside PI, which is made of them.
LDL_METRICS = ["lpips_alex", "dists", "fid", "kid", "psnr_y", "ssim_y"]
BEBY_METRICS = ["lpips_vgg", "pi", "niqe", "ma", "psnr_y", "ssim_y"]
TABLE_METRICS = {
    "ldl_table1": LDL_METRICS,
    "ldl_table2": LDL_METRICS,
    "beby_table1": BEBY_METRICS,
    "beby_table2": BEBY_METRICS,
}
PatchType = Literal["A", "B", "C"]


class MadPatch(Section):
    """A patch whose SR output is kept during fine-tuning; coordinates in pixels of the HR image."""

    image: str
    top: NonNegativeInt
    left: NonNegativeInt
    size: PositiveInt
    type: PatchType


# The tag of a branch stands in brackets, so that it is told apart from a key in an error's place.
MadPatches = Annotated[
    Annotated[Literal["auto"], Tag("[auto]")] | Annotated[list[MadPatch], Field(min_length=1), Tag("[list]")],
    Discriminator(lambda given: "[list]" if isinstance(given, list) else "[auto]"),
]


class Mad(Section):
    """What the MAD stability curves (Fig. 4 of LDL) are made from."""

    benchmark: str
    interval: PositiveInt
    size: PositiveInt = 96
    patches: MadPatches = "auto"


class ComparisonSettings(Section):
    """What a table of models x benchmarks shows beside the models.

    `reference` columns stand beside the models and do not contend for the best. `published_only` are columns
    of the paper that no model of the run stands for, each with the reason.
    """

    reference: tuple[str, ...] = (BICUBIC,)
    published_only: dict[str, Annotated[str, Field(min_length=1)]] = Field(default_factory=dict)


class LdlTable1(ComparisonSettings):
    """Table 1 of LDL."""


class AblationRow(Section):
    """One row of LDL's Table 2: a model, scored with its raw or its EMA weights."""

    row: str | int
    model: str
    weights: Weights


class LdlTable2(Section):
    """Table 2 of LDL: the ablation of the artifact map on one benchmark."""

    benchmark: str
    rows: Annotated[list[AblationRow], Field(min_length=1)]


class AblationColumn(Section):
    """One column of Beby-GAN's Table 1: a model under the name that the paper prints above it."""

    column: Annotated[str, Field(min_length=1)]
    model: str


class BebyTable1(Section):
    """Table 1 of Beby-GAN: the ablation of the best-buddy loss and of region-awareness."""

    columns: Annotated[list[AblationColumn], Field(min_length=1)]


class BebyTable2(ComparisonSettings):
    """Table 2 of Beby-GAN; the `reference` columns are on its left."""


class Tables(Section):
    """The tables to make."""

    ldl_table1: LdlTable1 | None = None
    ldl_table2: LdlTable2 | None = None
    beby_table1: BebyTable1 | None = None
    beby_table2: BebyTable2 | None = None

    def comparisons(self) -> dict[str, ComparisonSettings]:
        """The tables of models x benchmarks that are made, by name."""
        tables: dict[str, ComparisonSettings | None] = {"ldl_table1": self.ldl_table1, "beby_table2": self.beby_table2}
        return {name: table for name, table in tables.items() if table}


class MadStability(Section):
    """Fig. 4 of LDL: the models whose curves are drawn."""

    models: Annotated[list[str], Field(min_length=1, max_length=6)]


class ArtifactMap(Section):
    """Fig. 5 of LDL: the model whose artifact map is drawn."""

    model: str


class Figures(Section):
    """The figures to make."""

    mad_stability: MadStability | None = None
    artifact_map: ArtifactMap | None = None


def figure_models(figures: Figures) -> dict[str, list[str]]:
    """The models that each figure of a run shows."""
    models: dict[str, list[str]] = {}
    if figures.mad_stability:
        models["mad_stability"] = figures.mad_stability.models
    if figures.artifact_map:
        models["artifact_map"] = [figures.artifact_map.model]
    return models
