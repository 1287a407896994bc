"""The options that are readings of LDL's paper: the signed residual and the map as a constant."""

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from artifact_data import away_from_the_kinks, checkerboard, gradient, images, loss, loss_in_float64

from gansr.losses.artifact import artifact_map

RESIDUALS = ["channel_abs_sum", "signed"]
COMBINATIONS = [
    dict(zip(("residual", "detach_map", "patch_weight", "ema_refine"), values, strict=True))
    for values in itertools.product(RESIDUALS, *[[False, True]] * 3)
]
IDS = [" ".join(str(value) for value in options.values()) for options in COMBINATIONS]
every_combination = pytest.mark.parametrize("options", COMBINATIONS, ids=IDS)


def plain_map(sr, hr, ema_sr, window=7, root=5.0):
    """The signed reading of Eq. 2 to 6 in NumPy's float64, sample by sample; N x H x W."""
    half = window // 2
    result = []
    for n in range(len(sr)):
        residual = (hr[n].double() - sr[n].double()).numpy()
        padded = np.pad(residual, ((0, 0), (half, half), (half, half)), mode="reflect")
        windows = np.lib.stride_tricks.sliding_window_view(padded, (window, window), axis=(1, 2))
        weight = windows.var(axis=(0, 3, 4), ddof=1)
        if root is not None:
            weight = weight * residual.var(ddof=1) ** (1 / root)
        if ema_sr is not None:
            of_ema = (hr[n].double() - ema_sr[n].double()).numpy()
            weight = np.where(np.abs(residual).sum(axis=0) < np.abs(of_ema).sum(axis=0), 0, weight)
        result.append(weight)
    return np.stack(result)


