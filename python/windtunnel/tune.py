"""The judge in an optimiser's loop: candidates in, scores, verdicts and the first decision that differs out.

    with Tuner("cluster.yaml", metric="pending_time.mean", out="search") as tuner:
        answer = tuner.ask({"system.scheduler.plugins.fgd.weight": 3})
        print(answer.score, answer.against_base["verdict"], answer.get("divergence"))
        print(tuner.finish()["winner"])

A `Tuner` drives `windtunnel tune`, the program that `WINDTUNNEL` names or the first on `PATH`; its manual says what
answers mean.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from ._run import Experiment, Sets, _sets, folders_of_traces
from ._windtunnel import IncomparableError, IncompleteError, InputError, NothingMeasuredError

_ERRORS = {2: InputError, 3: IncomparableError, 4: NothingMeasuredError}
_FIELDS = {"set", "policy", "source", "lang"}


class Answer(dict):
    """Answer to a candidate: its fields as keys and as attributes; those that it lacks are None."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.get(name)


class Tuner:
    """A search with one judge. `ready` holds what the judge says first, the score of the base among it.

    experiment: path of a file, text of YAML, or dict; the bundled experiment without one.
    metric: id of the metric; goal: "maximize" or "minimize", by default the metric's own.
    held_out_workloads: experiment files that decide at the end, instead of further seeds.
    budget: seconds of CPU, or a text such as "10m".
    out: folder of the log, from which a search goes on.
    Others as the options of `windtunnel tune`.
    """

    def __init__(
        self,
        experiment: Experiment = None,
        *,
        metric: str,
        goal: str | None = None,
        seeds: int | None = None,
        first_seeds: int | None = None,
        held_out: int | None = None,
        held_out_workloads: Iterable[str | os.PathLike[str]] = (),
        finalists: int | None = None,
        budget: float | str | None = None,
        base: str | None = None,
        set: Sets = None,
        seed: int | None = None,
        out: str | os.PathLike[str] | None = None,
        traces: Any = (),
        allow_external: bool = False,
        threads: int | None = None,
    ) -> None:
        program = os.environ.get("WINDTUNNEL") or shutil.which("windtunnel")
        if not program:
            raise InputError("tune: found no program `windtunnel`; put it on PATH, or name it by WINDTUNNEL")
        self._folder = tempfile.TemporaryDirectory(prefix="windtunnel-tune-")
        folders = folders_of_traces(traces)
        words = [program, "tune", "--quiet", "--metric", metric]
        if isinstance(experiment, Mapping) or isinstance(experiment, str) and "\n" in experiment:
            text = experiment if isinstance(experiment, str) else json.dumps(experiment, default=str)
            path = Path(self._folder.name) / "experiment.yaml"
            path.write_text(text, encoding="utf-8")
            # Its paths start where the caller is.
            words.append(str(path))
            folders.insert(0, Path.cwd())
        elif experiment is not None:
            words.append(os.fspath(experiment))
        if isinstance(budget, (int, float)):
            budget = f"{round(budget * 1000)}ms"
        options = {
            "goal": goal, "seeds": seeds, "first-seeds": first_seeds, "held-out": held_out,
            "finalists": finalists, "budget": budget, "base": base, "out": out, "threads": threads,
        }
        for name, value in options.items():
            if value is not None:
                words += [f"--{name}", os.fspath(value) if name == "out" else str(value)]
        for name, values in {
            "set": _sets(set, seed), "traces": folders, "held-out-workload": held_out_workloads,
        }.items():
            for value in values:
                words += [f"--{name}", os.fspath(value)]
        if allow_external:
            words.append("--allow-external")
        self._lock = threading.Lock()
        self._asked = 0
        self._final: dict[str, Any] | None = None
        self._told = tempfile.TemporaryFile("w+", encoding="utf-8")
        self._process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._told, encoding="utf-8"
        )
        self.ready = self._line()["ready"]

    def ask(self, candidate: Mapping[str, Any]) -> Answer:
        """Measures a candidate: settings by path, or a dict with `set`, `policy`, or `source` and `lang`."""
        return self.ask_all([candidate])[0]

    def ask_all(self, candidates: Iterable[Mapping[str, Any]]) -> list[Answer]:
        """Measures candidates side by side; the answers are in their order."""
        with self._lock:
            batch = []
            for candidate in candidates:
                self._asked += 1
                fields = candidate if candidate and _FIELDS.issuperset(candidate) else {"set": candidate}
                batch.append({"id": self._asked, **fields})
            if not batch:
                return []
            if self._final is not None:
                raise InputError("tune: the search is over; begin another one")
            self._say({"batch": batch} if len(batch) > 1 else batch[0])
            return [Answer(self._line()) for _ in batch]

    def finish(self) -> dict[str, Any]:
        """Lets the held-out runs decide between the best candidates and the base."""
        with self._lock:
            if self._final is None:
                try:
                    self._say({"finish": True})
                except BrokenPipeError:
                    # A spent budget has ended the search; the decision is there to read.
                    pass
                self._final = self._line()["final"]
                self.close()
            return self._final

    def close(self) -> None:
        """Ends the search without a decision."""
        process = self._process
        if process.poll() is None and self._final is None:
            process.terminate()
        for stream in (process.stdin, process.stdout):
            try:
                stream.close()
            except BrokenPipeError:
                pass
        process.wait()
        self._told.close()
        self._folder.cleanup()

    def __enter__(self) -> Tuner:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def _say(self, request: Mapping[str, Any]) -> None:
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()

    def _line(self) -> dict[str, Any]:
        line = self._process.stdout.readline()
        if line:
            return json.loads(line)
        code = self._process.wait()
        self._told.seek(0)
        words = self._told.read().rsplit("exit ", 1)[0].strip().removeprefix("error: ")
        self.close()
        raise _ERRORS.get(code, IncompleteError)(words or f"windtunnel ended with {code}")


