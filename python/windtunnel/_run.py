"""`run`, `compare` and `sweep`."""

from __future__ import annotations

import itertools
import json
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, wait
from pathlib import Path
from typing import Any, Union

from . import _policy, _windtunnel
from ._progress import Progress, Shown
from ._result import Comparison, Result, Sweep

Experiment = Union[str, "os.PathLike[str]", Mapping[str, Any], None]
Sets = Union[Mapping[str, Any], Iterable[str], None]


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _sets(sets: Sets, seed: int | None) -> list[str]:
    if isinstance(sets, str):
        raise TypeError("set: expected a dict such as {'seed': 7}, or a list of texts `PATH=VALUE`")
    if isinstance(sets, Mapping):
        words = [f"{path}={_value(value)}" for path, value in sets.items()]
    else:
        words = list(sets or ())
    if seed is not None:
        words.append(f"seed={seed}")
    return words


def _several(name: str, values: Any) -> list[Any]:
    return [values] if isinstance(values, (str, os.PathLike)) else list(values)


def optional_path(path: str | os.PathLike[str] | None) -> Path | None:
    """Path of an argument that may be left out."""
    return None if path is None else Path(path)


def folders_of_traces(traces: Any) -> list[Path]:
    """Folders of traces: those given, then those of `WINDTUNNEL_TRACES`."""
    own = [Path(folder) for folder in _several("traces", traces)]
    named = os.environ.get("WINDTUNNEL_TRACES", "")
    return own + [Path(folder) for folder in named.split(os.pathsep) if folder]


def _asked(
    experiment: Experiment,
    *,
    set: Sets,
    seed: int | None = None,
    variants: Mapping[str, Any] | str | None = None,
    systems: Sequence[str] = (),
    policy: Any = None,
    under: Mapping[str, Any] | None = None,
    traces: Any = (),
    ignore: Any = (),
    allow_external: bool = False,
    threads: int | None = None,
) -> dict[str, Any]:
    path, text, name = None, None, "experiment"
    if isinstance(experiment, Mapping):
        text = json.dumps(experiment, default=str, indent=1)
    elif isinstance(experiment, str) and "\n" in experiment:
        text = experiment
    elif experiment is not None:
        path = Path(os.fspath(experiment))
    systems = _several("systems", systems)
    if systems and variants is not None:
        raise _windtunnel.InputError("systems: each is a variant, and `variants` are given; leave one of them out")
    if variants is not None and not isinstance(variants, str):
        variants = json.dumps(variants, default=str)
    if threads is not None and not 1 <= threads <= 1024:
        raise _windtunnel.InputError(f"threads: expected 1 to 1024, found {threads}")
    return {
        "path": path,
        "text": text,
        "name": name,
        "variants": variants,
        "systems": systems,
        "sets": _sets(set, seed),
        "traces": folders_of_traces(traces),
        "ignore": _several("ignore", ignore),
        "allow_external": allow_external,
        "threads": threads or 0,
        "policies": _policy.given(policy, under),
    }


def run(
    experiment: Experiment = None,
    *,
    policy: Any = None,
    under: Mapping[str, Any] | None = None,
    set: Sets = None,
    variants: Mapping[str, Any] | str | None = None,
    seed: int | None = None,
    out: str | os.PathLike[str] | None = None,
    force: bool = False,
    tables: bool = True,
    decisions: bool = False,
    events: bool = False,
    traces: Any = (),
    ignore: Any = (),
    allow_external: bool = False,
    threads: int | None = None,
    progress: bool | Progress | None = None,
) -> Result:
    """Runs an experiment into a result folder.

    experiment: path, text of YAML or dict; the bundled experiment without one.
    policy: a policy of one's own, or a dict of them by name; each decides in one more variant.
    under: settings of these variants, such as {"system.name": "kubernetes"}.
    set: values of fields, such as {"workload.0.trace.arrivals.scale": 2}.
    variants: variants in place of the experiment's own, a dict from names to settings.
    out: folder of the results; by default `results/NAME`, which a later run replaces.
    force: replace a folder that was named.
    tables, decisions, events: what is left beside the summary.
    progress: False for none, or a function of a share from 0 to 1 and words.
    """
    asked = _asked(
        experiment,
        set=set,
        seed=seed,
        variants=variants,
        policy=policy,
        under=under,
        traces=traces,
        ignore=ignore,
        allow_external=allow_external,
        threads=threads,
    )
    options = {
        "out": optional_path(out),
        "force": force,
        "tables": tables,
        "decisions": decisions,
        "events": events,
    }
    with Shown(progress) as tell:
        return Result(_windtunnel.run(asked, options, tell))


