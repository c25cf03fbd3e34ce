"""Results: folders as the command line leaves them, with tables, figures and plots."""

from __future__ import annotations

import html
import json
import os
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import _windtunnel

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow


class Table:
    """Columns of a result. What takes Arrow takes it without copying: `polars.DataFrame(table)`,
    `duckdb.sql("select * from table")`, `pyarrow.table(table)`."""

    def __init__(self, own: _windtunnel.Table) -> None:
        self._own = own

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._own.__arrow_c_stream__(requested_schema)

    def __arrow_c_schema__(self) -> object:
        return self._own.__arrow_c_schema__()

    def __len__(self) -> int:
        return len(self._own)

    @property
    def column_names(self) -> list[str]:
        return self._own.column_names

    def to_arrow(self) -> pyarrow.Table:
        import pyarrow

        return pyarrow.table(self)

    def to_pandas(self) -> pandas.DataFrame:
        return self.to_arrow().to_pandas()

    def to_polars(self) -> polars.DataFrame:
        import polars

        return polars.DataFrame(self)

    def __repr__(self) -> str:
        return f"<windtunnel.Table: {len(self)} rows of {', '.join(self.column_names)}>"

    def _repr_html_(self) -> str:
        try:
            return self.to_pandas()._repr_html_()
        except ImportError:
            return f"<pre>{html.escape(repr(self))}</pre>"


class Svg(str):
    """A plot, which notebooks show."""

    def _repr_svg_(self) -> str:
        return str(self)


class Plots(Mapping[str, Svg]):
    """The plots of a result by name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "plots"

    def __getitem__(self, name: str) -> Svg:
        path = self._folder / f"{name}.svg"
        if name not in list(self):
            raise KeyError(f"no plot `{name}`; there are {', '.join(self)}")
        return Svg(path.read_text(encoding="utf-8"))

    def __iter__(self) -> Iterator[str]:
        return (path.stem for path in sorted(self._folder.glob("*.svg")))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"<windtunnel.Plots: {', '.join(self)}>"


def _plain(text: str) -> str:
    """A text without the colors of a terminal."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]


