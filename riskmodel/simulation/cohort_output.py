"""A cohort's folder: partitions whole or absent, checked by digest, merged in any order."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from riskmodel.errors import ParameterError, Phrase, Problem
from riskmodel.simulation.block import Totals

PLAN = "plan.json"
PATIENTS, TOTALS, FINISHED = "patients", "totals", "finished"
_LOW = np.int64(2**32 - 1)


def partition_name(index: int) -> str:
    """Return the name of a partition's files, without an ending."""
    return f"part-{index:06d}"


def job_path(folder: Path, digest: str) -> Path:
    """Return where what all processes share lies; shards that begin together write the same."""
    return folder / f"job-{digest[:16]}.pickle"


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a name to write to; what is there takes the final name only if nothing was raised."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_json(path: Path, data: object) -> None:
    """Write JSON, whole or not at all."""
    with whole_file(path) as part:
        part.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")


def digest_of(path: Path) -> str:
    """Return a file's SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def finish(folder: Path, index: int, plan: str, rows: int) -> dict:
    """Record that a partition's files are whole, and their digests; the last thing written."""
    name = partition_name(index)
    files = [f"{PATIENTS}/{name}.parquet", f"{TOTALS}/{name}.npz"]
    record = {
        "partition": index,
        "plan": plan,
        "rows": rows,
        "sha256": {file: digest_of(folder / file) for file in files},
    }
    write_json(folder / FINISHED / f"{name}.json", record)
    return record


def is_finished(folder: Path, index: int, plan: str) -> bool:
    """Say whether a partition of this plan is there, whole, and as it was written."""
    try:
        text = (folder / FINISHED / f"{partition_name(index)}.json").read_text(encoding="utf-8")
        record = json.loads(text)
        return record["plan"] == plan and all(
            digest_of(folder / file) == digest for file, digest in record["sha256"].items()
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def read_plan(folder: Path) -> dict | None:
    """Return what a folder says it computes; None if it says nothing."""
    try:
        plan = json.loads((folder / PLAN).read_text(encoding="utf-8"))
        return plan if plan["schema"] == "riskmodel/cohort/1" else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def require_folder(folder: Path, digest: str) -> None:
    """Refuse a folder that holds something else than this cohort's unfinished or finished run."""
    if not folder.exists():
        return
    if not folder.is_dir():
        _refuse(folder, "a file", "choose another folder")
    plan = read_plan(folder)
    if plan is None:
        other = next((p.name for p in folder.iterdir() if not p.name.startswith(".plan")), None)
        if other is not None:
            _refuse(folder, f"a folder that holds something else ({other})",
                    "choose a new or empty folder")  # fmt: skip
    elif plan["digest"] != digest:
        _refuse(
            folder,
            "another cohort: other patients, posterior, preferences or options",
            "choose another folder, or delete this one",
        )


def _refuse(folder: Path, found: str, remedy: str) -> None:
    raise ParameterError(
        [
            Problem(
                field="out",
                found=Phrase(f"{folder}, {found}"),
                allowed="a new folder, or one in which this very cohort was begun",
                remedy=remedy,
            )
        ]
    )


# --- sums -----------------------------------------------------------------------------------------


def save_totals(totals: Totals, path: Path) -> None:
    """Write sums by draw, whole or not at all."""
    keys = list(totals.numbers)
    arrays = {}
    if keys:
        arrays["numbers"] = np.stack([totals.numbers[key] for key in keys])
        arrays["sums"] = np.stack([totals.sums[key] for key in keys])
    for name in ("bins", "bin_counts", "histograms"):
        if getattr(totals, name) is not None:
            arrays[name] = getattr(totals, name)
    said = {"keys": keys, "status": totals.status, "set_aside": totals.set_aside}
    with whole_file(path) as part, part.open("wb") as file:
        np.savez(file, said=np.array(json.dumps(said)), **arrays)


def load_totals(path: Path) -> Totals:
    """Return what :func:`save_totals` wrote."""
    with np.load(path, allow_pickle=False) as stored:
        said = json.loads(str(stored["said"]))
        keys = [tuple(key) for key in said["keys"]]
        totals = Totals(status=said["status"], set_aside=said["set_aside"])
        if keys:
            totals.sums = dict(zip(keys, stored["sums"], strict=True))
            totals.numbers = dict(zip(keys, stored["numbers"], strict=True))
        for name in ("bins", "bin_counts", "histograms"):
            if name in stored.files:
                setattr(totals, name, stored[name])
    return totals


class Merged:
    """Sums of any number of partitions, in two parts of 32 bits and more: they never overflow.

    Partitions may come in any order, and the result is the same to the last bit.
    """

    def __init__(self):
        self.counts = Totals()
        self._high: dict = {}
        self._low: dict = {}
        self._bins: list | None = None

    def add(self, totals: Totals) -> None:
        """Add a partition."""
        for key, values in totals.sums.items():
            high, low = values >> 32, values & _LOW
            if key in self._high:
                self._high[key] += high
                self._low[key] += low
            else:
                self._high[key], self._low[key] = high, low
        if totals.bins is not None:
            high, low = totals.bins >> 32, totals.bins & _LOW
            if self._bins is None:
                self._bins = [high, low]
            else:
                self._bins[0] += high
                self._bins[1] += low
        numbers = {
            key: np.concatenate([n[:-2], _limbs(n[-2:])]) for key, n in totals.numbers.items()
        }
        self.counts.add(
            Totals(
                numbers=numbers,
                bin_counts=totals.bin_counts,
                histograms=totals.histograms,
                status=dict(totals.status),
                set_aside=totals.set_aside,
            )
        )

    @property
    def keys(self) -> list:
        return sorted(self._high)

    def total(self, key, place: int, bits: float) -> np.ndarray:
        """Return the sum of one summed row over a slot's patients, shape (draw,)."""
        return (self._high[key][place] * 2.0**32 + self._low[key][place]) / 2.0**bits

    def bins(self, bits: float) -> np.ndarray | None:
        """Return sums of net benefit between thresholds, shape (bin, alternative, draw)."""
        if self._bins is None:
            return None
        return (self._bins[0] * 2.0**32 + self._bins[1]) / 2.0**bits

    def numbers(self, key) -> tuple[int, np.ndarray, float, float]:
        """Return patients, those to whom each option applies, and two sums of expectations."""
        n = self.counts.numbers[key]
        greatest, expected = ((n[-4:-2] * 2.0**32 + n[-2:]) / 2.0**40).tolist()
        return int(n[0]), n[1:-4], greatest, expected


def _limbs(values: np.ndarray) -> np.ndarray:
    return np.concatenate([values >> 32, values & _LOW])
