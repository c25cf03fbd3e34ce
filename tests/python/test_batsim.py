"""Tests of schedulers of pybatsim as policies."""

import os
import tempfile
import unittest

try:
    from batsim.batsim import BatsimScheduler
    from procset import ProcSet
except ImportError:
    BatsimScheduler = object
    ProcSet = None

import windtunnel

TEXT = """\
windtunnel: v1
name: jobs
cluster: {nodes: [{count: 6, template: {allocatable: {cpu: 1, memory: 1Gi, pods: 1}}}]}
workload: [{trace: {format: csv, path: jobs.csv}}]
stop: {when: drained}
variants:
  fcfs: {system: {name: batch, scheduler: {queue: fcfs, backfill: none}}}
"""


class Fcfs(BatsimScheduler):
    """First come, first served, on the first resources that are free."""

    def onSimulationBegins(self):
        self.queue, self.free = [], ProcSet((0, self.bs.nb_compute_resources - 1))
        self.calls = 0

    def onJobSubmission(self, job):
        self.queue.append(job)
        self.bs.wake_me_up_at(self.bs.time() + 3)

    def onJobCompletion(self, job):
        self.free |= job.allocation

    def onRequestedCall(self):
        self.calls += 1

    def onNoMoreEvents(self):
        while self.queue and self.queue[0].requested_resources <= len(self.free):
            job = self.queue.pop(0)
            job.allocation = ProcSet(*list(self.free)[: job.requested_resources])
            self.free -= job.allocation
            self.bs.execute_jobs([job])


class Batsim(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(folder.name)
        rows = [f"{11 * job},job-{job},{20 + job * 37 % 60},1,1Mi,{1 + job % 5}" for job in range(40)]
        with open("jobs.csv", "w") as file:
            file.write("submit,name,run_time,cpu,memory,members\n" + "\n".join(rows) + "\n")

    @unittest.skipIf(ProcSet is None, "needs pybatsim")
    def test_a_scheduler_of_pybatsim_decides_as_the_rule_that_it_rewrites(self):
        with open("own.yaml", "w") as file:
            file.write(TEXT)
        result = windtunnel.run("own.yaml", policy={"own": windtunnel.batsim.Scheduler(Fcfs)}, progress=False)
        pods = result.pods.to_pandas()
        bound = {
            name: sorted(zip(group["submit_ns"], group["bound_ns"], group["ended_ns"]))
            for name, group in pods.groupby("variant")
        }
        self.assertEqual(len(bound["own"]), sum(1 + job % 5 for job in range(40)))
        self.assertEqual(bound["own"], bound["fcfs"])


if __name__ == "__main__":
    unittest.main()
