"""Table 1 of Beby-GAN: its best-buddy loss and its region mask left out, one at a time."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gansr.reporting.comparison_table import ComparisonTable
from gansr.reporting.published import beby_names, read_published


class BebyTable1(ComparisonTable):
    """LPIPS (VGG) and PI as printed, and PSNR and SSIM, which the paper's Table 1 does not have."""

    name = "beby_table1"
    title = "Beby-GAN Table 1: ablation of the best-buddy loss and of region-awareness"

    def published(self, file: Path) -> pd.DataFrame:
        """The paper's values of the columns of the same name."""
        table = read_published(file, ["benchmark", "variant", "LPIPS", "PI"])
        long = table.melt(["benchmark", "variant"], ["LPIPS", "PI"], "metric", "value")
        return self._published_columns(beby_names(long), "variant")

    def remarks(self) -> list[str]:
        """What the ablations leave open in the paper."""
        return [
            "The paper puts one-to-one MAE in the place of the best-buddy loss and does not say with which weight. "
            "Here it is a pixel loss of the same weight; the back-projection loss stays."
        ]
