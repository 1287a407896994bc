"""JSON that is identical for equal data, so that it can be compared, hashed and given to a job."""

from __future__ import annotations

import json
from typing import Any


def canonical(data: Any) -> str:
    """JSON with sorted keys, which is the same text for equal data."""
    return json.dumps(data, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
