"""Forest plot of a Bayesian synthesis: what was observed, shrunken, pooled and predicted."""

from __future__ import annotations

from textwrap import wrap
from typing import NoReturn

import numpy as np
import pandas as pd

from riskmodel.errors import NOTHING, ParameterError, Phrase, Problem, did_you_mean
from riskmodel.plots.style import GREY, new_axes, small

_BLUE, _ORANGE, _GREEN, _BLACK = "#0072B2", "#D55E00", "#009E73", "#222222"
COLUMNS = ("label", "kind", "value", "lower", "upper", "badge", "note")
# Each kind by shape as well as by colour, so that it can be told in grey.
LOOKS = {
    "observed": (_BLACK, "s", "observed"),
    "shrunken": (_BLUE, "o", "shrunken towards the pooled"),
    "uncontrolled": (_BLACK, "o", "uncontrolled series: no comparator"),
    "pooled": (_ORANGE, "D", "pooled"),
    "predicted": (_GREEN, "|", "predicted for a new study"),
    "used": (_BLUE, "v", "used in the model"),
}
_APART = 0.19  # half the distance of two marks that share a row
_COLUMN_GAP = 9  # points
_NOTE_WIDTH = 30  # characters
_TICKS = np.array([1, 2, 5])  # of a logarithmic axis, in each decade


def plot_forest(
    table: pd.DataFrame,
    *,
    xlabel: str,
    ratio: bool = False,
    reference: float | None = None,
    directions: tuple[str, str] | None = None,
    xlim: tuple[float, float] | None = None,
    digits: int = 2,
    ax=None,
):
    """Draw one row a study with what was observed and shrunken, then the pooled and predicted.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns ``label``, ``kind`` (a key of `LOOKS`), ``value``, ``lower``, ``upper``, and, if
        there is something to say, ``badge`` and ``note``; drawn from the top down. What
        ``forest_plot_table()`` of a synthesis returns fits: ``estimate`` is read as the value, and
        an observed row that is not ``controlled`` as an uncontrolled one. An observed and a
        shrunken row of the same label share a line. Without limits only the mark is drawn,
        without a value only the words.
    xlabel : str
        With the unit, and kind and level of the intervals.
    ratio : bool
        Whether values are ratios: a logarithmic axis, and 1 for no difference.
    reference : float, optional
        Where no difference is; by default 1 for ratios and 0 for others. NaN draws no line.
    directions : (str, str), optional
        Words above the axis for less and for more than the reference.
    xlim : (float, float), optional
        Ends of the axis. By default all values and the limits of the pooled and predicted lie
        within, and studies' own limits as far as they let the rest be read: an arrow shows
        that an interval goes on.
    digits : int
        Decimals of the numbers in the column beside the picture.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ParameterError
        If a column or kind is unknown, a limit lies on the wrong side of its value, or a ratio
        is not above 0.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> table = pd.DataFrame({"label": ["One", "One", "All"],
    ...     "kind": ["observed", "shrunken", "pooled"], "value": [0.5, 0.6, 0.7],
    ...     "lower": [0.2, 0.4, 0.5], "upper": [1.2, 0.9, 0.9]})
    >>> ax = plot_forest(table, xlabel="Odds ratio (95% interval)", ratio=True)
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['One', 'All']
    >>> plt.close(ax.figure)
    """
    table = _checked(table, ratio)
    ax = new_axes(ax)
    slots, labels, place = _places(table)
    if ratio:
        ax.set_xscale("log")
    limits = xlim or _limits(table, ratio)
    ax.set_xlim(limits)
    _draw_lines(ax, table, ratio, reference)
    for kind in LOOKS:
        chosen = (table["kind"] == kind).to_numpy()
        if chosen.any():
            _draw_kind(ax, kind, table[chosen], place[chosen], limits)
    ax.set_yticks(slots, labels)
    ax.set_ylim(-0.6, slots.max() + 0.6)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_xlabel(xlabel)
    if ratio:
        label_ratios(ax, limits)
    _write_columns(ax, table, place, digits)
    _write_directions(ax, directions)
    return ax


