"""The papers' methods and small networks of theirs to capture, and a short training."""

from step_data import method

from gansr.config.training_settings import ResultSettings

METHODS = ("pretrain", "gan", "ldl", "beby")
NETWORKS = {
    "srresnet": {"features": 8, "blocks": 1},
    "rrdb": {"features": 8, "blocks": 1},
    "swinir": {"features": 12, "groups": 1, "blocks": 2, "heads": 2},
}


def spec(iterations=12, **settings):
    return {
        "scale": 4,
        "seed": 0,
        "mad_interval": None,
        "generator": {"network": "srresnet", "features": 4, "blocks": 1},
        "method": method(
            ema_decay=0.9, iterations=iterations, batch_size=2, schedule={"milestones": [8], "gamma": 0.1}
        ),
        "training": ResultSettings(**settings).model_dump(),
    }