def optuna_objective(tuner: Tuner, suggest: Callable[[Any], Mapping[str, Any]]) -> Callable[[Any], float]:
    """Objective for `study.optimize`; `suggest` turns a trial of Optuna into a candidate.

    The study's direction is that of `tuner.ready["goal"]`. A candidate that is dropped or has no result is a
    pruned trial, and a spent budget stops the study. Answers are in `trial.user_attrs["answer"]`.
    """
    import optuna

    def objective(trial: Any) -> float:
        answer = tuner.ask(suggest(trial))
        trial.set_user_attr("answer", dict(answer))
        if answer.status == "unmeasured":
            trial.study.stop()
        if answer.status == "dropped":
            trial.report(answer.score, step=answer.seeds)
        if answer.status != "done":
            raise optuna.TrialPruned(answer.error)
        return answer.score

    return objective


def openevolve_evaluator(tuner: Tuner, **fields: Any) -> Callable[[str], Any]:
    """`evaluate(program_path)` for OpenEvolve: each program is a candidate, with further `fields` such as `set`.

    `combined_score` is the mean difference from the base, positive where it is better. Where OpenEvolve is
    installed, verdicts and the first decision that differs go into the next prompt as artifacts.
    """
    sign = 1 if tuner.ready["goal"] == "maximize" else -1

    def evaluate(program_path: str) -> Any:
        source = Path(program_path).read_text(encoding="utf-8")
        answer = tuner.ask({"lang": "python", **fields, "source": source})
        if answer.score is None:
            metrics = {"combined_score": -1e9}
        else:
            gain = sign * answer.against_base["difference"]
            metrics = {"combined_score": gain, "score": answer.score, "seeds": float(answer.seeds)}
        try:
            from openevolve.evaluation_result import EvaluationResult
        except ImportError:
            return metrics
        return EvaluationResult(metrics=metrics, artifacts={"judge": json.dumps(answer, indent=1)})

    return evaluate
