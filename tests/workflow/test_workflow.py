from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image
from safetensors.numpy import load_file

from .conftest import Project, micro_config

pytestmark = pytest.mark.workflow

MODELS = ["SRResNet", "SRResNet+GAN", "SRResNet+LDL", "Beby-GAN"]
INTERPOLATED = "SRResNet+GAN-PI"
SCORED = ["Bicubic", *MODELS, INTERPOLATED, "SRResNet+GAN_raw"]
NOT_SCORED = ["lpips_alex", "lpips_vgg", "pi"]
IMAGES = ["chelsea", "coffee"]


# --- what a run leaves behind, file by file


def test_a_model_has_its_weights_spec_and_log(finished: Project) -> None:
    for model in MODELS:
        folder = finished.results / "models" / model
        for name in ("generator.safetensors", "generator_ema.safetensors"):
            assert (folder / name).stat().st_size > 0
        spec = yaml.safe_load((folder / "spec.yaml").read_text())
        assert spec["model"] == model
        assert spec["job"]["method"]["iterations"] == 6
        log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
        assert [line["iteration"] for line in log] == [1, 2, 3, 4, 5, 6]
        assert all(np.isfinite(list(line["losses"].values())).all() for line in log)


def test_the_terms_of_a_method_are_the_terms_that_were_trained(finished: Project) -> None:
    line = json.loads((finished.results / "models" / "SRResNet+LDL" / "log.jsonl").read_text().splitlines()[-1])
    assert set(line["losses"]) == {"pixel", "perceptual", "adversarial", "artifact", "discriminator"}
    line = json.loads((finished.results / "models" / "SRResNet+GAN" / "log.jsonl").read_text().splitlines()[-1])
    assert "artifact" not in line["losses"]
    line = json.loads((finished.results / "models" / "Beby-GAN" / "log.jsonl").read_text().splitlines()[-1])
    assert set(line["losses"]) == {"best_buddy", "back_projection", "perceptual", "adversarial", "discriminator"}


def test_an_interpolated_model_lies_between_the_weights_its_ends_are_tested_with(finished: Project) -> None:
    folder = finished.results / "models"
    between = load_file(folder / INTERPOLATED / "generator.safetensors")
    first, second = (load_file(folder / model / "generator_ema.safetensors") for model in MODELS[:2])
    assert not (folder / INTERPOLATED / "log.jsonl").exists()
    for key, value in between.items():
        np.testing.assert_allclose(value, 0.2 * first[key] + 0.8 * second[key], rtol=1e-5, atol=1e-7)
    spec = yaml.safe_load((folder / INTERPOLATED / "spec.yaml").read_text())
    assert spec["job"]["interpolate"] == {"between": MODELS[:2], "alpha": 0.8}


def test_snapshots_are_kept_at_every_interval(finished: Project) -> None:
    kept = np.load(finished.results / "models" / "SRResNet+LDL" / "snapshots.npz")
    assert kept["iterations"].tolist() == [0, 2, 4, 6]
    assert sorted(kept["types"]) == ["A", "B", "C"]
    assert all(kept[label].shape == (4, 3, 32, 32) for label in kept["labels"])


def test_every_model_has_sr_images_of_hr_size(finished: Project) -> None:
    for model in SCORED:
        folder = finished.results / "images" / model / "small_test"
        assert sorted(file.stem for file in folder.glob("*.png")) == IMAGES
        for file in folder.glob("*.png"):
            assert Image.open(file).size == (96, 96)  # HR 96 x 97 cropped to a multiple of 4


def test_scores_have_one_row_per_image_and_metric(finished: Project) -> None:
    for model in SCORED:
        scores = pd.read_csv(finished.results / "metrics" / model / "small_test.csv")
        assert list(scores.columns) == ["image", "metric", "value"]
        assert len(scores) == len(IMAGES) * 5
        missing = scores["metric"].isin(NOT_SCORED)
        assert scores[~missing]["value"].notna().all() and scores[missing]["value"].isna().all()


def test_table_1_has_a_column_per_model_and_says_why_cells_are_empty(finished: Project) -> None:
    table = pd.read_csv(finished.results / "tables" / "ldl_table1.csv")
    assert list(table.columns) == ["metric", "benchmark", "Bicubic", *MODELS]
    scores = pd.read_csv(finished.results / "metrics" / "SRResNet+LDL" / "small_test.csv")
    psnr = scores[scores["metric"] == "psnr_y"]["value"].mean()
    assert table[table["metric"] == "PSNR"]["SRResNet+LDL"].item() == pytest.approx(psnr, rel=1e-5)
    assert table[table["metric"] == "LPIPS"].iloc[0, 2:].isna().all()
    notes = (finished.results / "tables" / "ldl_table1_notes.md").read_text()
    assert "alexnet-owt-7be5be79.pth" in notes
    assert "random weights" in notes
    assert "6 iterations" in notes


