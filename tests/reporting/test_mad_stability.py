"""The MAD curves are the mean absolute differences of neighbouring snapshots."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gansr.plan.jobs.figure import FigureJob
from gansr.reporting.draw_figure import draw_figure
from gansr.reporting.figures.mad_stability import mad_curves

LABELS = {"one_0_0_2": "A", "two_0_0_2": "C"}


def job_of(*models: tuple[str, str]) -> FigureJob:
    """The figure of models, by name and folder."""
    shown = [{"name": name, "folder": folder} for name, folder in models]
    options = {"models": [name for name, _ in models]}
    given = {"code": 1, "version": 1, "name": "mad_stability", "run": "test", "scale": 4}
    return FigureJob.model_validate(given | {"options": options, "models": shown})


def write_snapshots(file: Path, iterations: list[int], values: dict[str, list[float]]) -> Path:
    """Snapshots of constant patches; a constant per iteration and patch."""
    file.parent.mkdir(parents=True, exist_ok=True)
    arrays = {
        label: np.stack([np.full((3, 2, 2), value, dtype=np.float32) for value in constants])
        for label, constants in values.items()
    }
    labels = np.array(list(values))
    types = np.array([LABELS[label] for label in values])
    np.savez(file, iterations=np.array(iterations), labels=labels, types=types, **arrays)  # type: ignore[arg-type]
    return file


def test_the_curve_is_what_the_hand_computes(tmp_path: Path) -> None:
    values = {"one_0_0_2": [0.5, 0.75, 0.25], "two_0_0_2": [0.0, 0.0, -1.0]}
    curves = mad_curves(write_snapshots(tmp_path / "s.npz", [0, 10, 20], values), "GAN")
    assert list(curves.itertuples(index=False, name=None)) == [
        ("GAN", "one_0_0_2", "A", 0, 0.25),
        ("GAN", "one_0_0_2", "A", 10, 0.5),
        ("GAN", "two_0_0_2", "C", 0, 0.0),
        ("GAN", "two_0_0_2", "C", 10, 1.0),
    ]


def test_the_mean_is_over_channels_and_pixels_of_absolute_differences(tmp_path: Path) -> None:
    before, after = np.zeros((3, 2, 2), np.float32), np.zeros((3, 2, 2), np.float32)
    after[0, 0, 0], after[2, 1, 1] = 0.6, -0.6
    np.savez(
        tmp_path / "s.npz",
        iterations=np.array([0, 5]),
        labels=np.array(["one_0_0_2"]),
        types=np.array(["A"]),
        one_0_0_2=np.stack([before, after]),
    )
    (value,) = mad_curves(tmp_path / "s.npz", "GAN")["mad"]
    assert value == pytest.approx(1.2 / 12)


@settings(max_examples=15, deadline=None)
@given(values=st.lists(st.floats(-2, 2, width=32), min_size=2, max_size=6))
def test_a_curve_has_one_point_less_than_snapshots_and_is_never_negative(
    tmp_path_factory: pytest.TempPathFactory, values: list[float]
) -> None:
    file = tmp_path_factory.mktemp("mad") / "s.npz"
    iterations = [10 * number for number in range(len(values))]
    curves = mad_curves(write_snapshots(file, iterations, {"one_0_0_2": values}), "GAN")
    assert list(curves["iteration"]) == iterations[:-1]
    assert (curves["mad"] >= 0).all()
    assert curves["mad"].to_numpy() == pytest.approx(np.abs(np.diff(values)), abs=1e-6)


def test_one_snapshot_is_refused_with_what_to_change(tmp_path: Path, refusal: Callable[..., str]) -> None:
    file = write_snapshots(tmp_path / "s.npz", [0], {"one_0_0_2": [0.5]})
    refusal(lambda: mad_curves(file, "GAN"), str(file), "mad.interval")


@pytest.mark.parametrize("kind", ["missing", "empty", "words", "cut", "without a patch"])
def test_snapshots_that_cannot_be_read_are_refused(tmp_path: Path, refusal: Callable[..., str], kind: str) -> None:
    file = write_snapshots(tmp_path / "s.npz", [0, 10], {"one_0_0_2": [0.5, 0.6]})
    if kind == "missing":
        file.unlink()
    elif kind == "without a patch":
        np.savez(file, iterations=np.array([0, 10]), labels=np.array(["one_0_0_2"]), types=np.array(["A"]))
    else:
        content = {"empty": b"", "words": b"no archive", "cut": file.read_bytes()[:-40]}[kind]
        file.write_bytes(content)
    refusal(lambda: mad_curves(file, "GAN"), str(file))


def test_the_figure_is_written_with_its_numbers(tmp_path: Path, write_spec: Callable[..., None]) -> None:
    random_vgg = {"weight": 1.0, "weights": "random", "width": 16}
    constants = {"GAN (a)": [0.0, 0.5, 0.25], "LDL": [0.0, 0.125, 0.125]}
    for name, slug in (("GAN (a)", "GAN_a"), ("LDL", "LDL")):
        values = {"one_0_0_2": constants[name], "two_0_0_2": [0.0, 0.0, 0.0]}
        write_snapshots(tmp_path / "models" / slug / "snapshots.npz", [0, 10, 20], values)
        write_spec(name, slug, perceptual=random_vgg)
    job = job_of(("GAN (a)", "GAN_a"), ("LDL", "LDL"))
    draw_figure(job, tmp_path, tmp_path, tmp_path)
    folder = tmp_path / "figures"
    with (folder / "mad_stability.csv").open(encoding="utf-8", newline="") as stream:
        header, *rows = list(csv.reader(stream))
    assert header == ["model", "patch", "type", "iteration", "mad"]
    assert [row for row in rows if row[1] == "one_0_0_2"] == [
        ["GAN (a)", "one_0_0_2", "A", "0", "0.5"],
        ["GAN (a)", "one_0_0_2", "A", "10", "0.25"],
        ["LDL", "one_0_0_2", "A", "0", "0.125"],
        ["LDL", "one_0_0_2", "A", "10", "0"],
    ]
    assert len(rows) == 2 * 2 * 2
    assert (folder / "mad_stability.pdf").read_bytes().startswith(b"%PDF")
    assert (folder / "mad_stability.png").read_bytes().startswith(b"\x89PNG")
    assert {file.name for file in folder.iterdir()} == {f"mad_stability.{form}" for form in ("csv", "pdf", "png")}
    # the same numbers are the same files
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    draw_figure(job, tmp_path, tmp_path, tmp_path)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def test_no_curve_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The panels share one scale: it must hold the highest curve, whichever panel has it."""
    from gansr.reporting import figure_inputs
    from gansr.reporting.figures import mad_stability

    curves = pd.DataFrame(
        [("m", kind, kind, k, level * k) for level, kind in ((1, "A"), (5, "B"), (50, "C")) for k in (0, 1)],
        columns=["model", "patch", "type", "iteration", "mad"],
    )
    monkeypatch.setattr(mad_stability, "mad_curves", lambda file, name: curves)
    spec = {"parameters": 1, "inputs": {"training_images": []}, "job": {"mad_interval": 1}}
    monkeypatch.setattr(figure_inputs, "read_spec", lambda *given: spec)
    limits = []
    monkeypatch.setattr(
        mad_stability, "save", lambda figure, stem: limits.extend(axis.get_ylim() for axis in figure.axes)
    )
    draw_figure(job_of(("m", "m")), tmp_path, tmp_path, tmp_path)
    assert len(limits) == 3 and all(low == 0 and high > 50 for low, high in limits)
