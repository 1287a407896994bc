"""The jobs of a run that score, made from its plan, and what they need."""

from __future__ import annotations

from gansr import code_versions
from gansr.config.metrics import METRICS, file_version, versions
from gansr.config.protocols import hold_luma_alone
from gansr.plan.jobs.score import HrFeaturesJob, JobMetric, ScoreJob
from gansr.plan.plan import Plan


def score_job(plan: Plan, model: str) -> ScoreJob:
    """The job that scores the images of a model, or of one kind of bicubic, on any benchmark."""
    metrics = [
        JobMetric(name=metric, protocol=protocol.base, versions=versions(metric))
        for metric, protocol in plan.protocols(model).items()
    ]
    return ScoreJob(code=code_versions.METRICS, metrics=metrics, weights=tuple(score_weights(plan, model)))


def hr_features_job() -> HrFeaturesJob:
    """The job that makes the features of any benchmark: both kinds, so that one more metric makes none again."""
    return HrFeaturesJob(
        code=code_versions.METRICS, versions={"inception": file_version("inception")}, features=["whole", "patches"]
    )


def score_weights(plan: Plan, model: str) -> list[str]:
    """The weights that a model is scored with, of those that can be had: none of a network, where SR is luma alone."""
    return [] if hold_luma_alone(plan.protocols(model).values()) else plan.metric_weights


def compared_features(plan: Plan, model: str) -> list[str]:
    """The metrics of a model that compare with the features of HR."""
    return [metric for metric in _computed(plan, model) if METRICS[metric].hr_features]


def scored_on_gpu(plan: Plan, model: str) -> bool:
    """Whether a GPU computes some of a model's scores faster."""
    return any(METRICS[metric].on_gpu for metric in _computed(plan, model))


def hr_features_weights(plan: Plan) -> list[str]:
    """The weights, of those that can be had, of the metrics that compare with the features of HR."""
    compared = [name for metric in plan.run.metrics if METRICS[metric].hr_features for name in METRICS[metric].weights]
    return [name for name in plan.metric_weights if name in compared]


def _computed(plan: Plan, model: str) -> list[str]:
    """The metrics that a model's images allow and whose weights can be had; the others are empty cells."""
    weights = set(score_weights(plan, model))
    return [metric for metric in plan.run.metrics if set(METRICS[metric].weights) <= weights]
