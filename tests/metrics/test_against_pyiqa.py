"""The luma metrics, NIQE, the Ma score and PI against pyiqa, told to follow the same protocol, with the same weights.

The only file that imports pyiqa, which takes many seconds.
"""

import inspect
import math
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from ma_model import random_forests, write_model
from PIL import Image
from pyiqa.archs.fid_arch import FID, ResizeDataset
from pyiqa.archs.niqe_arch import NIQE
from pyiqa.archs.nrqm_arch import NRQM, PI, block_dct, get_gauss_pyramid, global_gsm, im2col
from pyiqa.archs.psnr_arch import PSNR
from pyiqa.archs.ssim_arch import SSIM
from scipy.io import savemat
from skimage import data

from gansr.config.metrics import chosen_protocols
from gansr.data.bicubic import imresize
from gansr.inference import bicubic_upscale
from gansr.metrics.inception import Inception
from gansr.metrics.ma import generalized_gaussian_shape, local_frequencies, structure
from gansr.metrics.niqe import Niqe
from gansr.metrics.pair import Pair, cropped, luma
from gansr.metrics.psnr_ssim import psnr_y, ssim_y
from gansr.metrics.scorer import Inputs, Scorers, protocols_of_parts
from gansr.metrics.steerable_pyramid import global_features

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
PAPERS = {"color_space": "ycbcr", "crop_border": 4}
SIZES = [(104, 104), (105, 112), (123, 118), (130, 105), (107, 131)]  # 96, 97, 115, 122 and 99 rows without border


def batch(image, dtype=torch.float64):
    """1 x 3 x H x W in [0, 1]; of luma alone 1 x 1 x H x W."""
    pixels = image[..., None] if image.ndim == 2 else image
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].to(dtype) / 255


def without_halves(image):
    """The image with another blue where luma ends in exactly one half, which pyiqa rounds up or down, as it falls."""
    half = image.astype(np.int64) @ [65481, 128553, 24966] % 255_000 == 127_500
    return np.stack([image[..., 0], image[..., 1], image[..., 2] ^ half], axis=-1)


def texture(height, width, seed=0):
    """RGB without flat areas."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    waves = 125 + 60 * np.sin(rows / 4 + seed)[..., None] * np.cos(columns[..., None] / 5 + np.arange(3))
    return without_halves(np.clip(waves + random.normal(0, 20, waves.shape), 0, 255).astype(np.uint8))


def degraded(hr, seed=0):
    noise = np.random.default_rng(seed + 100).normal(0, 12, hr.shape)
    return Pair(without_halves(np.clip(hr + noise, 0, 255).astype(np.uint8)), hr)


@pytest.fixture(scope="module")
def photograph():
    """A photograph of a cat, and what bicubic makes of it."""
    hr = data.chelsea()[60:220, 100:304]
    return Pair(bicubic_upscale(4)(imresize(hr, 1 / 4)), hr)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Files of models made here."""
    folder, random = tmp_path_factory.mktemp("weights"), np.random.default_rng(5)
    factor = random.normal(0, 0.3, (36, 40))
    covariance = factor @ factor.T / 40 + 0.02 * np.eye(36)
    savemat(folder / "niqe.mat", {"mu_prisparam": random.uniform(0.2, 3, (1, 36)), "cov_prisparam": covariance})
    return {"niqe": folder / "niqe.mat", "nrqm": write_model(folder / "nrqm.mat", random_forests(trees=60))}


def ours(metric, weights):
    protocols = chosen_protocols([metric], {})

    def compute(pair):
        scorers = Scorers(protocols | protocols_of_parts(protocols), Inputs(weights))
        scorers.add("image", pair)
        return scorers.values(["image"], {})[metric].by_image["image"]

    return compute


def pyiqas(weights):
    niqe = NIQE(**PAPERS, pretrained_model_path=str(weights["niqe"]))
    return niqe, NRQM(**PAPERS, pretrained_model_path=str(weights["nrqm"]))


