"""Our parameter names turned into those under which others release the same weights."""

from __future__ import annotations

import re

from torch import Tensor

ESRGAN = [
    (r"^model\.0\.", "conv_first."),
    (r"^model\.1\.sub\.(\d+)\.RDB(\d)\.conv(\d)\.0\.", r"RRDB_trunk.\1.RDB\2.conv\3."),
    (r"^model\.1\.sub\.\d+\.(weight|bias)$", r"trunk_conv.\1"),
    (r"^model\.3\.", "upconv1."),
    (r"^model\.6\.", "upconv2."),
    (r"^model\.8\.", "HRconv."),
    (r"^model\.10\.", "conv_last."),
]
BASICSR = [
    (r"^RRDB_trunk\.(\d+)\.RDB(\d)", r"body.\1.rdb\2"),
    (r"^trunk_conv", "conv_body"),
    (r"^upconv", "conv_up"),
    (r"^HRconv", "conv_hr"),
]
KAIR_SRRESNET = [(r"^body\.", "recon_trunk."), (r"^conv_hr\.", "HRconv.")]


def renamed(state: dict[str, Tensor], *rules: list[tuple[str, str]]) -> dict[str, Tensor]:
    """The weights under the names that several lists of rules make, one list after the other."""
    for rule in rules:
        new = {}
        for key, value in state.items():
            for pattern, name in rule:
                key = re.sub(pattern, name, key)
            new[key] = value
        state = new
    return state