def test_beby_gans_tables_have_their_columns_and_say_why_cells_are_empty(finished: Project) -> None:
    ablation = pd.read_csv(finished.results / "tables" / "beby_table1.csv")
    assert list(ablation.columns) == ["metric", "benchmark", "Beby-GAN"]
    table = pd.read_csv(finished.results / "tables" / "beby_table2.csv").set_index("metric")
    assert list(table.columns) == ["benchmark", "Bicubic", *MODELS, INTERPOLATED]
    assert list(table.index) == ["LPIPS-VGG", "PI", "PSNR", "SSIM"]
    assert table.loc[["LPIPS-VGG", "PI"], MODELS].isna().all(axis=None)
    assert table.loc["PSNR", "Beby-GAN"] == pytest.approx(ablation.set_index("metric").loc["PSNR", "Beby-GAN"])
    notes = (finished.results / "tables" / "beby_table2_notes.md").read_text()
    assert "- LPIPS-VGG: the weights weights/vgg16-397923af.pth are not there" in notes
    assert "- PI: the weights weights/niqe_modelparameters.mat are not there" in notes


def test_table_2_has_the_papers_columns(finished: Project) -> None:
    table = pd.read_csv(finished.results / "tables" / "ldl_table2.csv", dtype=str, keep_default_na=False)
    assert list(table.columns) == ["row", "M", "sigma_M", "M_refine", "Psi_EMA", "LPIPS", "PSNR", "SSIM"]
    assert table["row"].tolist() == ["1'", "5"]
    assert table.loc[0, ["M", "sigma_M", "M_refine", "Psi_EMA"]].tolist() == ["", "", "", ""]
    assert table.loc[1, ["M", "sigma_M", "M_refine", "Psi_EMA"]].tolist() == ["x", "x", "x", "x"]


def test_tables_stand_beside_the_published_ones(finished: Project) -> None:
    for name in ("ldl_table1", "ldl_table2", "beby_table1", "beby_table2"):
        beside = pd.read_csv(finished.results / "tables" / f"{name}_vs_published.csv")
        assert list(beside.columns) == [
            *("metric", "benchmark", "model", "measured", "ci_low", "ci_high", "images", "published", "delta")
        ]
        measured = beside[beside["measured"].notna()]
        assert (measured["images"] == len(IMAGES)).all()
        assert (measured["ci_low"] <= measured["measured"]).all()
        assert (measured["measured"] <= measured["ci_high"]).all()
        assert beside["published"].notna().any()
        for suffix in (".md", ".tex", "_notes.md"):
            assert (finished.results / "tables" / f"{name}{suffix}").stat().st_size > 0


def test_figures_and_their_data_are_there(finished: Project) -> None:
    folder = finished.results / "figures"
    curves = pd.read_csv(folder / "mad_stability.csv")
    assert list(curves.columns) == ["model", "patch", "type", "iteration", "mad"]
    assert len(curves) == 3 * 3 * 3
    assert set(curves["model"]) == set(MODELS[1:])
    for stem in ("mad_stability", "artifact_map_A", "artifact_map_B", "artifact_map_C"):
        assert (folder / f"{stem}.pdf").read_bytes().startswith(b"%PDF")
        assert Image.open(folder / f"{stem}.png").width > 500


def test_provenance_says_what_the_run_was_made_from(finished: Project) -> None:
    record = json.loads((finished.results / "provenance.json").read_text())
    assert set(record["models"]) == {*MODELS, INTERPOLATED}
    assert record["models"][INTERPOLATED]["interpolate"]["alpha"] == 0.8
    assert set(record["hr_images_sha256"]["small_test"]) == set(IMAGES)
    assert record["packages"]["torch"]
    assert record["job_seconds"]["train/SRResNet+LDL"] > 0
    assert {"revision", "changed"} <= set(record["code"])


def test_each_log_opens_with_the_line_that_made_it(finished: Project) -> None:
    logs = list((finished.results / "logs").rglob("*.log"))
    assert len(logs) > 15
    for log in logs:
        assert "gansr " in log.read_text().splitlines()[0]


def test_nothing_half_written_stays(finished: Project) -> None:
    assert not [file for file in (finished.folder / "results").rglob("*") if ".partial" in file.name]


