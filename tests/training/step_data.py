"""A small training step with every one of LDL's terms, and batches for it."""

import torch
import torch.nn.functional as F

from gansr.losses.base import LossContext
from gansr.networks.build import build_generator
from gansr.training.engine import Engine
from gansr.training.step import TrainingStep

SCALE, PATCH, BATCH = 4, 32, 4
LAYERS = {"conv1_2": 0.1, "conv2_2": 1.0}
ALL_LOSSES = {
    "pixel": {"weight": 0.01},
    "artifact": {"weight": 1.0},
    "perceptual": {"weight": 0.5, "layers": LAYERS, "weights": "random", "width": 4},
    "adversarial": {"weight": 0.005},
}


def method(losses=("pixel", "artifact", "perceptual", "adversarial"), **changes):
    return {
        "losses": {name: ALL_LOSSES[name] for name in losses},
        "critics": {"adversarial": {"network": "vgg", "features": 2}} if "adversarial" in losses else {},
        "groups": {},
        "ema_decay": 0.9,
        "optimizer": {"learning_rate": 1e-3, "betas": (0.9, 0.99)},
        "schedule": {"milestones": [], "gamma": 0.5},
        "patch_size": PATCH,
        **changes,
    }


def make_step(given, seed=0, context_seed=None, **engine):
    torch.manual_seed(seed)
    generator = build_generator({"network": "srresnet", "features": 4, "blocks": 1}, SCALE)
    context = LossContext(seed if context_seed is None else context_seed)
    return TrainingStep(generator, given, context, Engine(torch.device("cpu"), **engine))


def batches(count, seed=0):
    random = torch.Generator().manual_seed(seed)
    for _ in range(count):
        hr = torch.rand(BATCH, 3, PATCH, PATCH, generator=random)
        noise = torch.rand(BATCH, 3, PATCH // SCALE, PATCH // SCALE, generator=random)
        yield 0.8 * F.avg_pool2d(hr, SCALE) + 0.2 * noise, hr


def discriminator(step):
    """The critic of the adversarial term."""
    return step.critics["adversarial"].network


def trained_networks(step):
    """The networks of a step by name: the generator, its average, the critics."""
    critics = {critic.label: critic.network for critic in step.critics.values()}
    networks = {"generator": step.generator, "ema": step.ema, **critics}
    return {name: network for name, network in networks.items() if network is not None}


def weights(network):
    """All of them, one after the other."""
    return torch.cat([parameter.detach().double().flatten() for parameter in network.parameters()])


def gradients(network):
    """All of them, one after the other."""
    return torch.cat([parameter.grad.double().flatten() for parameter in network.parameters()])


def relative_error(found, expected):
    """Of all numbers together."""
    return ((found - expected).norm() / expected.norm().clamp_min(1e-30)).item()
