"""Method files: what they extend, their variants, and a run's overrides on them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gansr.config.method import spelt_out
from gansr.config.schedule import CosineRestarts, MultiStep, schedule_kind
from gansr.errors import UserError, nearest
from gansr.schema import plugins
from gansr.schema.loading import read_yaml


def read_method(folder: Path, name: str, variant: str | None = None) -> dict[str, Any]:
    """The raw mapping of a method file in one variant, merged with the file that it `extends`.

    A method file holds the values of its default variant, whose name is under `variant`. Under `variants` are the
    values that other variants have different.

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
        # later layers win: a file's own values take precedence over a variant of the file that it extends
        own = {key: value for key, value in layer.items() if key != "variants"}
        merged = _merge_methods(merged, _spelt_out(own, f"{folder / name}.yaml"))
        if variant is not None and variant != default:
            different = _variants(layer, folder, name).get(variant, {})
            merged = _merge_methods(merged, _spelt_out(different, f"{folder / name}.yaml: variants.{variant}"))
    return merged if variant in (None, default) else {**merged, "variant": variant}


def variants(folder: Path, name: str) -> list[str]:
    """The variants of a method, the default first."""
    return _known_variants(_layers(folder, name), folder, name)


def _known_variants(layers: list[dict[str, Any]], folder: Path, name: str) -> list[str]:
    """The variants of a method file and of the files that it extends, the default first."""
    default = next((layer["variant"] for layer in reversed(layers) if "variant" in layer), "release")
    return [default, *dict.fromkeys(other for layer in layers for other in _variants(layer, folder, name))]


def _variants(layer: dict[str, Any], folder: Path, name: str) -> dict[str, dict[str, Any]]:
    different = layer.get("variants") or {}
    if not isinstance(different, dict) or not all(isinstance(value, dict) for value in different.values()):
        raise UserError(f"{folder / name}.yaml: variants: give each variant's name and what it has different")
    return different


def _layers(folder: Path, name: str) -> list[dict[str, Any]]:
    """A method file and the files that it extends, the base first."""
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
    """`merge`, except that another kind of schedule, critic, loss or view replaces the old one with all its options."""
    merged = merge(base, over)
    for key, old, new in _in_both({"schedule": base.get("schedule")}, {"schedule": over.get("schedule")}):
        if new and schedule_kind(new) != schedule_kind(old):
            merged[key] = new
    for term, old, new in _in_both(base.get("critics"), over.get("critics")):
        if _is_another(old, new, "network"):
            merged["critics"][term] = new
    for name, old, new in _in_both(base.get("losses"), over.get("losses")):
        merged["losses"][name] = _merge_terms(name, old, new)
    return merged


def _merge_terms(name: str, old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    loss = old.get("loss", name)
    if new.get("loss", loss) != loss:
        return new
    merged = merge(old, new)
    whole = plugins.fact("loss", loss, "WHOLE_OPTIONS", ()) if loss in plugins.names("loss") else ()
    for option in whole:
        if option in new:
            merged[option] = new[option]
    for key, view, other in _in_both({"view": old.get("view")}, {"view": new.get("view")}):
        if _is_another(view, other, "name"):
            merged[key] = other
    return merged


def _in_both(one: Any, other: Any) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Each key under which both have a mapping, with the two mappings."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        return
    for key, new in other.items():
        old = one.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            yield key, old, new


def _is_another(old: dict[str, Any], new: dict[str, Any], key: str) -> bool:
    return new.get(key) not in (None, old.get(key))


def merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`base` with the values of `over`, mappings within mappings merged key by key."""
    result = dict(base)
    for key, value in over.items():
        old = result.get(key)
        result[key] = merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result


def apply_overrides(method: dict[str, Any], overrides: dict[str, Any]) -> dict[str, Any]:
    """A method, as `read_method` returns it, with a run's overrides for its stage.

    Overrides of loss terms, views, critics, parameter groups, the EMA decay and keys of a schedule apply only where the
    method has these; they add none.

    Raises:
        UserError: a critic is given twice.
    """
    kept = dict(_spelt_out(overrides, "overrides"))
    if isinstance(kept.get("schedule"), dict):
        foreign = MultiStep if schedule_kind(method.get("schedule", {})) == "[cosine]" else CosineRestarts
        kept["schedule"] = {key: value for key, value in kept["schedule"].items() if key not in foreign.model_fields}
    for key in ("losses", "critics", "groups"):
        if isinstance(kept.get(key), dict):
            has = method.get(key) or {}
            kept[key] = {name: value for name, value in kept[key].items() if has.get(name) is not None}
            if not kept[key]:
                del kept[key]
    if method.get("ema_decay") is None:
        kept.pop("ema_decay", None)
    for term, old, new in _in_both(method.get("critics"), kept.get("critics")):
        kept["critics"][term] = _fitting("critic", "network", old, new)
    for name, old, new in _in_both(method.get("losses"), kept.get("losses")):
        if isinstance(new.get("view"), dict):
            view = old.get("view")
            rest = {key: value for key, value in new.items() if key != "view"}
            shown = {"view": _fitting("view", "name", view, new["view"])} if isinstance(view, dict) else {}
            kept["losses"][name] = rest | shown
    return _merge_methods(method, kept)


def _fitting(kind: plugins.Kind, key: str, old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The options in `new` that apply to the plug-in named in `old`.

    Options that only other plug-ins of this kind have are left out. If `new` itself names a plug-in, all are kept.
    """
    if key in new or old.get(key) not in plugins.names(kind):
        return new
    has = plugins.schema(kind, old[key]).model_fields
    others = {option for name in plugins.names(kind) for option in plugins.schema(kind, name).model_fields}
    return {option: value for option, value in new.items() if option in has or option not in others}


def _spelt_out(given: dict[str, Any], place: str) -> dict[str, Any]:
    try:
        return spelt_out(given)
    except ValueError as error:
        raise UserError(f"{place}: {error}") from None
