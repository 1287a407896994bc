"""Table 1 of LDL: GAN-SR methods in groups of one generator."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gansr.config.catalog import column_label
from gansr.reporting.comparison_table import ComparisonTable
from gansr.reporting.published import read_published

WITHOUT_GRAY = "set14_without_gray"


class LdlTable1(ComparisonTable):
    """The table's columns are grouped by generator; the best of each group is bold."""

    name = "ldl_table1"
    title = "LDL Table 1: GAN-SR methods and LDL"
    grouped = True

    def published(self, file: Path) -> pd.DataFrame:
        """The paper's values of the columns that name one."""
        table = read_published(file, ["metric", "benchmark", "method", "train_set", "value"])
        pairs = zip(table["method"].astype(str), table["train_set"].astype(str), strict=True)
        labels = [column_label({"method": method, "train_set": train_set}) for method, train_set in pairs]
        published = self._published_columns(table.assign(label=labels), "label")
        if WITHOUT_GRAY not in self.benchmarks:
            return published
        set14 = published[published["benchmark"].str.lower() == "set14"]
        return pd.concat([published, set14.assign(benchmark=WITHOUT_GRAY)])

    def remarks(self) -> list[str]:
        """What a reader of the published columns must know."""
        remarks = []
        if {"set14", WITHOUT_GRAY} & set(self.benchmarks):
            remarks.append(
                "Set14 holds gray images. The paper's PSNR of ESRGAN on it is 0.3 dB above other papers', which agree "
                "on the other sets; leaving out gray images would explain it. set14 is scored with all 14 images, "
                "set14_without_gray with the 12 that are not gray; the paper's value stands beside either."
            )
        if any(column["published"] for column in self.columns):
            remarks.append(
                "The authors published training settings for RRDB at x4 only; whether their SRResNet+LDL used the "
                "relativistic or the plain GAN is unknown. Here every model uses its method's."
            )
        return remarks
