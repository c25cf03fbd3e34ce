"""Gymnasium environments: a run whose scheduler asks an agent, one decision at a time.

    env = windtunnel.gym.NodeEnv("fill-up.yaml")
    observation, info = env.reset(seed=42)
    observation, reward, terminated, truncated, info = env.step(observation["mask"].argmax())

`docs/manual/gym.md` has the columns of observations, and an agent that is trained.
"""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

import gymnasium
import numpy
from gymnasium import spaces

from . import _policy, _windtunnel
from ._progress import refuse_in_words
from ._run import Experiment, Sets, _asked

Observation = dict[str, numpy.ndarray]


def _rows(orders: bool, rows: int) -> int:
    """Number of rows to choose from; of nodes, 0 stands for those at the first decision."""
    if not 0 <= rows <= 1_000_000:
        raise _windtunnel.InputError(f"rows: expected 1 to 1000000, found {rows}")
    return rows or (64 if orders else 0)


def _environments(
    experiment: Experiment = None,
    *,
    orders: bool,
    count: int,
    reward: str | None = None,
    rows: int = 0,
    metrics: bool = False,
    refusal: float = -1.0,
    under: Mapping[str, Any] | None = None,
    set: Sets = None,
    traces: Any = (),
    ignore: Any = (),
) -> Any:
    if orders and experiment is None:
        raise TypeError("expected an experiment of the system `batch`")
    if not 1 <= count <= 4096:
        raise _windtunnel.InputError(f"num_envs: expected 1 to 4096, found {count}")
    settings = _policy.settings("windtunnel.gym", ["order" if orders else "score"], under)
    options = {
        "orders": orders,
        "rows": _rows(orders, rows),
        "reward": reward or ("waiting" if orders else "bound"),
        "metrics": metrics,
        "count": count,
        "refusal": refusal,
    }
    asked = _asked(experiment, variants={"gym": settings}, set=set, traces=traces, ignore=ignore)
    try:
        return _Bound(_windtunnel.Environments(asked, options))
    except TypeError as error:
        refuse_in_words(error)
        raise


class _Bound:
    """Environments, which only the thread that made them can step: their runs wait on stacks of their own."""

    def __init__(self, environments: Any) -> None:
        self._own = environments
        self._thread = threading.get_ident()

    def __getattr__(self, name: str) -> Any:
        if threading.get_ident() != self._thread:
            raise RuntimeError("an environment belongs to the thread that made it; make one in each thread, or use a process")
        return getattr(self._own, name)


class _Layout:
    """Places of the numbers in what the extension gives."""

    def __init__(self, rows: int, columns: list[list[str]], count: int | None) -> None:
        table, pod, queue = columns
        lead = () if count is None else (count,)
        shapes = {"nodes" if pod else "jobs": (*lead, rows, len(table))}
        if pod:
            shapes["pod"] = (*lead, len(pod))
        shapes["queue"] = (*lead, len(queue))
        self.parts, place = [], 0
        for name, shape in shapes.items():
            self.parts.append((name, shape, numpy.dtype(numpy.float32), place))
            place += 4 * int(numpy.prod(shape))
        self.parts.append(("mask", (*lead, rows), numpy.dtype(numpy.int8), place))

    def observation(self, numbers: Any) -> Observation:
        return {name: numpy.ndarray(shape, kind, numbers, place) for name, shape, kind, place in self.parts}


def _space(rows: int, columns: list[list[str]]) -> spaces.Dict:
    table, pod, queue = columns

    def box(low: float, high: float, *shape: int) -> spaces.Box:
        return spaces.Box(low, high, shape, numpy.float32)

    if pod:
        seen = {"nodes": box(0, 1, rows, len(table)), "pod": box(0, numpy.inf, len(pod))}
    else:
        seen = {"jobs": box(-numpy.inf, numpy.inf, rows, len(table))}
    return spaces.Dict(
        {**seen, "queue": box(0, numpy.inf, len(queue)), "mask": spaces.Box(0, 1, (rows,), numpy.int8)}
    )


class _Env(gymnasium.Env[Observation, numpy.int64]):
    metadata: dict[str, Any] = {"render_modes": []}
    _orders = False

    def __init__(self, experiment: Experiment = None, *, render_mode: None = None, **other: Any) -> None:
        del render_mode
        self._all = _environments(experiment, orders=self._orders, count=1, **other)
        self.rows = self._all.rows
        self.columns = _windtunnel.columns(self._orders)
        self._layout = _Layout(self.rows, self.columns, None)
        # Whether the episode was over before its first step.
        self._is_empty = False
        self.observation_space = _space(self.rows, self.columns)
        self.action_space = spaces.Discrete(self.rows)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begins an episode. Its seed is that of the run; without one it is the next."""
        super().reset(seed=seed)
        used = self._all.reset(0, seed)
        self._is_empty = self._all.end(0) is not None
        return self._layout.observation(self._all.observation()), {"seed": used}

    def step(
        self, action: Any
    ) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Decides, and goes on to the next decision. Of a run without one, the first step is the end, whatever the action."""
        if self._is_empty:
            self._is_empty = False
            return self._layout.observation(self._all.observation()), 0.0, True, False, self._all.end(0)
        numbers, reward, flags = self._all.step_one(int(action))
        info: dict[str, Any] = {}
        if flags:
            info = {"refused": True} if flags & 2 else self._all.end(0)
        return self._layout.observation(numbers), reward, flags == 1, False, info

    def action_masks(self) -> numpy.ndarray:
        """Which actions can be chosen, as agents of sb3-contrib want to know."""
        return self._layout.observation(self._all.observation())["mask"].astype(bool)


