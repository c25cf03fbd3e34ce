"""Schedulers of pybatsim as policies: they get Batsim's messages, and what they answer is carried out.

    import windtunnel
    from schedulers.easyBackfill import EasyBackfill

    windtunnel.run("jobs.yaml", policy={"easy": windtunnel.batsim.Scheduler(EasyBackfill)})

The scheduler is the whole scheduler of a pipeline. Resource k is the k-th node; a job is a gang, or a pod without one, and
asks for as many resources as it has pods. Amounts aren't told: give each node what one pod asks for, as Batsim does.
Needs the package `pybatsim`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

_SECOND = 1_000_000_000
_CONFIG = {
    "profiles-forwarded-on-submission": True,
    "dynamic-jobs-enabled": False,
    "dynamic-jobs-acknowledged": False,
    "forward-unknown-events": False,
}


class _Line:
    """What stands for the socket between Batsim and its scheduler."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self.message: Any = None
        self.reply: Any = None

    def bind(self) -> None: ...

    def close(self) -> None: ...

    def recv(self, blocking: bool = False) -> Any:
        return self.message

    def send(self, reply: Any) -> None:
        self.reply = reply


def _resources(text: str) -> list[int]:
    """Numbers of resources such as `0-2 5`."""
    numbers: list[int] = []
    for part in text.replace(",", " ").split():
        first, _, last = part.partition("-")
        numbers.extend(range(int(first), int(last or first) + 1))
    return numbers


def _event(kind: str, at: float, **data: Any) -> dict[str, Any]:
    return {"timestamp": at, "type": kind, "data": data}


class Scheduler:
    """A policy that is a scheduler of pybatsim.

    scheduler: a class derived from `batsim.batsim.BatsimScheduler`, or a function of the options that makes one.
    options: those of the scheduler.
    """

    def __init__(self, scheduler: Callable[..., Any], options: Mapping[str, Any] | None = None) -> None:
        self.make, self.options = scheduler, dict(options or {})

    def start(self, seed: int) -> None:
        self.batsim: Any = None
        # Numbers of the nodes by resource, pods of jobs that are there, and jobs of these pods.
        self.nodes: list[int] = []
        self.pods: dict[str, list[int]] = {}
        self.jobs: dict[int, str] = {}
        self.killed: set[str] = set()
        # What the scheduler isn't told yet, what it wants and when, and the instant until which it decides.
        self.news: list[dict[str, Any]] = []
        self.wanted: list[tuple[int, dict[str, Any]]] = []
        self.busy = 0

    def schedule(self, question: dict[str, Any]) -> dict[str, Any]:
        """The answer to a question of a run."""
        now = question["now"]
        self._hear(question, now)
        answer: dict[str, Any] = {"binds": [], "evicts": []}
        self._due(now, answer)
        if now >= self.busy:
            self._tell(now)
            self._due(now, answer)
        later = [at for at, _ in self.wanted]
        if self.news:
            later.append(max(self.busy, now + 1))
        if later:
            answer["wake"] = min(later)
        return answer

    def _hear(self, question: dict[str, Any], now: int) -> None:
        at = now / _SECOND
        if question["gone"] and self.batsim is not None:
            raise NotImplementedError("batsim: a node went, which its schedulers aren't told")
        new = [node["id"] for node in question["nodes"] if "name" in node]
        if new and self.batsim is not None:
            raise NotImplementedError("batsim: a node came, which its schedulers aren't told")
        self.nodes.extend(new)
        for refused in question["refused"]:
            raise RuntimeError(f"batsim: the scheduler's decision about pod {refused['pod']} was refused: {refused['why']}")
        came: dict[str, dict[str, Any]] = {}
        for pod in question["pods"]:
            job = f"w0!{'g' if 'gang' in pod else 'p'}{pod.get('gang', pod['id'])}"
            came.setdefault(job, pod)
            self.pods.setdefault(job, []).append(pod["id"])
            self.jobs[pod["id"]] = job
        for job, pod in came.items():
            limit = pod["time_limit"] / _SECOND if "time_limit" in pod else -1
            own = {"id": job, "subtime": at, "walltime": limit, "res": len(self.pods[job]), "profile": "pod"}
            self.news.append(_event("JOB_SUBMITTED", at, job_id=job, job=own, profile={"type": "delay", "delay": 0}))
        for pod in question["ended"]:
            job = self.jobs.pop(pod, None)
            if job is None:
                continue
            self.pods[job].remove(pod)
            if not self.pods[job]:
                del self.pods[job]
                state = "COMPLETED_KILLED" if job in self.killed else "COMPLETED_SUCCESSFULLY"
                if job in self.killed:
                    self.news.append(_event("JOB_KILLED", at, job_ids=[job], job_progress={job: {}}))
                self.news.append(_event("JOB_COMPLETED", at, job_id=job, job_state=state, return_code=0))

    def _tell(self, now: int) -> None:
        """Gives the scheduler what is new, and takes what it wants."""
        at, events, self.news = now / _SECOND, self.news, []
        if self.batsim is None:
            self._begin(at)
        if not events:
            return
        line = self.batsim.network
        line.message = {"now": at, "events": events}
        self.batsim.do_next_event()
        self._take(line.reply)

    def _take(self, reply: dict[str, Any]) -> None:
        self.busy = round(reply["now"] * _SECOND)
        for event in reply["events"]:
            when = event["data"]["timestamp"] if event["type"] == "CALL_ME_LATER" else event["timestamp"]
            self.wanted.append((round(when * _SECOND), event))

    def _begin(self, at: float) -> None:
        from batsim import batsim

        compute = [{"id": number, "name": str(number), "state": "idle", "properties": {}} for number in range(len(self.nodes))]
        line = _Line()
        line.message = {
            "now": at,
            "events": [
                _event(
                    "SIMULATION_BEGINS", at, nb_resources=len(compute), nb_compute_resources=len(compute),
                    nb_storage_resources=0, compute_resources=compute, storage_resources=[], config=_CONFIG,
                    allow_compute_sharing=False, allow_storage_sharing=False, profiles={"w0": {}}, workloads={"w0": ""},
                )
            ],
        }
        usual, batsim.NetworkHandler = batsim.NetworkHandler, lambda *_, **__: line
        try:
            self.batsim = batsim.Batsim(self.make(self.options), None, None)
        finally:
            batsim.NetworkHandler = usual
        self._take(line.reply)

    def _due(self, now: int, answer: dict[str, Any]) -> None:
        """Carries out what the scheduler wants by now."""
        due = [event for when, event in self.wanted if when <= now]
        self.wanted = [(when, event) for when, event in self.wanted if when > now]
        for event in due:
            kind, data = event["type"], event["data"]
            if kind == "EXECUTE_JOB":
                rows = _resources(data["alloc"])
                pods = self.pods[data["job_id"]]
                answer["binds"] += [
                    {"pod": pod, "node": self.nodes[row]} for pod, row in zip(pods, rows, strict=True)
                ]
            elif kind in ("REJECT_JOB", "KILL_JOB"):
                jobs = [data["job_id"]] if kind == "REJECT_JOB" else data["job_ids"]
                self.killed.update(jobs)
                answer["evicts"] += [pod for job in jobs for pod in self.pods.get(job, ())]
            elif kind == "CALL_ME_LATER":
                self.news.append(_event("REQUESTED_CALL", now / _SECOND))
            elif kind != "NOTIFY":
                raise NotImplementedError(f"batsim: the scheduler wants {kind}, which has no counterpart here")
