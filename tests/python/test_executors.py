"""Tests of sweeps whose runs an executor makes: tables are equal to those of one machine, whoever is lost."""

import os
import signal
import tempfile
import unittest
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

try:
    import distributed
except ImportError:
    distributed = None
try:
    import ray
except ImportError:
    ray = None

import windtunnel
from windtunnel.executors import RayExecutor

TEXT = """\
windtunnel: v1
name: dealt
cluster:
  nodes:
    - count: 4
      name: "node-{}"
      template: {allocatable: {cpu: 16, memory: 64Gi, pods: 110}}
workload:
  - generate: {model: google-2011, jobs: 60, nodes: 4, classes: 6, load: 90, span: 1h}
system:
  name: pipeline
  scheduler: {profile: first-fit}
stop: {at: 1h}
variants:
  first: {system.scheduler.profile: first-fit}
  spread: {system.scheduler.profile: least-allocated}
"""


def sweep(out, **other):
    return windtunnel.sweep(
        TEXT, grid={"cluster.nodes.0.count": [3, 4]}, seeds=3, out=out, progress=False, **other
    )


def killed(*_):
    os.kill(os.getpid(), signal.SIGKILL)


class Halfway:
    """An executor during whose work something happens: once half of the runs of a sweep are there."""

    def __init__(self, executor, act):
        self.executor, self.act = executor, act
        self.is_done, self.made = False, 0

    def submit(self, *task):
        future = self.executor.submit(*task)
        future.add_done_callback(self.count)
        return future

    def count(self, future):
        self.made += 1
        if self.made == 6 and not self.is_done:
            self.is_done = True
            self.act()


LOG = """\
windtunnel: v1
name: log
cluster:
  nodes: [{count: 2, template: {allocatable: {cpu: 1, memory: 1Gi, pods: 1}}}]
workload: [{trace: {format: csv, path: jobs.csv}}]
system: {name: batch, scheduler: {queue: fcfs}}
stop: {when: drained}
variants:
  fcfs: {}
  sjf: {system.scheduler.queue: sjf}
"""


class Executors(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        folder = Path(cls.folder.name)
        cls.alone = cls.files(sweep(folder / "alone"))
        # A log on which no seed changes anything: the first runs tell that the others are perturbations of it.
        rows = [f"{7 * job},job-{job},{20 + job * 37 % 60},1,1Mi" for job in range(20)]
        (folder / "jobs.csv").write_text("submit,name,run_time,cpu,memory\n" + "\n".join(rows) + "\n")
        (folder / "log.yaml").write_text(LOG)
        cls.compared_alone = cls.compared("alone")

    @classmethod
    def compared(cls, name, **options):
        folder = Path(cls.folder.name)
        out = folder / f"compared-{name}"
        made = windtunnel.compare(folder / "log.yaml", seeds=4, out=out, progress=False, **options)
        return [(Path(made.folder) / name).read_bytes() for name in ("comparison.json", "report.html", "summary.json")]

    @staticmethod
    def files(made):
        return {name: (Path(made.folder) / name).read_bytes() for name in ("sweep.csv", "sweep.parquet", "sweep.json")}

    def same(self, name, executor):
        self.assertEqual(self.files(sweep(Path(self.folder.name) / name, executor=executor)), self.alone)

    def test_threads_and_processes_make_the_same_table(self):
        with ThreadPoolExecutor(2) as threads:
            self.same("threads", threads)
        for method in ("spawn", "fork"):
            with ProcessPoolExecutor(2, mp_context=get_context(method)) as processes:
                # Processes that were forked have the folder open that its own process writes next.
                self.same(method, processes)

    def test_a_lost_pool_loses_no_run_that_was_made(self):
        out = Path(self.folder.name) / "lost"
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as processes:
            made = []

            class Some:
                """Kills its worker behind the third run."""

                def submit(self, *task):
                    made.append(task)
                    return processes.submit(*((killed, *task) if len(made) == 4 else task))

            with self.assertRaises(BrokenProcessPool):
                sweep(out, executor=Some())
        work = windtunnel._windtunnel.SweepWork(*made[0][2:4])
        left = len(work.missing())
        del work
        self.assertTrue(0 < left < 12, left)
        with ThreadPoolExecutor(2) as threads:
            self.same("lost", threads)

    def test_a_comparison_is_that_of_one_machine(self):
        kept, alone = Path(self.folder.name) / "kept", self.compared_alone
        with ThreadPoolExecutor(2) as threads:
            self.assertEqual(self.compared("threads", executor=threads), alone)
        with ProcessPoolExecutor(2, mp_context=get_context("fork")) as processes:
            self.assertEqual(self.compared("processes", executor=processes, records=kept), alone)
        # All runs have records now.
        class No:
            def submit(self, *task):
                raise AssertionError(task)

        self.assertEqual(self.compared("again", executor=No(), records=kept), alone)
        with self.assertRaises(TypeError):
            self.compared("own", executor=No(), policy=lambda question: 0)

    def test_a_failure_of_a_run_is_told_as_ever(self):
        with ThreadPoolExecutor(2) as threads, self.assertRaises(windtunnel.InputError) as raised:
            windtunnel.sweep(TEXT, grid={"cluster.nodes.0.count": ["many"]}, out=Path(self.folder.name) / "wrong",
                             executor=threads, progress=False)
        self.assertIn("cluster.nodes.0.count", str(raised.exception))

    @unittest.skipIf(distributed is None, "needs distributed")
    def test_a_cluster_of_dask_whose_worker_is_killed_half_way_makes_the_same_table(self):
        with (
            distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
            distributed.Client(cluster) as client,
        ):
            worker = next(iter(client.run(os.getpid).values()))
            executor = Halfway(client.get_executor(retries=3), lambda: os.kill(worker, signal.SIGKILL))
            self.same("dask", executor)
            self.assertTrue(executor.is_done)
            self.assertEqual(self.compared("dask", executor=executor.executor), self.compared_alone)

    @unittest.skipIf(ray is None, "needs ray")
    def test_tasks_of_ray_of_which_one_is_killed_half_way_make_the_same_table(self):
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
        try:
            executor = RayExecutor()
            worker = executor.submit(os.getpid).result()
            executor = Halfway(executor, lambda: os.kill(worker, signal.SIGKILL))
            self.same("ray", executor)
            self.assertTrue(executor.is_done)
            self.assertEqual(self.compared("ray", executor=executor.executor), self.compared_alone)
        finally:
            ray.shutdown()


if __name__ == "__main__":
    unittest.main()
