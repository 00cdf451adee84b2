"""simulate_pathway of three stages against a Python loop, and against its own random numbers.

    python benchmarks/bench_pathways.py --rounds 5

Three ratios, from one interleaved run, medians:

- the loop of one patient after another, in plain Python, of 20,000 patients and scaled to a
  million, over the simulation of a million. Aim: 30 or more. The loop draws the same numbers by
  the same generator, so that both have the same patients (printed); beside it, the same loop with
  the random module's numbers, which are not keyed and cannot be had again for one patient.
- the simulation over drawing the random numbers that it used, by the same generator: every pair of
  numbers that it asked for, and the logarithms or normal quantiles that are taken of them. Aim: 3
  or less. Once with the generator in numpy and once with its compiled loop, which draws so much
  faster that the same simulation is a larger multiple of it.
- peak memory of ten times the patients over that of one time. Aim: 1.2 or less.

Both the loop and the simulation do the same: three stages with response, assessment and ratio of
recovery, courses with an adverse event each and a frailty, and death.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import NormalDist

PATIENTS, LOOPED, DRAWS = 1_000_000, 20_000, 1000
STAGES = ("first", "second", "third")
HORIZON, ASSESSED, RESPONDS, ANSWERS = 1095.0, 90.0, 0.5, 30.0
HEALS, NEVER, RATIO, DIES = 365.0, 0.3, 1.5, 0.1
FIRST_FALL, LATER_FALL, SPREAD, EVERY, COURSES = 0.05, 0.02, 0.8, 28.0, 3


def written(folder: Path) -> Path:
    """Write the pathway and return its file."""
    judged = {"judgement": {"whose": "a bench", "why": "example"}}

    def estimate(name, value, measure="risk", **more):
        horizon = {"value": 1, "unit": "month"}
        return {
            "id": name, "measure": measure, "outcome": "example", "value": value, **more,
            "population": "runners", "horizon": horizon, "source": judged, "status": "judgement",
        }  # fmt: skip

    assumed = {"badge": "assumed", "whose": "a bench", "because": "example"}

    def stage(name, following):
        return {
            "label": name,
            "courses": {"at_most": COURSES, "every": {"value": EVERY, "unit": "day"}},
            "response": {"share": {"prior": "answers"}, "time": "answering"},
            "recovery": {"hazard_ratio": {"prior": "ratio"}, "among": "responders"},
            "events": {
                "fall": {"first_course": {"prior": "fall"}, "later_courses": {"prior": "later"}}
            },
            "assess": {
                "after": {"value": ASSESSED, "unit": "day"}, "because": "example",
                "success": "response", "on_success": "good", "on_failure": following,
            },
        }  # fmt: skip

    data = {
        "schema": "riskmodel/policy/1",
        "id": "bench",
        "label": "Bench",
        "population": "runners",
        "horizon": {"value": HORIZON, "unit": "day"},
        "natural_recovery": {
            "endpoint": "example", "time": "healing", "never": {"prior": "never"},
        },
        "start": [{"stage": "first"}],
        "stages": {
            "first": stage("first", "second"),
            "second": stage("second", "third"),
            "third": stage("third", "left"),
            "good": {"label": "good", "recovery": {"hazard_ratio": {"prior": "ratio"}}},
            "left": {"label": "left"},
        },
        "events": {
            "fall": {
                "label": "fall", "because": "example",
                "windows": [{"until": {"value": 14, "unit": "day"}, "share": 1}],
                "between_patient_spread": {
                    "log_hazard_sd": SPREAD, "whose": "a bench", "because": "example",
                },
            }
        },
        "death": {"risk": {"prior": "death"}, "by": {"value": HORIZON, "unit": "day"}},
        "times": {
            "healing": {
                "family": "weibull", "median": {"value": HEALS, "unit": "day"}, "shape": 1.3,
                **assumed,
            },
            "answering": {
                "family": "exponential", "median": {"value": ANSWERS, "unit": "day"}, **assumed,
            },
        },
        "priors": {
            name: {"from": [f"{name}_value"], **spread, **assumed}
            for name, spread in (
                ("answers", {"effective_sample_size": 50}),
                ("never", {"effective_sample_size": 50}),
                ("death", {"effective_sample_size": 50}),
                ("fall", {"effective_sample_size": 50}),
                ("later", {"effective_sample_size": 50}),
                ("ratio", {"log_sd": 0.2}),
            )
        },
        "estimates": [
            estimate("answers_value", RESPONDS),
            estimate("never_value", NEVER),
            estimate("death_value", DIES),
            estimate("fall_value", FIRST_FALL, unit_of_analysis="courses"),
            estimate("later_value", LATER_FALL, unit_of_analysis="courses"),
            estimate("ratio_value", RATIO, "hazard_ratio", direction="event"),
        ],
    }  # fmt: skip
    path = folder / "bench.yaml"
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


# --- the loop -------------------------------------------------------------------------------------


_WORDS = 0xFFFFFFFF


def counted(patient: int, draw: int, use: int) -> tuple[float, float]:
    """Return the pair of numbers of a key under seed 1, in plain Python."""
    c0, c1, c2, c3, k0, k1 = patient & _WORDS, patient >> 32, draw, use, 1, 0
    for _ in range(10):
        a, b = c0 * 0xD2511F53, c2 * 0xCD9E8D57
        c0, c1, c2, c3 = (b >> 32) ^ c1 ^ k0, b & _WORDS, (a >> 32) ^ c3 ^ k1, a & _WORDS
        k0, k1 = (k0 + 0x9E3779B9) & _WORDS, (k1 + 0xBB67AE85) & _WORDS
    return (
        (((c0 << 32 | c1) >> 11) + 0.5) * 2.0**-53,
        (((c2 << 32 | c3) >> 11) + 0.5) * 2.0**-53,
    )


def looped(patients: int, pair, uses: dict[str, int], hazards: tuple[float, float]) -> dict:
    """Return how many recovered and fell, one patient after another.

    Parameters
    ----------
    pair : callable
        Of patient, draw and use: two numbers between 0 and 1.
    """
    to_score = NormalDist().inv_cdf
    recovered = falls = 0
    scale, (first, later) = math.log(2) / HEALS**1.3, hazards
    each, rate = PATIENTS // DRAWS, -math.log1p(-DIES) / HORIZON
    for place in range(patients):
        draw, patient = divmod(place, each)
        one, other = pair(patient, draw, uses["natural recovery"])
        left = -math.log(one) if other < 1 - NEVER else math.inf
        death = -math.log(pair(patient, draw, uses["death"])[0]) / rate
        score = to_score(pair(patient, draw, uses["frailty:fall"])[0])
        frailty = math.exp(SPREAD * score - SPREAD**2 / 2)
        until_fall = -math.log(pair(patient, draw, uses["event:fall"])[0])
        now, stage, fell = 0.0, 0, 0
        while now < min(death, HORIZON):
            end, ratio_from = HORIZON, now if stage == 3 else math.inf
            if stage < 3:
                end = now + ASSESSED
                one, other = pair(patient, draw, uses[f"response:{STAGES[stage]}"])
                if one < RESPONDS:
                    ratio_from = now - math.log1p(-other) * ANSWERS / math.log(2)
            end = min(end, death, HORIZON)
            turn = min(max(ratio_from, now), end)
            before = scale * (turn**1.3 - now**1.3)
            whole = before + RATIO * scale * (end**1.3 - turn**1.3)
            heals = left <= whole
            if heals and left <= before:
                end = (now**1.3 + left / scale) ** (1 / 1.3)
            elif heals:
                end = (turn**1.3 + (left - before) / (RATIO * scale)) ** (1 / 1.3)
            if stage < 3:
                hazard = 0.0
                for course in range(COURSES):
                    begins = now + course * EVERY
                    if begins >= end:
                        break
                    share = min((end - begins) / 14, 1)
                    hazard += frailty * share * (first if course == 0 else later)
                while until_fall <= hazard:
                    fell += 1
                    until_fall -= math.log(pair(patient, draw, uses["event:fall"] + fell)[0])
                until_fall -= hazard
            if heals:
                recovered += 1
                break
            left -= whole
            responded = ratio_from <= end
            now = end
            stage = 3 if stage < 3 and responded else stage + 1 if stage < 2 else 4
        falls += fell
    return {"recovered": recovered, "falls": falls}


# --- what is measured -----------------------------------------------------------------------------


def simulated(policy, compiled: bool):
    """Return the simulation of a million patients in a thousand draws."""
    import numpy as np

    from riskmodel.simulation.pathways import simulate_pathway

    known = {"answers": RESPONDS, "never": NEVER, "death": DIES, "ratio": RATIO}
    known |= {"fall": FIRST_FALL, "later": LATER_FALL, "healing": HEALS, "answering": ANSWERS}
    given = {name: np.full(DRAWS, value) for name, value in known.items()}
    return simulate_pathway(given, policy, n=PATIENTS, draws=DRAWS, seed=1, compiled=compiled)


def recorded(policy, compiled: bool) -> list:
    """Return every request for random numbers that a simulation makes: its keys and its use."""
    from riskmodel.simulation.random_numbers import Keys

    requests, plain = [], Keys.pair

    def noted(self, use):
        requests.append((self, use))
        return plain(self, use)

    Keys.pair = noted
    try:
        simulated(policy, compiled)
    finally:
        Keys.pair = plain
    return requests


def drawn(requests) -> float:
    """Draw all of them again, with the logarithms and normal quantiles that are taken of them."""
    import numpy as np
    from scipy.special import ndtri

    from riskmodel.simulation.random_numbers import use_number

    normal = {use_number("frailty:fall")}
    exponential = {use_number(name) for name in ("natural recovery", "death", "event:fall")}
    total = 0.0
    for keys, use in requests:
        first, second = keys.pair(use)
        kind = int(np.atleast_1d(use)[0]) & 0xFFFFFF00
        if kind in normal:
            first = ndtri(first)
        elif kind in exponential:
            first = np.log(first)
        else:  # a response: one number decides, of the other its time is taken
            second = np.log1p(-second)
        total += float(first[0]) + float(second[0])
    return total


def timed(function, *arguments) -> float:
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


PEAK = """
import sys, resource
from riskmodel.evidence.policies import load_policy
from riskmodel.simulation.pathways import simulate_pathway
simulate_pathway(None, load_policy(sys.argv[1]), n=int(sys.argv[2]), draws=1000, seed=1,
                 compiled=True)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def peak(path: Path, patients: int) -> float:
    """Return the peak memory of a process of its own, in MiB."""
    command = [sys.executable, "-c", PEAK, str(path), str(patients)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def main() -> None:
    """Print the medians and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    from riskmodel.evidence.policies import load_policy
    from riskmodel.simulation.frailty import hazard_of_risk
    from riskmodel.simulation.random_numbers import use_number

    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} cores, one thread, {rounds} rounds")
    with tempfile.TemporaryDirectory() as name:
        path = written(Path(name))
        policy = load_policy(path)
        requests = {compiled: recorded(policy, compiled) for compiled in (False, True)}
        asked = sum(keys.low.size for keys, _ in requests[True])
        names = ("natural recovery", "death", "frailty:fall", "event:fall")
        uses = {n: use_number(n) for n in (*names, *(f"response:{stage}" for stage in STAGES))}
        hazards = tuple(float(h) for h in hazard_of_risk([FIRST_FALL, LATER_FALL], SPREAD))
        rng = random.Random(1)

        def keyed():
            return looped(LOOPED, counted, uses, hazards)

        def unkeyed():
            return looped(LOOPED, lambda *_: (rng.random(), rng.random()), uses, hazards)

        totals = simulated(policy, True).totals[0]
        first = LOOPED * DRAWS // PATIENTS
        in_simulation = {
            "recovered": int(totals.reached[:first, 1, -1].sum()),
            "falls": int(totals.measures[:first, -2].sum()),
        }
        same = keyed()
        print(f"pairs of random numbers a patient: {asked / PATIENTS:.2f}")
        print(f"first {LOOPED} patients: loop {same}, simulation {in_simulation}")
        rows = []
        for _ in range(rounds):
            loop = timed(keyed) * PATIENTS / LOOPED
            plain = timed(unkeyed) * PATIENTS / LOOPED
            for compiled in (False, True):
                rows.append(
                    (compiled, loop, plain, timed(simulated, policy, compiled),
                     timed(drawn, requests[compiled]))
                )  # fmt: skip
        for compiled in (False, True):
            mine = [row[1:] for row in rows if row[0] is compiled]
            loop, plain, ours, numbers = (statistics.median(r[i] for r in mine) for i in range(4))
            over_loop = statistics.median(r[0] / r[2] for r in mine)
            over_plain = statistics.median(r[1] / r[2] for r in mine)
            over_numbers = statistics.median(r[2] / r[3] for r in mine)
            print(
                f"{'compiled' if compiled else 'numpy':>8} generator: loop {loop:.0f} s (with the "
                f"random module {plain:.0f} s), simulation {ours:.2f} s, its random numbers "
                f"{numbers:.2f} s; "
                f"loop / simulation {over_loop:.0f} (aim 30 or more; {over_plain:.0f}), "
                f"simulation / numbers {over_numbers:.1f} (aim 3 or less)"
            )
        few, many = peak(path, PATIENTS), peak(path, 10 * PATIENTS)
        print(f"peak memory {few:.0f} and {many:.0f} MiB at ten times as many: {many / few:.2f}")


if __name__ == "__main__":
    main()