def _checked(table: pd.DataFrame, ratio: bool) -> pd.DataFrame:
    """Return the table with all columns, or say what is wrong with which row."""
    if "value" not in table.columns:
        table = table.rename(columns={"estimate": "value"})
    missing = [name for name in COLUMNS[:5] if name not in table.columns]
    if missing:
        _refuse("table", Phrase(f"no column {missing[0]}"), f"columns {', '.join(COLUMNS)}", "")
    if table.empty:
        _refuse("table", NOTHING, "at least one row", "")
    table = table.reset_index(drop=True).copy()
    if "controlled" in table.columns:
        alone = (table["kind"] == "observed") & ~table["controlled"].astype(bool)
        table.loc[alone, "kind"] = "uncontrolled"
    for name in COLUMNS[5:]:
        table[name] = table[name].fillna("").astype(str) if name in table.columns else ""
    for name in ("value", "lower", "upper"):
        table[name] = table[name].astype(float)
    for i, row in table.iterrows():
        if row["kind"] not in LOOKS:
            remedy = did_you_mean(row["kind"], LOOKS)
            _refuse(f"table.kind[{i}]", row["kind"], ", ".join(LOOKS), remedy)
        if row["lower"] > row["value"] or row["value"] > row["upper"]:
            found = Phrase(f"{row['value']:g} with limits {row['lower']:g} and {row['upper']:g}")
            _refuse(f"table.value[{i}]", found, "a value between its limits", "check the row")
        if ratio and min(row["value"], row["lower"]) < 0 or ratio and row["value"] == 0:
            found = Phrase(f"{row['value']:g} with lower limit {row['lower']:g}")
            remedy = "is it a logarithm? give exp() of it; or pass ratio=False"
            _refuse(f"table.value[{i}]", found, "a ratio above 0", remedy)
    return table


def _refuse(field: str, found: object, allowed: str, remedy: str) -> NoReturn:
    remedy = remedy or "make the table as forest_plot_table() does"
    raise ParameterError([Problem(field=field, found=found, allowed=allowed, remedy=remedy)])


def _places(table: pd.DataFrame) -> tuple[np.ndarray, list[str], np.ndarray]:
    """Return the heights of lines, their labels, and the height of each row of the table.

    The shrunken effect of a study stands below the observed one, on the same line.
    """
    lines: list[tuple[str, list[int]]] = []
    open_lines: dict[str, int] = {}  # label -> line that a shrunken effect may join
    for i, (label, kind) in enumerate(zip(table["label"], table["kind"], strict=True)):
        if kind == "shrunken" and label in open_lines:
            lines[open_lines.pop(label)][1].append(i)
            continue
        if kind in ("observed", "uncontrolled"):
            open_lines[label] = len(lines)
        lines.append((label, [i]))
    # A little air between the studies and what is concluded from them.
    concluded = [table["kind"][rows[0]] in ("pooled", "predicted") for _, rows in lines]
    gaps = [0.3 if concluded[k] and k and not concluded[k - 1] else 0.0 for k in range(len(lines))]
    down = np.arange(len(lines)) + np.cumsum(gaps)
    heights = down[-1] - down
    place = np.empty(len(table))
    for height, (_, rows) in zip(heights, lines, strict=True):
        if len(rows) == 1:
            place[rows] = height
        else:
            for i in rows:
                place[i] = height + (-_APART if table["kind"][i] == "shrunken" else _APART)
    return heights, [label for label, _ in lines], place


