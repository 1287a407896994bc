"""What a file in reporting/figures says of itself: everything that is wrong with one is a line that names it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gansr.config.catalog import Catalog
from gansr.plan.figure_jobs import figure_files, figure_inputs, figure_job
from gansr.plan.plan import Plan
from gansr.schema import plugin_text, plugins

MODELS = "def models(options):\n    return options['models']\n"
DRAW = "def draw(inputs, *, models: list[str], width: int = 3): ...\n"
SHOWN = ["figures/mine", {"models": ["Base+GAN", "Base+LDL"]}]


@pytest.fixture
def figure_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """Write a figure of the user's own beside the project's."""
    package = plugins.PACKAGE
    for folder in plugins.FOLDERS.values():
        (tmp_path / "package" / folder).mkdir(parents=True)
        for file in (package / folder).glob("*.py"):
            (tmp_path / "package" / folder / file.name).symlink_to(file)
    monkeypatch.setattr(plugins, "PACKAGE", tmp_path / "package")
    cached = (plugins.schema, plugin_text.facts, plugin_text.function, plugin_text.tree)

    def write(*parts: str, name: str = "mine") -> Path:
        for function in cached:
            function.cache_clear()
        file = tmp_path / "package" / plugins.FOLDERS["figure"] / f"{name}.py"
        file.write_text("".join(parts), encoding="utf-8")
        return file

    yield write
    for function in cached:
        function.cache_clear()


def test_a_figure_of_two_functions_is_enough(figure_file: Callable[..., Path], planned: Callable[..., Plan]) -> None:
    file = figure_file(DRAW, MODELS)
    plan = planned(*SHOWN)
    job = figure_job(plan, "mine")
    assert [model.folder for model in job.models] == ["Base+GAN", "Base+LDL"]
    # no version: the file counts by its content, and an option at its default is left out
    assert job.versions == {"figure/mine": plugins.version("figure", "mine")}
    assert str(job.versions["figure/mine"]).startswith("sha256:")
    assert job.options == {"models": ["Base+GAN", "Base+LDL"]}
    assert figure_job(planned("figures/mine", SHOWN[1] | {"width": 4}), "mine").options["width"] == 4
    assert [path.name for path in figure_files(plan, "mine")] == ["mine.pdf", "mine.png"]
    assert [str(path) for path in figure_inputs(plan, "mine")["models"]] == [
        f"results/test/models/{model}/spec.yaml" for model in ("Base+GAN", "Base+LDL")
    ]
    file.write_text(file.read_text() + "# another\n")
    assert figure_job(plan, "mine").versions != job.versions


@pytest.mark.parametrize(
    ("reads", "paths"),
    [
        ("weights", ["models/Base+LDL/generator.safetensors", "models/Base+LDL/generator_ema.safetensors"]),
        ("snapshots", ["models/Base+LDL/snapshots.npz"]),
        ("log", ["models/Base+LDL/log.jsonl"]),
        ("scores", ["metrics/Base+LDL/photos.csv"]),
    ],
)
def test_a_figure_reads_what_it_names(
    figure_file: Callable[..., Path], planned: Callable[..., Plan], reads: str, paths: list[str]
) -> None:
    figure_file(f"READS = ({reads!r},)\n", DRAW, MODELS)
    plan = planned("figures/mine", {"models": ["Base+LDL"]})
    read = figure_inputs(plan, "mine")
    assert [str(path) for path in read["models"]][1:] == [f"results/test/{path}" for path in paths]
    assert read["mad_patches"] == read["images"] == []
    (model,) = figure_job(plan, "mine").models
    assert (model.generator is not None) == (reads == "weights")


def test_the_patches_come_with_the_images_that_they_lie_in(planned: Callable[..., Plan]) -> None:
    read = figure_inputs(planned("data_dir", "prepared"), "artifact_map")
    assert read["mad_patches"] == [Path("results/test/mad_patches.json")]
    assert read["images"] == [Path("prepared/photos/x4/images")]


def test_a_figure_makes_a_file_for_each_type_of_patch(planned: Callable[..., Plan]) -> None:
    patch = {"image": "chelsea", "top": 0, "left": 0, "size": 48}
    given = [patch | {"type": kind} for kind in ("C", "A", "C")]
    for patches, types in (("auto", "ABC"), (given, "AC")):
        made = figure_files(planned("mad/patches", patches), "artifact_map")
        assert [path.name for path in made] == [f"artifact_map_{t}.{form}" for t in types for form in ("pdf", "png")]


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ([MODELS], ["mine.py", "holds a function draw"]),
        ([DRAW], ["mine.py", "holds a function models(options)"]),
        ([DRAW, MODELS, "READS = ('snapshot',)\n"], ["mine.py", 'unknown "snapshot"', 'did you mean "snapshots"?']),
        (
            [DRAW, MODELS, "def files(options, types): return ['a.png']\n"],
            ["mine.py", "is no file name"],
        ),
        ([DRAW, MODELS, "def files(options, types): return ['mine']\n"], ["mine.py", '"mine" is no file name']),
        ([DRAW, MODELS, "def files(options, types): return ['mine/a.png']\n"], ["mine.py", '"mine/a.png"']),
        ([DRAW, MODELS, "def files(options, types): return []\n"], ["mine.py", "files returns []", "list of names"]),
        ([DRAW, MODELS, "def files(options, types): return 'mine.png'\n"], ["mine.py", "files returns 'mine.png'"]),
        ([DRAW, MODELS, "def files(options, types): return ['mine{a}.png']\n"], ["mine.py", '"mine{a}.png" is no']),
        ([DRAW, MODELS, "READS = ('log')\n"], ["mine.py", "READS is 'log'; write a tuple"]),
        ([DRAW, MODELS, "def check(options, models, mad): mad['x']\n"], ["mine.py", "check fails: KeyError: 'x'"]),
        ([DRAW, "import os\ndef models(options): return os.sep\n"], ["mine.py", "models", "cannot use os"]),
        (
            [DRAW, MODELS, "def check(options, models, mad):\n    raise ValueError(f'not {models[0][\"name\"]}')\n"],
            ["run.yaml", "figures.mine: not Base+GAN"],
        ),
        ([DRAW.replace(": list[str]", ""), MODELS], ["mine.py", "models has no annotation"]),
    ],
)
def test_a_wrong_figure_is_one_line_with_its_file(
    figure_file: Callable[..., Path], refused: Callable[..., str], parts: list[str], words: list[str]
) -> None:
    figure_file(*parts)
    refused(SHOWN, *words)


def test_a_broken_figure_that_no_run_asks_for_is_no_matter(
    figure_file: Callable[..., Path], planned: Callable[..., Plan]
) -> None:
    figure_file("def draw(inputs, *, models): ...\n")
    assert "mine" not in planned().figures


@pytest.mark.parametrize(
    ("reads", "model", "words"),
    [
        ("snapshots", "Base", ["Base is not fine-tuned"]),
        ("log", "Between", ["Between is not trained here"]),
        ("weights", "Bicubic", ['unknown model "Bicubic"']),
    ],
)
def test_a_model_that_has_not_what_a_figure_reads_is_refused(
    figure_file: Callable[..., Path], refused: Callable[..., str], reads: str, model: str, words: list[str]
) -> None:
    figure_file(f"READS = ({reads!r},)\n", DRAW, MODELS)
    refused(["figures/mine", {"models": [model]}], "run.yaml", "figures.mine", *words)


def test_only_a_figure_that_draws_patches_needs_mad(
    figure_file: Callable[..., Path], planned: Callable[..., Plan], refused: Callable[..., str]
) -> None:
    alone = ["mad", ..., "figures", {"mine": SHOWN[1]}]
    figure_file(DRAW, MODELS)
    planned(*alone)
    figure_file("READS = ('mad_patches',)\n", DRAW, MODELS)
    refused(alone, "figures.mine", "add the section mad")


def test_two_figures_do_not_make_one_file(figure_file: Callable[..., Path], refused: Callable[..., str]) -> None:
    figure_file(DRAW, MODELS, "def files(options, types): return ['artifact_map_A.png']\n", name="artifact_map_A")
    refused(["figures/artifact_map_A", SHOWN[1]], "artifact_map_A.png would be made 2 times", "rename")


def test_a_snapshot_interval_longer_than_a_training_is_refused_where_curves_are_drawn(
    refused: Callable[..., str], planned: Callable[..., Plan], catalog: Catalog
) -> None:
    changes = ["overrides/finetune/iterations", 6, "overrides/finetune/schedule", {"warmup": 1}, "mad/interval", 7]
    refused(changes, "mad.interval: 7", "6 iterations of Base+GAN", "lower it")
    planned(*changes, "figures/mad_stability", ...)


def test_a_map_needs_an_ema_model(refused: Callable[..., str]) -> None:
    changes = ["models/2/method", "beby", "models/2/start", "Base"]
    refused([*changes, "figures/mad_stability", ...], "figures.artifact_map", "Base+LDL has no EMA model", "ema_decay")
    refused(["figures/artifact_map/model", "Base"], "figures.artifact_map", "Base is not fine-tuned")
