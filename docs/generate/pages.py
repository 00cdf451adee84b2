"""Pages of the documentation that are made from the package when the site is built.

MkDocs calls the functions whose names start with ``on_``. What is generated: every public function
from its docstring, every field of every parameter file from the schema, every command from its own
help, the notebooks from their text, and the contributing guide.
"""

from __future__ import annotations

import re
from pathlib import Path

import riskmodel
from riskmodel.parameters.json_schema import FILE_KINDS, json_schema

ROOT = Path(__file__).resolve().parents[2]
ROOMS = {
    "evidence": "What we believe from the evidence",
    "models": "The joint model",
    "simulation": "What would happen",
    "decisions": "What is better, for whom, at what weights",
    "plots": "Figures",
    "reports": "Runs, reports and tables",
    "parameters": "Files",
    "errors": "Errors",
}


def on_files(files, config):
    """Add the generated pages to those of the docs folder."""
    from mkdocs.structure.files import File

    for path, text in generated().items():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown: str, page, config, files) -> str:
    """Set examples that stand in a page without a fence as code, as ``doctest`` reads them."""
    return fenced(markdown)


def fenced(markdown: str) -> str:
    """Return a page with a fence around each example that has none.

    Examples
    --------
    >>> print(fenced("Text.\\n\\n>>> 1 + 1\\n2\\n\\nMore."))
    Text.
    <BLANKLINE>
    ```pycon
    >>> 1 + 1
    2
    ```
    <BLANKLINE>
    More.
    """
    lines, inside, example = [], False, False
    for line in markdown.split("\n"):
        if line.startswith("```"):
            inside = not inside
        if not inside and not example and line.startswith(">>> "):
            lines.append("```pycon")
            example = True
        if example and not line.strip():
            lines.append("```")
            example = False
        lines.append(line)
    return "\n".join([*lines, "```"] if example else lines)


def on_page_content(html: str, page, config, files) -> str:
    """Take Sphinx's roles out of docstrings: what they name stands as code."""
    return re.sub(r":(?:func|class|meth|mod|data|attr):(<code)", r"\1", html).replace(
        "<code>~riskmodel.", "<code>riskmodel."
    )


def generated() -> dict[str, str]:
    """Return every generated page by its path in the docs folder."""
    pages = {
        "reference/commands.md": commands_page(),
        "reference/fields.md": fields_page(),
        "contributing.md": contributing_page(),
    }
    for room, title in ROOMS.items():
        pages[f"reference/{room}.md"] = functions_page(room, title)
    for path in sorted((ROOT / "notebooks").glob("*.py")):
        pages[f"notebooks/{path.stem}.md"] = notebook_page(path)
    return pages


