"""Beby-GAN's view: flat regions of HR and SR are set to 0."""

import pytest
import torch

from gansr.kernels.region_mask import region_mask
from gansr.losses.views.region_mask import RegionMaskView


def region_images():
    """LR 24 x 12 and HR 48 x 24, of one half flat and one half noise; the two are of different images."""
    random = torch.Generator().manual_seed(0)
    lr, hr = (torch.full((2, 3, side, side // 2), 0.5) for side in (24, 48))
    lr[:, :, :12] += 0.15 * torch.randn(2, 3, 12, 12, generator=random)
    hr[:, :, :, 12:] += 0.15 * torch.randn(2, 3, 48, 12, generator=random)
    return lr, hr


@pytest.mark.parametrize("options", [{}, {"window": 5}, {"threshold": 0.08}, {"window": 7, "threshold": 0.05}])
@pytest.mark.parametrize("source", ["lr", "hr"])
def test_the_region_mask_is_of_the_chosen_image(source, options):
    lr, hr = region_images()
    found = RegionMaskView(of=source, **options).mask(lr, hr)
    expected = region_mask(lr, 2, **options) if source == "lr" else region_mask(hr, **options)
    assert found.shape == (2, 1, 48, 24)
    assert found.dtype == hr.dtype
    assert not found.requires_grad
    assert 0.2 < found.mean().item() < 0.8
    assert torch.equal(found, expected.to(hr.dtype))
    if options:
        assert not torch.equal(found, RegionMaskView(of=source).mask(lr, hr))


def test_one_is_where_there_is_texture():
    lr, hr = region_images()
    of_lr, of_hr = (RegionMaskView(of=source).mask(lr, hr)[:, 0] for source in ("lr", "hr"))
    # of LR the upper half, of HR the right one, but for windows that reach across
    assert (of_lr[:, :22] == 1).all()
    assert (of_lr[:, 34:] == 0).all()
    assert (of_hr[:, :, 12:] == 1).all()
    assert (of_hr[:, :, :7] == 0).all()


def test_hr_and_sr_are_shown_times_the_mask_of_their_batch_and_the_gradient_flows_where_it_is_1():
    lr, hr = region_images()
    view = RegionMaskView()
    mask = view.mask(lr, hr)
    sr = torch.rand(hr.shape, generator=torch.Generator().manual_seed(1)).requires_grad_()
    shown = view(lr, hr)
    assert torch.equal(shown.hr, hr * mask)
    assert not shown.hr.requires_grad
    found = shown.of_sr(sr)
    assert torch.equal(found, sr * mask)
    assert torch.equal(torch.autograd.grad(found.sum(), sr)[0], mask.expand_as(sr))


def test_the_mask_is_computed_once_for_a_batch(monkeypatch):
    calls = []
    plain = RegionMaskView.mask
    monkeypatch.setattr(RegionMaskView, "mask", lambda view, lr, hr: (calls.append(1), plain(view, lr, hr))[1])
    lr, hr = region_images()
    shown = RegionMaskView()(lr, hr)
    for _ in range(2):
        shown.of_sr(hr)
    assert calls == [1]