def _is_finished(what: Any) -> bool:
    return isinstance(what, (Result, Sweep)) or (
        isinstance(what, (str, os.PathLike)) and "\n" not in str(what) and os.path.isdir(what)
    )


def _finished(experiment: Any) -> list[Path]:
    """Folders of finished runs, where these are to be compared."""
    if isinstance(experiment, (str, os.PathLike, Mapping, Result, Sweep)) or experiment is None:
        experiment = [experiment]
    given = list(experiment)
    finished = [own for own in given if _is_finished(own)]
    if not finished:
        if len(given) > 1:
            raise TypeError("compare: expected one experiment, or a list of result folders")
        return []
    if len(finished) < len(given):
        raise TypeError("compare: expected one experiment, or result folders alone, not both")
    return [own.folder if isinstance(own, (Result, Sweep)) else Path(own) for own in finished]


def compare(
    experiment: Experiment | Sequence[Result | str | os.PathLike[str]] = None,
    *,
    seeds: int = 20,
    baseline: str | None = None,
    metrics: Sequence[str] = (),
    precision: float | None = None,
    max_seeds: int | None = None,
    pareto: tuple[str, str] | None = None,
    all_pairs: bool = False,
    at: Sets = None,
    policy: Any = None,
    under: Mapping[str, Any] | None = None,
    set: Sets = None,
    variants: Mapping[str, Any] | str | None = None,
    systems: Sequence[str] = (),
    seed: int | None = None,
    out: str | os.PathLike[str] | None = None,
    force: bool = False,
    traces: Any = (),
    ignore: Any = (),
    allow_external: bool = False,
    threads: int | None = None,
    records: Any = (),
    executor: Executor | None = None,
    progress: bool | Progress | None = None,
) -> Comparison:
    """Compares the variants of an experiment over paired seeds, or finished runs.

    Differences come with intervals of 95 % confidence and verdicts, as those of the command line do. In place of an
    experiment it takes a list of results or of their folders, or the folder of a sweep, whose variants and points are the
    candidates; `at` is a dict of fields with values, at which its points are compared. `all_pairs` compares every candidate with every other, and
    ranks them. The other arguments are those of `run`.

    systems: names of systems, which are compared in place of variants: with the experiment's settings where it has a
        variant of that system, else with default ones.

    records: folder in which each run leaves a record, with which the same call goes on where it was stopped; further ones
        are read.
    executor: an executor as that of `sweep`, which gets a task for each run; without `records` they are kept beside the
        result until it is there.
    """
    finished = _finished(experiment)
    asked = _asked(
        None if finished else experiment,  # type: ignore[arg-type]
        set=set,
        seed=seed,
        variants=variants,
        systems=systems,
        policy=policy,
        under=under,
        traces=traces,
        ignore=ignore,
        allow_external=allow_external,
        threads=threads,
    )
    named = asked["path"]
    what = "" if finished or named is None else f"{named.name!r}, "
    options = {
        "out": optional_path(out),
        "force": force,
        "seeds": seeds,
        "baseline": baseline,
        "metrics": _several("metrics", metrics),
        "pareto": pareto,
        "all_pairs": all_pairs,
        "precision": precision,
        "max_seeds": max_seeds,
        "rerun": f"windtunnel.compare({what}seeds={seeds}) in Python",
        "finished": finished,
        "at": _sets(at, None),
        "records": [Path(own) for own in _several("records", records)],
    }
    if executor is None:
        with Shown(progress) as tell:
            return Comparison(_windtunnel.compare(asked, options, tell))
    if finished or asked["policies"]:
        raise TypeError("compare: an executor makes runs of experiments; finished runs and policies of Python stay here")
    with tempfile.TemporaryDirectory(prefix="windtunnel-records-") as folder, Shown(progress) as tell:
        if not options["records"]:
            options["records"] = [Path(folder)]
        _compare_dealt(executor, asked, options, tell)
        return Comparison(_windtunnel.compare(asked, options, tell))


def _axes(values: Mapping[str, Any] | Iterable[str] | None) -> list[str]:
    if values is None:
        return []
    if isinstance(values, str):
        return [values]
    if not isinstance(values, Mapping):
        return list(values)
    axes = []
    for path, own in values.items():
        if isinstance(own, str):
            axes.append(f"{path}={own}")
        else:
            axes.append(f"{path}={','.join(_value(value) for value in own)}")
    return axes


