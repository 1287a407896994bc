"""Scores of any folder by hand: no config, no run, one table."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from gansr.config.metrics import METRICS
from gansr.metrics.niqe import Niqe
from gansr.metrics.pair import Pair, luma
from gansr.metrics.psnr_ssim import psnr_y, ssim_y
from gansr.reporting.statistics import mean_interval

from .command_line import Here, cells, gansr, list_weights, mistake, only_progress, picture
from .data.http_server import http_server
from .metrics.weight_data import random_trunk

NAMES = ["a", "b", "c"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with SR and HR of three images, and nothing else."""
    for kind in ("SR", "HR"):
        (tmp_path / kind).mkdir()
        for seed, name in enumerate(NAMES):
            Image.fromarray(picture(2 * seed + (kind == "SR"))).save(tmp_path / kind / f"{name}.png")
    return tmp_path


def pair(folder: Path, name: str) -> Pair:
    return Pair(*(np.asarray(Image.open(folder / kind / f"{name}.png")) for kind in ("SR", "HR")))


def rows(file: Path) -> list[list[str]]:
    with file.open(newline="") as stream:
        return list(csv.reader(stream))


def notes(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def test_two_folders_are_all_that_it_needs(folder: Path) -> None:
    result = gansr("score", "SR", "HR", folder=folder)
    found = {"PSNR ↑": (psnr_y, 3), "SSIM ↑": (ssim_y, 4)}
    for label, (metric, digits) in found.items():
        values = np.array([metric(pair(folder, name)) for name in NAMES])
        low, high = mean_interval(values)
        assert cells(result, label) == [
            f"{values.mean():.{digits}f}",
            f"{low:.{digits}f} to {high:.{digits}f}",
            "3",
            METRICS["psnr_y"].protocols[0].text,
        ]
    only_progress(result)
    assert result.stdout.splitlines()[-1] == "SR_scores.csv"
    header, *written = rows(folder / "SR_scores.csv")
    assert header == ["image", "metric", "value"]
    assert written == [
        [name, label, str(metric(pair(folder, name)))]
        for name in NAMES
        for label, metric in (("psnr_y", psnr_y), ("ssim_y", ssim_y))
    ]
    assert notes(folder / "SR_scores.json")["unavailable"] == {}
    assert sorted(file.name for file in folder.iterdir()) == ["HR", "SR", "SR_scores.csv", "SR_scores.json"]


def test_its_options_choose_protocol_crop_and_what_belongs_together(here: Here, folder: Path) -> None:
    for name in NAMES:
        Image.fromarray(picture(ord(name), 37, 42)).save(folder / "HR" / f"{name}.png")
        (folder / "SR" / f"{name}.png").rename(folder / "SR" / f"{name}_x4_own.png")
    (folder / "elsewhere").mkdir()
    words = ["--metrics", "ssim_y,psnr_y", "--protocol", "psnr_y=y_rounded", "--crop", "2", "--scale", "4"]
    result = here.gansr(
        "score",
        folder / "SR",
        folder / "HR",
        *words,
        "--suffix",
        "_x4_own",
        "--output",
        "own/x.csv",
        folder=folder / "elsewhere",
    )
    assert cells(result, "PSNR ↑")[-1].startswith("y_rounded_crop2: ")
    assert cells(result, "SSIM ↑")[-1].startswith("y_unrounded_crop2: ")
    assert result.stdout.splitlines()[-1] == "own/x.csv"
    sr = np.asarray(Image.open(folder / "SR" / "a_x4_own.png"))
    hr = np.asarray(Image.open(folder / "HR" / "a.png"))[:36, :40]
    first, second = rows(folder / "elsewhere" / "own" / "x.csv")[1:3]
    assert first == ["a", "ssim_y", str(ssim_y(Pair(sr, hr), "y_unrounded", 2))]
    assert second == ["a", "psnr_y", str(psnr_y(Pair(sr, hr), "y_rounded", 2))]


def test_sr_of_luma_alone_has_a_protocol(here: Here, folder: Path) -> None:
    for name in NAMES:
        Image.fromarray(luma(pair(folder, name).sr, rounded=True).astype(np.uint8)).save(folder / "SR" / f"{name}.png")
    words = ["--protocol", "psnr_y=y_images", "--protocol", "ssim_y=y_images", "--metrics", "psnr_y,ssim_y,fid"]
    # FID needs no weights where it cannot be computed anyway
    result = here.gansr("score", "SR", "HR", *words, folder=folder)
    assert cells(result, "PSNR ↑")[-1].startswith("y_images_crop4: ")
    assert cells(result, "FID ↓")[:2] == ["", ""]
    assert "FID: its SR images hold luma alone" in result.stdout.splitlines()
    assert rows(folder / "SR_scores.csv")[-1] == ["*", "fid", ""]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--metrics", "psnr"], ['unknown metric "psnr"', 'did you mean "psnr_y"?']),
        (["--metrics", ""], ['unknown metric ""', "valid: dists, fid"]),
        (["--protocol", "y_rounded"], ["--protocol y_rounded", "psnr_y=y_rounded"]),
        (["--protocol", "psnr_y=y_rouned"], ['psnr_y: unknown protocol "y_rouned"', 'did you mean "y_rounded"?']),
        (["--protocol", "psnr=y_rounded"], ['unknown metric "psnr"', 'did you mean "psnr_y"?']),
        (["--protocol", "psnr_y=y_images"], ["SR/a.png: has colour", "y_images"]),
        (["--crop", "18"], ["SR/a.png: 36 x 40 is too small", "crop 18 px", "smaller crop"]),
        (["--scale", "16"], ["SR/a.png: SR is 36 x 40, HR is 32 x 32"]),
        (["--suffix", "_x4"], ["SR: a does not end in _x4", "correct the suffix"]),
        (
            ["--metrics", "lpips_alex"],
            ["lpips_alex: the weights", "alexnet-owt-7be5be79.pth", "--download", "https://"],
        ),
    ],
)
def test_a_wrong_option_is_one_line(here: Here, folder: Path, words: list[str], told: list[str]) -> None:
    absent = ["--weights-dir", "nowhere"]
    mistake(here.gansr("score", "SR", "HR", *absent, *words, folder=folder), *told)
    assert sorted(file.name for file in folder.iterdir()) == ["HR", "SR"]


