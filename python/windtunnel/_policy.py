"""Policies of one's own: what a run asks, as calls of Python with NumPy columns.

The questions are those that a process of one's own gets (`docs/manual/external.md`), and they are recorded as those are,
so that a result repeats without the policy.
"""

from __future__ import annotations

import copy
import ctypes
import inspect
import json
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy

from . import _windtunnel

RESOURCES = ("cpu_milli", "memory_bytes", "storage_bytes", "gpu_milli", "pods")
POINTS = ("filter", "score", "order", "schedule")
LIMIT = "system.scheduler.external.answerLimit"
DEFAULT_SETTINGS = {"system.name": "pipeline", "system.scheduler.profile": "first-fit"}


class Record(dict):
    """A dict whose items are attributes, too."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"no `{name}`; there are {', '.join(self)}") from None


def _refuse(self: Any, *arguments: Any, **named: Any) -> Any:
    raise TypeError("what a policy is asked can't be written to, as it is kept for the next question; write to a copy")


class Fixed(Record):
    """A record that is kept between questions and can't be written to. Copies are plain dicts."""

    __setitem__ = __delitem__ = __ior__ = update = pop = popitem = clear = setdefault = _refuse

    def __reduce__(self) -> Any:
        return dict, (dict(self),)


class Values(list):
    """A list that is kept between questions and can't be written to. Copies are plain lists."""

    __setitem__ = __delitem__ = __iadd__ = __imul__ = append = extend = insert = _refuse
    pop = remove = clear = sort = reverse = _refuse

    def __reduce__(self) -> Any:
        return list, (list(self),)


def _fixed(value: Any) -> Any:
    if isinstance(value, dict):
        return Fixed((name, _fixed(inner)) for name, inner in value.items())
    if isinstance(value, list):
        return Values(map(_fixed, value))
    return value


class Nodes:
    """The nodes of a cluster as columns. A row is the number of a node.

    `free` and `allocatable` have a column of integers for each resource, `ready` and `schedulable` are columns of
    booleans; `names`, `labels`, `taints`, `gpu_free` and `gpu_models` are lists. Columns are those that the policy keeps
    between questions, not copies, and can't be written to. `candidates` are the rows in question.
    """

    def __init__(self) -> None:
        self._room = 0
        self._count = 0
        self._columns: dict[tuple[str, str], numpy.ndarray] = {
            (group, name): numpy.zeros(0, numpy.int64)
            for group in ("free", "allocatable")
            for name in RESOURCES
        }
        self._columns["", "ready"] = numpy.zeros(0, numpy.bool_)
        self._columns["", "schedulable"] = numpy.zeros(0, numpy.bool_)
        self.names: list[str] = Values()
        self.labels: list[dict[str, str]] = Values()
        self.taints: list[list[Any]] = Values()
        self.gpu_free: list[list[int]] = Values()
        self.gpu_models: list[str | None] = Values()
        self.candidates: numpy.ndarray = numpy.zeros(0, numpy.int64)
        self._views()

    def __len__(self) -> int:
        return self._count

    def _views(self) -> None:
        def view(key: tuple[str, str]) -> numpy.ndarray:
            column = self._columns[key][: self._count]
            column.flags.writeable = False
            return column

        self.free = Fixed((name, view(("free", name))) for name in RESOURCES)
        self.allocatable = Fixed((name, view(("allocatable", name))) for name in RESOURCES)
        self.ready = view(("", "ready"))
        self.schedulable = view(("", "schedulable"))

    def _reserve(self, count: int) -> None:
        if count <= self._count:
            return
        if count > self._room:
            self._room = max(count, 2 * self._room, 64)
            for key, column in self._columns.items():
                grown = numpy.zeros(self._room, column.dtype)
                grown[: self._count] = column[: self._count]
                self._columns[key] = grown
        empty_rows: tuple[tuple[list[Any], Any], ...] = (
            (self.names, ""),
            (self.labels, Fixed()),
            (self.taints, Values()),
            (self.gpu_free, Values()),
            (self.gpu_models, None),
        )
        for values, empty in empty_rows:
            list.extend(values, [empty] * (count - len(values)))
        self._count = count
        self._views()

    def _update(self, changed: Iterable[Mapping[str, Any]], gone: Iterable[int]) -> None:
        for node in changed:
            row = node["id"]
            self._reserve(row + 1)
            for group in ("free", "allocatable"):
                for name, amount in node.get(group, {}).items():
                    self._columns[group, name][row] = amount
            for name in ("ready", "schedulable"):
                if name in node:
                    self._columns["", name][row] = node[name]
            for key, values in (
                ("name", self.names),
                ("labels", self.labels),
                ("taints", self.taints),
                ("gpu_free", self.gpu_free),
                ("gpu_model", self.gpu_models),
            ):
                if key in node:
                    list.__setitem__(values, row, _fixed(node[key]))
        for row in gone:
            for column in self._columns.values():
                column[row] = 0


