"""What scoring depends on: metrics, their protocols, the versions of their files, and the weights that can be had."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gansr import code_versions
from gansr.config import metrics
from gansr.config.catalog import Catalog
from gansr.config.metrics import METRICS
from gansr.errors import UserError
from gansr.plan.jobs.score import ScoreJob
from gansr.plan.plan import Plan
from gansr.plan.score_jobs import (
    compared_features,
    hr_features_job,
    hr_features_weights,
    score_job,
    score_weights,
    scored_on_gpu,
)

ALL = list(METRICS)
SHOWN = ["tables/ldl_table1/reference", ["Bicubic", "Bicubic-Y"]]
Planned = Callable[..., Plan]


def job_of(plan: Plan, model: str = "Base+LDL") -> str:
    return score_job(plan, model).to_json()


def raise_version(monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    real = metrics.file_version
    monkeypatch.setattr(metrics, "file_version", lambda name: 77 if name == file else real(name))


def test_a_job_is_what_it_was_written_as(planned: Planned) -> None:
    job = score_job(planned("metrics", ALL, "download", True), "Base")
    assert ScoreJob.from_json(job.to_json()) == job
    assert list(job.protocols()) == ALL
    assert {metric: protocol.name for metric, protocol in job.protocols().items()} == {
        name: row.protocols[0].name for name, row in METRICS.items()
    }


def test_it_is_the_same_for_all_models_but_those_of_luma_alone(planned: Planned) -> None:
    plan = planned("metrics", ALL, "download", True, *SHOWN)
    assert job_of(plan, "Base") == job_of(plan, "Bicubic") == job_of(plan, "Between") != job_of(plan, "Bicubic-Y")
    job = score_job(plan, "Bicubic-Y")
    assert job.weights == () and job.protocols()["psnr_y"].base == job.protocols()["ssim_y"].base == "y_images"


@pytest.mark.parametrize(
    ("changes", "changed"),
    [
        (["metrics", ["psnr_y", "lpips_alex", "ssim_y"]], True),
        (["metrics", ["lpips_alex", "psnr_y"]], True),  # the order of the score file
        (["protocols", {"psnr_y": "y_rounded"}], True),
        (["download", True], True),
        (["seed", 3], False),
        (["run", "other"], False),
        (["weights_dir", "elsewhere"], False),
        (["models/2/variant", "paper"], False),
    ],
)
def test_it_depends_on_metrics_protocols_and_weights(planned: Planned, changes: list[Any], changed: bool) -> None:
    assert (job_of(planned("download", False, *changes)) != job_of(planned("download", False))) == changed


@pytest.mark.parametrize(
    ("file", "metrics_changed"),
    [
        ("perceptual", {"lpips_alex", "lpips_vgg", "dists"}),
        ("lpips_distance", {"lpips_alex", "lpips_vgg"}),
        ("kid", {"kid"}),
        ("ma", {"ma", "pi"}),
        ("psnr_ssim", {"psnr_y", "ssim_y"}),
        ("pi", {"pi"}),
    ],
)
def test_a_raised_version_changes_the_job_of_every_metric_of_the_file(
    planned: Planned, monkeypatch: pytest.MonkeyPatch, file: str, metrics_changed: set[str]
) -> None:
    before, plan = job_of(planned("metrics", ALL)), planned("metrics", ALL)
    raise_version(monkeypatch, file)
    pairs = zip(ScoreJob.from_json(before).metrics, score_job(plan, "Base").metrics, strict=True)
    assert {new.name for old, new in pairs if new != old} == metrics_changed
    assert job_of(plan) != before


def test_shared_code_changes_every_job(planned: Planned, monkeypatch: pytest.MonkeyPatch) -> None:
    before = job_of(planned()), hr_features_job().to_json()
    monkeypatch.setattr(code_versions, "METRICS", 77)
    assert job_of(planned()) != before[0] and hr_features_job().to_json() != before[1]


def test_features_of_hr_depend_on_inceptions_file_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    before = hr_features_job().to_json()
    for file, changed in (("fid", False), ("kid", False), ("inception_scores", False), ("inception", True)):
        with monkeypatch.context() as patch:
            real = metrics.file_version
            patch.setattr(
                "gansr.plan.score_jobs.file_version", lambda name, f=file, r=real: 77 if name == f else r(name)
            )
            assert (hr_features_job().to_json() != before) == changed


# ---- weights


def test_weights_that_can_be_had_may_not_be_absent(planned: Planned, catalog: Catalog, tmp_path: Path) -> None:
    (tmp_path / catalog.weights["alexnet"].file).touch()
    changes = ["metrics", ALL, "download", False, "weights_dir", str(tmp_path), *SHOWN]
    plan = planned(*changes)
    assert score_weights(plan, "Base") == ["alexnet"] == list(score_job(plan, "Base").weights)
    assert score_weights(plan, "Bicubic-Y") == []
    assert scored_on_gpu(plan, "Base") and not scored_on_gpu(plan, "Bicubic-Y")
    assert compared_features(plan, "Base") == [] == hr_features_weights(plan)
    (tmp_path / catalog.weights["inception"].file).touch()
    plan = planned(*changes)
    assert compared_features(plan, "Base") == ["fid", "kid"] and hr_features_weights(plan) == ["inception"]
    assert compared_features(plan, "Bicubic-Y") == []


@pytest.mark.parametrize(
    ("wanted", "gpu", "features"),
    [
        (["psnr_y", "ssim_y", "niqe", "ma", "pi"], False, []),
        (["psnr_y", "dists"], True, []),
        (["kid", "psnr_y"], True, ["kid"]),
    ],
)
def test_a_gpu_is_for_networks(planned: Planned, wanted: list[str], gpu: bool, features: list[str]) -> None:
    plan = planned("metrics", wanted, "download", True)
    assert scored_on_gpu(plan, "Base") == gpu
    assert compared_features(plan, "Base") == features
    absent = planned("metrics", wanted, "download", False)
    assert not scored_on_gpu(absent, "Base")


# ---- what is read


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("psnr_y", ["not JSON"]),
        ("[]", ["no mapping"]),
        ('{"code":3}', ["metrics", "required"]),
        ('{"code":3,"metrics":[]}', ["metrics"]),
        ('{"code":3,"metrics":[{"name":"psnr","protocol":"y","versions":{}}]}', ["metrics.0.name", '"psnr_y"']),
        ('{"code":3,"metrics":[{"name":"psnr_y","versions":{}}]}', ["metrics.0.protocol", "required"]),
        ('{"code":3,"metrics":[{"name":"psnr_y","protocol":"y","versions":{}}],"weight":[]}', ["weight", "weights"]),
    ],
)
def test_a_wrong_job_is_refused_in_one_line(one_line: Callable[..., None], text: str, words: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        ScoreJob.from_json(text)
    one_line(str(caught.value), "--job", *words)


def test_a_wrong_protocol_of_a_job_is_refused(one_line: Callable[..., None]) -> None:
    job = ScoreJob.from_json('{"code":3,"metrics":[{"name":"psnr_y","protocol":"y_rouned","versions":{}}]}')
    with pytest.raises(UserError) as caught:
        job.protocols()
    one_line(str(caught.value), 'psnr_y: unknown protocol "y_rouned"', 'did you mean "y_rounded"?')
