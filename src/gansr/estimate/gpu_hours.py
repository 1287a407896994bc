"""GPU hours of a run's trainings, estimated before any job starts."""

from __future__ import annotations

from gansr.config.rates import Rates
from gansr.estimate.flops import training_flops
from gansr.plan.models import TrainedModel
from gansr.plan.plan import Plan

TERA = 1e12
HOUR = 3600  # seconds


def gpu_hours(plan: Plan, rates: Rates) -> dict[str, float | None]:
    """Hours that one GPU needs to train each model of the run, including the models of further seeds.

    None where the FLOP of an iteration or the rate of the generator network is not known. SR of the MAD patches,
    checkpoints and waiting for data are left out.
    """
    return {name: _hours(model, plan.run.scale, rates) for name, model in plan.trained.items()}


def _hours(model: TrainedModel, scale: int, rates: Rates) -> float | None:
    flops = training_flops(model, scale)
    rate = rates.rates.get(model.network_options["network"])
    if flops is None or rate is None:
        return None
    return model.method.iterations * flops / (rate.tflops * TERA) / HOUR
