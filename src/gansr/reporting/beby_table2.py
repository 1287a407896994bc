"""Table 2 of Beby-GAN: PSNR-oriented generators on the left, GAN-based methods on the right."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pandas as pd

from gansr.reporting.comparison_table import ComparisonTable
from gansr.reporting.published import beby_names, read_published


class BebyTable2(ComparisonTable):
    """The best of the GAN-based methods is bold, whatever their generator, as in the paper."""

    name = "beby_table2"
    title = "Beby-GAN Table 2: PSNR-oriented generators and GAN-based methods"
    published_digits: ClassVar[dict[str, int]] = {"PSNR": 2}

    def published(self, file: Path) -> pd.DataFrame:
        """The paper's values of the columns that name one."""
        table = read_published(file, ["metric", "benchmark", "method", "value"])
        return self._published_columns(beby_names(table), "method")

    def remarks(self) -> list[str]:
        """What a reader of the published columns must know."""
        return [
            "The paper's Beby-GAN-PI and ESRGAN-PI are interpolated networks; it names neither alpha nor the networks "
            "they lie between. Its RankSRGAN column mixes several models, and no download of UH4K is published."
        ]
