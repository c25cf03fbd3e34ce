"""Gymnasium environments: a run whose scheduler asks an agent, one decision at a time.

    env = windtunnel.gym.NodeEnv("fill-up.yaml")
    observation, info = env.reset(seed=42)
    observation, reward, terminated, truncated, info = env.step(observation["mask"].argmax())

`docs/manual/gym.md` has the columns of observations, and an agent that is trained.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from typing import Any

import gymnasium
import numpy
from gymnasium import spaces

from . import _policy, _windtunnel
from ._run import Experiment, Sets, _asked

Observation = dict[str, numpy.ndarray]

NODE_SETTINGS = {"system.name": "pipeline", "system.scheduler.profile": "first-fit"}


def _environments(
    experiment: Experiment,
    *,
    orders: bool,
    rows: int,
    count: int,
    reward: str,
    metrics: bool,
    refusal: float,
    under: Mapping[str, Any] | None,
    **asked: Any,
) -> Any:
    if not 0 <= rows <= 1_000_000:
        raise _windtunnel.InputError(f"rows: expected 1 to 1000000, found {rows}")
    if not 1 <= count <= 4096:
        raise _windtunnel.InputError(f"num_envs: expected 1 to 4096, found {count}")
    settings = {} if orders else dict(NODE_SETTINGS)
    settings.update(under or {})
    point = "order" if orders else "score"
    settings["system.scheduler.external"] = {"command": ["windtunnel.gym"], "points": [point]}
    options = {
        "orders": orders,
        "rows": rows,
        "reward": reward,
        "metrics": metrics,
        "count": count,
        "refusal": refusal,
    }
    return _windtunnel.Environments(_asked(experiment, variants={"gym": settings}, **asked), options)


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


_DOCUMENTED = """

    experiment: path, text or dict, as `windtunnel.run` takes it; its variants are left aside.
    reward: "bound", "waiting" or the id of a metric, which is paid at the end.
    metrics: whether `info` has the metrics of an episode that has ended.
    refusal: reward of an action that the mask excludes; nothing else happens then.
    under: settings, such as {"system.scheduler.tieBreak": "rank"}.
    set, traces, ignore: those of `windtunnel.run`.
    """


class _Env(gymnasium.Env[Observation, numpy.int64]):
    metadata: dict[str, Any] = {"render_modes": []}
    _orders = False

    def __init__(
        self,
        experiment: Experiment = None,
        *,
        reward: str,
        rows: int,
        metrics: bool = False,
        refusal: float = -1.0,
        under: Mapping[str, Any] | None = None,
        set: Sets = None,
        traces: Any = (),
        ignore: Any = (),
        render_mode: None = None,
    ) -> None:
        del render_mode
        self._all = _environments(
            experiment,
            orders=self._orders,
            rows=rows,
            count=1,
            reward=reward,
            metrics=metrics,
            refusal=refusal,
            under=under,
            set=set,
            traces=traces,
            ignore=ignore,
        )
        self.rows = self._all.rows
        self.columns = _windtunnel.columns(self._orders)
        self._layout = _Layout(self.rows, self.columns, None)
        self.observation_space = _space(self.rows, self.columns)
        self.action_space = spaces.Discrete(self.rows)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begins an episode. Its seed is that of the run; without one it is the next."""
        super().reset(seed=seed)
        used = self._all.reset(0, seed)
        return self._layout.observation(self._all.observation()), {"seed": used}

    def step(
        self, action: Any
    ) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Decides, and goes on to the next decision."""
        numbers, reward, flags = self._all.step_one(int(action))
        info: dict[str, Any] = {}
        if flags:
            info = {"refused": True} if flags & 2 else self._all.end(0)
        return self._layout.observation(numbers), reward, flags == 1, False, info

    def action_masks(self) -> numpy.ndarray:
        """Which actions can be chosen, as agents of sb3-contrib want to know."""
        return self._layout.observation(self._all.observation())["mask"].astype(bool)


class NodeEnv(_Env):
    __doc__ = (
        """Environment in which an agent chooses the node of each pod that has several to go to."""
        + _DOCUMENTED
        + "rows: number of nodes that there can be; by default those at the first decision."
    )

    def __init__(self, experiment: Experiment = None, *, reward: str = "bound", rows: int = 0, **other: Any) -> None:
        super().__init__(experiment, reward=reward, rows=rows, **other)


class QueueEnv(_Env):
    __doc__ = (
        """Environment in which an agent chooses the job that goes next, in the system `batch`."""
        + _DOCUMENTED
        + "rows: number of jobs to choose from, those that have waited longest."
    )
    _orders = True

    def __init__(self, experiment: Experiment, *, reward: str = "waiting", rows: int = 64, **other: Any) -> None:
        super().__init__(experiment, reward=reward, rows=rows, **other)


class _VectorEnv(gymnasium.vector.VectorEnv[Observation, numpy.ndarray, numpy.ndarray]):
    metadata: dict[str, Any] = {
        "render_modes": [],
        "autoreset_mode": gymnasium.vector.AutoresetMode.NEXT_STEP,
    }
    _orders = False

    def __init__(
        self,
        experiment: Experiment = None,
        *,
        num_envs: int,
        reward: str,
        rows: int,
        metrics: bool = False,
        refusal: float = -1.0,
        under: Mapping[str, Any] | None = None,
        set: Sets = None,
        traces: Any = (),
        ignore: Any = (),
    ) -> None:
        self._all = _environments(
            experiment,
            orders=self._orders,
            rows=rows,
            count=num_envs,
            reward=reward,
            metrics=metrics,
            refusal=refusal,
            under=under,
            set=set,
            traces=traces,
            ignore=ignore,
        )
        self.num_envs = num_envs
        self.rows = self._all.rows
        self.columns = _windtunnel.columns(self._orders)
        self._layout = _Layout(self.rows, self.columns, num_envs)
        self.single_observation_space = _space(self.rows, self.columns)
        self.single_action_space = spaces.Discrete(self.rows)
        self.observation_space = gymnasium.vector.utils.batch_space(self.single_observation_space, num_envs)
        self.action_space = gymnasium.vector.utils.batch_space(self.single_action_space, num_envs)
        self._never = numpy.zeros(num_envs, numpy.bool_)

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
        if not any(flags):
            return seen, rewards, self._never.copy(), self._never.copy(), {}
        states = numpy.frombuffer(flags, numpy.uint8)
        ended = (states & 1).astype(numpy.bool_)
        info: dict[str, Any] = {}
        for place in numpy.flatnonzero(ended):
            info = self._add_info(info, self._all.end(int(place)), int(place))
        for place in numpy.flatnonzero(states & 2):
            info = self._add_info(info, {"refused": True}, int(place))
        return seen, rewards, ended, self._never.copy(), info


class NodeVectorEnv(_VectorEnv):
    """Environments as `NodeEnv`, stepped side by side within the extension."""

    def __init__(
        self, experiment: Experiment = None, *, num_envs: int, reward: str = "bound", rows: int = 0, **other: Any
    ) -> None:
        super().__init__(experiment, num_envs=num_envs, reward=reward, rows=rows, **other)


class QueueVectorEnv(_VectorEnv):
    """Environments as `QueueEnv`, stepped side by side within the extension."""

    _orders = True

    def __init__(
        self, experiment: Experiment, *, num_envs: int, reward: str = "waiting", rows: int = 64, **other: Any
    ) -> None:
        super().__init__(experiment, num_envs=num_envs, reward=reward, rows=rows, **other)


class Agent:
    """A trained agent as a policy of `run` and `compare`, which sees what it saw in its environment.

    agent: a function from an observation to an action; each run gets a copy.
    orders: whether it chooses jobs, as in `QueueEnv`.
    rows: number of nodes or jobs, as in the environment; of nodes, those at the first decision by default.
    """

    def __init__(self, agent: Callable[[Observation], Any], *, orders: bool = False, rows: int = 0) -> None:
        self._agent_view = (orders, rows or (64 if orders else 0))
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
