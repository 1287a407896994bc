"""The floating point operations (FLOP) of a network and of a training iteration, by arithmetic from their options.

A multiply-add is 2 FLOP. Only convolutions, linear layers and matrix products are counted, as by
`torch.utils.flop_counter`, but without importing torch, which takes seconds. Normalisation, activations, most losses,
window variances, enlarging, optimisers and the EMA update take time but hardly any FLOP.

The file of a network or a loss declares its layers or FLOP by these functions:

    layers(options, scale)             of a generator: for each layer its input channels, output channels, the side of
                                       its kernel, and its output pixels per LR pixel, from the first layer on
    lr_multiple(scale)                 of a generator that pads LR images: their sides become multiples of this
    layers(options, patch_size, channels)
                                       of a critic: the same, with output pixels per patch; a patch has `channels`
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
    """FLOP of a generator's forward pass; None for a network whose file has no function `layers`.

    Args:
        network_options: all options of a generator, as a run holds them.
        scale: 2 or 4.
        lr_pixels: pixels of all LR images together, padded as the network does it (`padded_pixels`).
    """
    layers = _layers("generator", network_options, scale)
    return None if layers is None else sum(layers) * lr_pixels


def padded_pixels(network_options: dict[str, Any], scale: int, height: int, width: int) -> int:
    """Pixels of one LR image after the generator has padded it."""
    lr_multiple = plugins.function("generator", network_options["network"], "lr_multiple")
    multiple = lr_multiple(scale) if lr_multiple else 1
    return int(ceil(height / multiple) * ceil(width / multiple) * multiple**2)


def discriminator_flops(options: dict[str, Any] | None, patch_size: int) -> float | None:
    """FLOP of a discriminator's forward pass on one HR patch.

    0 without a discriminator, None for one whose file has no function `layers`. The power iteration of spectral
    normalisation is not counted, because torch does not count products of a matrix and a vector either.
    """
    if options is None:
        return 0.0
    layers = _layers("critic", options, patch_size, RGB)
    return None if layers is None else sum(layers)


def training_flops(trained: TrainedModel, scale: int) -> float | None:
    """FLOP of one iteration of training/step.py; None if the file of the generator or of a critic has no `layers`.

    Not counted are loss terms whose files have no function `flops`, the luma of the region mask and the SR of the MAD
    patches. The step needs two forward passes of the discriminator less than the authors' codes, which compute the
    logits of the real patches once more for the discriminator's update, and those of the fakes once more, detached.
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
    passes = 3 * sum(generator) - generator[0]  # forward and two backward products; no gradient to the LR images
    if any(term.needs_ema for term in method.used_terms):
        passes += sum(generator)
    total = passes * padded_pixels(options, scale, side, side) + sum(_of_discriminator(c) for c in critics if c)
    total += sum(_loss_flops(term, method.patch_size, scale) for term in method.used_terms)
    return total * method.batch_size


def _of_discriminator(layers: list[float]) -> float:
    """FLOP of a critic in one iteration.

    Three forward passes: reals, fakes for the generator, fakes for the critic. Backward: once from the generator's loss
    to SR, and twice (through the passes of reals and of fakes) from the critic's loss to its weights.
    """
    if not layers:
        return 0.0
    to_images, to_weights = sum(layers), 2 * sum(layers) - layers[0]
    return 3 * sum(layers) + to_images + 2 * to_weights


def _layers(kind: Literal["generator", "critic"], options: dict[str, Any], *given: int) -> list[float] | None:
    """FLOP of each layer in one forward pass: per LR pixel for a generator, per HR patch for a critic."""
    layers = plugins.function(kind, options["network"], "layers")
    if layers is None:
        return None
    return [2 * side**2 * inputs * outputs * pixels for inputs, outputs, side, pixels in layers(options, *given)]


def _loss_flops(term: Term, patch_size: int, scale: int) -> float:
    flops = plugins.function("loss", term.loss, "flops")
    return 0.0 if flops is None else float(flops(term.options, patch_size, scale))
