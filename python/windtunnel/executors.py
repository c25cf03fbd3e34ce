"""Executors for `sweep(executor=…)` that `concurrent.futures` and the engines don't have themselves."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any


class RayExecutor(Executor):
    """Tasks of Ray: one whose worker is lost is made again by Ray.

    options: those of `ray.remote`, such as `num_cpus=1`.
    """

    def __init__(self, **options: Any) -> None:
        import ray

        def call(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
            return function(*arguments)

        self._call = ray.remote(**{"num_cpus": 1, "max_retries": 10, **options})(call)

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """Has Ray call a function with arguments by place."""
        if named:
            raise TypeError("RayExecutor: expected arguments by place alone")
        return self._call.remote(function, arguments).future()
