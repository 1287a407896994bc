"""CPU time of scoring a folder of images, compared with the metrics' own libraries one after the other.

    python speed/scores.py [--threads N] [--images N]
    python speed/scores.py --memory HEIGHT WIDTH

The libraries: NumPy and scikit-image for PSNR and SSIM, lpips, DISTS_pytorch, pytorch-fid, pyiqa for NIQE and the Ma
score; each reads the images itself. The networks have seeded random weights, with which they take the same time. KID is
left out, because none of the libraries computes it. HR's Inception features are computed before the measurement,
because a run computes them once for all models. Prints seconds of CPU time, the ratio, and the largest deviation of a
score; or, with --memory, the peak memory of a process that scores one image of this size by all metrics of single
images.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import resource
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import skimage.data
import torch
from PIL import Image
from skimage.metrics import structural_similarity

from gansr.config.metrics import chosen_protocols
from gansr.data.bicubic import imresize
from gansr.data.images import crop_to_multiple, list_images, read_rgb, write_png
from gansr.metrics.hr_features import write_hr_features
from gansr.metrics.pair import luma
from gansr.metrics.score import Task, score_benchmark
from gansr.metrics.scorer import ALL_IMAGES

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "metrics"))  # the seeded weights are those of the tests

CROP = 4
METRICS = ["psnr_y", "ssim_y", "lpips_alex", "lpips_vgg", "dists", "niqe", "ma", "fid"]
PHOTOGRAPHS = ("chelsea", "coffee", "astronaut", "rocket", "cat")

Scores = dict[str, float]


def write_images(folder: Path, count: int) -> None:
    """Write photographs of scikit-image as HR, and as SR their reduction and enlargement by MATLAB bicubic."""
    for kind in ("HR", "SR"):
        (folder / kind).mkdir(parents=True)
    for name in PHOTOGRAPHS[:count]:
        hr = np.ascontiguousarray(crop_to_multiple(getattr(skimage.data, name)()[..., :3], 4))
        write_png(folder / "HR" / f"{name}.png", hr)
        write_png(folder / "SR" / f"{name}.png", imresize(imresize(hr, Fraction(1, 4)), 4))


def write_weights(folder: Path) -> dict[str, Path]:
    """Write seeded weights of every network, and synthetic models of NIQE and the Ma score with the real sizes."""
    from ma_model import random_forests, write_model
    from scipy.io import savemat
    from weight_data import random_inception, random_trunk

    files = {name: folder / f"{name}.pth" for name in ("alexnet", "vgg16", "inception", "dists")}
    random_trunk(files["alexnet"], "alex")
    random_trunk(files["vgg16"], "vgg")
    random_inception(files["inception"])
    shutil.copy(Path(sys.prefix) / "weights.pt", files["dists"])  # where the wheel of DISTS_pytorch puts them
    files |= {"niqe": folder / "niqe.mat", "nrqm": folder / "nrqm.mat"}
    savemat(files["niqe"], {"mu_prisparam": np.full((1, 36), 0.5), "cov_prisparam": np.eye(36)})
    write_model(files["nrqm"], random_forests(trees=2000))
    return files


def pairs(folder: Path) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Name, SR and HR of each image, read again on every call, as by a library's own script."""
    return [
        (name, read_rgb(folder / "SR" / file.name), read_rgb(file)) for name, file in list_images(folder / "HR").items()
    ]


def tensors(folder: Path) -> list[tuple[str, torch.Tensor, torch.Tensor]]:
    """The same as 1 x 3 x H x W in [0, 1]."""
    return [(name, tensor(sr), tensor(hr)) for name, sr, hr in pairs(folder)]