def _inline(cell: str) -> str:
    plain = html.escape(cell.replace("\\|", "|"))
    return re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", re.sub(r"`([^`]+)`", r"<code>\1</code>", plain))


def markdown_html(text: str) -> str:
    """The part of Markdown that reports use, as HTML."""
    parts: list[str] = []
    is_head = True
    for line in text.splitlines():
        if line.startswith("|"):
            cells = _cells(line)
            if all(set(cell) <= set(":- ") and cell for cell in cells):
                continue
            tag = "th" if is_head else "td"
            row = "".join(f"<{tag}>{_inline(cell)}</{tag}>" for cell in cells)
            parts.append(f"{'<table>' if is_head else ''}<tr>{row}</tr>")
            is_head = False
            continue
        if not is_head:
            parts.append("</table>")
            is_head = True
        if line.strip():
            parts.append(f"<p>{_inline(line.lstrip('#> ').strip())}</p>")
    if not is_head:
        parts.append("</table>")
    return "\n".join(parts)


class _Folder:
    """A folder with tables and plots."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)

    @property
    def plots(self) -> Plots:
        """The plots, by name."""
        return Plots(self.folder)

    def _table(self, name: str, what: str) -> Table:
        path = self.folder / f"{name}.parquet"
        if not path.exists():
            other = [found.name for found in sorted(self.folder.glob(f"{name}.csv*"))]
            why = f"it has {other[0]}" if other else "it was run without it"
            raise _windtunnel.InputError(f"{path}: there is no {what} as Parquet; {why}")
        return Table(_windtunnel.read_parquet(path))

    def __repr__(self) -> str:
        return f"<windtunnel.{type(self).__name__}: {self.folder}>"


class Result(_Folder):
    """Result of a run: a folder as `windtunnel run` leaves it."""

    @cached_property
    def summary(self) -> dict[str, Any]:
        """What stands in `summary.json`."""
        return json.loads((self.folder / "summary.json").read_text(encoding="utf-8"))

    @property
    def name(self) -> str:
        return self.summary["name"]

    @property
    def variants(self) -> list[str]:
        return [variant["name"] for variant in self.summary["variants"]]

    @property
    def digests(self) -> dict[str, str]:
        """The digest of each variant: equal digests mean equal runs."""
        return {own["name"]: own["digest"] for own in self.summary["variants"]}

    @property
    def report(self) -> Path:
        """The report, a single file of HTML."""
        return self.folder / "report.html"

    @cached_property
    def metrics(self) -> Table:
        """Every metric of every variant, a row each."""
        rows = [
            (own["name"], own["seed"], id, metric.get("value"), metric["unit"])
            for own in self.summary["variants"]
            for id, metric in own["metrics"].items()
        ]
        columns = {
            "variant": [row[0] for row in rows],
            "seed": [row[1] for row in rows],
            "metric": [row[2] for row in rows],
            "value": [None if row[3] is None else float(row[3]) for row in rows],
            "unit": [row[4] for row in rows],
        }
        return Table(_windtunnel.table(list(columns.items())))

    def metric(self, id: str) -> dict[str, float | None]:
        """A metric by variant; None where it is not defined."""
        found = {
            own["name"]: own["metrics"][id].get("value")
            for own in self.summary["variants"]
            if id in own["metrics"]
        }
        if not found:
            known = sorted({id for own in self.summary["variants"] for id in own["metrics"]})
            raise KeyError(f"no metric `{id}`; there are {', '.join(known)}")
        return found

    @property
    def pods(self) -> Table:
        """The pods, a row each."""
        return self._table("pods", "table of pods")

    @property
    def series(self) -> Table:
        """The state of the cluster over time."""
        return self._table("timeseries", "time series")

    @property
    def classes(self) -> Table:
        """The classes of pods."""
        return self._table("classes", "table of classes")

    def text(self, form: str = "table", all: bool = False) -> str:
        """The summary as `table`, `json`, `csv`, `markdown` or `latex`; `all` for every metric."""
        return _plain(_windtunnel.summary_text([self.folder], form, all))

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return markdown_html(self.text("markdown"))


class Comparison(Result):
    """Comparison of variants or runs: a folder as `windtunnel compare` leaves it."""

    @cached_property
    def study(self) -> dict[str, Any]:
        """What stands in `comparison.json`."""
        return json.loads(_windtunnel.comparison_text(self.folder, "json", True))

    @property
    def differences(self) -> Table:
        """The difference of each candidate from the baseline in each metric, with its interval and verdict.

        With `all_pairs` the gated metrics of the other pairs, too, and the ranks of both sides.
        """
        import csv
        import io

        rows = list(csv.DictReader(io.StringIO(self.text("csv", True))))
        return Table(_windtunnel.table([(n, _typed([r[n] for r in rows])) for n in rows[0]]))

    @property
    def values(self) -> Table:
        """The metrics of every run of the comparison."""
        return self._table("values", "table of values")

    def text(self, form: str = "table", all: bool = False) -> str:
        """The comparison as `table`, `json`, `csv`, `markdown` or `latex`; `all` for every metric."""
        return _plain(_windtunnel.comparison_text(self.folder, form, all))


def _typed(texts: list[str]) -> list[Any]:
    """A column of CSV as floats where all that is there are numbers, else as texts."""
    try:
        return [float(text) if text else None for text in texts]
    except ValueError:
        return [text or None for text in texts]


class Sweep(_Folder):
    """Results of an experiment at many points: a folder as `windtunnel sweep` leaves it."""

    @property
    def table(self) -> Table:
        """A row for each run: its parameters and every metric."""
        return self._table("sweep", "table of the sweep")

    def _repr_html_(self) -> str:
        return self.table._repr_html_()


def load(folder: str | os.PathLike[str]) -> Result | Comparison | Sweep:
    """What a result folder holds."""
    path = Path(folder)
    if (path / "comparison.json").exists():
        found = Comparison(path)
        found.text()
        return found
    if (path / "sweep.json").exists():
        return Sweep(path)
    result = Result(path)
    # A folder that is no result, or is damaged, is refused here.
    result.text("json")
    return result
