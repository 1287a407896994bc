"""The artifact map and its term as the authors' code has them, against LDL's equations."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from artifact_data import CONTEXT, away_from_the_kinks, checkerboard, gradient, images, loss, loss_in_float64

from gansr.errors import UserError
from gansr.kernels.window_variance import window_variance
from gansr.losses.artifact import ArtifactLoss, artifact_map, patch_sigma


def mirrored(index, length):
    """Reflection about the border pixel, which is not repeated."""
    if index < 0:
        return -index
    return 2 * (length - 1) - index if index >= length else index


def unbiased_variance(values):
    mean = sum(values) / len(values)
    return sum((value - mean) ** 2 for value in values) / (len(values) - 1)


def naive_map(sr, hr, ema_sr, window=7, root=5.0):
    """Eq. 2 to 6 for one sample, 3 x H x W nested lists, pixel by pixel."""
    height, width = len(hr[0]), len(hr[0][0])
    pixels = [(i, j) for i in range(height) for j in range(width)]

    def residual(image):
        return {(i, j): sum(abs(hr[c][i][j] - image[c][i][j]) for c in range(3)) for i, j in pixels}

    r = residual(sr)
    sigma = 1.0 if root is None else unbiased_variance(list(r.values())) ** (1 / root)
    half = window // 2
    result = np.zeros((height, width))
    for i, j in pixels:
        values = [
            r[mirrored(i + di, height), mirrored(j + dj, width)]
            for di in range(-half, half + 1)
            for dj in range(-half, half + 1)
        ]
        result[i, j] = sigma * unbiased_variance(values)
    if ema_sr is not None:
        r_ema = residual(ema_sr)
        for i, j in pixels:
            if r[i, j] < r_ema[i, j]:
                result[i, j] = 0
    return result


def naive_maps(sr, hr, ema_sr, **options):
    samples = [None] * len(sr) if ema_sr is None else ema_sr.tolist()
    return np.stack([naive_map(*sample, **options) for sample in zip(sr.tolist(), hr.tolist(), samples, strict=True)])


def unfolded_loss(sr, hr, ema_sr, window=7, root=5.0):
    """The loss with every window laid out, for autograd."""
    half = window // 2
    r = (hr - sr).abs().sum(1, keepdim=True)
    windows = F.unfold(F.pad(r, (half,) * 4, mode="reflect"), window)
    weight = windows.var(dim=1, unbiased=True).view_as(r)
    if root is not None:
        weight = weight * r.flatten(1).var(dim=1, unbiased=True).pow(1 / root).view(-1, 1, 1, 1)
    if ema_sr is not None:
        weight = torch.where(r.detach() < (hr - ema_sr).abs().sum(1, keepdim=True), 0.0, weight)
    return (weight * (sr - hr)).abs().mean()


@pytest.mark.parametrize("window", [3, 7, 11])
@pytest.mark.parametrize("root", [5.0, 2.0, None])
@pytest.mark.parametrize("refine", [True, False])
def test_map_equals_the_definition_pixel_by_pixel(window, root, refine):
    sr, hr, ema_sr = images()
    ema_sr = ema_sr if refine else None
    expected = naive_maps(sr, hr, ema_sr, window=window, root=root)
    result = artifact_map(sr, hr, ema_sr, window, root).refined
    assert result.shape == (2, 1, 12, 11)
    np.testing.assert_allclose(result[:, 0].numpy(), expected, rtol=1e-11, atol=1e-15)
    if refine:
        assert 0.3 < (expected == 0).mean() < 0.7  # the case distinguishes: about half is masked


def test_the_maps_on_the_way_are_those_of_the_definition():
    sr, hr, ema_sr = images()
    maps = artifact_map(sr, hr, ema_sr)
    for n in range(2):
        residual = [
            [sum(abs(hr[n, c, i, j] - sr[n, c, i, j]).item() for c in range(3)) for j in range(11)] for i in range(12)
        ]
        np.testing.assert_allclose(maps.residual[n, 0].numpy(), residual, rtol=1e-13)
        sigma = unbiased_variance([value for row in residual for value in row]) ** 0.2
        assert maps.sigma[n].item() == pytest.approx(sigma, rel=1e-12)
    variance = naive_maps(sr, hr, None, root=None)
    np.testing.assert_allclose(maps.local_variance[:, 0].numpy(), variance, rtol=1e-11)
    assert maps.improved is not None
    assert torch.equal(maps.improved, (hr - sr).abs().sum(1, keepdim=True) < (hr - ema_sr).abs().sum(1, keepdim=True))


@pytest.mark.parametrize(
    "options", [{}, {"patch_weight": False}, {"ema_refine": False}, {"patch_weight_root": 3}, {"window": 3}]
)
def test_loss_is_the_mean_over_all_channels_of_the_weighted_residual(options):
    sr, hr, ema_sr = images(dtype=torch.float32)
    refine, root = options.get("ema_refine", True), options.get("patch_weight_root", 5.0)
    weights = naive_maps(
        sr.double(), hr.double(), ema_sr.double() if refine else None,
        window=options.get("window", 7), root=root if options.get("patch_weight", True) else None,
    )  # fmt: skip
    expected = np.mean(np.abs(weights[:, None] * (sr - hr).double().numpy()))
    result = loss(sr, hr, ema_sr, **options)
    assert result.dtype == torch.float32
    assert result.item() == pytest.approx(expected, rel=2e-5)


@pytest.mark.parametrize("window", [3, 7])
@pytest.mark.parametrize("root", [5.0, None])
@pytest.mark.parametrize("refine", [True, False])
def test_gradient_equals_autograd_through_all_windows(window, root, refine):
    sr, hr, ema_sr = images(3, 16, 17, seed=1)
    ema_sr = ema_sr if refine else None
    expected, expected_gradient = gradient(unfolded_loss, sr, hr, ema_sr, window=window, root=root)
    found, found_gradient = gradient(loss_in_float64, sr, hr, ema_sr, window=window, root=root)
    torch.testing.assert_close(found, expected, rtol=1e-11, atol=0)
    torch.testing.assert_close(found_gradient, expected_gradient, rtol=1e-8, atol=1e-14)


def test_gradient_of_the_term_in_float32_is_that_of_float64():
    sr, hr, ema_sr = images(3, 16, 17, seed=2, dtype=torch.float32)
    _, expected = gradient(unfolded_loss, sr.double(), hr.double(), ema_sr.double())
    _, found = gradient(loss, sr, hr, ema_sr)
    scale = expected.abs().max()
    assert ((found.double() - expected).abs().max() / scale).item() < 2e-5


def test_gradient_flows_through_the_map():
    # a re-implementation that takes the map as a constant is another algorithm
    sr, hr, ema_sr = images(seed=3)
    _, found = gradient(loss_in_float64, sr, hr, ema_sr)
    constant = artifact_map(sr, hr, ema_sr).refined
    _, detached = gradient(lambda sr, hr, ema_sr: (constant * (sr - hr)).abs().mean(), sr, hr, ema_sr)
    assert found.norm() > 1.2 * detached.norm()


def test_gradcheck_away_from_the_kinks():
    sr, hr, ema_sr = away_from_the_kinks()
    assert torch.autograd.gradcheck(lambda sr: loss_in_float64(sr, hr, ema_sr, 5), sr, atol=1e-8, rtol=1e-5)
    assert torch.autograd.gradcheck(lambda sr: artifact_map(sr, hr, ema_sr, 5).refined, sr, atol=1e-8, rtol=1e-5)


@pytest.mark.parametrize("refine", [True, False])
def test_perfect_sr_costs_nothing_and_has_no_gradient(refine):
    _, hr, ema_sr = images(dtype=torch.float32)
    value, found = gradient(loss, hr, hr, ema_sr, ema_refine=refine)
    assert value.item() == 0
    assert torch.equal(found, torch.zeros_like(found))


@pytest.mark.parametrize("residual", [0.0, 0.25, 0.3])
@pytest.mark.parametrize("refine", [True, False])
def test_a_flat_patch_with_a_constant_residual_has_a_finite_gradient(residual, refine):
    hr = torch.full((1, 3, 12, 12), 0.5)
    value, found = gradient(loss, hr + residual, hr, hr + 2 * residual, ema_refine=refine)
    assert value.item() == pytest.approx(0, abs=1e-9)
    assert torch.isfinite(found).all()


@pytest.mark.parametrize("kind", ["sr equals hr", "constant residual"])
def test_a_sample_without_variance_leaves_the_gradients_of_the_others_alone(kind):
    sr, hr, ema_sr = images(3, dtype=torch.float32, seed=6)
    _, alone = gradient(loss, sr, hr, ema_sr)
    if kind == "constant residual":
        sr[1] = hr[1] = 0.5
        sr[1] += 0.25
    else:
        sr[1] = hr[1]
    value, found = gradient(loss, sr, hr, ema_sr)
    assert math.isfinite(value)
    assert torch.isfinite(found).all()
    assert torch.equal(found[1], torch.zeros_like(found[1]))
    assert torch.equal(found[[0, 2]], alone[[0, 2]])


def test_sigma_of_a_sample_without_variance_is_zero_and_so_is_its_gradient():
    residual = torch.stack([torch.full((1, 8, 8), 0.25), torch.arange(64.0).view(1, 8, 8)]).requires_grad_()
    sigma = patch_sigma(residual, 5)
    sigma.sum().backward()
    assert sigma[0].item() == 0
    assert sigma[1].item() == pytest.approx(unbiased_variance(list(range(64))) ** 0.2, rel=1e-6)
    assert torch.equal(residual.grad[0], torch.zeros(1, 8, 8))
    assert torch.isfinite(residual.grad[1]).all()


def test_a_checkerboard_of_constant_amplitude_is_not_seen():
    # |R| is the same everywhere, whatever the sign: the map of the authors' code is zero
    sr, hr = checkerboard(0.125)
    maps = artifact_map(sr, hr, None)
    assert torch.equal(maps.refined, torch.zeros(1, 1, 16, 16))
    # of signed differences the variance is that of +-0.375
    assert window_variance((sr - hr).sum(1, keepdim=True), 7).min().item() > 0.1


def test_ties_with_the_ema_model_stay_penalised():
    sr, hr, _ = images(dtype=torch.float32)
    tie = artifact_map(sr, hr, sr.clone())
    assert not tie.improved.any()
    assert torch.equal(tie.refined, artifact_map(sr, hr, None).refined)
    assert (tie.refined > 0).all()
    # at the same distance on the other side is a tie too
    exact = torch.full_like(hr, 0.5)
    assert not artifact_map(exact + 0.25, exact, exact - 0.25).improved.any()


def test_only_pixels_better_than_the_ema_model_are_spared():
    sr, hr, _ = images(1, dtype=torch.float32)
    ema_sr = sr.clone()
    ema_sr[0, :, 3, 4] = hr[0, :, 3, 4] + 2 * (sr - hr)[0, :, 3, 4]
    ema_sr[0, :, 5, 6] = hr[0, :, 5, 6]
    zero = artifact_map(sr, hr, ema_sr).refined[0, 0] == 0
    assert zero.nonzero().tolist() == [[3, 4]]


def test_the_mask_carries_no_gradient_to_masked_pixels_own_weight():
    sr, hr, _ = images(1, seed=7)
    _, found = gradient(loss_in_float64, sr, hr, hr + 2 * (sr - hr))
    assert torch.equal(found, torch.zeros_like(found))


def test_small_variations_upon_a_large_residual_keep_their_precision():
    # E[r^2] - E[r]^2 of float32 would be off by a tenth here
    random = torch.Generator().manual_seed(8)
    residual = 2.5 + 1e-3 * torch.randn(1, 1, 20, 20, generator=random)
    windows = F.unfold(F.pad(residual.double(), (3,) * 4, mode="reflect"), 7)
    expected = windows.var(dim=1, unbiased=True).view(1, 1, 20, 20)
    torch.testing.assert_close(window_variance(residual, 7).double(), expected, rtol=1e-4, atol=0)


def test_a_sample_is_weighted_by_itself_alone():
    sr, hr, ema_sr = images(3)
    together = artifact_map(sr, hr, ema_sr).refined
    for n in range(3):
        one = artifact_map(sr[n : n + 1], hr[n : n + 1], ema_sr[n : n + 1]).refined
        torch.testing.assert_close(together[n : n + 1], one, rtol=1e-12, atol=0)


@pytest.mark.parametrize(("height", "width"), [(6, 20), (20, 6), (3, 3)])
def test_a_patch_smaller_than_the_window_is_an_error(height, width):
    patch = torch.rand(1, 3, height, width)
    with pytest.raises(UserError, match=rf"\({height}, {width}\) is smaller than the window 7") as caught:
        loss(patch, patch, patch)
    assert "\n" not in str(caught.value)


def test_a_patch_of_the_size_of_the_window_is_enough():
    sr, hr, ema_sr = images(1, 7, 7)
    np.testing.assert_allclose(
        artifact_map(sr, hr, ema_sr).refined[:, 0].numpy(), naive_maps(sr, hr, ema_sr), rtol=1e-11, atol=1e-15
    )


def test_refinement_without_an_ema_model_is_an_error():
    patch = torch.rand(1, 3, 8, 8)
    with pytest.raises(UserError, match="set ema_decay"):
        loss(patch, patch, None)


def test_the_ema_model_is_asked_for_only_where_it_is_used():
    assert ArtifactLoss(CONTEXT).needs_ema
    assert not ArtifactLoss(CONTEXT, ema_refine=False).needs_ema


def test_without_refinement_the_ema_model_has_no_influence():
    sr, hr, ema_sr = images(dtype=torch.float32)
    assert torch.equal(loss(sr, hr, ema_sr, ema_refine=False), loss(sr, hr, None, ema_refine=False))


def test_under_autocast_the_result_is_that_of_float32():
    sr, hr, ema_sr = images(dtype=torch.float32)
    value, found = gradient(loss, sr, hr, ema_sr)

    def under_autocast(*tensors):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return loss(*tensors)

    value_autocast, found_autocast = gradient(under_autocast, sr, hr, ema_sr)
    assert value_autocast.dtype == torch.float32
    assert torch.equal(value_autocast, value)
    assert torch.equal(found_autocast, found)


def test_bfloat16_images_are_computed_in_float32():
    sr, hr, ema_sr = images(dtype=torch.bfloat16)
    result = loss(sr, hr, ema_sr)
    assert result.dtype == torch.float32
    assert torch.equal(result, loss(sr.float(), hr.float(), ema_sr.float()))
