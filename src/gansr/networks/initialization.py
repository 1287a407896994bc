"""Weight initialisation of residual super-resolution networks."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn


def small_residuals(modules: Iterable[nn.Module], scale: float = 0.1) -> None:
    """Kaiming-normal weights times `scale` and zero biases for every convolution in the modules.

    Residual branches that start small keep a deep network close to the identity at first (ESRGAN,
    section 3.1).
    """
    for module in modules:
        for layer in module.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight)
                layer.weight.data.mul_(scale)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
