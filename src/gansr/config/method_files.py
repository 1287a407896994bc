"""Method files: what they extend, their variants, and a run's overrides on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gansr.config import plugins
from gansr.config.loading import read_yaml
from gansr.config.method import CosineRestarts, MultiStep, schedule_kind
from gansr.errors import UserError, nearest


def read_method(folder: Path, name: str, variant: str | None = None) -> dict[str, Any]:
    """The raw mapping of a method file in one variant, with what it `extends` merged in.

    A method file is its default variant, named by `variant`; what another one has different is listed
    under `variants`.

    Raises:
        UserError: there is no such method or variant, or methods extend each other in a circle.
    """
    layers = _layers(folder, name)
    known = _known_variants(layers, folder, name)
    default = known[0]
    if isinstance(default, str) and known.count(default) > 1:
        raise UserError(f"{folder / name}.yaml: variants: {default} is the file itself; list the other one only")
    if variant is not None and variant not in known:
        raise UserError(f'the method {name} has no variant "{variant}"; {nearest(variant, known)}')
    merged: dict[str, Any] = {}
    for layer in layers:
        # what a file says wins over a variant of the file that it extends
        merged = _merge_methods(merged, {key: value for key, value in layer.items() if key != "variants"})
        if variant is not None and variant != default:
            merged = _merge_methods(merged, _variants(layer, folder, name).get(variant, {}))
    return merged if variant in (None, default) else {**merged, "variant": variant}


def variants(folder: Path, name: str) -> list[str]:
    """The variants of a method, the default first."""
    return _known_variants(_layers(folder, name), folder, name)


def _known_variants(layers: list[dict[str, Any]], folder: Path, name: str) -> list[str]:
    """The variants of a method file and those that it extends, the default first."""
    default = next((layer["variant"] for layer in reversed(layers) if "variant" in layer), "release")
    return [default, *dict.fromkeys(other for layer in layers for other in _variants(layer, folder, name))]


def _variants(layer: dict[str, Any], folder: Path, name: str) -> dict[str, dict[str, Any]]:
    different = layer.get("variants") or {}
    if not isinstance(different, dict) or not all(isinstance(value, dict) for value in different.values()):
        raise UserError(f"{folder / name}.yaml: variants: give each variant's name and what it has different")
    return different


def _layers(folder: Path, name: str) -> list[dict[str, Any]]:
    """A method file and those that it extends, the base first."""
    chain: list[str] = []
    layers: list[dict[str, Any]] = []
    following: str | None = name
    known = [path.stem for path in folder.glob("*.yaml")]
    while following is not None:
        if following in chain:
            raise UserError(f"{folder / name}.yaml: methods extend each other: {' -> '.join([*chain, following])}")
        file = folder / f"{following}.yaml"
        if not file.is_file():
            user = f'method "{following}"' if not chain else f'method "{following}" that "{chain[-1]}" extends'
            raise UserError(f"unknown {user}; {nearest(following, known)}; methods are files in {folder}")
        chain.append(following)
        layer = read_yaml(file)
        following = layer.pop("extends", None)
        if following is not None and not isinstance(following, str):
            raise UserError(f"{file}: extends: {following!r} is no method's name; {nearest(str(following), known)}")
        layers.append(layer)
    return layers[::-1]


def _merge_methods(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`merge`, except that a schedule or discriminator of another kind takes the place of the old one as a whole."""
    for key, kind in (("schedule", schedule_kind), ("discriminator", _network)):
        old, new = base.get(key), over.get(key)
        if isinstance(old, dict) and isinstance(new, dict) and new and kind(new) not in (kind(old), None):
            base = {**base, key: {}}
    return merge(base, over)


def _network(discriminator: dict[str, Any]) -> Any:
    return discriminator.get("network")


def merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`base` with the values of `over`, mappings within mappings merged key by key."""
    result = dict(base)
    for key, value in over.items():
        old = result.get(key)
        # the perceptual loss's layers are one setting: naming some does not add them to others
        inside = isinstance(old, dict) and isinstance(value, dict) and key != "layers"
        result[key] = merge(old or {}, value) if inside else value
    return result


def apply_overrides(method: dict[str, Any], overrides: dict[str, Any]) -> dict[str, Any]:
    """A run's overrides for a stage on one of its methods.

    Loss terms, a discriminator, an EMA model and a schedule's keys are adjusted where the method has them
    and never added.
    """
    kept = dict(overrides)
    if isinstance(kept.get("schedule"), dict):
        foreign = MultiStep if schedule_kind(method.get("schedule", {})) == "[cosine]" else CosineRestarts
        kept["schedule"] = {key: value for key, value in kept["schedule"].items() if key not in foreign.model_fields}
    if isinstance(kept.get("losses"), dict):
        has = method.get("losses", {})
        kept["losses"] = {name: value for name, value in kept["losses"].items() if name in has}
    for key in ("discriminator", "ema_decay"):
        if method.get(key) is None:
            kept.pop(key, None)
    changed = kept.get("discriminator")
    if isinstance(changed, dict) and "network" not in changed:
        has = plugins.schema("critic", method["discriminator"]["network"]).model_fields
        others = {key for name in plugins.names("critic") for key in plugins.schema("critic", name).model_fields}
        kept["discriminator"] = {key: value for key, value in changed.items() if key in has or key not in others}
    return _merge_methods(method, kept)