def _column(what: str, values: Any, kind: str) -> tuple[str, bytes]:
    """The items of an answer as bytes, with the name of what they are."""
    array = numpy.asarray(values)
    if array.ndim != 1 or array.dtype.kind not in kind:
        wanted = "booleans" if kind == "b" else "whole numbers"
        raise TypeError(
            f"{what}: expected a row of {wanted}, found {array.dtype} of shape {array.shape}"
        )
    if kind == "b":
        return "flags", array.tobytes()
    if array.dtype.kind == "u" and array.size and array.max() > numpy.iinfo(numpy.int64).max:
        raise OverflowError(f"{what}: {array.max()} is beyond {numpy.iinfo(numpy.int64).max}, the largest number")
    return "numbers", array.astype(numpy.int64, copy=False).tobytes()


class _Late(BaseException):
    """Raised in the thread of a policy whose time for an answer is over."""


class _Limited:
    """A start of a policy whose answers have a limit of real time.

    A thread beside it raises an exception in the one that the policy is called on. A policy that is within code of C then
    goes on until that returns.
    """

    def __init__(self, start: Callable[[], Any], seconds: float, words: str) -> None:
        self.start, self.seconds, self.words = start, seconds, words
        self.asker: Any = None
        self.lock = threading.Lock()
        # Thread and end of the call that goes on.
        self.call: tuple[int, float] | None = None
        self.is_late = False
        threading.Thread(target=_watch, args=(weakref.ref(self), seconds), daemon=True).start()

    def _raise(self, kind: Any) -> None:
        thread = ctypes.c_ulong(threading.get_ident() if kind is None else self.call[0])
        ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, kind and ctypes.py_object(kind))

    def look(self) -> None:
        with self.lock:
            if self.call is not None and not self.is_late and time.monotonic() > self.call[1]:
                self.is_late = True
                self._raise(_Late)

    def __call__(self, text: str, candidates: bytes | None) -> str | tuple[str, bytes]:
        self.call = threading.get_ident(), time.monotonic() + self.seconds
        try:
            if self.asker is None:
                self.asker = self.start()
            answer = self.asker(text, candidates)
            with self.lock:
                self.call = None
        except _Late:
            pass
        else:
            if not self.is_late:
                return answer
            # It may not have been raised yet.
            self._raise(None)
        raise TimeoutError(f"no answer within {self.words}")


def _watch(limited: weakref.ref[_Limited], seconds: float) -> None:
    while True:
        time.sleep(min(seconds / 4, 0.05))
        own = limited()
        if own is None:
            return
        own.look()
        del own


