"""The job that records what a run was made from: its configuration, and the licences of what it uses."""

from __future__ import annotations

from typing import Any

from gansr.plan.jobs.base import Job
from gansr.plan.jobs.train import Scale


class ProvenanceJob(Job):
    """`models` are folders by name; `datasets` and `weights` are licences by name.

    `configuration` is recorded as it is, with every default filled in.
    """

    run: str
    scale: Scale
    configuration: dict[str, Any]
    models: dict[str, str]
    datasets: dict[str, str]
    weights: dict[str, str]
