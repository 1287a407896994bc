"""Checks of a run as a whole: that overrides, datasets, patches, tables and figures fit its models."""

from __future__ import annotations

from functools import cache

from gansr.config.dataset_files import image_size, image_sizes
from gansr.config.run import Run
from gansr.config.schedule import CosineRestarts, MultiStep
from gansr.errors import UserError, nearest
from gansr.plan.figure_checks import check_figures
from gansr.plan.leaks import shared_images
from gansr.plan.plan import Plan
from gansr.plan.table_checks import check_tables


def check_override_keys(run: Run) -> None:
    """Refuse override keys that no method has, before the overrides are applied to a method.

    Otherwise the error would name a method, though the mistake is in the overrides.
    """
    schedule_keys = [*MultiStep.model_fields, *CosineRestarts.model_fields]
    for stage, overrides in run.overrides.items():
        for key in ("variant", "stage", "title", "paper", "extends", "variants"):
            if key in overrides:
                way_out = "give a model its variant" if key == "variant" else "write a method file of your own"
                raise UserError(f"overrides.{stage}.{key}: says what a method is and cannot be changed; {way_out}")
        schedule = overrides.get("schedule", {})
        for key in schedule if isinstance(schedule, dict) else ():
            if key not in schedule_keys:
                raise UserError(f'overrides.{stage}.schedule: unknown key "{key}"; {nearest(key, schedule_keys)}')


def check_plan(plan: Plan) -> None:
    """All checks that need the whole plan.

    Raises:
        UserError: parts of the configuration do not fit together.
    """
    _check_overrides(plan)
    _check_leaks(plan)
    _check_image_sizes(plan)
    check_figures(plan)
    check_tables(plan)
    _check_mad_patches(plan)


def _check_overrides(plan: Plan) -> None:
    for stage, overrides in plan.run.overrides.items():
        methods = [model.method for model in plan.trained.values() if model.method.stage == stage]
        if not methods:
            raise UserError(f"overrides.{stage}: no model of this run has a method of the stage {stage}; remove it")
        if overrides.get("discriminator") is not None and not any("adversarial" in m.critics for m in methods):
            raise UserError(f"overrides.{stage}.discriminator: no method of this stage has one; remove it")
        if overrides.get("ema_decay") is not None and not any(method.ema_decay for method in methods):
            raise UserError(f"overrides.{stage}.ema_decay: no method of this stage has one; remove it")
        schedule_keys = {key for method in methods for key in type(method.schedule).model_fields}
        schedule = overrides.get("schedule", {})
        for key in schedule if isinstance(schedule, dict) else ():
            if key not in schedule_keys:
                raise UserError(
                    f"overrides.{stage}.schedule: no method of this stage has the key {key}; "
                    f"{nearest(key, schedule_keys)}"
                )
        for key, noun in (("losses", "loss"), ("critics", "critic"), ("groups", "parameter group")):
            used = {name for method in methods for name in getattr(method, key)}
            given = overrides.get(key, {})
            if not isinstance(given, dict):
                raise UserError(f"overrides.{stage}.{key}: {given!r} is no mapping of {key}; add one or remove it")
            for name in given:
                if name not in used:
                    raise UserError(
                        f'overrides.{stage}.{key}: no method here has the {noun} "{name}"; {nearest(name, used)}'
                    )
        for name, loss in overrides.get("losses", {}).items():
            viewed = any(method.losses.get(name, {}).get("view") for method in methods)
            if isinstance(loss, dict) and loss.get("view") is not None and not viewed:
                raise UserError(f"overrides.{stage}.losses.{name}.view: no method of this stage has one; remove it")


def _check_leaks(plan: Plan) -> None:
    datasets = plan.datasets
    for train in {part for model in plan.trained.values() for part in datasets.parts(model.dataset)}:
        for benchmark in plan.run.benchmarks:
            leaked = [
                image for part in datasets.parts(benchmark) for image in shared_images(datasets[train], datasets[part])
            ]
            if leaked:
                raise UserError(f"the benchmark {benchmark} tests on what {train} trains on: {', '.join(leaked)}")


def _check_image_sizes(plan: Plan) -> None:
    """Refuse images that are smaller than a patch, by their headers.

    Images that are still to be fetched are checked when they are used.
    """
    sizes_of = cache(lambda name: image_sizes(plan.datasets[name], name) if plan.datasets.is_here(name) else {})
    for model in plan.trained.values():
        for part in plan.datasets.parts(model.dataset):
            for image, (height, width) in sizes_of(part).items():
                if min(height, width) < model.method.patch_size:
                    raise UserError(
                        f"dataset {part}: {image} is {height} x {width}, smaller than the patch "
                        f"({model.method.patch_size}) of {model.name}; remove the image or lower patch_size"
                    )
    mad = plan.run.mad
    if mad and mad.patches == "auto" and plan.datasets.is_here(mad.benchmark):
        sizes = image_sizes(plan.datasets[mad.benchmark], mad.benchmark)
        if not any(min(size) - min(size) % plan.run.scale >= mad.size for size in sizes.values()):
            raise UserError(f"mad.size: {mad.size} is larger than every image of {mad.benchmark}; lower it")


def _check_mad_patches(plan: Plan) -> None:
    mad = plan.run.mad
    if mad is None:
        return
    dataset = plan.datasets[mad.benchmark]
    if not dataset.has_hr:
        raise UserError(f"mad.benchmark: {mad.benchmark} has no HR images, from which patches are taken; name another")
    if not plan.datasets.is_here(mad.benchmark):
        return
    for number, patch in enumerate(mad.patches if mad.patches != "auto" else []):
        height, width = image_size(dataset, mad.benchmark, patch.image)
        height, width = height - height % plan.run.scale, width - width % plan.run.scale
        if patch.top + patch.size > height or patch.left + patch.size > width:
            raise UserError(
                f"mad.patches.{number}: rows {patch.top} to {patch.top + patch.size} and columns {patch.left} to "
                f"{patch.left + patch.size} are outside {patch.image} ({height} x {width}); move it inside"
            )