def _limits(table: pd.DataFrame, ratio: bool) -> tuple[float, float]:
    """Return ends of the axis: all values, all conclusions, and intervals within reason."""
    transform = np.log if ratio else np.asarray
    with np.errstate(divide="ignore"):
        value, lower, upper = (transform(table[c].to_numpy()) for c in ("value", "lower", "upper"))
    firm = table["kind"].isin(("pooled", "predicted", "used")).to_numpy()
    core = np.concatenate([value, lower[firm], upper[firm]])
    core = core[np.isfinite(core)]
    start, end = (core.min(), core.max()) if core.size else (-1.0, 1.0)
    width = (end - start) or 1.0
    for ends, pick in ((lower, "start"), (upper, "end")):
        ends = ends[np.isfinite(ends)]
        if ends.size and pick == "start":
            start = min(start, max(ends.min(), start - width))
        elif ends.size:
            end = max(end, min(ends.max(), end + width))
    null = 0.0
    if start - width < null < end + width:  # show where no difference is, if it is near
        start, end = min(start, null), max(end, null)
    pad = 0.05 * (end - start)
    start, end = start - pad, end + pad
    return (float(np.exp(start)), float(np.exp(end))) if ratio else (float(start), float(end))


def _draw_lines(ax, table: pd.DataFrame, ratio: bool, reference: float | None) -> None:
    reference = (1.0 if ratio else 0.0) if reference is None else reference
    if np.isfinite(reference):
        ax.axvline(reference, color=GREY, linewidth=0.8, zorder=0)
    pooled = table.loc[table["kind"] == "pooled", "value"].dropna()
    if len(pooled) == 1:
        ax.axvline(pooled.iloc[0], color=_ORANGE, linewidth=0.7, linestyle=(0, (3, 2)), zorder=0)


def _draw_kind(ax, kind: str, rows: pd.DataFrame, place: np.ndarray, limits) -> None:
    colour, marker, words = LOOKS[kind]
    lower, upper = rows["lower"].to_numpy(), rows["upper"].to_numpy()
    known = ~(np.isnan(lower) | np.isnan(upper))
    left, right = np.clip(lower, *limits), np.clip(upper, *limits)
    width = {"pooled": 0, "predicted": 3.2}.get(kind, 1.2)
    if kind == "pooled":
        _draw_diamonds(ax, rows, place, left, right, known)
    else:
        seen = known & (right > limits[0]) & (left < limits[1])
        ax.hlines(
            place[seen], left[seen], right[seen], color=colour, linewidth=width,
            alpha=0.55 if kind == "predicted" else 1, zorder=2,
        )  # fmt: skip
    for cut, end, arrow in (
        (known & (lower < limits[0]), limits[0], "<"),
        (known & (upper > limits[1]), limits[1], ">"),
    ):
        if cut.any():
            ax.plot(
                np.full(cut.sum(), end), place[cut], arrow, color=colour, markersize=4,
                linestyle="", clip_on=False, zorder=3,
            )  # fmt: skip
    hollow = kind == "uncontrolled"
    size = {"observed": 4.5, "shrunken": 4.5, "predicted": 8, "pooled": 5}.get(kind, 5)
    if kind == "pooled":
        # The diamond itself is a patch; this one is only for the legend.
        ax.plot([], [], marker, color=colour, markersize=size, linestyle="", label=words)
        return
    ax.plot(
        rows["value"], place, marker, color=colour, markersize=size, linestyle="", label=words,
        markerfacecolor="white" if hollow else colour, zorder=4,
        markeredgewidth=1.6 if kind == "predicted" else 1,
    )  # fmt: skip


def _draw_diamonds(ax, rows, place, left, right, known) -> None:
    """Draw a diamond as wide as the interval; without one, a small mark."""
    colour, marker, _ = LOOKS["pooled"]
    for value, y, start, end, has in zip(rows["value"], place, left, right, known, strict=True):
        if has:
            x = [start, value, end, value]
            ax.fill(x, [y, y + 0.26, y, y - 0.26], color=colour, linewidth=0, zorder=3)
        else:
            ax.plot(value, y, marker, color=colour, markersize=5, linestyle="", zorder=3)


