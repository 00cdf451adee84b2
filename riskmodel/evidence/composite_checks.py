"""What a problem may say of events that compete, and of composites of several events."""

from __future__ import annotations

from collections.abc import Iterator

from riskmodel.errors import Phrase, Problem
from riskmodel.evidence.priors import place
from riskmodel.parameters.library import LoadedProblem


def composite_faults(loaded: LoadedProblem) -> Iterator[Problem]:
    """Yield what is wrong with a problem's `competing:` and `composites:`."""
    outcomes = loaded.problem.outcomes
    for name, outcome in outcomes.items():
        if outcome.competing is None:
            continue
        spot = ("outcomes", name, "competing")
        other = outcomes[outcome.competing]
        if outcome.type != "event" or other.type != "event":
            found = name if outcome.type != "event" else outcome.competing
            yield place(
                loaded,
                spot,
                found=Phrase(f"{found}, a continuous outcome"),
                allowed="two outcomes of `type: event`",
                remedy="only events come before one another; leave `competing:` out",
            )
        elif outcome.competing == name or other.competing:
            yield place(
                loaded,
                spot,
                found=Phrase(
                    "the outcome itself"
                    if outcome.competing == name
                    else f"{outcome.competing}, which has a competing outcome of its own"
                ),
                allowed="another outcome whose risk stands by itself, such as death",
                remedy="name the event after which this one can no longer happen",
            )
    for name, composite in loaded.problem.composites.items():
        spot = ("composites", name, "of")
        if len(set(composite.of)) < len(composite.of):
            yield place(
                loaded,
                spot,
                found=list(composite.of),
                allowed="different outcomes",
                remedy="name each once",
            )
        for i, part in enumerate(composite.of):
            if outcomes[part].type != "event":
                yield place(
                    loaded,
                    (*spot, i),
                    found=Phrase(f"{part}, a continuous outcome"),
                    allowed="outcomes of `type: event`",
                    remedy="leave it out: a score does not happen",
                )
        if len({outcomes[part].unwanted for part in composite.of}) > 1:
            yield place(
                loaded,
                spot,
                found=Phrase("wanted and unwanted events together"),
                allowed="events of one direction",
                remedy="make two composites, or describe the absence of the wanted one",
            )
        if name in outcomes:
            yield place(
                loaded,
                ("composites", name),
                found=name,
                allowed="a name that no outcome has",
                remedy="rename the composite",
            )