class _Asker:
    """One start of a policy: questions as texts with a column of candidates, answers as texts or columns."""

    def __init__(self, policy: Any) -> None:
        self.policy = policy
        self.nodes = Nodes()
        self.classes: dict[int, Record] = {}
        self.jobs: dict[int, Record] = {}

    def __call__(self, text: str, candidates: bytes | None) -> str | tuple[str, bytes]:
        question = json.loads(text)
        if candidates is not None:
            self.nodes.candidates = numpy.frombuffer(candidates, numpy.uint32).astype(numpy.int64)
        answer = getattr(self, "on_" + question["call"], self.on_other)(question)
        return answer if isinstance(answer, tuple) else json.dumps(answer)

    def on_hello(self, question: dict[str, Any]) -> dict[str, Any]:
        start = getattr(self.policy, "start", None)
        if callable(start):
            start(question["seed"])
        return {"protocol": question["protocol"]}

    def pod_of(self, question: dict[str, Any]) -> Record:
        own = question["class"]
        if len(own) > 1:
            self.classes[own["id"]] = _fixed(own)
        self.nodes._update(question.get("nodes", ()), question.get("gone", ()))
        return self.classes[own["id"]]

    def on_score(self, question: dict[str, Any]) -> tuple[str, bytes]:
        score = getattr(self.policy, "score", self.policy)
        points = score(self.pod_of(question), self.nodes)
        return _column("score", points, "iu")

    def on_filter(self, question: dict[str, Any]) -> tuple[str, bytes]:
        accepted = self.policy.filter(self.pod_of(question), self.nodes)
        return _column("filter", accepted, "b")

    def on_order(self, question: dict[str, Any]) -> tuple[str, bytes]:
        jobs = []
        for own in question["jobs"]:
            if len(own) > 1:
                self.jobs[own["id"]] = _fixed(own)
            jobs.append(self.jobs[own["id"]])
        return _column("order", self.policy.order(jobs, question["now"]), "iu")

    def on_other(self, question: dict[str, Any]) -> Any:
        return self.policy.schedule(question)


def _agent(policy: Any) -> tuple[bool, int] | None:
    """Whether an agent of `windtunnel.gym` chooses jobs, and among how many rows; None for any other policy."""
    return getattr(policy, "_agent_view", None)


def _points(name: str, policy: Any) -> list[str]:
    agent = _agent(policy)
    if agent is not None:
        return ["order" if agent[0] else "score"]
    if inspect.isroutine(policy):
        return ["score"]
    points = [point for point in POINTS if callable(getattr(policy, point, None))]
    if points:
        return points
    if callable(policy) and not inspect.isclass(policy):
        return ["score"]
    raise TypeError(
        f"policy `{name}`: expected a function of a pod and the nodes, or an object or a class with one or "
        f"more of the methods {', '.join(POINTS)}; found {policy!r}"
    )


def _start(name: str, policy: Any) -> Callable[[], Any]:
    if _agent(policy) is not None:
        return policy.start
    if inspect.isclass(policy):
        return lambda: _Asker(policy())
    if inspect.isroutine(policy):
        return lambda: _Asker(policy)
    try:
        # Each run starts with the object as it is now.
        kept = copy.deepcopy(policy)
    except Exception as error:
        raise TypeError(
            f"policy `{name}`: each run gets a copy of the object, and it can't be copied ({error}); give its "
            "class, which each run makes anew"
        ) from error
    return lambda: _Asker(copy.deepcopy(kept))


def _name(policy: Any) -> str:
    own = getattr(policy, "__name__", None) or type(policy).__name__
    return "policy" if own == "<lambda>" else own


def settings(command: str, points: list[str], under: Mapping[str, Any] | None) -> dict[str, Any]:
    """Settings of a variant in which somebody outside decides at some points."""
    own: dict[str, Any] = dict(DEFAULT_SETTINGS if points != ["order"] else {})
    own.update(under or {})
    external: dict[str, Any] = {"command": [command], "points": points}
    if LIMIT in own:
        external["answerLimit"] = own.pop(LIMIT)
    own["system.scheduler.external"] = external
    return own


def given(policy: Any, under: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """The policies that were given, as the extension takes them."""
    if policy is None:
        return []
    named = policy if isinstance(policy, Mapping) else {_name(policy): policy}
    limit = (under or {}).get(LIMIT)

    def start(name: str, own: Any) -> Callable[[], Any]:
        begin = _start(name, own)
        if limit is None or _agent(own) is not None:
            return begin
        seconds = _windtunnel.seconds("answerLimit", str(limit))
        return lambda: _Limited(begin, seconds, str(limit))

    policies = []
    for name, own in named.items():
        variant = settings(f"python:{name}", _points(name, own), under)
        policies.append(
            {
                "name": name,
                "variant": json.dumps({name: variant}),
                "start": start(name, own),
                "agent": _agent(own),
            }
        )
    return policies
