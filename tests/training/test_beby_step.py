"""Beby-GAN's iteration: what the discriminator sees, and every loss as a plain reading of the paper has it."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from step_data import discriminator

from gansr.data.bicubic import imresize
from gansr.losses.base import LossContext
from gansr.networks.build import build_generator
from gansr.training.engine import Engine
from gansr.training.stage import NotFiniteError
from gansr.training.step import TrainingStep

PATCH, SCALE, BATCH = 64, 4, 3
LOSSES = {
    "best_buddy": {"weight": 1.0, "alpha": 1.0, "beta": 0.5},
    "back_projection": {"weight": 1.0},
    "perceptual": {"weight": 0.5, "layers": {"conv2_2": 1.0}, "weights": "random", "width": 4},
    "adversarial": {"weight": 0.05, "view": {"name": "region_mask", "of": "lr"}},
}
METHOD = {
    "losses": LOSSES,
    "critics": {"adversarial": {"network": "vgg", "features": 2, "stages": 6}},
    "groups": {},
    "ema_decay": None,
    "optimizer": {"learning_rate": 1e-3, "betas": (0.9, 0.999)},
    "schedule": {"periods": 2, "warmup": 1, "warmup_factor": 0.1, "minimum": 1e-7},
    "iterations": 8,
    "patch_size": PATCH,
}


def make_step(method=METHOD, precision="fp32"):
    torch.manual_seed(0)
    generator = build_generator({"network": "srresnet", "features": 4, "blocks": 1}, SCALE)
    return TrainingStep(generator, method, LossContext(0), Engine(torch.device("cpu"), precision))


def batch():
    """Patches with a flat half and a textured half each."""
    random = torch.Generator().manual_seed(1)
    hr = torch.full((BATCH, 3, PATCH, PATCH), 0.5)
    blocks = torch.rand(BATCH, 3, PATCH // 4, PATCH // 8, generator=random)
    place = torch.arange(PATCH) // 4
    checks = (place[:, None] + place[None, PATCH // 2 :]) % 2  # so that every window has both
    hr[..., PATCH // 2 :] = 0.5 * checks + 0.5 * blocks.repeat_interleave(4, 2).repeat_interleave(4, 3)
    return F.avg_pool2d(hr, SCALE), hr


def plain_mask(lr):
    enlarged = F.interpolate(lr.double(), scale_factor=SCALE, mode="bicubic", align_corners=False)
    luma = 0.2989 * enlarged[:, :1] + 0.587 * enlarged[:, 1:2] + 0.114 * enlarged[:, 2:]
    windows = F.unfold(F.pad(luma, (5, 5, 5, 5), mode="reflect"), 11)
    return (windows.std(dim=1) >= 0.025).view(luma.shape).to(lr.dtype)


def plain_best_buddy(sr, hr, alpha, beta):
    def patches(image):
        return F.unfold(image, 3, stride=3).transpose(1, 2)

    levels = [hr, *(F.interpolate(hr, scale_factor=1 / r, mode="bicubic") for r in (2, 4))]
    pool = torch.cat([patches(level) for level in levels], dim=1)
    with torch.no_grad():
        to_hr = torch.cdist(patches(hr).double(), pool.double()).square()
        to_sr = torch.cdist(patches(sr).double(), pool.double()).square()
        index = (alpha * to_hr + beta * to_sr).argmin(dim=2)
    buddies = torch.stack([pool[n][index[n]] for n in range(len(pool))])
    return (patches(sr) - buddies).abs().mean()


class PlainIteration:
    """One iteration of Beby-GAN as the authors' code goes, written plainly."""

    def __init__(self, step):
        self.generator, self.discriminator = (
            copy.deepcopy(step.generator),
            copy.deepcopy(discriminator(step)),
        )
        self.features = step.terms["perceptual"].loss.network
        first_rate = 1e-7 + (1e-3 - 1e-7) * 0.1
        self.optimizer_g = torch.optim.Adam(self.generator.parameters(), first_rate, (0.9, 0.999))
        self.optimizer_d = torch.optim.Adam(self.discriminator.parameters(), first_rate, (0.9, 0.999))

    def __call__(self, lr, hr):
        mask = plain_mask(lr)
        sr = self.generator(lr)
        small = np.stack([imresize(image.permute(1, 2, 0).detach().double().numpy(), 0.25) for image in sr])
        values = {"best_buddy": plain_best_buddy(sr, hr, 1.0, 0.5)}
        values["back_projection"] = np.abs(small - lr.permute(0, 2, 3, 1).double().numpy()).mean()
        found, target = self.features(sr)["conv2_2"], self.features(hr)["conv2_2"]
        values["perceptual"] = F.l1_loss(found, target.detach())
        real, fake = self.discriminator(hr * mask).detach(), self.discriminator(sr * mask)
        values["adversarial"] = (bce(real - fake.mean(), 0) + bce(fake - real.mean(), 1)) / 2
        self.optimizer_d.zero_grad()
        real, fake = self.discriminator(hr * mask), self.discriminator(sr.detach() * mask)
        values["discriminator"] = (bce(real - fake.mean().detach(), 1) + bce(fake - real.mean().detach(), 0)) / 2
        values["discriminator"].backward()
        self.optimizer_d.step()
        return {name: float(torch.as_tensor(value).detach()) for name, value in values.items()}


