"""Table 1 of LDL: GAN-SR methods in groups of one generator."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gansr.config.catalog import column_label
from gansr.config.outputs import LDL_METRICS
from gansr.reporting.comparison_table import ComparisonTable
from gansr.reporting.published import read_published


class LdlTable1(ComparisonTable):
    """The table's columns are grouped by generator; the best of each group is bold."""

    name = "ldl_table1"
    title = "LDL Table 1: GAN-SR methods and LDL"
    table_metrics = LDL_METRICS
    grouped = True

    def published(self, file: Path) -> pd.DataFrame:
        """The paper's values of the columns that name one."""
        table = read_published(file, ["metric", "benchmark", "method", "train_set", "value"])
        pairs = zip(table["method"].astype(str), table["train_set"].astype(str), strict=True)
        labels = [column_label({"method": method, "train_set": train_set}) for method, train_set in pairs]
        return self._published_columns(table.assign(label=labels), "label")

    def remarks(self) -> list[str]:
        """What a reader of the published columns must know."""
        remarks = [
            "The paper's table also has DISTS and FID, which this version does not compute; the printed values are in "
            "config/published."
        ]
        if "set14" in map(str.lower, self.benchmarks):
            remarks.append(
                "Set14 holds images stored in gray. The paper's PSNR of ESRGAN on it is 0.3 dB above other papers', "
                "which agree on the other sets; leaving out gray images would explain it. Here all are scored."
            )
        if any(column["published"] for column in self.columns):
            remarks.append(
                "The authors published training settings for RRDB at x4 only; whether their SRResNet+LDL used the "
                "relativistic or the plain GAN is unknown. Here every model uses its method's."
            )
        return remarks