def without_hr(folder: Path) -> list[str]:
    return ["SR"]


def wrong_path(folder: Path) -> list[str]:
    return ["SRR", "HR"]


def one_missing(folder: Path) -> list[str]:
    (folder / "SR" / "b.png").unlink()
    return ["SR", "HR"]


def deep(folder: Path) -> list[str]:
    (folder / "SR" / "b.png").unlink()
    Image.fromarray(np.full((36, 40), np.nan, np.float32)).save(folder / "SR" / "b.tif")
    return ["SR", "HR"]


@pytest.mark.parametrize(
    ("folders", "told"),
    [
        (without_hr, ["psnr_y, ssim_y: cannot be computed without HR", "give the folder"]),
        (wrong_path, ["SRR: cannot be read (No such file or directory)"]),
        (one_missing, ["SR: no SR image for b;"]),
        (deep, ["SR/b.tif: more than 8 bits per channel", "8-bit RGB"]),
    ],
)
def test_wrong_folders_are_one_line(
    here: Here, folder: Path, folders: Callable[[Path], list[str]], told: list[str]
) -> None:
    mistake(here.gansr("score", *folders(folder), folder=folder), *told)
    assert not (folder / "SR_scores.csv").exists()


def test_a_broken_image_of_the_users_is_not_to_be_removed_with_its_folder(here: Here, folder: Path) -> None:
    (folder / "HR" / "b.png").write_text("no image")
    result = here.gansr("score", "SR", "HR", folder=folder)
    mistake(result, "HR/b.png: not an image")
    assert "remove HR" not in result.stderr and str(folder / "HR") not in result.stderr


def test_the_scores_may_have_any_name_but_that_of_their_notes(here: Here, folder: Path) -> None:
    result = here.gansr("score", "SR", "HR", "--output", "scores.json", folder=folder)
    mistake(result, "scores.json")


def test_equal_folders_are_told_without_a_warning(folder: Path) -> None:
    result = gansr("score", "HR", "HR", folder=folder)
    assert cells(result, "PSNR ↑")[0] == "inf" and "nan" not in result.stdout
    only_progress(result)


# ---- weights


def test_a_metric_without_hr_is_scored_with_weights_that_it_downloads(here: Here, folder: Path) -> None:
    savemat(folder / "own.mat", {"mu_prisparam": np.linspace(0.2, 3, 36)[None], "cov_prisparam": np.eye(36)})
    content = (folder / "own.mat").read_bytes()
    sr = folder / "big"
    sr.mkdir()
    Image.fromarray(picture(0, 104, 106)).save(sr / "a.png")
    with http_server() as server:
        file = list_weights(folder, "niqe", content, server.serve("/niqe.mat", content))
        result = here.gansr("score", "big", "--metrics", "niqe", "--download", folder=folder)
    expected = Niqe(file)(luma(picture(0, 104, 106), rounded=True)[4:-4, 4:-4])
    assert cells(result, "NIQE ↓")[0] == f"{expected:.3f}"
    assert rows(folder / "big_scores.csv")[1:] == [["a", "niqe", str(expected)]]


def test_absent_weights_may_leave_a_metric_without_values(here: Here, folder: Path) -> None:
    words = ["--metrics", "psnr_y,lpips_alex", "--weights-dir", "nowhere"]
    result = here.gansr("score", "SR", "HR", *words, "--skip-absent", folder=folder)
    assert cells(result, "LPIPS ↓")[:2] == ["", ""] and cells(result, "PSNR ↑")[0]
    assert (
        "nowhere/alexnet-owt-7be5be79.pth are not there"
        in notes(folder / "SR_scores.json")["unavailable"]["lpips_alex"]
    )


def test_a_network_scores_without_a_word_of_its_libraries(folder: Path) -> None:
    random_trunk(folder / "alexnet.bin")
    file = list_weights(folder, "alexnet", (folder / "alexnet.bin").read_bytes())
    (folder / "alexnet.bin").rename(file)
    result = gansr("score", "SR", "HR", "--metrics", "lpips_alex", "--threads", "1", folder=folder)
    assert float(cells(result, "LPIPS ↓")[0]) > 0
    only_progress(result)