def unfolded_loss(sr, hr, ema_sr, window=7, root=5.0):
    """The loss of the signed reading with every window laid out, for autograd."""
    r = hr - sr
    windows = F.unfold(F.pad(r, (window // 2,) * 4, mode="reflect"), window)
    weight = windows.var(dim=1).view_as(r[:, :1])
    if root is not None:
        weight = weight * r.flatten(1).var(dim=1).pow(1 / root).view(-1, 1, 1, 1)
    if ema_sr is not None:
        better = r.detach().abs().sum(1, keepdim=True) < (hr - ema_sr).abs().sum(1, keepdim=True)
        weight = torch.where(better, 0.0, weight)
    return (weight * (sr - hr)).abs().mean()


@pytest.mark.parametrize("window", [3, 7, 11])
@pytest.mark.parametrize("root", [5.0, 2.0, None])
@pytest.mark.parametrize("refine", [True, False])
def test_signed_map_equals_the_definition(window, root, refine):
    sr, hr, ema_sr = images()
    ema_sr = ema_sr if refine else None
    expected = plain_map(sr, hr, ema_sr, window, root)
    result = artifact_map(sr, hr, ema_sr, window, root, "signed").refined
    assert result.shape == (2, 1, 12, 11)
    np.testing.assert_allclose(result[:, 0].numpy(), expected, rtol=1e-11, atol=1e-15)
    if refine:
        assert 0.3 < (expected == 0).mean() < 0.7


def test_the_signed_maps_on_the_way_are_those_of_the_definition():
    sr, hr, ema_sr = images()
    maps = artifact_map(sr, hr, ema_sr, residual="signed")
    np.testing.assert_allclose(maps.local_variance[:, 0].numpy(), plain_map(sr, hr, None, root=None), rtol=1e-11)
    sigma = (hr - sr).numpy().reshape(2, -1).var(axis=1, ddof=1) ** 0.2
    np.testing.assert_allclose(maps.sigma.flatten().numpy(), sigma, rtol=1e-12)
    # what is shown and compared has no sign
    sums = [sum((hr[:, c] - image[:, c]).abs() for c in range(3)) for image in (sr, ema_sr)]
    torch.testing.assert_close(maps.residual[:, 0], sums[0], rtol=1e-13, atol=0)
    assert torch.equal(maps.improved[:, 0], sums[0] < sums[1])


@pytest.mark.parametrize("patch_weight", [True, False])
@pytest.mark.parametrize("ema_refine", [True, False])
@pytest.mark.parametrize("window", [3, 7])
def test_signed_loss_and_gradient_in_float32(window, ema_refine, patch_weight):
    sr, hr, ema_sr = images(3, 16, 17, seed=1, dtype=torch.float32)
    expected, expected_gradient = gradient(
        unfolded_loss, sr.double(), hr.double(), ema_sr.double() if ema_refine else None,
        window=window, root=5 if patch_weight else None,
    )  # fmt: skip
    options = {"residual": "signed", "window": window, "ema_refine": ema_refine, "patch_weight": patch_weight}
    found, found_gradient = gradient(loss, sr, hr, ema_sr, **options)
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)
    assert ((found_gradient - expected_gradient).abs().max() / expected_gradient.abs().max()).item() < 1e-5


def test_signed_root_is_an_option_too():
    sr, hr, ema_sr = images(dtype=torch.float32)
    expected = np.mean(np.abs(plain_map(sr, hr, ema_sr, root=3.0)[:, None] * (sr - hr).double().numpy()))
    assert loss(sr, hr, ema_sr, residual="signed", patch_weight_root=3).item() == pytest.approx(expected, rel=1e-5)


def test_signed_gradcheck():
    sr, hr, ema_sr = away_from_the_kinks()

    def signed(sr):
        return loss_in_float64(sr, hr, ema_sr, 5, residual="signed")

    assert torch.autograd.gradcheck(signed, sr, atol=1e-8, rtol=1e-5)


def test_a_checkerboard_of_constant_amplitude_is_seen_by_the_signed_map_alone():
    sr, hr = checkerboard()
    assert torch.equal(artifact_map(sr, hr, None).refined, torch.zeros(1, 1, 16, 16))
    assert loss(sr, hr, None, ema_refine=False).item() == 0
    signed = artifact_map(sr, hr, None, residual="signed")
    # 24 or 25 of 49 pixels, in three channels, are +0.125 and the rest -0.125
    windows = 3 * (49 - 1 / 49) * 0.125**2 / (3 * 49 - 1)
    torch.testing.assert_close(signed.local_variance, torch.full((1, 1, 16, 16), windows), rtol=1e-5, atol=0)
    sigma = (768 * 0.125**2 / 767) ** 0.2
    assert signed.sigma.item() == pytest.approx(sigma, rel=1e-5)
    found = loss(sr, hr, None, ema_refine=False, residual="signed").item()
    assert found == pytest.approx(0.125 * windows * sigma, rel=1e-5)


@pytest.mark.parametrize("residual", RESIDUALS)
@pytest.mark.parametrize("ema_refine", [True, False])
def test_detach_map_changes_the_gradient_alone(residual, ema_refine):
    sr, hr, ema_sr = images(seed=3, dtype=torch.float32)
    options = {"residual": residual, "ema_refine": ema_refine}
    value, attached = gradient(loss, sr, hr, ema_sr, **options)
    detached_value, detached = gradient(loss, sr, hr, ema_sr, detach_map=True, **options)
    assert torch.equal(detached_value, value)
    assert attached.norm() > 1.2 * detached.norm()
    constant = artifact_map(sr, hr, ema_sr if ema_refine else None, residual=residual).refined
    torch.testing.assert_close(detached, constant * (sr - hr).sign() / sr.numel(), rtol=1e-5, atol=1e-12)


@every_combination
def test_perfect_sr_costs_nothing(options):
    _, hr, ema_sr = images(dtype=torch.float32)
    value, found = gradient(loss, hr, hr, ema_sr, **options)
    assert value.item() == 0
    assert torch.equal(found, torch.zeros_like(found))


@every_combination
@pytest.mark.parametrize("residual", [0.0, 0.25, -0.3])
def test_a_flat_patch_with_a_constant_residual_has_a_finite_gradient(options, residual):
    hr = torch.full((2, 3, 12, 12), 0.5)
    value, found = gradient(loss, hr + residual, hr, hr + residual / 2, **options)
    assert value.item() == pytest.approx(0, abs=1e-9)
    assert torch.isfinite(found).all()


@every_combination
def test_a_residual_that_is_constant_in_each_channel_has_a_finite_gradient(options):
    hr = torch.full((2, 3, 12, 12), 0.5)
    sr = hr + torch.tensor([0.1, -0.3, 0.2]).view(3, 1, 1)
    value, found = gradient(loss, sr, hr, hr, **options)
    assert (value > 1e-4) if options["residual"] == "signed" else (value < 1e-9)
    assert torch.isfinite(found).all()


@every_combination
@pytest.mark.parametrize("kind", ["sr equals hr", "constant residual"])
def test_a_sample_without_variance_leaves_the_gradients_of_the_others_alone(options, kind):
    sr, hr, ema_sr = images(3, dtype=torch.float32, seed=6)
    _, alone = gradient(loss, sr, hr, ema_sr, **options)
    if kind == "constant residual":
        sr[1] = hr[1] = 0.5
        sr[1] += 0.25
    else:
        sr[1] = hr[1]
    value, found = gradient(loss, sr, hr, ema_sr, **options)
    assert torch.isfinite(value)
    assert torch.equal(found[1], torch.zeros_like(found[1]))
    assert found[[0, 2]].abs().max() > 0
    assert torch.equal(found[[0, 2]], alone[[0, 2]])


@every_combination
def test_under_bfloat16_autocast(options):
    sr, hr, ema_sr = images(dtype=torch.float32)

    def under_autocast(*tensors, **options):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return loss(*tensors, **options)

    expected, expected_gradient = gradient(loss, sr, hr, ema_sr, **options)
    found, found_gradient = gradient(under_autocast, sr, hr, ema_sr, **options)
    assert found.dtype == torch.float32
    assert torch.equal(found, expected)
    assert torch.equal(found_gradient, expected_gradient)

    # as a generator and an EMA model under autocast give them
    rounded, rounded_gradient = gradient(under_autocast, sr.bfloat16(), hr, ema_sr.bfloat16(), **options)
    assert rounded.dtype == torch.float32
    assert torch.equal(rounded, loss(sr.bfloat16().float(), hr, ema_sr.bfloat16().float(), **options))
    assert rounded.item() == pytest.approx(expected.item(), rel=0.03)
    assert torch.isfinite(rounded_gradient).all()


@pytest.mark.parametrize("detach_map", [False, True])
def test_under_autocast_perfect_and_flat_sr_have_finite_gradients(detach_map):
    hr = torch.full((2, 3, 12, 12), 0.5)
    for sr in (hr, hr + 0.25):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            value, found = gradient(loss, sr.bfloat16(), hr, hr, residual="signed", detach_map=detach_map)
        assert value.item() == pytest.approx(0, abs=1e-9)
        assert torch.isfinite(found).all()
