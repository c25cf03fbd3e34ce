"""`place`, `plan` and `queue`: questions about a cluster at one instant."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from . import _windtunnel
from ._progress import Progress, Shown
from ._result import markdown_html
from ._run import _several, folders_of_traces, optional_path


class Answer(dict):
    """An answer as data, with the texts of the command line: `print` shows the table, notebooks the same as HTML."""

    def __init__(self, forms: tuple[str, str, str, str, list[str]]) -> None:
        table, markdown, csv, data, warnings = forms
        super().__init__(json.loads(data))
        self.table: str = table
        self.markdown: str = markdown
        self.csv: str = csv
        self.warnings: list[str] = warnings

    def __str__(self) -> str:
        return self.table

    def _repr_html_(self) -> str:
        return markdown_html(self.markdown)


def _paths(values: Any) -> list[str]:
    return [os.fspath(path) for path in _several("paths", values)]


def _cluster(
    cluster: Any, traces: Any, ignore: Any, config: Any = None, release: str | None = None
) -> dict[str, Any]:
    return {
        "paths": _paths(cluster),
        "traces": folders_of_traces(traces),
        "ignore": _several("ignore", ignore),
        "config": optional_path(config),
        "release": release,
    }


def place(
    cluster: Any,
    pod: str | os.PathLike[str] | None = None,
    *,
    replicas: int | None = None,
    without_nodes: Any = (),
    mix: Mapping[str, int] | None = None,
    lose: Any = (),
    preemption: bool = False,
    config: str | os.PathLike[str] | None = None,
    release: str | None = None,
    traces: Any = (),
    ignore: Any = (),
    progress: bool | Progress | None = None,
) -> Answer:
    """How many more copies of a pod fit in a cluster, or where the pods of lost nodes go.

    cluster: path of a dump, or a list of them. pod: file of the pod.
    mix: files of pods with their number in each round, in place of `pod`. lose: nodes that are lost, as `--lose` takes
        them, whose pods are placed in place of `pod`.
    """
    asked = _cluster(cluster, traces, ignore, config, release)
    if pod is not None and (lose or mix):
        name = "lose" if lose else "mix"
        raise _windtunnel.InputError(f"{name}: it says which pods are placed, and `pod` does, too; leave one of them out")
    if lose and mix:
        raise _windtunnel.InputError("lose: it places the pods of lost nodes, not those of a mix; leave one of them out")
    if pod is not None:
        asked["paths"].append(os.fspath(pod))
    options = {
        "replicas": replicas,
        "without_nodes": _several("without_nodes", without_nodes),
        "mix": [(each, os.fspath(path)) for path, each in (mix or {}).items()],
        "lose": _several("lose", lose),
        "preemption": preemption,
    }
    with Shown(progress) as tell:
        return Answer(_windtunnel.place(asked, options, tell))


def plan(
    cluster: Any,
    *,
    minimize: str | None = None,
    types: str | os.PathLike[str] | None = None,
    prices: str | os.PathLike[str] | None = None,
    only: Any = (),
    keep: bool = False,
    strict: bool = False,
    survive: Any = (),
    headroom: Any = (),
    overcommit: Any = (),
    requests: Any = (),
    reserved: str | None = None,
    preemption: bool = False,
    grow: Any = (),
    horizon: str | None = None,
    orders: int = 0,
    order: str = "dump",
    steps: int | None = None,
    config: str | os.PathLike[str] | None = None,
    release: str | None = None,
    traces: Any = (),
    ignore: Any = (),
    progress: bool | Progress | None = None,
) -> Answer:
    """Plans a cluster: what binds, which nodes can go, what to buy, when it is full.

    Arguments have the names and the words of the options of `windtunnel plan`; those that may be repeated take a word
    or a list of words.
    """
    asked = _cluster(cluster, traces, ignore, config, release)
    options = {
        "minimize": minimize,
        "types": optional_path(types),
        "prices": optional_path(prices),
        "only": _several("only", only),
        "keep": keep,
        "strict": strict,
        "survive": _several("survive", survive),
        "headroom": _several("headroom", headroom),
        "overcommit": _several("overcommit", overcommit),
        "requests": _paths(requests),
        "reserved": reserved,
        "preemption": preemption,
        "grow": _several("grow", grow),
        "horizon": horizon,
        "orders": orders,
        "order": order,
        "steps": steps,
    }
    with Shown(progress) as tell:
        return Answer(_windtunnel.plan(asked, options, tell))


def queue(
    cluster: Any,
    job: str | os.PathLike[str],
    *,
    run_time: str | None = None,
    traces: Any = (),
    ignore: Any = (),
    progress: bool | Progress | None = None,
) -> Answer:
    """Whether a job is admitted under the queues of a cluster, who makes room, and what binds."""
    asked = _cluster(cluster, traces, ignore)
    with Shown(progress) as tell:
        return Answer(_windtunnel.queue(asked, os.fspath(job), run_time, tell))
