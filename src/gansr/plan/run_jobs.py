"""The jobs of a run that fetch, prepare and upscale images, choose MAD patches and record provenance."""

from __future__ import annotations

from gansr import code_versions
from gansr.config.model import BICUBIC_Y, UNTRAINED
from gansr.config.remote_file import RemoteFile
from gansr.plan.jobs.data import FetchJob, ImagesJob
from gansr.plan.jobs.mad_patches import MadPatchesJob
from gansr.plan.jobs.provenance import ProvenanceJob
from gansr.plan.jobs.train import versions_of
from gansr.plan.jobs.upscale import UpscaleJob
from gansr.plan.plan import Plan


def fetch_dataset_job(plan: Plan, name: str) -> FetchJob:
    """The job that fetches an archive of a dataset."""
    return FetchJob(
        title=f"dataset {name}",
        sources=tuple(map(_published_file, plan.datasets[name].sources)),
        by_hand=by_hand(plan, name),
        folder=plan.run.datasets_dir,
        download=plan.run.download,
    )


def by_hand(plan: Plan, name: str) -> str:
    """What a user has to do to get a dataset by hand."""
    dataset = plan.datasets[name]
    number = f"its {dataset.images} images" if dataset.images else "its images"
    return f"{dataset.ask}; put {number} into {plan.run.datasets_dir / name}".removeprefix("; ")


def fetch_weights_job(plan: Plan, name: str) -> FetchJob:
    """The job that fetches a file of weights."""
    return FetchJob(
        title=f"weights {name}",
        sources=(_published_file(plan.catalog.weights[name]),),
        folder=plan.run.weights_dir,
        download=plan.run.download,
    )


def _published_file(file: RemoteFile) -> RemoteFile:
    """Only the fields of RemoteFile, without those that datasets and weights add."""
    return RemoteFile(**file.model_dump(include=set(RemoteFile.model_fields)))


def images_job(plan: Plan, name: str) -> ImagesJob:
    """The job that prepares a dataset's images."""
    return ImagesJob(code=code_versions.IMAGES, name=name, scale=plan.run.scale, dataset=plan.datasets[name])


def upscale_job(plan: Plan, model: str) -> UpscaleJob:
    """The job that makes SR images by a model or by MATLAB bicubic; it is the same for every benchmark."""
    if model in UNTRAINED:
        return UpscaleJob(code=code_versions.INFERENCE, scale=plan.run.scale, luma_alone=model == BICUBIC_Y)
    network = plan.models[model].network_options
    return UpscaleJob(
        code=code_versions.INFERENCE,
        scale=plan.run.scale,
        versions=versions_of([("generator", network["network"])]),
        generator=network,
    )


def mad_patches_job(plan: Plan) -> MadPatchesJob:
    """The job that chooses the MAD patches, for a run that has the section `mad`."""
    mad = plan.run.mad
    assert mad is not None
    return MadPatchesJob(code=code_versions.MAD_PATCHES, scale=plan.run.scale, size=mad.size, patches=mad.patches)


def provenance_job(plan: Plan) -> ProvenanceJob:
    """The job that records what the run was made from."""
    return ProvenanceJob(
        run=plan.run.run,
        scale=plan.run.scale,
        configuration=plan.run.model_dump(mode="json"),
        models={name: model.slug for name, model in plan.models.items()},
        datasets={name: plan.datasets[name].licence for name in plan.prepared_datasets()},
        weights={name: plan.catalog.weights[name].licence for name in plan.weights},
    )