# ---- the papers' protocol


@pytest.mark.parametrize("size", [(40, 47), (61, 58), (100, 96)])
def test_psnr_is_pyiqas_on_luma_that_is_not_rounded(size):
    pair = degraded(texture(*size))
    sr, hr = batch(pair.sr), batch(pair.hr)
    exact = PSNR(test_y_channel=True, **PAPERS, eps=0)(sr, hr).item()
    assert exact == pytest.approx(psnr_y(pair), abs=1e-6)
    assert abs(exact - psnr_y(pair, "y_rounded")) > 1e-3
    # by default a constant is added to the mean square, in units where white is 1
    mean_square = 10 ** (-psnr_y(pair) / 10)
    usual = PSNR(test_y_channel=True, **PAPERS)(sr, hr).item()
    assert usual == pytest.approx(-10 * math.log10(mean_square + 1e-8), abs=1e-6)


@pytest.mark.parametrize("size", [(40, 47), (61, 58), (100, 96)])
def test_ssim_is_pyiqas_on_rounded_luma(size):
    pair = degraded(texture(*size))
    score = SSIM(**PAPERS)(batch(pair.sr), batch(pair.hr)).item()
    assert score == pytest.approx(ssim_y(pair, "y_rounded"), abs=1e-7)  # pyiqa's window is one of float32
    assert abs(score - ssim_y(pair)) > 1e-5


def test_pyiqa_counts_negative_structure_as_none():
    hr = texture(48, 50)
    pair = Pair(255 - hr, hr)
    assert ssim_y(pair, "y_rounded") < -0.2
    assert 0 <= SSIM(**PAPERS)(batch(pair.sr), batch(pair.hr)).item() < 1e-3


@pytest.mark.parametrize("size", [(104, 104), (200, 204), (210, 307), (297, 110)])
def test_niqe_is_pyiqas_without_flat_areas(size, weights):
    image = texture(*size)
    expected = pyiqas(weights)[0](batch(image)).item()
    assert ours("niqe", weights)(Pair(image, None)) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("size", SIZES)
def test_the_ma_score_and_pi_are_pyiqas(size, weights):
    image = texture(*size)
    niqe, nrqm = pyiqas(weights)
    expected = nrqm(batch(image)).item()
    assert ours("ma", weights)(Pair(image, None)) == pytest.approx(expected, abs=1e-6)
    pi = PI.__new__(PI)  # its constructor downloads
    torch.nn.Module.__init__(pi)
    pi.niqe, pi.nrqm = niqe, nrqm
    index = pi(batch(image)).item()
    assert ours("pi", weights)(Pair(image, None)) == pytest.approx(index, abs=1e-5)
    assert index == pytest.approx((10 - expected + niqe(batch(image)).item()) / 2, abs=1e-9)


@pytest.mark.parametrize("size", SIZES)
def test_every_feature_of_the_ma_score_is_pyiqas(size):
    y = cropped(luma(texture(*size), rounded=True), 4)
    image = torch.from_numpy(y.copy())[None, None]
    for level in get_gauss_pyramid(image / 255):
        same = level[0, 0].numpy()
        # pyiqa's table of shapes is one of float32: a patch between two of them may be given the other
        np.testing.assert_allclose(local_frequencies(same), block_dct(level)[0], rtol=0, atol=2e-6)
        singular = torch.linalg.svdvals(im2col(level, 5, "distinct"))[0]
        np.testing.assert_allclose(structure(same), singular, rtol=0, atol=1e-9)
    features = global_features(y, generalized_gaussian_shape)
    np.testing.assert_allclose(features, global_gsm(image).ravel(), rtol=0, atol=1e-6)  # masks and resize in float32