def label_ratios(ax, limits: tuple[float, float]) -> None:
    """Label 1, 2 and 5 of each decade of a logarithmic axis, fewer over many, as plain numbers.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    limits : (float, float)
        Ends of its horizontal axis.
    """
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

    start, end = (int(np.floor(np.log10(x))) for x in limits)
    steps = _TICKS if end - start < 3 else _TICKS[:1]
    ticks = np.concatenate([steps * 10.0**k for k in range(start, end + 2)])
    ticks = ticks[(ticks >= limits[0]) & (ticks <= limits[1])]
    if len(ticks) < 3:  # less than a decade
        ticks = MaxNLocator(5).tick_values(*limits)
        ticks = ticks[(ticks >= limits[0]) & (ticks <= limits[1])]
    ax.xaxis.set_major_locator(FixedLocator(ticks))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:.10g}"))


def _write_columns(ax, table: pd.DataFrame, place: np.ndarray, digits: int) -> None:
    """Write numbers, badges and notes to the right of the picture, in columns as wide as needed."""
    numbers = [number_text(*row, digits) for row in table[["value", "lower", "upper"]].to_numpy()]
    columns = [("Value (interval)", numbers)]
    for name in ("badge", "note"):
        words = ["\n".join(wrap(text, _NOTE_WIDTH)) for text in _once_a_line(table, name)]
        if any(words):
            columns.append((name.capitalize(), words))
    offset, top = _COLUMN_GAP, place.max() + 0.8
    for title, words in columns:
        # Points to the right of the axes: the layout then leaves exactly the room they need.
        def write(y, text, colour, offset=offset):
            ax.annotate(
                text, (1, y), (offset, 0), xycoords=ax.get_yaxis_transform(), color=colour,
                textcoords="offset points", va="center", fontsize=small(), annotation_clip=False,
            )  # fmt: skip

        write(top, title, GREY)
        for y, text, kind in zip(place, words, table["kind"], strict=True):
            if text:
                write(y, text, GREY if kind == "shrunken" else _BLACK)
        offset += max(map(_width, [title, *words])) + _COLUMN_GAP


def _once_a_line(table: pd.DataFrame, name: str) -> list[str]:
    """Return words of a column; where a study's two rows say the same, only at the first."""
    words = list(table[name])
    repeated = table.duplicated(["label", name]) & table["kind"].isin(
        ("observed", "uncontrolled", "shrunken")
    )
    return ["" if again else text for text, again in zip(words, repeated, strict=True)]


def _width(text: str) -> float:
    """Return how wide the widest line of a small text is, in points."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    font = FontProperties(size=small())
    lines = [TextPath((0, 0), line, prop=font) for line in text.splitlines() if line.strip()]
    return max((path.get_extents().width for path in lines), default=0.0)


def number_text(value: float, lower: float, upper: float, digits: int = 2) -> str:
    """Return a value and its interval as one text.

    Examples
    --------
    >>> number_text(0.618, 0.392, 0.984)
    '0.62 (0.39 to 0.98)'
    >>> number_text(-0.04, float("nan"), float("nan"))
    '-0.04'
    """
    if np.isnan(value):
        return ""
    text = _rounded(value, digits)
    if np.isnan(lower) or np.isnan(upper):
        return text
    return f"{text} ({_rounded(lower, digits)} to {_rounded(upper, digits)})"


def _rounded(number: float, digits: int) -> str:
    """Round to decimals, but keep two figures of what is small; no minus before a zero."""
    if not np.isfinite(number):
        return "infinity" if number > 0 else "-infinity"
    if abs(number) >= 1000:
        return f"{number:.3g}" if abs(number) >= 1e5 else f"{number:.0f}"
    if number and abs(number) < 0.5 * 10**-digits * 10:
        return f"{number:.1g}" if abs(number) >= 1e-4 else f"{number:.0e}"
    return f"{number:.{digits}f}"


def _write_directions(ax, directions: tuple[str, str] | None) -> None:
    if not directions:
        return
    for x, words, side in ((0, f"← {directions[0]}", "left"), (1, f"{directions[1]} →", "right")):
        ax.text(x, 1.01, words, transform=ax.transAxes, ha=side, va="bottom", fontsize=small())
