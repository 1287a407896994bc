"""Random weights of the networks that metrics use, in the layout of the published files; and files that are none."""

from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pytorch_fid import inception as pytorch_fid

from gansr.errors import UserError
from gansr.metrics.inception import BenchmarkFeatures, patch_corners
from gansr.metrics.pair import Pair
from gansr.metrics.trunks import HALO, strips

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
ALEXNET = {
    "0": (64, 3, 11, 11),
    "3": (192, 64, 5, 5),
    "6": (384, 192, 3, 3),
    "8": (256, 384, 3, 3),
    "10": (256, 256, 3, 3),
}
VGG16 = {
    index: (out, into, 3, 3)
    for index, into, out in zip(
        ("0", "2", "5", "7", "10", "12", "14", "17", "19", "21", "24", "26", "28"),
        (3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512),
        (64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512),
        strict=True,
    )
}
LAYERS = {"alex": ALEXNET, "vgg": VGG16}


def rgb(file):
    return np.asarray(Image.open(file).convert("RGB"))


def images(height=64, width=48, seed=0):
    """SR and HR, both of noise, the one near the other."""
    random = np.random.default_rng(seed)
    hr = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
    return np.clip(hr + random.normal(0, 30, hr.shape), 0, 255).astype(np.uint8), hr


def pair(height=64, width=48, seed=0):
    return Pair(*images(height, width, seed))


def write_images(folder, sizes):
    folder.mkdir()
    for seed, (name, size) in enumerate(sizes.items()):
        Image.fromarray(images(*size, seed=seed)[1]).save(folder / f"{name}.png")


def random_trunk(file, backbone="alex", seed=0):
    """A file of the layout of torchvision's network, its classifier left out but for a token."""
    random = torch.Generator().manual_seed(seed)
    state = {"classifier.6.bias": torch.zeros(1000)}
    for index, shape in LAYERS[backbone].items():
        state[f"features.{index}.weight"] = _he(shape, random)
        state[f"features.{index}.bias"] = 0.1 * torch.randn(shape[0], generator=random)
    torch.save(state, file)
    return state


def _he(shape, random):
    """Weights that keep the size of what passes through."""
    return torch.randn(shape, generator=random) * (2 / np.prod(shape[1:])) ** 0.5


@contextmanager
def _fid_network():
    """pytorch-fid's network without weights, and the torchvision network that holds its layers; no download."""
    built, original = [], pytorch_fid._inception_v3
    with pytest.MonkeyPatch.context() as patch, torch.device("meta"):
        patch.setattr(pytorch_fid, "_inception_v3", lambda **options: built.append(original(**options)) or built[0])
        patch.setattr(pytorch_fid, "load_state_dict_from_url", lambda *_, **__: built[0].state_dict())
        yield pytorch_fid.InceptionV3([pytorch_fid.InceptionV3.BLOCK_INDEX_BY_DIM[2048]]), built[0]


def random_inception(file, seed=0):
    """A file of the layout of FID's Inception, with features of about 1."""
    random = torch.Generator().manual_seed(seed)
    with _fid_network() as (_, layers):
        shapes = {key: value.shape for key, value in layers.state_dict().items()}
    state = {}
    for key, shape in shapes.items():
        if len(shape) == 4:
            state[key] = _he(shape, random)
        elif key.endswith("running_var"):
            state[key] = 0.5 + torch.rand(shape, generator=random)
        elif key.endswith("num_batches_tracked"):
            state[key] = torch.tensor(0)
        else:
            state[key] = key.endswith("bn.weight") + 0.1 * torch.randn(shape, generator=random)
    torch.save(state, file)
    return state


def fid_reference(state):
    """pytorch-fid's own network with these weights."""
    with _fid_network() as (network, layers):
        layers.load_state_dict(state, assign=True)
    return network.eval()


class QuickNetwork:
    """Six features of what an image looks like, in the place of the network's."""

    def __init__(self, weights=None):
        self.seen = 0

    def of_whole(self, image):
        self.seen += 1
        values = image.astype(np.float32) / 255
        return np.concatenate([values.mean(axis=(0, 1)), values[: len(values) // 2].std(axis=(0, 1))])

    def of_patches(self, image):
        return np.stack([self.of_whole(image[y : y + 96, x : x + 96]) for y, x in patch_corners(*image.shape[:2])])


def some_features(seed=0):
    random = np.random.default_rng(seed)
    names = ["b", "a", "with, comma", "дом", "file"]
    return BenchmarkFeatures(
        {name: random.random(2048, dtype=np.float32) for name in names},
        {name: random.random((2 + n, 2048), dtype=np.float32) for n, name in enumerate(names[:-1])},
    )


def assert_equal_features(one, other):
    for first, second in ((one.whole, other.whole), (one.patches, other.patches)):
        assert list(first) == list(second)
        for name in first:
            np.testing.assert_array_equal(first[name], second[name], strict=True)


def in_strips(monkeypatch, height, width, rows):
    """Have the metrics take images in strips of so many rows; how many there are of an image of this size."""
    most = (rows + 2 * HALO) * width if rows > 16 else 1
    monkeypatch.setattr("gansr.metrics.perceptual.strips", lambda height, width: strips(height, width, most))
    return len(list(strips(height, width, most)))


class _Executes:
    def __init__(self, code):
        self.code = code

    def __reduce__(self):
        return exec, (self.code,)


def executing(file, trace):
    """A file that leaves a trace where it is loaded without care."""
    torch.save({"alpha": _Executes(f"open({str(trace)!r}, 'w').close()")}, file)


def _cut_short(file):
    torch.save({"features.0.weight": torch.zeros(64, 3, 11, 11)}, file)
    file.write_bytes(file.read_bytes()[:-100])


BROKEN = {
    "missing": lambda file: None,
    "a folder": lambda file: file.mkdir(),
    "text": lambda file: file.write_text("no weights\n"),
    "empty": lambda file: file.touch(),
    "cut short": _cut_short,
    "a list": lambda file: torch.save([torch.zeros(4)], file),
    "other names": lambda file: torch.save({"conv_first.weight": torch.zeros(4)}, file),
    "names of numbers": lambda file: torch.save({0: torch.zeros(4)}, file),
}


def _changed_byte(file):
    content = bytearray(file.read_bytes())
    content[content.index(b"NUMPY") + 200] ^= 255
    file.write_bytes(content)


def _written(file, save, *arrays, **named):
    with file.open("wb") as stream:
        save(stream, *arrays, **named)


BROKEN_NPZ = {  # made of a right one
    "missing": lambda file: file.unlink(),
    "text": lambda file: file.write_text("no features\n"),
    "empty": lambda file: file.write_bytes(b""),
    "cut short": lambda file: file.write_bytes(file.read_bytes()[:-100]),
    "a changed byte": _changed_byte,
    "one array": lambda file: _written(file, np.save, np.zeros(3)),
    "other names": lambda file: _written(file, np.savez, own=np.zeros(3)),
    "objects": lambda file: _written(file, np.savez, **{"whole/a": np.array([None, {}], dtype=object)}),
}


def refused(load, file, *words):
    """The one line that says which file is refused, and the way out."""
    with pytest.raises(UserError) as caught:
        load()
    text = str(caught.value)
    assert text.startswith(f"{file}: ") and "\n" not in text
    for word in ("again", *words):
        assert word in text
    return text


def refused_unexecuted(load, file, trace):
    """Refused, and what it holds was not executed, though it can be."""
    executing(file, trace)
    refused(load, file, "more than tensors")
    assert not trace.exists()
    torch.load(file, weights_only=False)
    assert trace.exists()