def contributing_page() -> str:
    """Return the guide, its links turned to pages of the site."""
    return (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").replace("](docs/", "](")


def functions_page(room: str, title: str) -> str:
    """Return a page with every public name that lives in one room."""
    homes = riskmodel._HOMES
    names = [name for name in riskmodel.__all__ if homes[name].split(".")[1] == room]
    lines = [f"# {title}", "", "Call each as `rm.NAME` after `import riskmodel as rm`.", ""]
    for name in sorted(names, key=str.lower):
        lines += [f"::: {homes[name]}.{name}", ""]
    return "\n".join(lines)


def commands_page() -> str:
    """Return a page with the help of every command."""
    import typer

    from riskmodel.cli import app

    group = typer.main.get_command(app)
    lines = ["# Commands", "", "The text of each `riskmodel COMMAND --help`.", ""]
    for name, command in sorted(group.commands.items()):
        context = type(group.make_context("riskmodel", ["check"], resilient_parsing=True))(
            command, info_name=f"riskmodel {name}"
        )
        context.max_content_width = context.terminal_width = 96
        lines += [f"## {name}", "", "```text", command.get_help(context).rstrip(), "```", ""]
    return "\n".join(lines)


def notebook_page(path: Path) -> str:
    """Return a notebook's text cells as prose and its code cells as code."""
    lines = []
    text = path.read_text(encoding="utf-8")
    body = re.sub(r"\A# ---\n.*?\n# ---\n", "", text, flags=re.DOTALL)
    for cell in re.split(r"^# %%", body, flags=re.MULTILINE)[1:]:
        head, _, rest = cell.partition("\n")
        if "[markdown]" in head:
            prose = (re.sub(r"^# ?", "", line) for line in rest.rstrip().splitlines())
            lines += [*prose, ""]
        elif rest.strip():
            lines += ["```python", rest.strip(), "```", ""]
    if not lines or not lines[0].startswith("# "):
        raise ValueError(f"{path.name} does not open with a question")
    at = f"`notebooks/{path.name}` and `notebooks/{path.stem}.ipynb`"
    return "\n".join([lines[0], "", f"As a notebook: {at}.", *lines[1:]])


# --- fields of parameter files ------------------------------------------------------------------


def fields_page() -> str:
    """Return every field of every kind of parameter file, from the schemas."""
    lines = [
        "# Every field of a parameter file",
        "",
        "Made from the schema that `riskmodel check` uses. `riskmodel schema --out FOLDER` writes "
        "it for editors. What a field means in use: [parameter files](../parameter-files.md).",
        "",
    ]
    shared: dict[str, dict] = {}
    for kind in FILE_KINDS:
        schema = json_schema(kind)
        shared |= schema.get("$defs", {})
        lines += _record(f"`{schema['title']}`", schema, level=2)
    lines += ["## What stands inside them", ""]
    for name in sorted(shared):
        if "properties" in shared[name]:
            lines += _record(name, shared[name], level=3)
        elif "enum" in shared[name]:
            lines += [f"### {name}", "", f"One of: {_words(shared[name])}.", ""]
    return "\n".join(lines)


def _record(title: str, schema: dict, *, level: int) -> list[str]:
    lines = [f"{'#' * level} {title}", ""]
    if schema.get("description"):
        lines += [_prose(schema["description"]), ""]
    lines += ["| field | type | | meaning |", "|---|---|---|---|"]
    required = set(schema.get("required", ()))
    for name, field in schema.get("properties", {}).items():
        must = "required" if name in required else _default(field)
        meaning = _prose(field.get("description", "")).replace("|", "\\|")
        lines.append(f"| `{name}` | {_words(field)} | {must} | {meaning} |")
    return [*lines, ""]


def _prose(text: str) -> str:
    return " ".join(text.split()).replace("<", "&lt;").replace("[", "\\[")


def _default(field: dict) -> str:
    value = field.get("default")
    return "" if value in (None, [], {}) else f"`{str(value).lower()}` if left out"


def _words(field: dict) -> str:
    """Return the type of a field in words, with links to what it is made of."""
    if "$ref" in field:
        name = field["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](#{name.lower()})"
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    for union in ("anyOf", "oneOf"):
        if union in field:
            parts = [_words(part) for part in field[union] if part.get("type") != "null"]
            return " or ".join(dict.fromkeys(parts))
    if field.get("type") == "array":
        return f"list of {_words(field['items'])}" if "items" in field else "list"
    if field.get("type") == "object":
        inner = field.get("additionalProperties") or next(
            iter(field.get("patternProperties", {}).values()), None
        )
        return f"mapping to {_words(inner)}" if isinstance(inner, dict) else "mapping"
    return str(field.get("type", "any")) + _limits(field)


def _limits(field: dict) -> str:
    limits = {
        "minimum": "at least",
        "exclusiveMinimum": "above",
        "maximum": "at most",
        "exclusiveMaximum": "below",
    }
    said = [f"{words} {field[name]:g}" for name, words in limits.items() if name in field]
    return f", {' and '.join(said)}" if said else ""
