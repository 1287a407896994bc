"""A cache of finished values of metrics; the key is everything that the values were computed from.

A score job reads from it the values that are known: when a metric is added to a finished run, only this metric is
computed. One JSON file holds the values of one metric of one model on one benchmark. A damaged file is ignored. The
folder may be removed at any time, and two jobs may use it at once.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gansr import code_versions
from gansr.atomic import write_text
from gansr.canonical import canonical
from gansr.checksum import checksum
from gansr.config.metrics import METRICS, versions
from gansr.config.protocols import Protocol
from gansr.metrics.scorer import Values

logger = logging.getLogger("gansr")


def content_of(images: dict[str, Path]) -> str:
    """One sha256 of the names and the content of image files.

    Raises:
        UserError: a file cannot be read.
    """
    return _sha256({name: checksum(file) for name, file in images.items()})


@dataclass(frozen=True)
class KeptValues:
    """The values of one model on one benchmark.

    `sr` and `hr` are checksums of the images (`content_of`), HR is cropped to a multiple of `multiple`, and `weights`
    are the checksums of weight files by their names in weights.yaml.
    """

    folder: Path
    sr: str
    hr: str | None
    multiple: int
    weights: dict[str, str]

    def identity(self, metric: str, protocol: Protocol) -> dict[str, Any]:
        """Everything that the values of a metric are computed from: the key of the cache."""
        row = METRICS[metric]
        return {
            "metric": metric,
            "protocol": protocol.name,
            "code": code_versions.METRICS,
            "versions": versions(metric),
            "weights": {name: self.weights[name] for name in row.weights},
            "sr": self.sr,
            "hr": {"content": self.hr, "multiple": self.multiple} if row.needs_hr else None,
        }

    def read(self, metric: str, protocol: Protocol, images: Iterable[str]) -> Values | None:
        """The values of a metric on these images; None where there are none, or no intact ones."""
        identity = self.identity(metric, protocol)
        file = self._file(identity)
        try:
            kept = json.loads(file.read_text(encoding="utf-8"))
            is_intact = kept["identity"] == identity and kept["sha256"] == _sha256(kept["values"])
            values = Values(kept["values"]["by_image"], kept["values"]["unavailable"])
            if is_intact and values.are_of(metric, images):
                return values
            reason = "is not what was written"
        except FileNotFoundError:
            return None
        except (OSError, ValueError, LookupError, TypeError) as error:
            reason = f"cannot be read ({error})"
        logger.info("%s: %s; %s is computed again", file, reason, metric)
        return None

    def write(self, metric: str, protocol: Protocol, values: Values) -> None:
        """Keep the values of a metric."""
        identity = self.identity(metric, protocol)
        found = asdict(values)
        kept = {"identity": identity, "values": found, "sha256": _sha256(found)}
        write_text(self._file(identity), json.dumps(kept, indent=1, ensure_ascii=False))

    def _file(self, identity: dict[str, Any]) -> Path:
        return self.folder / f"{identity['metric']}_{_sha256(identity)[:16]}.json"


def _sha256(data: Any) -> str:
    return hashlib.sha256(canonical(data).encode()).hexdigest()
