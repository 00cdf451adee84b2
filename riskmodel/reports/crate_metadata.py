"""A run described as an RO-Crate: plain JSON-LD, in the terms of the published profiles.

RO-Crate 1.1 (https://w3id.org/ro/crate/1.1) with the Process Run Crate profile 0.5
(https://w3id.org/ro/wfrun/process/0.5): one command of one program, its inputs and its results. The
Workflow Run Crate profile asks for a workflow file, which a run of one command does not have. It
is written out here, without a library for it, since a crate is one JSON document, and the same run
has to give the same bytes: no date but the run's own, no identifier that is drawn.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from riskmodel.reports.trace import RunFolder

CRATE = "https://w3id.org/ro/crate/1.1"
PROCESS_RUN = "https://w3id.org/ro/wfrun/process/0.5"
METADATA = "ro-crate-metadata.json"
# RO-Crate 1.1 has no word of its own for a digest; this one is of the run profiles.
CONTEXT = [f"{CRATE}/context", {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"}]
SOFTWARE_LICENCE = "MIT"
SOFTWARE_AUTHORS = "The riskmodel maintainers"
TO_COMPLETE = "Author to complete"

_FORMATS = {
    ".json": "application/json",
    ".csv": "text/csv",
    ".html": "text/html",
    ".txt": "text/plain",
    ".cff": "text/yaml",
    ".md": "text/markdown",
    ".tex": "application/x-tex",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".nc": "application/netcdf",
    ".pdf": "application/pdf",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
}
_DESCRIPTIONS = {
    "run/run.json": "The record of the run: command, seed, digests, versions, diagnostics",
    "run/posterior.nc": "Posterior draws of every prior in use",
    "run/outcomes.nc": "Risks by draw, profile, option and outcome, with the problem as it was run",
    "run/report.html": "The report of the run; it opens without a network",
    "inputs/problem_as_run.json": "The problem as it was run: options, outcomes, priors, and every "
    "estimate, source and panel of weights, with locators",
    "environment.txt": "The packages that the run was made with",
    "CITATION.cff": "How to cite this run, the software and the sources",
}


@dataclass(frozen=True)
class PackedFile:
    """A file of a crate.

    Parameters
    ----------
    path : str
        Inside the crate, with forward slashes.
    size : int
        In bytes.
    sha256 : str
    """

    path: str
    size: int
    sha256: str


def crate_metadata(
    run: RunFolder,
    problem: Mapping[str, Any],
    files: Sequence[PackedFile],
    *,
    authors: Sequence[str] = (),
    licence: str | None = None,
) -> dict[str, Any]:
    """Return the JSON-LD that describes a run and the files it is packed with.

    Parameters
    ----------
    run : RunFolder
    problem : mapping
        The problem as it was run, as plain data; empty where the run does not hold it.
    files : sequence of PackedFile
        Everything in the crate but this description.
    authors : sequence of str
        Names; without any, they are left to the author to complete.
    licence : str, optional
        An SPDX identifier or an address; without one, left to the author to complete.

    Returns
    -------
    dict
        Of ``@context`` and ``@graph``, the description of the crate first.

    References
    ----------
    RO-Crate Metadata Specification 1.1, doi:10.5281/zenodo.4541002; Leo et al. (2024), Recording
    provenance of workflow runs with RO-Crate, doi:10.1371/journal.pone.0309210.
    """
    people = list(_people(authors))
    terms = _licence(licence)
    sources = list(_sources(problem.get("sources") or {}))
    software = list(_software(run.record))
    inputs = list(_inputs(run.record))
    settings = list(_settings(run.record))
    root = _root(run.record, files, people, terms, sources)
    action = _action(run.record, files, software, [*inputs, *settings], people, bool(problem))
    graph = [
        {
            "@id": METADATA,
            "@type": "CreativeWork",
            "about": _to("./"),
            "conformsTo": _to(CRATE),
        },
        root,
        {
            "@id": PROCESS_RUN,
            "@type": "CreativeWork",
            "name": "Process Run Crate",
            "version": "0.5",
        },
        action,
        *(_file(file) for file in files),
        *inputs,
        *settings,
        *software,
        *people,
        *([terms] if terms["@id"] != _licence(SOFTWARE_LICENCE)["@id"] else []),
        _licence(SOFTWARE_LICENCE),
        *sources,
    ]
    return {"@context": CONTEXT, "@graph": graph}


def _to(name: str) -> dict[str, str]:
    return {"@id": name}


def _all(entities: Iterable[Mapping[str, Any]]) -> dict[str, str] | list[dict[str, str]]:
    """Return references to entities; to a single one without a list, as RO-Crate has it."""
    references = [_to(entity["@id"]) for entity in entities]
    return references[0] if len(references) == 1 else references


def _root(record, files, people, terms, sources) -> dict[str, Any]:
    return {
        "@id": "./",
        "@type": "Dataset",
        "name": f"Run of {record['problem']}: {_line(record['question'])}",
        "description": f"Inputs, draws, tables, figures and record of one run of riskmodel on the "
        f"problem {record['problem']}, at the horizon of {record['horizon']}. "
        f"{record.get('disclaimer') or 'Research use; not medical advice.'}",
        "datePublished": record["written"],
        "conformsTo": _to(PROCESS_RUN),
        "license": _to(terms["@id"]),
        "author": _all(people),
        "hasPart": [_to(_address(file.path)) for file in files],
        "mentions": _to("#run"),
        "citation": _all(sources),
    }


def _action(record, files, software, objects, people, has_problem: bool) -> dict[str, Any]:
    given = [_to("inputs/problem_as_run.json")] if has_problem else []
    results = [_to(_address(file.path)) for file in files if file.path.startswith("run/")]
    return {
        "@id": "#run",
        "@type": "CreateAction",
        "name": f"riskmodel run {record['problem']}",
        "description": "Command: " + (" ".join(record.get("command") or ()) or "from a notebook"),
        "instrument": _to(software[0]["@id"]),
        "agent": _all(people),
        "endTime": record["written"],
        "actionStatus": "http://schema.org/CompletedActionStatus",
        "object": [*given, *(_to(entity["@id"]) for entity in objects)],
        "result": results,
    }


def _file(file: PackedFile) -> dict[str, Any]:
    suffix = "." + file.path.rpartition(".")[2]
    entity = {
        "@id": _address(file.path),
        "@type": "File",
        "name": file.path.rpartition("/")[2],
        "encodingFormat": _FORMATS.get(suffix, "application/octet-stream"),
        "contentSize": str(file.size),
        "sha256": file.sha256,
    }
    if file.path in _DESCRIPTIONS:
        entity["description"] = _DESCRIPTIONS[file.path]
    return entity


def _address(path: str) -> str:
    """Return a path as a relative address.

    Examples
    --------
    >>> _address("run/tables/a table.csv")
    'run/tables/a%20table.csv'
    """
    return quote(path)


def _inputs(record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the parameter files by digest: the crate holds what was read from them."""
    for name, digest in (record.get("inputs") or {}).items():
        yield {
            "@id": f"#inputs/{quote(name)}",
            "@type": "CreativeWork",
            "name": name,
            "description": "A parameter file of the run, named by its digest; what the run used "
            "of it stands in inputs/problem_as_run.json",
            "sha256": digest,
        }