def test_scores_of_a_photograph_are_pyiqas(photograph, weights):
    niqe, nrqm = pyiqas(weights)
    for image in (photograph.sr, photograph.hr):
        pair = Pair(image, None)
        y = luma(image, rounded=True)  # so that halves are rounded as here
        assert ours("niqe", weights)(pair) == pytest.approx(niqe(batch(y)).item(), abs=1e-5)
        assert ours("ma", weights)(pair) == pytest.approx(nrqm(255 * batch(y)).item(), abs=1e-6)


@pytest.mark.parametrize(("benchmark", "count"), [("Set5", 5), ("Set14", 14)])
def test_niqe_of_benchmarks_with_the_authors_model_is_pyiqas(benchmark, count):
    file = SHARED / "weights" / "niqe_modelparameters.mat"
    if not file.is_file():
        pytest.skip("needs ../shared/data (real benchmark images and weights, not part of the repository)")
    own, theirs = Niqe(file), NIQE(**PAPERS, pretrained_model_path=str(file))
    images = sorted((SHARED / benchmark / "HR").glob("*.png"))
    assert len(images) == count
    for image in images:
        y = luma(np.asarray(Image.open(image).convert("RGB")), rounded=True)
        # the largest differences are those of large flat areas, where pyiqa resizes in float32
        assert own(cropped(y, 4)) == pytest.approx(theirs(batch(y)).item(), abs=1e-3), image.name


# ---- pyiqa's defaults are another protocol: full-range luma of YIQ, no crop


def test_by_default_pyiqas_psnr_is_lower_by_the_range_of_luma(photograph):
    sr, hr = batch(photograph.sr), batch(photograph.hr)
    full_range = PSNR(test_y_channel=True, crop_border=4)(sr, hr).item()
    assert full_range - psnr_y(photograph) == pytest.approx(20 * math.log10(219 / 255), abs=1e-4)
    default = PSNR(test_y_channel=True)(sr, hr).item()
    assert default - psnr_y(photograph) == pytest.approx(-1.3583, abs=0.001)


def test_by_default_pyiqas_ssim_is_another(photograph):
    default = SSIM()(batch(photograph.sr), batch(photograph.hr)).item()
    assert default - ssim_y(photograph) == pytest.approx(-0.0318, abs=0.0002)


def test_by_default_pyiqas_niqe_and_ma_score_are_others(photograph, weights):
    pair, image = Pair(photograph.sr, None), batch(photograph.sr)
    niqe = NIQE(pretrained_model_path=str(weights["niqe"]))(image).item()
    assert niqe - ours("niqe", weights)(pair) == pytest.approx(-0.1947, abs=0.001)
    ma = NRQM(pretrained_model_path=str(weights["nrqm"]))(image).item()
    assert ma - ours("ma", weights)(pair) == pytest.approx(0.0996, abs=0.001)


def test_by_default_pyiqas_niqe_with_the_authors_model_is_another(photograph):
    file = SHARED / "weights" / "niqe_modelparameters.mat"
    if not file.is_file():
        pytest.skip("needs ../shared/data (real benchmark images and weights, not part of the repository)")
    default = NIQE(pretrained_model_path=str(file))(batch(photograph.sr)).item()
    assert default - ours("niqe", {"niqe": file})(Pair(photograph.sr, None)) == pytest.approx(-0.453, abs=0.002)


def test_by_default_pyiqas_fid_sees_images_that_are_resized_otherwise(tmp_path):
    class Seen:
        """A network that hands back what it is given."""

        def __call__(self, images):
            return images

    image = data.coffee()
    Image.fromarray(image).save(tmp_path / "coffee.png")
    default = inspect.signature(FID.forward).parameters["mode"].default
    assert default == "clean"
    seen = Inception.of_whole(Seen(), image)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of Pillow
        clean, legacy = (ResizeDataset([tmp_path / "coffee.png"], mode)[0] for mode in (default, "legacy_pytorch"))
    np.testing.assert_allclose(255 * seen, legacy, rtol=0, atol=1e-3)
    assert np.abs(255 * seen - clean.numpy()).mean() == pytest.approx(1.347, abs=0.01)  # of 255
