"""JSON that is identical for equal data, so that it can be compared, hashed and given to a job."""

from __future__ import annotations

import json
from typing import Any


def canonical(data: Any) -> str:
    """JSON that is the same for equal data, whatever the order of keys."""
    return json.dumps(data, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
