"""Beby-GAN's best-buddy loss: every SR patch is compared with the HR patch of its image that fits it best.

Best-Buddy GANs (Li et al., AAAI 2022), Eq. 1 to 3, as the authors' code computes them: patches do not overlap, and the
norm of Eq. 3 is a mean. As in Eq. 2, the option alpha weighs the distance to HR and beta the distance to SR; the
authors' code swaps the two names (both are 1).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from gansr.errors import UserError
from gansr.kernels.bicubic import reduce_bicubic
from gansr.losses.base import LossContext, LossTerm, Outputs

VERSION = 1
PATCH = 3  # pixels; also the step from one patch to the next
LEVELS = (2, 4)  # r of Eq. 1: the factors of the pyramid below HR
BLOCK = 64  # candidates per block in the two-step search for the minimum, see best_buddies
SCORES_AT_ONCE = {"cpu": 2**20, "cuda": 2**27}  # scores in memory at a time


def check(options: dict[str, Any], method: dict[str, Any]) -> None:
    """Check that alpha or beta is positive, and that the smallest level of the pyramid holds a patch."""
    if options["alpha"] == options["beta"] == 0:
        raise ValueError("alpha and beta are both 0, every candidate is as good; raise one")
    if method["patch_size"] < PATCH * max(LEVELS):
        raise ValueError(
            f"{PATCH} x {PATCH} patches of HR reduced by {max(LEVELS)} need a patch_size of at least "
            f"{PATCH * max(LEVELS)}"
        )
    if options["pyramid"] == "matlab_bicubic" and method["patch_size"] % max(LEVELS):
        raise ValueError(f"the pyramid needs a patch_size that is a multiple of {max(LEVELS)}")


def flops(options: dict[str, Any], patch_size: int, scale: int) -> float:
    """FLOP of one HR patch: each of its 3 x 3 patches times every candidate, in whole blocks; and MATLAB reductions."""
    sides = [patch_size, *(patch_size // factor for factor in LEVELS)]
    pieces, *others = [(side // PATCH) ** 2 for side in sides]
    candidates = -(-(pieces + sum(others)) // BLOCK) * BLOCK
    search = 2 * 3 * PATCH**2 * candidates * pieces
    reductions = sum(2 * 3 * small * patch_size * (patch_size + small) for small in sides[1:])
    return search + (reductions if options["pyramid"] == "matlab_bicubic" else 0)


def cut_patches(image: Tensor) -> Tensor:
    """N x 3 x H x W to N x (patches) x 27; rows and columns beyond the last whole patch are left out."""
    return F.unfold(image, PATCH, stride=PATCH).transpose(1, 2)


def candidates(hr: Tensor, reduction: str = "torch_bicubic") -> Tensor:
    """The supervision candidates G: the patches of HR and of HR reduced by 2 and by 4, N x G x 27.

    `torch_bicubic` is the reduction of the authors' code: a = -0.75, no antialiasing, not clipped. `matlab_bicubic` is
    that of the back-projection loss; the paper has the same symbol S for both.
    """
    levels = [hr]
    for factor in LEVELS:
        if reduction == "matlab_bicubic":
            levels.append(reduce_bicubic(hr, factor))
        else:
            levels.append(F.interpolate(hr, scale_factor=1 / factor, mode="bicubic", align_corners=False))
    return torch.cat([cut_patches(level) for level in levels], dim=1)


@torch.no_grad()
def best_buddies(sr: Tensor, hr: Tensor, pool: Tensor, alpha: float, beta: float) -> Tensor:
    """For each SR patch p_i the index in the pool of g* = argmin_g alpha |g - g_i|^2 + beta |g - p_i|^2 (Eq. 2).

    Args:
        sr: patches of SR, N x P x 27.
        hr: patches of HR at the same places, N x P x 27.
        pool: the candidates, N x G x 27.
        alpha: weight of the distance to HR, not negative.
        beta: weight of the distance to SR, not negative; not both 0.

    Returns:
        N x P, int64; the first of equally good candidates.

    Without the terms that do not depend on g, half the score is (alpha + beta) / 2 |g|^2 - g . (alpha g_i + beta p_i).
    So one matrix product replaces two tables of distances, and only some of its rows are in memory at a time. The mean
    candidate is subtracted from all patches, which changes no distance and makes float32 more exact.
    """
    mean = pool.mean(dim=1, keepdim=True)
    pool = pool - mean
    query = alpha * (hr - mean) + beta * (sr - mean)
    # torch's minimum is many times faster than its argmin: find the best block first, then the best inside
    missing = -pool.shape[1] % BLOCK
    offset = F.pad((alpha + beta) / 2 * pool.square().sum(dim=2), (0, missing), value=torch.inf)
    columns = F.pad(pool, (0, 0, 0, missing)).transpose(1, 2).contiguous()
    rows = max(1, SCORES_AT_ONCE["cuda" if sr.is_cuda else "cpu"] // columns.shape[2])
    kept = query.new_empty(rows, columns.shape[2])  # one buffer for all parts: new memory each time costs page faults
    found = []
    for sample in range(len(sr)):
        for part in query[sample].split(rows):
            table = torch.addmm(offset[sample], part, columns[sample], alpha=-1, out=kept[: len(part)])
            score = table.view(len(part), -1, BLOCK)
            block = score.amin(dim=2).argmin(dim=1)
            inside = score[torch.arange(len(part), device=score.device), block].argmin(dim=1)
            found.append(block * BLOCK + inside)
    # where SR is infinite, a padded candidate may be chosen (NaN); the clamp keeps the index valid, and the loss is
    # infinite anyway
    return torch.cat(found).clamp_max(pool.shape[1] - 1).view(sr.shape[:2])


class BestBuddyLoss(LossTerm):
    """mean |p_i - g*_i| over samples, patches and their 27 values (Eq. 3); the gradient flows through p_i alone.

    Where H or W is no multiple of 3, the last one or two rows or columns are left out, as in the authors' code.
    """

    def __init__(
        self,
        context: LossContext,
        *,
        alpha: Annotated[float, Field(ge=0)] = 1,
        beta: Annotated[float, Field(ge=0)] = 1,
        pyramid: Literal["torch_bicubic", "matlab_bicubic"] = "torch_bicubic",
    ) -> None:
        super().__init__(context)
        if alpha == beta == 0:
            raise UserError("best_buddy: alpha and beta are both 0, every candidate is as good; raise one")
        self.alpha, self.beta = alpha, beta
        self.pyramid = pyramid

    def forward(self, outputs: Outputs) -> Tensor:
        """The best-buddy loss of a batch, computed in float32 even under autocast."""
        smallest = PATCH * max(LEVELS)
        if min(outputs.sr.shape[-2:]) < smallest:
            raise UserError(
                f"best_buddy: a patch of {tuple(outputs.sr.shape[-2:])} holds no {PATCH} x {PATCH} patch after a "
                f"reduction by {max(LEVELS)}; patch_size must be at least {smallest}"
            )
        with torch.autocast(outputs.sr.device.type, enabled=False):
            hr = outputs.hr.float()
            sr_patches = cut_patches(outputs.sr.float())
            pool = candidates(hr, self.pyramid)
            index = best_buddies(sr_patches, cut_patches(hr), pool, self.alpha, self.beta)
            buddies = pool.gather(1, index[..., None].expand(-1, -1, pool.shape[2]))
            return F.l1_loss(sr_patches, buddies)
