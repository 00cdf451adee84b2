"""One digest of all that a run's results depend on, carried by every figure of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

_WORDS = ("problem", "scenarios", "horizon", "horizons", "waning", "preferences", "inputs")
_OF_THE_POSTERIOR = ("digest", "seed", "draws", "versions", "unconverged")


def run_digest(record: Mapping) -> str:
    """Return the digest of a run's record: the same for the same inputs, seed and versions.

    Parameters
    ----------
    record : mapping
        What stands in ``run.json``, of any version. When it was made, how long it took, where
        and by which command does not count.

    Returns
    -------
    str
        32 hexadecimal digits.

    Examples
    --------
    >>> first = {"problem": "a", "seconds": {"Simulate": 1.0}}
    >>> run_digest(first) == run_digest({"problem": "a"})
    True
    """
    posterior = record.get("posterior") or {}
    content = {
        **{word: record.get(word) for word in _WORDS},
        "profiles": [profile["values"] for profile in record.get("profiles") or ()],
        "posterior": {word: posterior.get(word) for word in _OF_THE_POSTERIOR},
    }
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