def test_every_file_is_that_of_a_model(finished: Project) -> None:
    # a path with a wildcard in it would be shared by all
    assert not [file for file in (finished.folder / "results").rglob("*") if "{" in file.name]
    for scored in SCORED:
        kept = finished.results / "score_values" / scored / "small_test"
        assert sorted(file.name.rsplit("_", 1)[0] for file in kept.iterdir()) == ["psnr_y", "ssim_y"]


def test_the_end_of_a_run_says_where_tables_and_figures_are(finished: Project) -> None:
    said = (finished.folder / "first_run.txt").read_text()
    assert "results/micro/tables/ldl_table1.md" in said
    assert "results/micro/figures/mad_stability.png" in said


def test_the_report_holds_tables_and_figures(copied: Project) -> None:
    result = copied.snakemake("all", "--report", "report.html")
    assert result.returncode == 0, result.stderr[-2000:]
    page = (copied.folder / "report.html").read_text(encoding="utf-8")
    for name in ("ldl_table1.csv", "ldl_table2_vs_published.csv", "mad_stability.png", "artifact_map_C.png"):
        assert name in page


# --- running again


def test_a_second_run_does_nothing(finished: Project) -> None:
    result = finished.snakemake("all")
    assert result.returncode == 0
    assert "Nothing to be done" in result.stderr


def test_editing_ldls_artifact_weight_redoes_ldl_alone(copied: Project) -> None:
    method = copied.folder / "config" / "methods" / "ldl.yaml"
    method.write_text(method.read_text().replace("    weight: 1.0\n    residual", "    weight: 2.0\n    residual"))
    jobs = copied.planned()
    rules = {rule for rule, _ in jobs}
    assert rules.isdisjoint({"images", "patch_store", "mad_patches"})
    assert {output for rule, output in jobs if rule == "train"} == {
        f"results/micro/models/SRResNet+LDL/{name}"
        for name in ("generator.safetensors", "generator_ema.safetensors", "spec.yaml", "log.jsonl", "snapshots.npz")
    }
    assert {output for rule, output in jobs if rule == "upscale"} == {"results/micro/images/SRResNet+LDL/small_test"}
    assert {"score", "table", "figure_mad_stability", "figure_artifact_map", "provenance"} <= rules


def test_one_more_metric_is_computed_alone(copied: Project) -> None:
    config = micro_config()
    config["metrics"].remove("ssim_y")
    copied.configure(config)
    scores = "results/micro/metrics/Bicubic/small_test.csv"
    assert copied.snakemake(scores).returncode == 0
    assert {rule for rule, _ in copied.planned()} <= {"score", "table", "provenance"}
    kept = copied.results / "score_values" / "Bicubic" / "small_test"
    next(kept.glob("ssim_y_*")).unlink()
    copied.configure(micro_config())
    result = copied.snakemake(scores)
    assert result.returncode == 0, result.stderr[-3000:]
    log = copied.results / "logs" / "score" / "Bicubic" / "small_test.log"
    assert "kept from before: psnr_y\n" in log.read_text()
    assert next(kept.glob("ssim_y_*")).exists()


def test_cosmetic_edits_redo_nothing(copied: Project) -> None:
    config = micro_config()
    config["overrides"]["finetune"] = dict(reversed(config["overrides"]["finetune"].items()))
    copied.configure(config)
    method = copied.folder / "config" / "methods" / "ldl.yaml"
    method.write_text("# another comment\n" + method.read_text().replace("paper: ", "paper:   "))
    assert copied.planned() == set()


def test_how_trainings_are_watched_redoes_none_and_how_they_are_computed_all(copied: Project) -> None:
    config = micro_config() | {"training": {"tensorboard": True, "checkpoint_every": 7, "prefetch": 0}}
    copied.configure(config)
    assert {rule for rule, _ in copied.planned()} <= {"provenance"}
    config["models"][2]["training"] = {"precision": "tf32"}
    copied.configure(config)
    trained = {output for rule, output in copied.planned() if rule == "train"}
    assert trained and all("SRResNet+LDL" in output for output in trained)


def test_another_alpha_redoes_the_interpolated_model_alone(copied: Project) -> None:
    config = micro_config()
    config["models"][-1]["interpolate"]["alpha"] = 0.5
    copied.configure(config)
    jobs = copied.planned()
    assert {output for rule, output in jobs if rule == "interpolate"} == {
        f"results/micro/models/{INTERPOLATED}/{name}"
        for name in ("generator.safetensors", "generator_ema.safetensors", "spec.yaml")
    }
    assert {rule for rule, _ in jobs} == {"interpolate", "upscale", "score", "table", "provenance"}