def bce(logits, label):
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))


def test_every_loss_and_the_discriminators_update_are_the_plain_ones():
    step = make_step()
    plain = PlainIteration(step)
    lr, hr = batch()
    expected = plain(lr, hr)
    found = {name: value.item() for name, value in step(lr, hr).items()}
    assert found == pytest.approx(expected, rel=2e-5)
    for key, value in plain.discriminator.named_parameters():
        torch.testing.assert_close(discriminator(step).state_dict()[key], value.detach(), rtol=1e-3, atol=2e-6)


@pytest.mark.parametrize("source", [None, "lr", "hr"])
def test_the_discriminator_alone_sees_the_mask(source):
    view = {} if source is None else {"view": {"name": "region_mask", "of": source}}
    method = {**METHOD, "losses": {**LOSSES, "adversarial": {"weight": 0.05, **view}}}
    step = make_step(method)
    seen = []
    discriminator(step).register_forward_pre_hook(lambda module, given: seen.append(given[0].detach().clone()))
    lr, hr = batch()
    with torch.no_grad():
        sr = step.generator(lr)
    step(lr, hr)
    flat = slice(0, PATCH // 2 - 12)  # clear of the border between the halves
    assert len(seen) == 3
    for images, whole in zip(seen, (hr, sr, sr), strict=True):
        masked = torch.zeros_like(whole) if source is not None else whole
        torch.testing.assert_close(images[..., flat], masked[..., flat])
        torch.testing.assert_close(images[..., -20:], whole[..., -20:])


def test_flat_patches_give_finite_losses():
    """Everything is masked: the discriminator sees black patches only."""
    step = make_step()
    hr = torch.full((BATCH, 3, PATCH, PATCH), 0.5)
    for _ in range(2):
        values = step(hr[..., ::4, ::4].contiguous(), hr)
        assert all(torch.isfinite(value) for value in values.values())
    assert all(torch.isfinite(parameter).all() for parameter in step.generator.parameters())


def test_a_loss_that_is_not_finite_is_named():
    step = make_step()
    lr, hr = batch()
    hr[0, 0, 0, 0] = float("nan")
    with pytest.raises(NotFiniteError, match="best_buddy became nan"):
        step(lr, hr)


def test_without_ema_there_is_no_second_model():
    assert make_step().ema is None


def test_under_bf16_the_losses_are_finite_and_close_to_float32s():
    """LDL's and Beby-GAN's terms together: maps, statistics and searches stay in float32."""
    losses = {**LOSSES, "artifact": {"weight": 1.0}, "pixel": {"weight": 0.01}}
    values = {}
    for precision in ("fp32", "bf16"):
        step = make_step({**METHOD, "losses": losses, "ema_decay": 0.9}, precision)
        found = step(*batch())
        values[precision] = {name: value.item() for name, value in found.items()}
        assert all(value.dtype == torch.float32 for value in found.values())
        assert all(torch.isfinite(parameter).all() for parameter in step.generator.parameters())
    assert values["bf16"] == pytest.approx(values["fp32"], rel=0.05)
    assert values["bf16"] != values["fp32"]
