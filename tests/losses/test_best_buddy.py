import math
from fractions import Fraction

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from gansr.data.bicubic import imresize
from gansr.errors import UserError
from gansr.losses import best_buddy
from gansr.losses.base import LossContext, Outputs
from gansr.losses.best_buddy import BestBuddyLoss, best_buddies, candidates

CONTEXT = LossContext(seed=0)
PYRAMIDS = ["torch_bicubic", "matlab_bicubic"]
WEIGHTS = [(1, 1), (1, 0), (0, 1), (0.2, 1.5), (3, 0.5)]


def images(count=2, height=24, width=18, seed=0, dtype=torch.float64):
    """hr in [0, 1], and sr so far from it that its best buddies are seldom at its own place."""
    random = torch.Generator().manual_seed(seed)
    hr = torch.rand(count, 3, height, width, generator=random, dtype=torch.float64)
    sr = hr + 0.7 * torch.randn(hr.shape, generator=random, dtype=torch.float64)
    return sr.to(dtype), hr.to(dtype)


def cut(image):
    """3 x H x W to (patches) x 27, by slices; NumPy."""
    height, width = (side // 3 * 3 for side in image.shape[1:])
    return np.array(
        [image[:, i : i + 3, j : j + 3].ravel() for i in range(0, height, 3) for j in range(0, width, 3)]
    ).reshape(-1, 27)


def reduced(image, factor):
    """torch's bicubic without antialiasing: Keys with a = -0.75 at distances 1.5, 0.5, 0.5, 1.5; 3 x H x W."""
    for axis in (1, 2):
        length = image.shape[axis] // factor
        first = np.arange(length) * factor + factor // 2 - 2
        taps = [np.take(image, (first + tap).clip(0, image.shape[axis] - 1), axis) for tap in range(4)]
        image = 0.59375 * (taps[1] + taps[2]) - 0.09375 * (taps[0] + taps[3])
    return image


def pool_of(hr, pyramid):
    """G of Eq. 1 of one image, 3 x H x W; NumPy."""
    if pyramid == "torch_bicubic":
        return np.concatenate([cut(hr), cut(reduced(hr, 2)), cut(reduced(hr, 4))])
    channels_last = hr.transpose(1, 2, 0)
    lower = [imresize(channels_last, Fraction(1, factor)).transpose(2, 0, 1) for factor in (2, 4)]
    return np.concatenate([cut(hr), *map(cut, lower)])


def brute_force(sr, hr, pool, alpha, beta):
    """argmin_g alpha |g - g_i|^2 + beta |g - p_i|^2 by all distances, the first of equals; NumPy."""
    to_hr = ((pool[None] - hr[:, None]) ** 2).sum(axis=2)
    to_sr = ((pool[None] - sr[:, None]) ** 2).sum(axis=2)
    return (alpha * to_hr + beta * to_sr).argmin(axis=1)


def plain_loss(sr, hr, alpha=1, beta=1, pyramid="torch_bicubic"):
    """Eq. 1 to 3 in float64 and its gradient with respect to sr."""
    differences, gradients = [], []
    for x, y in zip(sr.double().numpy(), hr.double().numpy(), strict=True):
        pool = pool_of(y, pyramid)
        difference = cut(x) - pool[brute_force(cut(x), cut(y), pool, alpha, beta)]
        differences.append(difference)
        gradient = np.zeros_like(x)
        columns = x.shape[2] // 3
        for index, row in enumerate(np.sign(difference)):
            i, j = 3 * (index // columns), 3 * (index % columns)
            gradient[:, i : i + 3, j : j + 3] = row.reshape(3, 3, 3)
        gradients.append(gradient)
    count = np.size(differences)
    return np.abs(differences).sum() / count, np.stack(gradients) / count


def loss(sr, hr, **options):
    return BestBuddyLoss(CONTEXT, **options)(Outputs(hr, hr, sr))


def gradient(sr, hr, **options):
    sr = sr.clone().requires_grad_()
    value = loss(sr, hr, **options)
    value.backward()
    return value.detach(), sr.grad


def three_tables(count=40, pool=150, seed=1):
    """Patches of SR, of HR and candidates, that have nothing to do with each other."""
    random = torch.Generator().manual_seed(seed)
    return [torch.randn(2, rows, 27, generator=random, dtype=torch.float64) for rows in (count, count, pool)]


@pytest.mark.parametrize(("alpha", "beta"), WEIGHTS)
@pytest.mark.parametrize("pool", [1, 63, 64, 65, 128, 150])
def test_best_buddies_are_those_of_all_distances(pool, alpha, beta):
    tables = three_tables(pool=pool)
    found = best_buddies(*tables, alpha, beta)
    assert found.shape == (2, 40)
    assert found.dtype == torch.int64
    for n in range(2):
        expected = brute_force(*(table[n].numpy() for table in tables), alpha, beta)
        np.testing.assert_array_equal(found[n].numpy(), expected)


@pytest.mark.parametrize("pyramid", PYRAMIDS)
@pytest.mark.parametrize(("alpha", "beta"), WEIGHTS)
def test_of_images_too_and_alike_in_float32(alpha, beta, pyramid):
    sr, hr = images()
    pool = candidates(hr, pyramid)
    found = best_buddies(best_buddy.cut_patches(sr), best_buddy.cut_patches(hr), pool, alpha, beta)
    for n in range(2):
        x, y = sr[n].numpy(), hr[n].numpy()
        np.testing.assert_array_equal(found[n], brute_force(cut(x), cut(y), pool_of(y, pyramid), alpha, beta))
    in_float32 = [table.float() for table in (best_buddy.cut_patches(sr), best_buddy.cut_patches(hr), pool)]
    assert torch.equal(best_buddies(*in_float32, alpha, beta), found)


def test_alpha_weighs_the_distance_to_hr_and_beta_that_to_sr():
    # the paper's names; in the authors' code they are exchanged
    sr, hr = torch.ones(1, 1, 27), torch.zeros(1, 1, 27)
    pool = torch.stack([torch.full((27,), value) for value in (0.9, 0.1, 0.5)])[None]
    near_sr, near_hr, between = range(3)
    assert best_buddies(sr, hr, pool, alpha=4, beta=0.25).item() == near_hr
    assert best_buddies(sr, hr, pool, alpha=0.25, beta=4).item() == near_sr
    assert best_buddies(sr, hr, pool, alpha=1, beta=1).item() == between


def test_the_options_of_the_term_have_the_names_of_the_paper():
    sr, hr = images(dtype=torch.float32)
    to_hr, to_sr = (plain_loss(sr, hr, alpha, beta)[0] for alpha, beta in ((3, 0.3), (0.3, 3)))
    assert to_hr > 1.02 * to_sr
    assert loss(sr, hr, alpha=3, beta=0.3).item() == pytest.approx(to_hr, rel=1e-5)
    assert loss(sr, hr, alpha=0.3, beta=3).item() == pytest.approx(to_sr, rel=1e-5)


def test_of_equally_good_candidates_the_first_is_taken():
    # whole numbers with mean zero, so that equal candidates have equal scores; the same 30, and their negatives, again
    # in the same block of columns, in the next one and in the one after
    random = torch.Generator().manual_seed(2)
    some = torch.randint(-4, 5, (1, 15, 27), generator=random).double()
    thirty = torch.cat([some, -some], dim=1)
    pool = torch.cat([thirty] * 5, dim=1)
    query = thirty + torch.randint(-1, 2, thirty.shape, generator=random)
    found = best_buddies(query, query, pool, 1, 1)
    expected = brute_force(query[0].numpy(), query[0].numpy(), pool[0].numpy(), 1, 1)
    np.testing.assert_array_equal(found[0], expected)
    assert found.max() < 30


@pytest.mark.parametrize("pool", [1, 70, 130])
def test_what_fills_the_last_block_is_no_candidate(pool):
    # far candidates around a patch at their mean: a column of zeros would be nearer
    _, _, far = three_tables(pool=pool)
    far = far * 100
    patch = far.mean(dim=1, keepdim=True).expand(-1, 4, -1)
    found = best_buddies(patch, patch, far, 1, 1)
    assert found.max() < pool
    np.testing.assert_array_equal(found[0], brute_force(patch[0].numpy(), patch[0].numpy(), far[0].numpy(), 1, 1))


@pytest.mark.parametrize("scores", [1, 400, 1000])
@pytest.mark.parametrize("block", [1, 7, 64, 1000])
def test_results_do_not_depend_on_how_the_search_is_cut(monkeypatch, scores, block):
    tables = three_tables()
    expected = best_buddies(*tables, 1, 0.5)
    monkeypatch.setattr(best_buddy, "SCORES_AT_ONCE", {"cpu": scores})
    monkeypatch.setattr(best_buddy, "BLOCK", block)
    assert torch.equal(best_buddies(*tables, 1, 0.5), expected)


def test_only_some_rows_of_scores_are_in_memory_at_a_time(monkeypatch):
    sizes = []
    addmm = torch.addmm

    def recorded(*tensors, **options):
        sizes.append(addmm(*tensors, **options).numel())
        return addmm(*tensors, **options)

    monkeypatch.setattr(best_buddy, "SCORES_AT_ONCE", {"cpu": 1000})
    monkeypatch.setattr(torch, "addmm", recorded)
    best_buddies(*three_tables(), 1, 1)
    assert len(sizes) > 2
    assert max(sizes) <= 1000


@pytest.mark.parametrize(
    ("height", "width", "count"), [(24, 24, 64 + 16 + 4), (48, 48, 256 + 64 + 16), (64, 64, 441 + 100 + 25),
                                   (12, 30, 40 + 10 + 2), (13, 14, 16 + 4 + 1)],
)  # fmt: skip
@pytest.mark.parametrize("pyramid", PYRAMIDS)
def test_candidates_are_the_patches_of_three_levels(height, width, count, pyramid):
    _, hr = images(1, height, width)
    found = candidates(hr, pyramid)
    assert found.shape == (1, count, 27)
    if height % 4 == width % 4 == 0:
        np.testing.assert_allclose(found[0].numpy(), pool_of(hr[0].numpy(), pyramid), rtol=0, atol=1e-13)


def test_the_torch_pyramid_is_the_authors_interpolation():
    _, hr = images(2, 24, 36)
    hr = 3 * hr - 1  # nothing is clipped
    levels = [hr] + [
        F.interpolate(hr, scale_factor=1 / factor, mode="bicubic", align_corners=False, antialias=False)
        for factor in (2, 4)
    ]
    expected = np.stack([np.concatenate([cut(level[n].numpy()) for level in levels]) for n in range(2)])
    np.testing.assert_allclose(candidates(hr).numpy(), expected, rtol=0, atol=1e-14)
    np.testing.assert_allclose(candidates(hr)[1].numpy(), pool_of(hr[1].numpy(), "torch_bicubic"), rtol=0, atol=1e-13)
    assert (candidates(hr) - candidates(hr, "matlab_bicubic")).abs().max() > 0.1


@pytest.mark.parametrize("pyramid", PYRAMIDS)
@pytest.mark.parametrize(("alpha", "beta"), WEIGHTS)
def test_loss_and_gradient_are_those_of_all_distances(alpha, beta, pyramid):
    sr, hr = images(dtype=torch.float32)
    expected, expected_gradient = plain_loss(sr, hr, alpha, beta, pyramid)
    found, found_gradient = gradient(sr, hr, alpha=alpha, beta=beta, pyramid=pyramid)
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(expected, rel=1e-5)
    # the sign of each difference, and that of nothing else: the candidates are constants
    np.testing.assert_allclose(found_gradient.numpy(), expected_gradient, rtol=1e-5, atol=0)


def test_the_defaults_are_the_authors():
    sr, hr = images(dtype=torch.float32)
    assert torch.equal(loss(sr, hr), loss(sr, hr, alpha=1, beta=1, pyramid="torch_bicubic"))
    assert loss(sr, hr).item() == pytest.approx(plain_loss(sr, hr)[0], rel=1e-5)


@pytest.mark.parametrize(("height", "width"), [(24, 18), (14, 16)])
def test_without_beta_each_patch_is_compared_with_the_one_at_its_place(height, width):
    sr, hr = images(2, height, width, dtype=torch.float32)
    whole = (sr - hr)[:, :, : height // 3 * 3, : width // 3 * 3]
    assert loss(sr, hr, beta=0).item() == pytest.approx(whole.abs().mean().item(), rel=1e-5)


def test_without_alpha_each_patch_is_compared_with_the_nearest():
    # the patches of HR at other places: nothing to improve
    _, hr = images(dtype=torch.float32)
    moved = hr.roll((6, -3), dims=(2, 3))
    assert loss(moved, hr, alpha=0).item() == 0
    assert loss(moved, hr, beta=0).item() > 0.2


def test_candidates_are_those_of_the_same_image():
    _, hr = images(dtype=torch.float32)
    assert loss(hr.flip(0), hr, alpha=0).item() > 0.1
    sr, hr = images(3, dtype=torch.float32)
    alone = [loss(sr[n : n + 1], hr[n : n + 1]).item() for n in range(3)]
    assert loss(sr, hr).item() == pytest.approx(sum(alone) / 3, rel=1e-6)


def test_the_gradient_flows_through_sr_alone():
    sr, hr = images(dtype=torch.float32)
    pool = candidates(hr.requires_grad_())
    assert not best_buddies(best_buddy.cut_patches(sr), best_buddy.cut_patches(hr), pool, 1, 1).requires_grad
    value, found = gradient(sr, hr.detach())
    assert value.item() > 0
    sizes = found.abs() * found.numel()
    torch.testing.assert_close(sizes, torch.ones_like(sizes), rtol=1e-5, atol=0)


@pytest.mark.parametrize(("alpha", "beta"), WEIGHTS)
@pytest.mark.parametrize("flat", [False, True])
def test_perfect_sr_costs_nothing(alpha, beta, flat):
    _, hr = images(dtype=torch.float32)
    if flat:
        hr = torch.full_like(hr, 0.5)
    value, found = gradient(hr, hr, alpha=alpha, beta=beta)
    assert value.item() == pytest.approx(0, abs=1e-7)  # flat: reduced HR is HR but for rounding
    assert torch.isfinite(found).all()


@pytest.mark.parametrize(("height", "width"), [(13, 14), (14, 12), (64, 64)])
def test_rows_and_columns_beyond_the_last_patch_take_no_part(height, width):
    sr, hr = images(1, height, width, dtype=torch.float32)
    _, found = gradient(sr, hr)
    rows, columns = height // 3 * 3, width // 3 * 3
    inside = found[:, :, :rows, :columns]
    assert (inside.abs() > 0).all()
    assert found.abs().sum().item() == pytest.approx(inside.abs().sum().item(), rel=1e-6)
    assert inside.abs().max().item() == pytest.approx(1 / (3 * rows * columns), rel=1e-5)
    sr[:, :, rows:], sr[:, :, :, columns:] = 7.0, 7.0
    assert torch.equal(gradient(sr, hr)[1], found)


@pytest.mark.parametrize(("height", "width"), [(11, 24), (24, 11), (3, 3)])
def test_a_patch_too_small_for_the_pyramid_is_an_error(height, width):
    patch = torch.rand(1, 3, height, width)
    with pytest.raises(UserError, match=rf"\({height}, {width}\).*at least 12") as caught:
        loss(patch, patch)
    assert "\n" not in str(caught.value)


def test_twelve_is_enough():
    sr, hr = images(1, 12, 12, dtype=torch.float32)
    assert loss(sr, hr).item() == pytest.approx(plain_loss(sr, hr)[0], rel=1e-5)


def test_no_weight_at_all_is_an_error():
    with pytest.raises(UserError, match="alpha and beta are both 0"):
        BestBuddyLoss(CONTEXT, alpha=0, beta=0)


@pytest.mark.parametrize("pyramid", PYRAMIDS)
def test_under_autocast_the_result_is_that_of_float32(pyramid):
    sr, hr = images(dtype=torch.float32)
    expected, expected_gradient = gradient(sr, hr, pyramid=pyramid)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found, found_gradient = gradient(sr, hr, pyramid=pyramid)
        rounded = loss(sr.bfloat16(), hr, pyramid=pyramid)
    assert math.isfinite(found)
    assert found.dtype == rounded.dtype == torch.float32
    assert torch.equal(found, expected)
    assert torch.equal(found_gradient, expected_gradient)
    assert torch.equal(rounded, loss(sr.bfloat16().float(), hr, pyramid=pyramid))


@pytest.mark.parametrize("pyramid", PYRAMIDS)
def test_channels_last_makes_no_difference(pyramid):
    sr, hr = images(dtype=torch.float32)
    last = [image.contiguous(memory_format=torch.channels_last) for image in (sr, hr)]
    assert loss(*last, pyramid=pyramid).item() == pytest.approx(loss(sr, hr, pyramid=pyramid).item(), rel=1e-6)


@pytest.mark.parametrize("size", [24, 48])
@pytest.mark.parametrize("value", [torch.inf, -torch.inf, torch.nan, 3e38])
def test_sr_that_is_not_finite_gives_a_loss_that_is_not(size, value):
    """Training then stops with the term's name; it must not fail in the search before that."""
    sr, hr = images(1, size, size, dtype=torch.float32)
    sr[0, 0, 5, 5] = value
    assert torch.isfinite(loss(sr, hr)) == (value == 3e38)
