"""The floating point operations (FLOP) of a network and of a training iteration, by arithmetic from their options.

A multiply-add is 2 FLOP; convolutions, linear layers and matrix products are counted and nothing else, as
`torch.utils.flop_counter` does, without the time that importing torch takes. Normalisation, activations, most losses,
window variances, enlarging, optimisers and the EMA average take time but hardly any FLOP.

What a network or a loss multiplies, its own file tells:

    layers(options, scale)             of a generator: each layer's inputs, outputs, side of its kernel, and its pixels
                                       for each LR pixel; first the layer on the image
    lr_multiple(scale)                 of a generator that pads LR images: their sides become multiples of this
    layers(options, patch_size, channels)
                                       of a critic: the same, with the layer's pixels for one patch of so many channels
    flops(options, patch_size, scale)  of a loss: its FLOP of one HR patch, the gradient to SR included
    needs_ema(options)                 of a loss: whether it reads the EMA model's SR, another pass of the generator
"""

from __future__ import annotations

from math import ceil
from typing import Any, Literal

from gansr.config.term import RGB, Term
from gansr.plan.models import TrainedModel
from gansr.schema import plugins


def generator_flops(network_options: dict[str, Any], scale: int, lr_pixels: int) -> float | None:
    """FLOP of a generator's forward pass; None for a network whose file does not tell its layers.

    Args:
        network_options: all options of a generator, as a run holds them.
        scale: 2 or 4.
        lr_pixels: pixels of all LR images together, padded as the network does it (`padded_pixels`).
    """
    layers = _layers("generator", network_options, scale)
    return None if layers is None else sum(layers) * lr_pixels


def padded_pixels(network_options: dict[str, Any], scale: int, height: int, width: int) -> int:
    """Pixels of one LR image when the generator has padded it."""
    lr_multiple = plugins.function("generator", network_options["network"], "lr_multiple")
    multiple = lr_multiple(scale) if lr_multiple else 1
    return int(ceil(height / multiple) * ceil(width / multiple) * multiple**2)


def discriminator_flops(options: dict[str, Any] | None, patch_size: int) -> float | None:
    """FLOP of a discriminator's forward pass on one HR patch.

    0 without a discriminator, None for one whose file does not tell its layers. Not counted, as torch counts no
    products of a matrix and a vector: the power iteration of spectral normalisation, once per pass whatever the batch.
    """
    if options is None:
        return 0.0
    layers = _layers("critic", options, patch_size, RGB)
    return None if layers is None else sum(layers)


def training_flops(trained: TrainedModel, scale: int) -> float | None:
    """FLOP of one iteration of training/step.py; None where the generator or the discriminator is not known.

    Not counted are loss terms whose files do not tell their FLOP, the luma of the region mask and the SR that the MAD
    curves keep once in their interval. The step takes two forward passes of the discriminator less than the authors'
    codes, which judge the real patches once more for its update, and the fakes once more only to detach them.
    """
    method = trained.method
    side = method.patch_size // scale
    options = trained.network_options
    generator = _layers("generator", options, scale)
    networks = method.used_critics
    critics = [
        _layers("critic", networks[term.name], method.patch_size, term.channels)
        for term in method.used_terms
        if term.name in networks
    ]
    if generator is None or None in critics:
        return None
    passes = 3 * sum(generator) - generator[0]  # training needs no gradient of the images that it reads
    if any(term.needs_ema for term in method.used_terms):
        passes += sum(generator)
    total = passes * padded_pixels(options, scale, side, side) + sum(_of_discriminator(c) for c in critics if c)
    total += sum(_loss_flops(term, method.patch_size, scale) for term in method.used_terms)
    return total * method.batch_size


def _of_discriminator(layers: list[float]) -> float:
    """Three passes (reals, fakes for the generator, fakes again), one gradient to SR alone, two to the weights."""
    if not layers:
        return 0.0
    to_images, to_weights = sum(layers), 2 * sum(layers) - layers[0]
    return 3 * sum(layers) + to_images + 2 * to_weights


def _layers(kind: Literal["generator", "critic"], options: dict[str, Any], *given: int) -> list[float] | None:
    """FLOP of a network's layers in one forward pass, for each LR pixel or for one HR patch."""
    layers = plugins.function(kind, options["network"], "layers")
    if layers is None:
        return None
    return [2 * side**2 * inputs * outputs * pixels for inputs, outputs, side, pixels in layers(options, *given)]


def _loss_flops(term: Term, patch_size: int, scale: int) -> float:
    flops = plugins.function("loss", term.loss, "flops")
    return 0.0 if flops is None else float(flops(term.options, patch_size, scale))
