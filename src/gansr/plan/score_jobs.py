"""The jobs that score a run's images, and the weights and features that they need."""

from __future__ import annotations

from gansr import code_versions
from gansr.config.metrics import METRICS, file_version, versions
from gansr.config.protocols import hold_luma_alone
from gansr.plan.jobs.score import HrFeaturesJob, JobMetric, ScoreJob
from gansr.plan.plan import Plan


def score_job(plan: Plan, model: str) -> ScoreJob:
    """The job that scores the images of a model or of MATLAB bicubic; it is the same for every benchmark."""
    metrics = [
        JobMetric(name=metric, protocol=protocol.base, versions=versions(metric))
        for metric, protocol in plan.protocols(model).items()
    ]
    return ScoreJob(code=code_versions.METRICS, metrics=metrics, weights=tuple(score_weights(plan, model)))


def hr_features_job() -> HrFeaturesJob:
    """The job that computes a benchmark's HR features: always both kinds, so that adding a metric never repeats it."""
    return HrFeaturesJob(
        code=code_versions.METRICS, versions={"inception": file_version("inception")}, features=["whole", "patches"]
    )


def score_weights(plan: Plan, model: str) -> list[str]:
    """The available weights with which a model is scored; none where SR holds luma alone, which no network scores."""
    return [] if hold_luma_alone(plan.protocols(model).values()) else plan.metric_weights


def compared_features(plan: Plan, model: str) -> list[str]:
    """The metrics of a model that need the HR features."""
    return [metric for metric in _computed(plan, model) if METRICS[metric].hr_features]


def scored_on_gpu(plan: Plan, model: str) -> bool:
    """Whether a GPU computes some of a model's scores faster."""
    return any(METRICS[metric].on_gpu for metric in _computed(plan, model))


def hr_features_weights(plan: Plan) -> list[str]:
    """The available weights of the metrics that need the HR features."""
    compared = [name for metric in plan.run.metrics if METRICS[metric].hr_features for name in METRICS[metric].weights]
    return [name for name in plan.metric_weights if name in compared]


def _computed(plan: Plan, model: str) -> list[str]:
    """The metrics that can be computed for a model: all their weights are available. The others give empty cells."""
    weights = set(score_weights(plan, model))
    return [metric for metric in plan.run.metrics if set(METRICS[metric].weights) <= weights]
