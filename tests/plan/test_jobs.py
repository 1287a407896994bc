"""Typed jobs: what the Snakefile writes is what the command line reads, and nothing is ignored."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import create_model

from gansr.errors import UserError
from gansr.plan import run_jobs
from gansr.plan.figure_jobs import figure_job
from gansr.plan.jobs.base import Job
from gansr.plan.jobs.data import PatchStoreJob
from gansr.plan.jobs.train import require_current_plugins
from gansr.plan.plan import Plan
from gansr.plan.table_jobs import table_job
from gansr.schema import plugins

FETCHED = ["train_dataset", "df2k", "benchmarks", ["set5", "set14_without_gray"], "mad", ..., "figures", {}]
FETCHED += ["tables/ldl_table2", ...]


@pytest.fixture
def jobs(planned: Callable[..., Plan]) -> dict[str, Job]:
    """A job of every kind."""
    plan, fetched = planned(), planned(*FETCHED)
    return {
        "train": plan.trained["Base+LDL"].job,
        "interpolate": plan.interpolated["Between"].job,
        "fetch": run_jobs.fetch_dataset_job(fetched, "div2k"),
        "fetch weights": run_jobs.fetch_weights_job(plan, "vgg19"),
        "images": run_jobs.images_job(fetched, "div2k"),
        "subset": run_jobs.images_job(fetched, "set14_without_gray"),
        "patch store": PatchStoreJob(code=1, scale=4),
        "upscale": run_jobs.upscale_job(plan, "Base"),
        "bicubic": run_jobs.upscale_job(plan, "Bicubic"),
        "bicubic of luma": run_jobs.upscale_job(plan, "Bicubic-Y"),
        **{table: table_job(plan, table) for table in plan.tables},
        **{figure: figure_job(plan, figure) for figure in plan.figures},
        "patches": run_jobs.mad_patches_job(plan),
        "provenance": run_jobs.provenance_job(plan),
    }


def test_a_job_is_read_as_it_was_written(jobs: dict[str, Job]) -> None:
    for job in jobs.values():
        assert type(job).from_json(job.to_json()).to_json() == job.to_json()


def test_a_missing_or_misspelt_key_is_one_line(jobs: dict[str, Job], one_line: Callable[..., None]) -> None:
    for job in jobs.values():
        written = json.loads(job.to_json())
        for key in [key for key, field in type(job).model_fields.items() if field.is_required()]:
            without = {name: value for name, value in written.items() if name != key}
            with pytest.raises(UserError) as caught:
                type(job).from_json(json.dumps(without))
            one_line(str(caught.value), "--job", key)
        for key in written:
            misspelt = {f"{name}x" if name == key else name: value for name, value in written.items()}
            with pytest.raises(UserError) as caught:
                type(job).from_json(json.dumps(misspelt))
            one_line(str(caught.value), "--job", f'unknown key "{key}x"', f'did you mean "{key}"?')


@pytest.mark.parametrize(("text", "told"), [("{", "not JSON"), ("[1]", "no mapping"), ("", "not JSON")])
def test_what_is_no_job_is_one_line(text: str, told: str, one_line: Callable[..., None]) -> None:
    with pytest.raises(UserError) as caught:
        PatchStoreJob.from_json(text)
    one_line(str(caught.value), "--job", told, "copy the line from the step's log")


def test_a_subsets_expected_number_cannot_be_misspelt(
    planned: Callable[..., Plan], one_line: Callable[..., None]
) -> None:
    job = run_jobs.images_job(planned(*FETCHED), "set14_without_gray")
    assert '"images":12' in job.to_json()
    with pytest.raises(UserError) as caught:
        type(job).from_json(job.to_json().replace('"images":12', '"imges":12'))
    one_line(str(caught.value), "dataset", '"imges"', 'did you mean "images"?')


# ---- identity: what differs from the defaults, and the versions of the plug-ins that a model uses


def identities(plan: Plan) -> dict[str, str]:
    return {name: model.job.to_json() for name, model in plan.models.items()}


def test_an_identity_leaves_out_what_has_its_default(planned: Callable[..., Plan]) -> None:
    plan = planned()
    written = json.loads(plan.trained["Base+LDL"].job.to_json())
    assert "training" not in written and "gamma" not in written["method"].get("schedule", {})
    assert written["method"]["losses"]["artifact"] == {"weight": 1.0}
    assert "objective" not in written["method"]["losses"]["adversarial"]
    assert plan.trained["Base+LDL"].job.method.losses["artifact"]["window"] == 7


@pytest.mark.parametrize(("kind", "name"), [("loss", "perceptual"), ("generator", "srresnet"), ("critic", "vgg")])
def test_a_new_option_with_a_default_trains_nothing_again(
    planned: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch, kind: Any, name: str
) -> None:
    before = identities(planned())
    schema = plugins.schema

    def extended(asked: Any, of: str) -> Any:
        found = schema(asked, of)
        return create_model("more", __base__=found, a_new_option=(int, 5)) if (asked, of) == (kind, name) else found

    monkeypatch.setattr(plugins, "schema", extended)
    after = planned()
    assert identities(after) == before
    assert "a_new_option" in after.trained["Base+GAN"].job.model_dump_json()  # it is there, with its default


@pytest.mark.parametrize(
    ("plugin", "affected"),
    [
        ("loss/artifact", {"Base+LDL"}),
        ("loss/best_buddy", {"Beby"}),
        ("loss/perceptual", {"Base+GAN", "Base+LDL", "Beby"}),
        ("generator/srresnet", {"Base", "Base+GAN", "Base+LDL"}),
        ("generator/rrdb", {"Dense", "Beby"}),
        ("critic/vgg", {"Base+GAN", "Base+LDL", "Beby"}),
        ("view/region_mask", {"Beby"}),
        ("critic/unet_sn", set()),
        ("generator/swinir", set()),
    ],
)
def test_a_raised_version_trains_again_what_uses_the_file(
    planned: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch, plugin: str, affected: set[str]
) -> None:
    before = identities(planned())
    version = plugins.version
    monkeypatch.setattr(
        plugins, "version", lambda kind, name: version(kind, name) if f"{kind}/{name}" != plugin else 99
    )
    after = identities(planned())
    assert {model for model, identity in after.items() if identity != before[model]} == affected


def test_a_raised_version_of_a_generator_makes_its_sr_images_again(
    planned: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = planned()
    tested = ["Bicubic", *plan.models]
    before = {model: run_jobs.upscale_job(plan, model).to_json() for model in tested}
    version = plugins.version
    monkeypatch.setattr(plugins, "version", lambda kind, name: 99 if name == "srresnet" else version(kind, name))
    again = {model for model in tested if run_jobs.upscale_job(plan, model).to_json() != before[model]}
    assert again == {"Base", "Base+GAN", "Base+LDL", "Between"}


def test_a_plugin_that_was_edited_after_planning_is_refused(
    planned: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch, one_line: Callable[..., None]
) -> None:
    job = planned().trained["Base+LDL"].job
    require_current_plugins(job.versions, job.used_plugins)
    monkeypatch.setattr(plugins, "version", lambda kind, name: f"sha256:{kind}{name}")
    with pytest.raises(UserError) as caught:
        require_current_plugins(job.versions, job.used_plugins)
    one_line(str(caught.value), "critic/vgg", "start the run again")