def test_a_variant_redoes_its_model_alone(copied: Project) -> None:
    config = micro_config()
    config["models"][3]["variant"] = "paper"
    copied.configure(config)
    trained = {output for rule, output in copied.planned() if rule in ("train", "interpolate")}
    assert trained and all("Beby-GAN" in output for output in trained)


def add_own_method(project: Project) -> None:
    """One file and one line."""
    (project.folder / "config" / "methods" / "gan_l1.yaml").write_text(
        "extends: gan\ntitle: GAN, stronger L1\nlosses:\n  pixel: {weight: 1.0}\n"
    )
    config = micro_config()
    config["models"].append(
        {"name": "SRResNet+GAN-L1", "generator": "srresnet", "method": "gan_l1", "start": "SRResNet"}
    )
    project.configure(config)


def test_a_method_of_ones_own_trains_its_model_alone(copied: Project) -> None:
    add_own_method(copied)
    trained = {output for rule, output in copied.planned() if rule == "train"}
    assert trained and all("SRResNet+GAN-L1" in output for output in trained)


def test_a_finished_run_with_a_setting_that_fails_fails_again_and_goes_on_when_it_is_mended(copied: Project) -> None:
    """Snakemake deletes what a failed job made; tables from before must not make the run look complete."""
    method = copied.folder / "config" / "methods" / "beby.yaml"
    text = method.read_text()
    method.write_text(text.replace("learning_rate: 1.0e-4", "learning_rate: 1.0e+30"))
    for _ in range(2):
        result = copied.snakemake("all")
        assert result.returncode != 0 and "Nothing to be done" not in result.stderr
        assert "Beby-GAN: iteration" in result.stderr and "Traceback" not in result.stderr
    method.write_text(text)
    add_own_method(copied)  # whose column the same run makes
    result = copied.snakemake("all")
    assert result.returncode == 0, result.stderr[-3000:]
    assert (copied.results / "models" / "Beby-GAN" / "generator.safetensors").exists()
    table = pd.read_csv(copied.results / "tables" / "ldl_table1.csv")
    assert list(table.columns) == ["metric", "benchmark", "Bicubic", *MODELS, "SRResNet+GAN-L1"]
    assert table[table["metric"] == "PSNR"].drop(columns=["metric", "benchmark"]).notna().all(axis=None)


def test_a_removed_model_is_made_again(copied: Project) -> None:
    shutil.rmtree(copied.results / "models" / "SRResNet+GAN")
    assert "train" in {rule for rule, _ in copied.planned()}


@pytest.mark.slow
def test_a_killed_run_goes_on_where_it_was(project: Project) -> None:
    config = micro_config()
    config["models"] = config["models"][:2]
    del config["overrides"]["finetune"]["schedule"]  # Beby-GAN's
    config["overrides"]["finetune"]["iterations"] = 100_000
    config["tables"], config["figures"] = {"ldl_table1": {}}, {}
    project.configure(config)
    checkpoints = project.results / "state" / "SRResNet+GAN"
    # a session of its own, so that Snakemake and its jobs are killed together
    process = subprocess.Popen(
        project.command("all"), cwd=project.folder, start_new_session=True, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 600
    while not list(checkpoints.glob("*/checkpoint_*.pt")):
        assert time.monotonic() < deadline and process.poll() is None, "no checkpoint was written"
        time.sleep(0.2)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    (folder,) = {path.parent for path in checkpoints.glob("*/checkpoint_*.pt")}
    assert not (project.results / "models" / "SRResNet+GAN" / "generator.safetensors").exists()

    again = subprocess.Popen(
        project.command("all"), cwd=project.folder, start_new_session=True, stderr=subprocess.PIPE, text=True
    )
    log = project.results / "logs" / "train" / "SRResNet+GAN.log"
    try:
        deadline = time.monotonic() + 600
        while "going on after iteration" not in (log.read_text() if log.exists() else ""):
            assert time.monotonic() < deadline and again.poll() is None, "the second run did not resume"
            time.sleep(0.2)
    finally:
        os.killpg(again.pid, signal.SIGINT)
        again.communicate(timeout=600)
    resumed_at = int(log.read_text().split("going on after iteration ")[1].split()[0])
    assert resumed_at > 0
    assert {path.parent for path in checkpoints.glob("*/checkpoint_*.pt")} == {folder}
