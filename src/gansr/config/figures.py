"""Figures as plug-ins: the options, models, inputs and files that a figure's file declares, read without importing it.

A figure is one file in reporting/figures/:

    draw(inputs, *, <options>)          draws the figure; the keyword-only parameters are its options
    models(options)                     the names of the models that the figure shows
    READS                               what it reads of each model and of the run, see INPUTS below
    files(options, patch_types)         the names of its files; without it <name>.pdf and <name>.png
    check(options, models, mad)         raises ValueError with what is wrong with its models
    TITLE, CAPTION                      for Snakemake's report
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, create_model

from gansr.errors import UserError, nearest
from gansr.schema import plugins
from gansr.schema.section import Section

# What a figure may read:
# snapshots    SR of the MAD patches during fine-tuning
# weights      raw and EMA weights
# log          the losses over a training
# scores       per-image scores on every benchmark with HR images
# mad_patches  the list of the MAD patches, and the prepared images that they lie in
INPUTS = ("snapshots", "weights", "log", "scores", "mad_patches")
OF_MAD = ("snapshots", "mad_patches")


def settings_model(figures: dict[str, Any]) -> type[BaseModel]:
    """The section `figures` of a run as a pydantic model: for each figure that the run asks for, its options.

    Raises:
        UserError: the file of one of these figures is wrong.
    """
    known = plugins.names("figure")
    fields: dict[str, Any] = dict.fromkeys(known, (Any, None))
    fields |= {name: (plugins.schema("figure", name) | None, None) for name in figures if name in known}
    return create_model("Figures", __base__=Section, **fields)


def reads(name: str) -> tuple[str, ...]:
    """What a figure reads in addition to the specs of its models: some of INPUTS.

    Raises:
        UserError: its file names something else.
    """
    wanted: tuple[str, ...] = tuple(plugins.fact("figure", name, "READS", ()))
    for kind in wanted:
        if kind not in INPUTS:
            raise UserError(f'{plugins.file_of("figure", name)}: READS: unknown "{kind}"; {nearest(kind, INPUTS)}')
    return wanted


def shown_models(name: str, options: dict[str, Any]) -> list[str]:
    """The models that a figure shows.

    Raises:
        UserError: its file does not say which.
    """
    models = plugins.function("figure", name, "models")
    if models is None:
        raise UserError(f"{plugins.file_of('figure', name)}: a figure file holds a function models(options)")
    return list(models(options))


def file_names(name: str, options: dict[str, Any], patch_types: list[str]) -> list[str]:
    """The files that a figure makes, without their folder.

    Raises:
        UserError: a file name does not begin with the figure's name (so that figures do not overwrite each other's
            files), or has no ending.
    """
    files = plugins.function("figure", name, "files")
    made = [f"{name}.pdf", f"{name}.png"] if files is None else list(files(options, patch_types))
    for file in made:
        if not file.startswith(name) or "." not in file or "/" in file:
            raise UserError(
                f'{plugins.file_of("figure", name)}: files: "{file}" is no file name that begins with {name}; rename it'
            )
    return made
