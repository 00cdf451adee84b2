"""Small pathways with invented numbers, written where a test wants them."""

import json

JUDGED = {"judgement": {"whose": "a test", "why": "example"}}


def estimate(name, measure, value, **more):
    base = {
        "id": name,
        "measure": measure,
        "outcome": "example",
        "value": value,
        "population": "runners",
        "horizon": {"value": 1, "unit": "month"},
        "source": JUDGED,
        "status": "judgement",
    }
    return base | more


def prior(of, **more):
    return {"from": [of], "badge": "assumed", "whose": "a test", "because": "example"} | more


def time(**words):
    return {"badge": "assumed", "whose": "a test", "because": "example"} | words


def exponential(days):
    return time(family="exponential", median={"value": days, "unit": "day"})


def policy(**parts):
    """Return a pathway of two stages; `parts` replace its own."""
    base = {
        "schema": "riskmodel/policy/1",
        "id": "walks",
        "label": "Walks",
        "population": "runners",
        "horizon": {"value": 100, "unit": "day"},
        "natural_recovery": {"endpoint": "running again", "time": "healing"},
        "start": [{"stage": "rest"}],
        "stages": {
            "rest": {
                "label": "Rest",
                "recovery": {"hazard_ratio": {"prior": "rest_ratio"}},
                "assess": {
                    "after": {"value": 30, "unit": "day"},
                    "because": "example",
                    "success": "recovery",
                    "on_failure": "walk",
                },
            },
            "walk": {"label": "Walk", "recovery": {"hazard_ratio": {"prior": "walk_ratio"}}},
        },
        "death": {"risk": {"prior": "death_risk"}, "by": {"value": 100, "unit": "day"}},
        "times": {"healing": exponential(60)},
        "priors": {
            "rest_ratio": prior("ratio", log_sd=0.3),
            "walk_ratio": prior("ratio", log_sd=0.3),
            "death_risk": prior("small_risk", effective_sample_size=50),
        },
        "estimates": [
            estimate("ratio", "hazard_ratio", 1.0, direction="event"),
            estimate("small_risk", "risk", 0.1),
        ],
    }
    for key, value in parts.items():
        if value is None:
            base.pop(key)
        else:
            base[key] = value
    return base


def courses_policy(number, *, later=True, sd=None, stops=False, fatal=False, windows=None):
    """Return a pathway of one stage with courses every 10 days, and falls."""
    fall = {
        "label": "Fall",
        "windows": windows
        or [
            {"until": {"value": 2, "unit": "day"}, "share": 0.75},
            {"until": {"value": 8, "unit": "day"}, "share": 0.25},
        ],
        "because": "example",
    }
    if sd:
        fall["between_patient_spread"] = {
            "log_hazard_sd": sd, "whose": "a test", "because": "example",
        }  # fmt: skip
    of_course = {"first_course": {"prior": "first_fall"}}
    priors = {"first_fall": prior("fall_first", effective_sample_size=100)}
    if later:
        of_course["later_courses"] = {"prior": "later_fall"}
        priors["later_fall"] = prior("fall_later", effective_sample_size=100)
    if stops:
        of_course |= {"stops": True, "go_to": "sofa"}
    if fatal:
        fall["fatal"] = {"prior": "fatal_fall"}
        priors["fatal_fall"] = prior("small_risk", effective_sample_size=50)
    stages = {
        "hills": {
            "label": "Hills",
            "courses": {
                "at_most": number,
                "every": {"value": 10, "unit": "day"} if number > 1 else "none",
            },
            "events": {"fall": of_course},
        }
    }
    if stops:
        stages["sofa"] = {"label": "Sofa"}
    return policy(
        id="hilly",
        horizon={"value": 10 * number, "unit": "day"},
        natural_recovery={
            "endpoint": "running again", "time": "healing", "never": {"prior": "never"},
        },
        start=[{"stage": "hills"}],
        stages=stages,
        events={"fall": fall},
        death=None,
        priors={"never": prior("small_risk", effective_sample_size=50), **priors},
        estimates=[
            estimate("small_risk", "risk", 0.1),
            estimate("fall_first", "risk", 0.12, unit_of_analysis="courses"),
            *([estimate("fall_later", "risk", 0.03, unit_of_analysis="courses")] if later else []),
        ],
    )  # fmt: skip


def write(folder, data, name=None):
    path = folder / f"{name or data['id']}.yaml"
    path.write_text(json.dumps(data, indent=2), encoding="utf-8")  # JSON is YAML 1.2
    return path
