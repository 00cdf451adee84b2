"""Files that a decision is read against: thresholds of magnitude, and published recommendations."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from riskmodel.errors import ParameterError, Phrase, Problem, did_you_mean
from riskmodel.parameters.library import load_library, shipped_folder, validate
from riskmodel.parameters.marked_yaml import load_marked
from riskmodel.parameters.schema import MagnitudeThresholds, Recommendation

Read = TypeVar("Read", MagnitudeThresholds, Recommendation)
RECOMMENDATIONS = "recommendations"  # a folder of the library


def read_thresholds(path: str | Path) -> MagnitudeThresholds:
    """Return thresholds of magnitude from a file of schema ``riskmodel/thresholds/1``.

    Parameters
    ----------
    path : str or Path

    Raises
    ------
    ParameterError
        With file, line and column of everything that is wrong: no day, no owner, sizes that do not
        rise.
    """
    return _read(Path(path), MagnitudeThresholds, "riskmodel/thresholds/1")


def read_recommendation(name: str | Path) -> Recommendation:
    """Return a recommendation from a file of schema ``riskmodel/recommendation/1``.

    Parameters
    ----------
    name : str or Path
        A YAML file, or the id of a shipped one.

    Raises
    ------
    ParameterError
        With file, line and column of everything that is wrong, a source nobody knows included.

    Examples
    --------
    >>> read_recommendation("plex_aav_guideline").strata["high"]
    'for'
    """
    path = Path(name)
    if path.suffix not in (".yaml", ".yml"):
        folder = shipped_folder() / RECOMMENDATIONS
        known = sorted(file.stem for file in folder.glob("*.yaml"))
        if str(name) not in known:
            raise ParameterError(
                [
                    Problem(
                        field="recommendation",
                        found=str(name),
                        allowed=f"a shipped id ({', '.join(known)}) or a .yaml file",
                        remedy=did_you_mean(name, known),
                    )
                ]
            )
        path = folder / f"{name}.yaml"
    read = _read(path, Recommendation, "riskmodel/recommendation/1")
    key = read.source.key
    if key is not None and key not in load_library().entries["source"]:
        sources = load_library().entries["source"]
        problem = load_marked(path).problem(
            ("source", "key"),
            found=key,
            allowed="a source of the library",
            remedy=did_you_mean(key, sources),
        )
        raise ParameterError([problem])
    return read


def _read(path: Path, model: type[Read], schema: str) -> Read:
    document = load_marked(path)
    record = validate(document)
    if not isinstance(record, model):
        raise ParameterError(
            [
                document.problem(
                    ("schema",),
                    found=Phrase(f"a file of {document.value['schema']}"),
                    allowed=f"a file of schema {schema}",
                    remedy="name another file",
                )
            ]
        )
    return record
