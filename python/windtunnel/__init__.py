"""A wind tunnel for cluster schedulers.

Experiments run in this process, with the same decisions and digests as under the command line. Each function
takes an experiment as the path of a file, as a text of YAML (any text of several lines), or as a dict; without one it takes
the bundled experiment.

    result = windtunnel.run("cluster.yaml", policy=MyPolicy)
    result.pods.to_pandas()
    windtunnel.compare("cluster.yaml", seeds=20)
"""

from . import batsim, tune
from ._cluster import Answer, place, plan, queue
from ._policy import Nodes, Record
from ._result import Comparison, Plots, Result, Sweep, Table, load
from ._run import compare, run, sweep
from ._windtunnel import (
    IncomparableError,
    IncompleteError,
    InputError,
    NothingMeasuredError,
    WindtunnelError,
    version,
)

__version__ = version()

__all__ = [
    "Answer",
    "Comparison",
    "IncomparableError",
    "IncompleteError",
    "InputError",
    "Nodes",
    "NothingMeasuredError",
    "Plots",
    "Record",
    "Result",
    "Sweep",
    "Table",
    "WindtunnelError",
    "batsim",
    "compare",
    "load",
    "place",
    "plan",
    "queue",
    "run",
    "sweep",
    "tune",
]