# Tasks that an executor holds at once: enough for any number of workers, and no list of a hundred thousand.
_AHEAD = 4096

# The work of this process's last task: a worker reads the experiment once.
_works: dict[str, Any] = {}


def _task(kind: str, asked: dict[str, Any], options: dict[str, Any], run: Any) -> bytes:
    """One run on a worker; its record."""
    name = repr((kind, asked, options))
    if name not in _works:
        _works.clear()
        _works[name] = getattr(_windtunnel, kind)(asked, options)
    return _works[name].run(run)


def _deal(executor: Executor, work: Any, runs: Any, asked: Any, options: Any, tell: Any) -> None:
    """Has an executor make runs, a pair of key and run each, and keeps their records."""
    kind = type(work).__name__
    if asked["path"] is not None:
        asked = {**asked, "path": asked["path"].absolute()}
    asked = {**asked, "traces": [folder.absolute() for folder in asked["traces"]]}
    waiting, done = dict[Any, str](), 0
    left = iter(runs)
    try:
        while True:
            for key, run in itertools.islice(left, _AHEAD - len(waiting)):
                waiting[executor.submit(_task, kind, asked, options, run)] = key
            if not waiting:
                return
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                work.keep(waiting.pop(future), future.result())
                done += 1
            if tell is not None:
                tell(done / len(runs), f"{done} of {len(runs)} runs")
    finally:
        for future in waiting:
            future.cancel()


def _compare_dealt(executor: Executor, asked: dict[str, Any], options: dict[str, Any], tell: Any) -> None:
    """Has an executor make the runs that a comparison lacks: the first ones tell which the others are."""
    work = _windtunnel.CompareWork(asked, options)
    while runs := work.missing():
        _deal(executor, work, runs, asked, options, tell)


def sweep(
    experiment: Experiment = None,
    *,
    grid: Mapping[str, Any] | Iterable[str] | None = None,
    list: Mapping[str, Any] | Iterable[str] | None = None,
    vary: Mapping[str, str] | Iterable[str] | None = None,
    random: int | None = None,
    latin: int | None = None,
    sobol: int | None = None,
    sampling_seed: int = 0,
    seeds: int = 1,
    metrics: Sequence[str] = (),
    policy: Any = None,
    under: Mapping[str, Any] | None = None,
    set: Sets = None,
    out: str | os.PathLike[str] | None = None,
    force: bool = False,
    traces: Any = (),
    ignore: Any = (),
    allow_external: bool = False,
    threads: int | None = None,
    executor: Executor | None = None,
    progress: bool | Progress | None = None,
) -> Sweep:
    """Runs an experiment at many points into one table. The same call resumes a sweep that was stopped.

    grid, list: dicts from fields to their values, combined each with each, or the n-th with the n-th.
    vary: a dict from fields to ranges such as "0.5..2", sampled at `random`, `latin` or `sobol` points.
    seeds: number of seeds at each point.
    policy, under: as those of `run`; at each point a policy decides in one more variant. Its runs are made with each call,
        since nothing tells whether it is the same.
    executor: an executor of `concurrent.futures`, such as a pool of processes or that of a Dask client, which gets a task
        for each run that is missing; records come back to this machine as they are made.
    """
    asked = _asked(
        experiment,
        set=set,
        policy=policy,
        under=under,
        traces=traces,
        ignore=ignore,
        allow_external=allow_external,
        threads=threads,
    )
    if executor is not None and asked["policies"]:
        raise TypeError("sweep: an executor makes runs elsewhere; policies of Python stay in this process")
    options = {
        "out": optional_path(out),
        "force": force,
        "grid": _axes(grid),
        "list": _axes(list),
        "vary": _axes(vary),
        "random": random,
        "latin": latin,
        "sobol": sobol,
        "sampling_seed": sampling_seed,
        "seeds": seeds,
        "metrics": _several("metrics", metrics),
    }
    with Shown(progress) as tell:
        if executor is not None:
            work = _windtunnel.SweepWork(asked, options)
            _deal(executor, work, [(key, key) for key in work.missing()], asked, options, tell)
            # It holds the folder, which the sweep opens next.
            del work
        return Sweep(_windtunnel.sweep(asked, options, tell))
