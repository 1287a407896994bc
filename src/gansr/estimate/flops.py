"""The floating point operations (FLOP) of a network and of a training iteration, by arithmetic from their options.

A multiply-add is 2 FLOP; convolutions, linear layers and matrix products are counted and nothing else, as
`torch.utils.flop_counter` does, without the time that importing torch takes. Normalisation, activations, losses,
window variances, enlarging, optimisers and the EMA average take time but hardly any FLOP.

Every network is a list with the FLOP of its layers, the layer on the image first: training needs no gradient of
the images it reads, so that the backward pass of this one layer is half as long.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, isqrt
from typing import Any

from gansr.plan.models import TrainedModel

Layers = list[float]

RGB = 3
GROWTH = 32  # of RRDB's dense blocks
WINDOW = 8  # pixels, of SwinIR's attention
MLP_RATIO = 2  # of SwinIR
SWINIR_UPSAMPLING = 64  # features of SwinIR behind its transformer
LINEAR = 100  # features between the two linear layers of the VGG discriminator
VGG_WIDTHS = (1, 2, 4, 8, 8, 8)  # of the discriminator's stages, in multiples of the base width
VGG19_BLOCKS = ((1, 2), (2, 2), (4, 4), (8, 4), (8, 4))  # width in multiples of the base width, convolutions
BUDDY_PATCH, BUDDY_LEVELS, BUDDY_BLOCK = 3, (1, 2, 4), 64  # of the best-buddy search


def generator_flops(network_options: dict[str, Any], scale: int, lr_pixels: int) -> float | None:
    """FLOP of a generator's forward pass; None for a network that this file does not know.

    Args:
        network_options: all options of a generator, as a run holds them.
        scale: 2 or 4.
        lr_pixels: pixels of all LR images together, padded as the network does it (`padded_pixels`).
    """
    layers = _generator(network_options, scale)
    return None if layers is None else sum(layers) * lr_pixels


def padded_pixels(network_options: dict[str, Any], scale: int, height: int, width: int) -> int:
    """Pixels of one LR image when the generator has padded it: SwinIR to whole windows, RRDB x2 to whole folds."""
    multiple = {"swinir": WINDOW, "rrdb": 4 // scale}.get(network_options["network"], 1)
    return ceil(height / multiple) * ceil(width / multiple) * multiple**2


def discriminator_flops(options: dict[str, Any] | None, hr_pixels: int) -> float | None:
    """FLOP of a discriminator's forward pass on one HR patch of so many pixels.

    0 without a discriminator, None for one that this file does not know. Not counted, as torch counts no products
    of a matrix and a vector: the power iteration of spectral normalisation, once per pass whatever the batch.
    """
    if options is None:
        return 0.0
    layers = _discriminator(options, hr_pixels)
    return None if layers is None else sum(layers)


def vgg19_flops(perceptual: dict[str, Any], hr_pixels: int) -> float:
    """FLOP of VGG19's forward pass on one square HR patch, up to the deepest layer that the perceptual loss reads.

    Args:
        perceptual: the options of the loss term: layers, width.
        hr_pixels: pixels of the patch; each block but the first halves its side, rounded down.
    """
    deepest = max((int(block), int(number)) for block, number in (name[4:].split("_") for name in perceptual["layers"]))
    side, previous, total = isqrt(hr_pixels), RGB, 0
    for block, (multiple, convolutions) in enumerate(VGG19_BLOCKS, start=1):
        for number in range(1, convolutions + 1):
            if (block, number) > deepest:
                return float(total)
            width = multiple * perceptual["width"]
            total += _convolution(previous, width) * side**2
            previous = width
        side //= 2
    return float(total)


def training_flops(trained: TrainedModel, scale: int) -> float | None:
    """FLOP of one iteration of training/step.py; None where the generator or the discriminator is not known.

    Not counted are loss terms of the user's own, the luma of the region mask and the SR that the MAD curves keep
    once in their interval. The step takes two forward passes of the discriminator less than the authors' codes,
    which judge the real patches once more for its update, and the fakes once more only to detach them.
    """
    method = trained.method
    losses = {name: loss for name, loss in method.losses.items() if loss["weight"] > 0}
    side, hr_pixels = method.patch_size // scale, method.patch_size**2
    options = trained.spec["generator"]
    generator = _generator(options, scale)
    critics = [_discriminator(critic, hr_pixels) for critic in method.used_critics.values()]
    if generator is None or None in critics:
        return None
    passes = 3 * sum(generator) - generator[0]
    if losses.get("artifact", {}).get("ema_refine"):
        passes += sum(generator)
    total = passes * padded_pixels(options, scale, side, side) + sum(_of_discriminator(c) for c in critics if c)
    if "perceptual" in losses:
        # features of HR; features of SR and their gradient, which goes to SR and to no weights
        total += 3 * vgg19_flops(losses["perceptual"], hr_pixels)
    if "best_buddy" in losses:
        total += _best_buddy_flops(losses["best_buddy"], method.patch_size)
    if "back_projection" in losses:
        total += 2 * _reduction_flops(method.patch_size, scale)
    return total * method.batch_size


def _of_discriminator(layers: Layers) -> float:
    """Three passes (reals, fakes for the generator, fakes again), one gradient to SR alone, two to the weights."""
    if not layers:
        return 0.0
    to_images, to_weights = sum(layers), 2 * sum(layers) - layers[0]
    return 3 * sum(layers) + to_images + 2 * to_weights


def _convolution(inputs: int, outputs: int, size: int = 3) -> int:
    """FLOP of a convolution for each pixel of its output; of a linear layer with size 1."""
    return 2 * size**2 * inputs * outputs


def _doublings(scale: int) -> list[int]:
    """The number of pixels, in multiples of LR, before each of the steps that double the size."""
    return [4**step for step in range(scale.bit_length() - 1)]


def _generator(network_options: dict[str, Any], scale: int) -> Layers | None:
    """FLOP of the layers for each LR pixel."""
    known: dict[str, Callable[[dict[str, Any], int], Layers]] = {
        "srresnet": _srresnet,
        "rrdb": _rrdb,
        "swinir": _swinir,
    }
    layers = known.get(network_options["network"])
    return layers(network_options, scale) if layers else None


def _srresnet(options: dict[str, Any], scale: int) -> Layers:
    features, large = options["features"], scale**2
    same = _convolution(features, features)
    upsampling = [pixels * _convolution(features, 4 * features) for pixels in _doublings(scale)]
    last = [large * same, large * _convolution(features, RGB)]
    return [_convolution(RGB, features), *[same] * (2 * options["blocks"]), *upsampling, *last]


def _rrdb(options: dict[str, Any], scale: int) -> Layers:
    features = options["features"]
    fold = 4 // scale  # x2 is the x4 network on an input folded by 2
    same = _convolution(features, features)
    growing = [_convolution(features + step * GROWTH, GROWTH) for step in range(4)]
    dense = [*growing, _convolution(features + 4 * GROWTH, features)]
    upsampling = [4 * same, 16 * same]  # behind the enlarging, at its size
    last = [16 * same, 16 * _convolution(features, RGB)]
    layers = [_convolution(RGB * fold**2, features), *dense * (3 * options["blocks"]), same, *upsampling, *last]
    return [layer / fold**2 for layer in layers]


def _swinir(options: dict[str, Any], scale: int) -> Layers:
    features, large = options["features"], scale**2
    same = _convolution(features, features)
    linear = (3 + 1 + 2 * MLP_RATIO) * _convolution(features, features, 1)  # query, key, value; projection; MLP
    attention = 2 * (2 * WINDOW**2 * features)  # query by key, then by value, over a window; the same for all heads
    group = [*[linear + attention] * options["blocks"], same]
    before = _convolution(features, SWINIR_UPSAMPLING)
    upsampling = [pixels * _convolution(SWINIR_UPSAMPLING, 4 * SWINIR_UPSAMPLING) for pixels in _doublings(scale)]
    last = large * _convolution(SWINIR_UPSAMPLING, RGB)
    return [_convolution(RGB, features), *group * options["groups"], same, before, *upsampling, last]


def _discriminator(options: dict[str, Any], hr_pixels: int) -> Layers | None:
    """FLOP of the layers for one HR patch."""
    known: dict[str, Callable[[dict[str, Any], int], Layers]] = {"vgg": _vgg, "unet_sn": _unet}
    layers = known.get(options["network"])
    return layers(options, hr_pixels) if layers else None


def _vgg(options: dict[str, Any], pixels: int) -> Layers:
    layers: Layers = []
    previous = RGB
    for multiple in VGG_WIDTHS[: options["stages"]]:
        width = multiple * options["features"]
        layers.append(pixels * _convolution(previous, width))
        pixels //= 4
        layers.append(pixels * _convolution(width, width, 4))
        previous = width
    return [*layers, _convolution(previous * pixels, LINEAR, 1), _convolution(LINEAR, 1, 1)]


def _unet(options: dict[str, Any], pixels: int) -> Layers:
    features = options["features"]
    down = [_convolution(features * wide, features * wide * 2, 4) / (2 * wide) ** 2 for wide in (1, 2, 4)]
    up = [_convolution(features * wide, features * wide // 2) / (wide // 2) ** 2 for wide in (8, 4, 2)]
    last = [_convolution(features, features)] * 2 + [_convolution(features, 1)]
    return [layer * pixels for layer in (_convolution(RGB, features), *down, *up, *last)]


def _best_buddy_flops(options: dict[str, Any], patch_size: int) -> float:
    """FLOP of the search through one HR patch: every piece of SR by every candidate, these in whole blocks."""
    pieces, *others = [(patch_size // level // BUDDY_PATCH) ** 2 for level in BUDDY_LEVELS]
    candidates = ceil((pieces + sum(others)) / BUDDY_BLOCK) * BUDDY_BLOCK
    search = _convolution(RGB, candidates, BUDDY_PATCH) * pieces
    if options["pyramid"] == "matlab_bicubic":
        return search + sum(_reduction_flops(patch_size, level) for level in BUDDY_LEVELS[1:])
    return float(search)


def _reduction_flops(side: int, factor: int) -> float:
    """FLOP of the two matrix products that reduce one HR patch; of their gradient as well."""
    small = side // factor
    return float(2 * RGB * small * side * (side + small))