def tensor(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 255


def by_numpy(folder: Path, weights: dict[str, Path]) -> dict[str, Scores]:
    """PSNR and SSIM of unrounded luma."""
    psnr, ssim = {}, {}
    options: dict[str, Any] = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    for name, *both in pairs(folder):
        x, y = (luma(image)[CROP:-CROP, CROP:-CROP] for image in both)
        psnr[name] = float(20 * np.log10(255 / np.sqrt(np.mean((x - y) ** 2))))
        _, similarity = structural_similarity(x, y, win_size=11, data_range=255, full=True, **options)
        ssim[name] = float(similarity[5:-5, 5:-5].mean())
    return {"psnr_y": psnr, "ssim_y": ssim}


def by_lpips(backbone: str, trunk: str) -> Callable[[Path, dict[str, Path]], dict[str, Scores]]:
    """LPIPS of the lpips package."""

    def run(folder: Path, weights: dict[str, Path]) -> dict[str, Scores]:
        import lpips

        state = torch.load(weights[trunk], weights_only=True)
        with contextlib.redirect_stdout(io.StringIO()):
            network = lpips.LPIPS(net=backbone, pnet_rand=True, verbose=False).eval()
        network.net.load_state_dict(
            {key: state[f"features.{key.split('.', 1)[1]}"] for key in network.net.state_dict()}
        )
        return {f"lpips_{backbone}": {name: network(2 * x - 1, 2 * y - 1).item() for name, x, y in tensors(folder)}}

    return run


def by_dists(folder: Path, weights: dict[str, Path]) -> dict[str, Scores]:
    """DISTS of DISTS_pytorch, whose VGG16 is given instead of downloaded."""
    import torchvision
    from DISTS_pytorch import DISTS_pt

    vgg = torchvision.models.vgg16(weights=None)
    state = torch.load(weights["vgg16"], weights_only=True)
    vgg.features.load_state_dict({key: state[f"features.{key}"] for key in vgg.features.state_dict()})
    DISTS_pt.models.vgg16 = lambda **_: vgg
    network = DISTS_pt.DISTS().eval()
    return {"dists": {name: network(x, y).item() for name, x, y in tensors(folder)}}


def by_pyiqa(metric: str) -> Callable[[Path, dict[str, Path]], dict[str, Scores]]:
    """NIQE or the Ma score of pyiqa, with the papers' protocol."""

    def run(folder: Path, weights: dict[str, Path]) -> dict[str, Scores]:
        from pyiqa.archs import niqe_arch, nrqm_arch

        form, file = {"niqe": (niqe_arch.NIQE, "niqe"), "ma": (nrqm_arch.NRQM, "nrqm")}[metric]
        network = form(color_space="ycbcr", crop_border=CROP, pretrained_model_path=str(weights[file]))
        return {metric: {name: float(network(x.double())) for name, x, _ in tensors(folder)}}

    return run


def by_pytorch_fid(folder: Path, weights: dict[str, Path]) -> dict[str, Scores]:
    """FID of pytorch-fid: its network, and its distance with SciPy's root of a matrix."""
    from pytorch_fid.fid_score import calculate_frechet_distance
    from weight_data import fid_reference

    network = fid_reference(torch.load(weights["inception"], weights_only=True)).eval()
    features = [
        np.concatenate([network(image)[0][:, :, 0, 0].numpy() for image in side])
        for side in zip(*((x, y) for _, x, y in tensors(folder)), strict=True)
    ]
    moments = [moment for side in features for moment in (side.mean(axis=0), np.cov(side, rowvar=False))]
    return {"fid": {ALL_IMAGES: float(calculate_frechet_distance(*moments))}}


LIBRARIES: dict[str, Callable[[Path, dict[str, Path]], dict[str, Scores]]] = {
    "PSNR, SSIM: NumPy, scikit-image": by_numpy,
    "LPIPS, AlexNet: lpips": by_lpips("alex", "alexnet"),
    "LPIPS, VGG16: lpips": by_lpips("vgg", "vgg16"),
    "DISTS: DISTS_pytorch": by_dists,
    "NIQE: pyiqa": by_pyiqa("niqe"),
    "Ma: pyiqa": by_pyiqa("ma"),
    "FID: pytorch-fid": by_pytorch_fid,
}


def by_gansr(folder: Path, weights: dict[str, Path], metrics: list[str]) -> dict[str, Scores]:
    """All metrics by one job of this project; HR's features have been computed before, as in a run."""
    protocols = chosen_protocols(metrics, {})
    known = folder / "hr_features.npz" if "fid" in metrics else None
    scores = score_benchmark(Task(folder / "SR", folder / "HR", protocols, weights, hr_features=known))
    found: dict[str, Scores] = {}
    for image, metric, value in scores.rows.itertuples(index=False):
        found.setdefault(metric, {})[image] = value
    return found


def cpu_seconds(run: Callable[[], dict[str, Scores]]) -> tuple[float, dict[str, Scores]]:
    """The CPU time of a function, of all threads, and its result."""
    started = time.process_time()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = run()
    return time.process_time() - started, found


def print_memory(folder: Path, height: int, width: int) -> None:
    """Peak memory of this process, before an image is scored and after."""
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    for kind in ("HR", "SR"):
        (folder / kind).mkdir()
        write_png(folder / kind / "image.png", noise)
    weights = write_weights(folder)
    before = peak_memory()
    by_gansr(folder, weights, [metric for metric in METRICS if metric != "fid"])
    print(f"{height} x {width}: {peak_memory():.1f} GB at the peak, {before:.1f} before the image")


def peak_memory() -> float:
    """The peak memory of this process so far, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def deviation(one: dict[str, Scores], other: dict[str, Scores]) -> float:
    """The largest difference of two scores, relative to the larger one."""
    return max(
        abs(value - other[metric][image]) / max(abs(value), abs(other[metric][image]))
        for metric, scores in one.items()
        for image, value in scores.items()
    )


def import_all() -> None:
    """Import the libraries before the measurement, so that import time is not counted."""
    import DISTS_pytorch  # noqa: F401
    import lpips  # noqa: F401
    import pyiqa.archs.nrqm_arch  # noqa: F401
    import pytorch_fid.fid_score  # noqa: F401


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--threads", type=int, default=1)
    counts = range(2, len(PHOTOGRAPHS) + 1)  # FID needs two
    parser.add_argument("--images", type=int, default=len(PHOTOGRAPHS), choices=counts)
    parser.add_argument("--memory", type=int, nargs=2, metavar=("HEIGHT", "WIDTH"))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.memory:
        with tempfile.TemporaryDirectory() as name:
            print_memory(Path(name), *arguments.memory)
        return
    import_all()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_images(folder, arguments.images)
        weights = write_weights(folder)
        write_hr_features(folder / "HR", weights["inception"], True, False, "HR", folder / "hr_features.npz")
        pixels = sum(Image.open(file).size[0] * Image.open(file).size[1] for file in (folder / "HR").iterdir())
        print(f"{arguments.images} images, {pixels / 1e6:.2f} megapixels, {arguments.threads} threads")
        print(f"{'':34} {'library s':>9} {'gansr s':>9} {'ratio':>7}   largest relative deviation")
        total = 0.0
        for title, library in LIBRARIES.items():
            slow, expected = cpu_seconds(partial(library, folder, weights))
            fast, found = cpu_seconds(partial(by_gansr, folder, weights, list(expected)))
            total += slow
            print(
                f"{title:34} {slow:9.2f} {fast:9.2f} {slow / fast:6.1f}x   {deviation(expected, found):.1e}", flush=True
            )
        together, _ = cpu_seconds(lambda: by_gansr(folder, weights, METRICS))
        print(f"{'all, in one job':34} {total:9.2f} {together:9.2f} {total / together:6.1f}x")


if __name__ == "__main__":
    main()
