"""What each job that obtains or prepares inputs depends on, as plain data."""

from __future__ import annotations

from typing import Any

from gansr import code_versions
from gansr.config.remote_file import RemoteFile
from gansr.plan.plan import Plan

REMOTE = set(RemoteFile.model_fields)


def fetch_slice(plan: Plan, name: str) -> dict[str, Any]:
    """The archives of a dataset, and what a user does who cannot fetch them."""
    dataset = plan.datasets[name]
    return {
        "title": f"dataset {name}",
        "sources": [source.model_dump(mode="json", include=REMOTE) for source in dataset.sources],
        "by_hand": by_hand(plan, name),
        "folder": str(plan.run.datasets_dir),
        "download": plan.run.download,
    }


def by_hand(plan: Plan, name: str) -> str:
    """What a user does who gets a dataset without gansr."""
    dataset = plan.datasets[name]
    number = f"its {dataset.images} images" if dataset.images else "its images"
    return f"{dataset.ask}; put {number} into {plan.run.datasets_dir / name}".removeprefix("; ")


def fetch_weights_slice(plan: Plan, name: str) -> dict[str, Any]:
    """One file of weights."""
    return {
        "title": f"weights {name}",
        "sources": [plan.catalog.weights[name].model_dump(mode="json", include=REMOTE)],
        "by_hand": "",
        "folder": str(plan.run.weights_dir),
        "download": plan.run.download,
    }


def images_slice(plan: Plan, name: str) -> dict[str, Any]:
    """What a dataset's prepared images depend on; where an archive comes from is not part of it."""
    irrelevant: dict[str, Any] = {"licence": True, "ask": True, "megapixels": True}
    irrelevant["sources"] = {"__all__": {"addresses", "ask", "bytes"}}
    return {
        "code": code_versions.IMAGES,
        "name": name,
        "scale": plan.run.scale,
        "dataset": plan.datasets[name].model_dump(mode="json", exclude=irrelevant, exclude_defaults=True),
    }
