"""A run's configuration, read and checked as a whole before any job starts."""

from __future__ import annotations

from typing import Any

from gansr.config.catalog import Catalog
from gansr.config.run import Run
from gansr.errors import UserError
from gansr.plan.checks import check_override_keys, check_plan
from gansr.plan.plan import Plan
from gansr.plan.seeds import with_seeds
from gansr.schema.loading import validate


def load_plan(data: dict[str, Any], source: str, catalog: Catalog | None = None) -> Plan:
    """Check a run's configuration as a whole.

    Args:
        data: the mapping of a run's config file.
        source: the name of that file, for messages.
        catalog: the folder with the methods, datasets and published tables; by default `config`.

    Raises:
        UserError: anything in the configuration is wrong; one line with the place and the way out.
    """
    run, catalog = validate(Run, data, source), catalog or Catalog()
    try:
        check_override_keys(run)
        run = with_seeds(run)
        plan = Plan(run, source, catalog)
        check_plan(plan)
    except UserError as error:
        message = str(error)
        located = message.startswith((str(catalog.folder), source))
        raise UserError(message if located else f"{source}: {message}") from None
    return plan