class NodeEnv(_Env):
    """Environment in which an agent chooses the node of each pod that has several to go to.

    experiment: path, text or dict, as `windtunnel.run` takes it; its variants are left aside.
    reward: "bound", "waiting" or the id of a metric, which is paid at the end; default "bound".
    rows: number of nodes that there can be; by default those at the first decision.
    metrics: whether `info` has the metrics of an episode that has ended.
    refusal: reward of an action that the mask excludes, default -1; nothing else happens then.
    under: settings, such as {"system.scheduler.tieBreak": "rank"}.
    set, traces, ignore: those of `windtunnel.run`.
    """


class QueueEnv(_Env):
    """Environment in which an agent chooses the job that goes next, in the system `batch`.

    Arguments are those of `NodeEnv`; `reward` is "waiting" by default, and `rows` the number of jobs to choose from, those
    that have waited longest, by default 64.
    """

    _orders = True


class _VectorEnv(gymnasium.vector.VectorEnv[Observation, numpy.ndarray, numpy.ndarray]):
    metadata: dict[str, Any] = {
        "render_modes": [],
        "autoreset_mode": gymnasium.vector.AutoresetMode.NEXT_STEP,
    }
    _orders = False

    def __init__(self, experiment: Experiment = None, *, num_envs: int, **other: Any) -> None:
        self._all = _environments(experiment, orders=self._orders, count=num_envs, **other)
        self.num_envs = num_envs
        self.rows = self._all.rows
        self.columns = _windtunnel.columns(self._orders)
        self._layout = _Layout(self.rows, self.columns, num_envs)
        self.single_observation_space = _space(self.rows, self.columns)
        self.single_action_space = spaces.Discrete(self.rows)
        self.observation_space = gymnasium.vector.utils.batch_space(self.single_observation_space, num_envs)
        self.action_space = gymnasium.vector.utils.batch_space(self.single_action_space, num_envs)

    def reset(
        self,
        *,
        seed: int | list[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Observation, dict[str, Any]]:
        """Begins an episode in each environment; of a single seed, the n-th environment gets the n-th that follows."""
        if seed is None or isinstance(seed, int):
            seeds = [None if seed is None else seed + place for place in range(self.num_envs)]
        else:
            seeds = list(seed)
        if len(seeds) != self.num_envs:
            raise _windtunnel.InputError(f"seed: expected {self.num_envs} seeds, found {len(seeds)}")
        used = [self._all.reset(place, own) for place, own in enumerate(seeds)]
        return self._layout.observation(self._all.observation()), {"seed": numpy.array(used, numpy.uint64)}

    def step(
        self, actions: Any
    ) -> tuple[Observation, numpy.ndarray, numpy.ndarray, numpy.ndarray, dict[str, Any]]:
        """Decides in each environment. One that had ended begins again, and its action isn't looked at."""
        chosen = numpy.ascontiguousarray(actions, numpy.int64)
        numbers, rewards, flags = self._all.step(chosen.tobytes())
        seen = self._layout.observation(numbers)
        rewards = numpy.frombuffer(rewards, numpy.float64)
        states = numpy.frombuffer(flags, numpy.uint8)
        ended, cut = (states & 1).astype(numpy.bool_), numpy.zeros(self.num_envs, numpy.bool_)
        info: dict[str, Any] = {}
        for place in numpy.flatnonzero(ended):
            info = self._add_info(info, self._all.end(int(place)), int(place))
        for place in numpy.flatnonzero(states & 2):
            info = self._add_info(info, {"refused": True}, int(place))
        return seen, rewards, ended, cut, info


class NodeVectorEnv(_VectorEnv):
    """Environments as `NodeEnv`, stepped side by side within the extension."""


class QueueVectorEnv(_VectorEnv):
    """Environments as `QueueEnv`, stepped side by side within the extension."""

    _orders = True


class Agent:
    """A trained agent as a policy of `run` and `compare`, which sees what it saw in its environment.

    agent: a function from an observation to an action; each run gets a copy.
    orders: whether it chooses jobs, as in `QueueEnv`.
    rows: number of nodes or jobs, as in the environment; of nodes, those at the first decision by default.
    """

    def __init__(self, agent: Callable[[Observation], Any], *, orders: bool = False, rows: int = 0) -> None:
        self._agent_view = (orders, _rows(orders, rows))
        self._agent = agent
        self.__name__ = getattr(agent, "__name__", type(agent).__name__)

    def start(self) -> Callable[[str, bytes], str]:
        """A fresh start, as a run asks it."""
        return _Chooser(copy.deepcopy(self._agent), self._agent_view[0])


class _Chooser:
    """One start of an agent as a policy."""

    def __init__(self, agent: Callable[[Observation], Any], orders: bool) -> None:
        self.agent = agent
        self.columns = _windtunnel.columns(orders)
        self.layouts: dict[int, _Layout] = {}

    def __call__(self, text: str, numbers: bytes | None) -> str:
        rows = json.loads(text)["rows"]
        layout = self.layouts.get(rows)
        if layout is None:
            layout = self.layouts[rows] = _Layout(rows, self.columns, None)
        return str(int(self.agent(layout.observation(bytearray(numbers or b"")))))


for _name, _class in (("Node", NodeEnv), ("Queue", QueueEnv)):
    gymnasium.register(
        id=f"windtunnel/{_name}-v1",
        entry_point=f"windtunnel.gym:{_class.__name__}",
        vector_entry_point=f"windtunnel.gym:{_name}VectorEnv",
    )
