"""The jobs that score one model on one benchmark, and that compute the benchmark's HR features."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gansr.config.metrics import Metric, chosen_protocols
from gansr.config.protocols import Protocol
from gansr.plan.jobs.base import Job
from gansr.schema.section import Section


class JobMetric(Section):
    """A metric by one of its protocols, and the versions of the files that compute it."""

    name: Metric
    protocol: str
    versions: dict[str, int | str]


class ScoreJob(Job):
    """Scores of one model on one benchmark.

    `weights` are weight files that must be there. If weights of a metric are neither in this list nor on this machine,
    the metric has no values.
    """

    code: int
    metrics: Annotated[list[JobMetric], Field(min_length=1)]
    weights: tuple[str, ...] = ()

    def protocols(self) -> dict[str, Protocol]:
        """The protocol of each metric, in the order of the score file.

        Raises:
            UserError: a metric has no such protocol.
        """
        return chosen_protocols(
            [metric.name for metric in self.metrics], {metric.name: metric.protocol for metric in self.metrics}
        )


class HrFeaturesJob(Job):
    """Inception's features of a benchmark's HR images: of whole images, of patches, or both."""

    code: int
    versions: dict[str, int | str]
    features: Annotated[list[Literal["whole", "patches"]], Field(min_length=1)]
