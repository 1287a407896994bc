"""Images for the tests of the artifact term, and the term as those tests call it."""

import torch
import torch.nn.functional as F

from gansr.losses.artifact import ArtifactLoss, artifact_map
from gansr.losses.base import LossContext, Outputs

CONTEXT = LossContext(seed=0)


def images(count=2, height=12, width=11, seed=0, dtype=torch.float64):
    """hr in [0, 1], sr and ema_sr near it: sr better than ema_sr in about half of the pixels."""
    random = torch.Generator().manual_seed(seed)
    hr = torch.rand(count, 3, height, width, generator=random, dtype=torch.float64)
    sr, ema_sr = (hr + 0.2 * torch.randn(hr.shape, generator=random, dtype=torch.float64) for _ in range(2))
    return sr.to(dtype), hr.to(dtype), ema_sr.to(dtype)


def checkerboard(amplitude=0.125):
    """sr and hr, 16 x 16: hr is flat, sr above and below it in turn."""
    rows, columns = torch.meshgrid(torch.arange(16), torch.arange(16), indexing="ij")
    sign = ((rows + columns) % 2 * 2 - 1).float()
    hr = torch.full((1, 3, 16, 16), 0.5)
    return hr + amplitude * sign, hr


def away_from_the_kinks():
    """sr, hr and ema_sr whose residuals are far from zero in each channel, and far from those of the EMA model."""
    _, hr, _ = images(1, 7, 8, seed=4)
    random = torch.Generator().manual_seed(5)
    sign = torch.randint(0, 2, hr.shape, generator=random) * 2 - 1
    sr = (hr + sign * (0.1 + 0.1 * torch.rand(hr.shape, generator=random, dtype=torch.float64))).requires_grad_()
    bigger = torch.randint(0, 2, (1, 1, 7, 8), generator=random)
    return sr, hr, hr + torch.where(bigger == 1, 1.3, 0.7) * (sr.detach() - hr)


def loss(sr, hr, ema_sr, **options):
    return ArtifactLoss(CONTEXT, **options)(Outputs(sr, hr, sr, ema_sr))


def loss_in_float64(sr, hr, ema_sr, window=7, root=5.0, residual="channel_abs_sum"):
    weight = artifact_map(sr, hr, ema_sr, window, root, residual).refined
    return F.l1_loss(weight * sr, weight * hr)


def gradient(function, sr, hr, ema_sr, **options):
    sr = sr.clone().requires_grad_()
    value = function(sr, hr, ema_sr, **options)
    value.backward()
    return value.detach(), sr.grad
