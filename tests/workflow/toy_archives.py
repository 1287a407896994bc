"""Small archives in the true layouts of the datasets, small files of weights, and a server that gives them."""

from __future__ import annotations

import hashlib
import io
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision
from PIL import Image
from scipy.io import savemat

from gansr.data.bicubic import imresize
from gansr.networks.build import build_generator

from ..data.archive_data import encoded, packed
from ..data.http_server import Answer, HttpServer
from ..metrics.ma_model import random_forests, write_model
from ..metrics.weight_data import random_inception
from ..networks.released_names import ESRGAN, renamed

SIDE = 108  # pixels of an image: 100 without the crop, of which NIQE and the Ma score need 96
TRAIN, TEST = 3, 3  # images of a dataset; KID needs three
NAMES = {
    "div2k": ["0001", "0002", "0800"],
    "flickr2k": ["000001", "000002", "002650"],
    "set5": ["baby", "head", "woman"],
    "set14": ["baboon", "bridge", "comic"],
    "urban100": ["img001", "img002", "img100"],
    "div2k100": ["0801", "0802", "0900"],
    "bsds100": ["3096", "101085", "101087"],
}
BY_HAND = {"manga109": "png", "general100": "bmp", "realworld38": "jpg"}


def photograph(dataset: str, name: str) -> np.ndarray:
    """A part of a photograph, another one for every image; bridge is gray."""
    seed = int.from_bytes(hashlib.sha256(f"{dataset} {name}".encode()).digest()[:4], "big")
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (SIDE // 8, SIDE // 8, 3), dtype=np.uint8)
    pixels = np.asarray(Image.fromarray(coarse).resize((SIDE + 1, SIDE), Image.Resampling.BICUBIC))
    return pixels[..., :1].repeat(3, axis=2) if name == "bridge" else pixels


def members(dataset: str, source: dict[str, Any]) -> dict[str, bytes]:
    """A dataset's files in an archive, by path: its images, and released LR where the archive holds some."""
    files = {}
    for name in NAMES[dataset]:
        pixels = photograph(dataset, name)
        files[source["images"].replace("*.png", f"{name}.png")] = encoded(pixels)
        for scale, pattern in source.get("released_lr", {}).items():
            cropped = pixels[:, : SIDE - SIDE % int(scale)]
            lr = imresize(cropped, Fraction(1, int(scale)))
            files[pattern.replace("*.png", f"{name}x{scale}.png")] = encoded(lr)
    return files


def features_of(network: Callable[..., torch.nn.Module]) -> bytes:
    """The convolutions of a torchvision network with seeded random weights, as torch saves them."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        state = {f"features.{key}": value for key, value in network(weights=None).features.state_dict().items()}
    stream = io.BytesIO()
    torch.save(state, stream)
    return stream.getvalue()


def esrgan(options: dict[str, Any]) -> bytes:
    """An RRDB with seeded random weights under the names of ESRGAN's own repository."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        state = build_generator(options, 4).state_dict()
    stream = io.BytesIO()
    torch.save(renamed(state, ESRGAN), stream)
    return stream.getvalue()


def written(write: Callable[[Path], object]) -> bytes:
    """What a function writes to a file."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "file.mat"  # SciPy appends the ending where there is none
        write(file)
        return file.read_bytes()


def dists_weights(file: Path) -> None:
    """DISTS' alpha and beta of 1475 channels each."""
    random = torch.Generator().manual_seed(0)
    torch.save({key: torch.rand(1, 1475, 1, 1, generator=random) for key in ("alpha", "beta")}, file)


def pristine_model(file: Path) -> None:
    """NIQE's mean and covariance of 36 features."""
    savemat(file, {"mu_prisparam": np.full((1, 36), 0.5), "cov_prisparam": np.eye(36)})


METRIC_FILES: dict[str, Callable[[Path], object]] = {
    "inception": random_inception,
    "dists": dists_weights,
    "niqe": pristine_model,
    "nrqm": lambda file: write_model(file, random_forests()),
}
WEIGHTS = {"alexnet": torchvision.models.alexnet, "vgg16": torchvision.models.vgg16, "vgg19": torchvision.models.vgg19}


@dataclass
class ToyCatalog:
    """The project's datasets.yaml and weights.yaml with the addresses, checksums and counts of toys."""

    server: HttpServer
    datasets: dict[str, Any]
    weights: dict[str, Any]
    rrdb: dict[str, Any]  # the generator of the released ESRGAN
    archives: dict[str, dict[str, bytes]] = field(default_factory=dict)

    def shrink(self) -> None:
        for name, dataset in self.datasets.items():
            if "images" in dataset:
                dataset["images"] = TRAIN if dataset["role"] == "train" else TEST
            if name == "set14_without_gray":
                dataset["images"] = TEST - 1
            for source in dataset.get("sources", []) if name in NAMES else []:
                source.pop("images_md5", None)
                self.archives.setdefault(source["file"], {}).update(members(name, source))
        served = {file: packed(file, files) for file, files in self.archives.items()}
        for name in NAMES:
            for source in self.datasets[name]["sources"]:
                self._publish(source, served[source["file"]])
        for name, network in WEIGHTS.items():
            self._publish(self.weights[name], features_of(network))
        self._publish(self.weights["esrgan"], esrgan(self.rrdb))
        for name, write in METRIC_FILES.items():
            self._publish(self.weights[name], written(write))

    def _publish(self, expected: dict[str, Any], content: bytes) -> None:
        """Serve a file under its last address; a first mirror, where there are two, does not have it."""
        *others, _ = expected["addresses"]
        addresses = [self.server.serve(f"/gone/{n}/{expected['file']}", b"", Answer(404)) for n, _ in enumerate(others)]
        expected["addresses"] = [*addresses, self.server.serve(f"/{expected['file']}", content)]
        expected |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        expected.pop("md5", None)

    def put_by_hand(self, folder: Path) -> None:
        """What a user asks others for and puts there."""
        for name, kind in BY_HAND.items():
            (folder / name).mkdir(parents=True)
            for number in range(TEST):
                content = encoded(photograph(name, str(number)), kind)
                (folder / name / f"image_{number}.{kind}").write_bytes(content)