def _settings(record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what the run was told: seed, draws, horizon, scenarios, weights, patients."""
    posterior, panel = record.get("posterior") or {}, record.get("preferences") or {}
    told = {
        "seed": posterior.get("seed"),
        "draws": posterior.get("draws"),
        "chains": posterior.get("chains"),
        "sampler": posterior.get("sampler"),
        "horizon": record.get("horizon"),
        "horizons": ", ".join(record.get("horizons") or ()),
        "waning": record.get("waning"),
        "scenarios": ", ".join(record.get("scenarios") or ()),
        "weights": panel.get("id"),
        **{f"weight/{name}": part["weight"] for name, part in panel.get("weights", {}).items()},
    }
    for profile in record.get("profiles") or []:
        told |= {f"profile/{profile['id']}/{k}": v for k, v in profile["values"].items()}
    for name, value in told.items():
        if value is not None and value != "":
            yield {
                "@id": f"#setting/{quote(name)}",
                "@type": "PropertyValue",
                "name": name,
                "value": value,
            }


def _software(record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    versions = environment(record)
    needed = [
        {
            "@id": f"https://pypi.org/project/{name}/{version}/",
            "@type": "SoftwareApplication",
            "name": name,
            "version": version,
            "url": f"https://pypi.org/project/{name}/{version}/",
        }
        for name, version in versions.items()
        if name != "riskmodel"
    ]
    yield {
        "@id": "#riskmodel",
        "@type": "SoftwareApplication",
        "name": "riskmodel",
        "version": versions.get("riskmodel", "unknown"),
        "license": _to(_licence(SOFTWARE_LICENCE)["@id"]),
        "author": _to("#riskmodel-authors"),
        "softwareRequirements": _all(needed),
    }
    yield from needed
    yield {"@id": "#riskmodel-authors", "@type": "Organization", "name": SOFTWARE_AUTHORS}


def environment(record: Mapping[str, Any]) -> dict[str, str]:
    """Return the packages a run was made with, and their versions.

    Where the posterior had been sampled before, by other versions, it is those of the sampling:
    the draws are theirs.
    """
    posterior = record.get("posterior") or {}
    return {**(record.get("versions_now") or {}), **(posterior.get("versions") or {})}


def _people(authors: Sequence[str]) -> Iterator[dict[str, Any]]:
    for number, name in enumerate(authors, start=1):
        yield {"@id": f"#author-{number}", "@type": "Person", "name": name}
    if not authors:
        yield {
            "@id": "#author",
            "@type": "Person",
            "name": TO_COMPLETE,
            "description": "Who made the run is not in its record",
        }


def _licence(licence: str | None) -> dict[str, Any]:
    if licence is None:
        return {
            "@id": "#licence",
            "@type": "CreativeWork",
            "name": TO_COMPLETE,
            "description": "The licence of this crate is the author's to choose; figures and words "
            "of the sources stay under their own",
        }
    address = licence if "://" in licence else f"https://spdx.org/licenses/{quote(licence)}"
    return {"@id": address, "@type": "CreativeWork", "name": licence}


def _sources(sources: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    taken: set[str] = set()
    for key, source in sources.items():
        doi, url = source.get("doi"), source.get("url")
        name = f"https://doi.org/{doi}" if doi else url
        if name is None or name in taken:  # two records may be of one page
            name = f"#source/{quote(key)}"
        taken.add(name)
        entity = {
            "@id": name,
            "@type": "ScholarlyArticle" if doi or source.get("pmid") else "CreativeWork",
            "name": _line(source["citation"]),
            "description": f"Key {key}; {source['role']} source; read: {_line(source['read'])}",
        }
        if source.get("pmid"):
            entity["identifier"] = f"pmid:{source['pmid']}"
        if source.get("date"):
            entity["datePublished"] = source["date"]
        if url:
            entity["url"] = url
        yield entity


def _line(text: str) -> str:
    return " ".join(text.split())


# --- CITATION.cff ---------------------------------------------------------------------------------


def citation_file(
    run: RunFolder,
    sources: Mapping[str, Mapping[str, Any]],
    *,
    authors: Sequence[str] = (),
    licence: str | None = None,
) -> str:
    """Return a ``CITATION.cff`` of a run: its authors, the software, and the sources.

    References
    ----------
    Citation File Format 1.2.0, doi:10.5281/zenodo.5171937.
    """
    record = run.record
    lines = [
        "cff-version: 1.2.0",
        f"title: {_quoted('Run of ' + record['problem'] + ': ' + _line(record['question']))}",
        'message: "Please cite this run, the software and the sources below."',
        "type: dataset",
        "authors:",
        *(f"  - name: {_quoted(name)}" for name in authors or (TO_COMPLETE,)),
        f"date-released: {_quoted(record['written'][:10])}",
    ]
    if licence is not None and "://" not in licence:
        lines.append(f"license: {_quoted(licence)}")
    lines += [
        "references:",
        "  - type: software",
        '    title: "riskmodel: benefit-risk modelling from published evidence"',
        f"    version: {_quoted(environment(record).get('riskmodel', 'unknown'))}",
        f"    license: {_quoted(SOFTWARE_LICENCE)}",
        "    authors:",
        f"      - name: {_quoted(SOFTWARE_AUTHORS)}",
    ]
    for source in sources.values():
        lines += _reference(source)
    return "\n".join(lines) + "\n"


def _reference(source: Mapping[str, Any]) -> Iterator[str]:
    yield f"  - type: {'article' if source.get('doi') or source.get('pmid') else 'generic'}"
    yield f"    title: {_quoted(_line(source.get('title') or source['citation']))}"
    yield "    authors:"
    names = source.get("authors") or [source.get("publisher") or "anonymous"]
    yield from (f"      - name: {_quoted(name)}" for name in names)
    for part, word in (("doi", "doi"), ("url", "url"), ("container", "journal")):
        if source.get(part):
            yield f"    {word}: {_quoted(source[part])}"
    if source.get("date"):
        yield f"    year: {source['date'][:4]}"
    yield f"    notes: {_quoted(_line(source['citation']))}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # a JSON string is a YAML one
