"""Tests of the Python package: `python -m unittest discover tests/python`.

WINDTUNNEL names the program, whose digests and messages the package has to give, too.
"""

import copy
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy

try:
    import numba
except ImportError:
    numba = None

import windtunnel

PROJECT = Path(__file__).resolve().parents[2]
LIMIT = "system.scheduler.external.answerLimit"
SMALL = PROJECT / "scenarios" / "small-cluster.yaml"
PROGRAM = str(Path(os.environ.get("WINDTUNNEL", PROJECT / "target/debug/windtunnel")).resolve())

TEXT = f"""\
windtunnel: v1
name: text
cluster:
  nodes:
    - manifests: {PROJECT}/traces/small-cluster.yaml
workload:
  - manifests: {PROJECT}/traces/small-cluster.yaml
system:
  name: pipeline
  scheduler: {{profile: first-fit}}
stop: {{at: 10m}}
"""

JOBS = f"""\
windtunnel: v1
name: jobs
cluster:
  nodes:
    - count: 16
      name: "processor-{{}}"
      template: {{allocatable: {{cpu: 1, memory: 1Gi, pods: 1}}}}
workload:
  - trace: {{format: swf, path: {PROJECT}/traces/lublin-256.swf.gz, arrivals: {{scale: 0.6}}}}
system:
  name: batch
stop: {{at: 12h}}
variants:
  fcfs: {{system.scheduler.queue: fcfs}}
  sjf: {{system.scheduler.queue: sjf}}
"""

TASKS = """\
windtunnel: v1
name: tasks
cluster:
  nodes:
    - count: 4
      template: {allocatable: {cpu: 8, memory: 32Gi, pods: 110}}
workload:
  - generate: {model: google-2011, jobs: 60, nodes: 4, classes: 3, load: 80, span: 1m}
system:
  name: pipeline
  scheduler: {profile: first-fit}
stop: {at: 1h}
variants:
  first: {}
  spread: {system.scheduler.profile: least-allocated}
"""

LONG = JOBS.replace("at: 12h", "at: 30d")


class BestFit:
    """The node with the least CPU left."""

    def score(self, pod, nodes):
        free = nodes.free["cpu_milli"][nodes.candidates]
        return pod.requests["cpu_milli"] - free


class InOrder:
    """A whole scheduler: each pod goes to the first node with room for it."""

    def __init__(self):
        self.nodes, self.classes, self.waiting = {}, {}, {}

    def schedule(self, question):
        for node in question["nodes"]:
            self.nodes.setdefault(node["id"], {}).update(node)
        for pod in question["pods"]:
            own = self.classes.setdefault(pod["class"]["id"], pod["class"])
            if "node" not in pod:
                self.waiting[pod["id"]] = own["requests"]
        for bound in question["bound"]:
            self.waiting.pop(bound["pod"], None)
        binds = []
        for pod, wanted in sorted(self.waiting.items()):
            for id, node in sorted(self.nodes.items()):
                free = node["free"]
                if node["schedulable"] and all(free[name] >= wanted[name] for name in wanted):
                    for name in wanted:
                        free[name] -= wanted[name]
                    binds.append({"pod": pod, "node": id})
                    break
        return {"binds": binds}


class Reversed:
    """Sees that columns are views, and remembers the seed."""

    def start(self, seed):
        self.seed = seed

    def filter(self, pod, nodes):
        assert self.seed == 42
        assert not nodes.free["cpu_milli"].flags.writeable
        assert len(nodes) == len(nodes.names) == 6
        return nodes.schedulable[nodes.candidates]

    def score(self, pod, nodes):
        return nodes.candidates


def fails_later():
    """A policy that fails at its fourth question."""
    asked = []

    def score(pod, nodes):
        asked.append(pod)
        if len(asked) > 3:
            raise LookupError("no more")
        return nodes.candidates

    return score


class InFolder(unittest.TestCase):
    def setUp(self):
        self._before = os.getcwd()
        self._folder = tempfile.TemporaryDirectory()
        os.chdir(self._folder.name)

    def tearDown(self):
        os.chdir(self._before)
        self._folder.cleanup()

    def program(self, *words):
        return subprocess.run([PROGRAM, *map(str, words)], capture_output=True, text=True)


class Runs(InFolder):
    def test_digests_are_those_of_the_program(self):
        done = self.program("run", SMALL, "--out", "by-program", "--quiet")
        self.assertEqual(done.returncode, 0, done.stderr)
        result = windtunnel.run(SMALL, out="by-package")
        self.assertEqual(result.digests, windtunnel.load("by-program").digests)
        # Tables byte for byte, too.
        for name in ("pods.parquet", "timeseries.csv", "timeseries.parquet", "scenario.yaml"):
            own, other = Path("by-package", name), Path("by-program", name)
            self.assertEqual(own.read_bytes(), other.read_bytes(), name)

    def test_path_text_and_dict_are_one_experiment(self):
        text = windtunnel.run(TEXT, out="text")
        experiment = {
            "windtunnel": "v1",
            "name": "text",
            "cluster": {"nodes": [{"manifests": f"{PROJECT}/traces/small-cluster.yaml"}]},
            "workload": [{"manifests": f"{PROJECT}/traces/small-cluster.yaml"}],
            "system": {"name": "pipeline", "scheduler": {"profile": "first-fit"}},
            "stop": {"at": "10m"},
        }
        Path("text.yaml").write_text(TEXT)
        for other in (experiment, "text.yaml", Path("text.yaml")):
            self.assertEqual(windtunnel.run(other).digests, text.digests)
        self.assertEqual(windtunnel.run("text.yaml").folder, Path("results/text"))

    def test_values_seeds_and_variants_are_set(self):
        result = windtunnel.run(
            TEXT,
            set={"system.scheduler.profile": "most-allocated"},
            seed=7,
            variants={"one": {}, "two": {"system.scheduler.profile": "least-allocated"}},
        )
        self.assertEqual(result.variants, ["one", "two"])
        self.assertEqual({own["seed"] for own in result.summary["variants"]}, {7})

    def test_progress_is_told_and_threads_go_on(self):
        told, ticks = [], []
        over = threading.Event()

        def tick():
            while not over.wait(0.001):
                ticks.append(1)

        other = threading.Thread(target=tick)
        other.start()
        try:
            windtunnel.run(LONG, progress=lambda *own: told.append(own))
        finally:
            over.set()
            other.join()
        self.assertTrue(told and all(0 <= share <= 1 for share, _ in told), told)
        # The interpreter was released: another thread did its work meanwhile.
        self.assertGreater(len(ticks), 20)

    def test_a_failure_of_progress_ends_the_run(self):
        def tell(share, words):
            raise OSError("no screen")

        with self.assertRaisesRegex(OSError, "no screen"):
            windtunnel.run(LONG, progress=tell, out="out")
        self.assertFalse(Path("out").exists())


class Tables(InFolder):
    def test_every_library_reads_the_same_rows(self):
        import duckdb
        import pandas
        import polars
        import pyarrow.parquet

        result = windtunnel.run(SMALL, out="out")
        pods = result.pods
        arrow = pods.to_arrow()
        self.assertTrue(arrow.equals(pyarrow.parquet.read_table("out/pods.parquet").cast(arrow.schema)))
        self.assertEqual(len(pods), 30)
        self.assertEqual(pods.to_polars().to_arrow().to_pylist(), arrow.to_pylist())
        self.assertEqual(polars.DataFrame(pods).columns, pods.column_names)
        count = duckdb.sql("select count(*) from pods where variant = 'pack'").fetchall()
        self.assertEqual(count, [(15,)])
        pandas.testing.assert_frame_equal(pods.to_pandas(), arrow.to_pandas())

    def test_metrics_and_series_are_there(self):
        result = windtunnel.run(SMALL, out="out")
        metrics = result.metrics.to_pandas().set_index(["variant", "metric"])["value"]
        own = result.metric("allocation.cpu.mean")
        self.assertEqual(metrics["pack", "allocation.cpu.mean"], own["pack"])
        self.assertIn("time_ns", result.series.column_names)
        self.assertGreater(len(result.classes), 0)
        with self.assertRaisesRegex(KeyError, "no metric `speed`; there are"):
            result.metric("speed")

    def test_a_result_shows_itself(self):
        result = windtunnel.run(SMALL, out="out")
        self.assertIn("CPU allocation, mean", str(result))
        self.assertNotIn("\x1b", str(result))
        self.assertIn("<table><tr><th></th><th>spread</th><th>pack</th></tr>", result._repr_html_())
        self.assertTrue(result.plots["allocation"]._repr_svg_().startswith("<svg"))
        self.assertIn("<table", result.pods._repr_html_())
        with self.assertRaisesRegex(KeyError, "no plot `speed`; there are allocation"):
            result.plots["speed"]

    def test_a_table_that_was_not_written_says_so(self):
        result = windtunnel.run(SMALL, out="out", tables=False)
        with self.assertRaisesRegex(windtunnel.InputError, "no table of pods as Parquet; it was run without it"):
            result.pods


class Policies(InFolder):
    def test_an_object_a_class_and_a_function_decide_alike(self):
        own = windtunnel.run(SMALL, policy={"one": BestFit, "two": BestFit(), "three": BestFit().score})
        digests = own.digests
        self.assertEqual(digests["one"], digests["two"])
        self.assertEqual(digests["one"], digests["three"])

    def test_a_process_and_a_function_decide_alike(self):
        example = PROJECT / "python/examples/best_fit.py"
        done = self.program(
            "run", SMALL, "--policy-command", f"{sys.executable} {example}", "--out", "process", "--quiet"
        )
        self.assertEqual(done.returncode, 0, done.stderr)

        def points(pod, nodes):
            rows = nodes.candidates
            shares = []
            counted = numpy.zeros(len(rows), numpy.int64)
            for resource in ("cpu_milli", "memory_bytes", "gpu_milli"):
                offered = nodes.allocatable[resource][rows]
                left = nodes.free[resource][rows] - pod.requests[resource]
                share = 10_000 * left // numpy.maximum(offered, 1)
                shares.append(numpy.where(offered > 0, numpy.clip(share, 0, 10_000), 0))
                counted += offered > 0
            return numpy.where(counted > 0, 10_000 - sum(shares) // numpy.maximum(counted, 1), 0)

        own = windtunnel.run(SMALL, policy={"external": points})
        self.assertEqual(own.digests, windtunnel.load("process").digests)

    def test_filters_and_starts_are_asked(self):
        result = windtunnel.run(SMALL, policy=Reversed)
        self.assertIn("Reversed", result.variants)

    def test_an_order_of_jobs(self):
        class Shortest:
            def order(self, jobs, now):
                return [job.get("requested", 1 << 62) for job in jobs]

        digests = windtunnel.run(JOBS, policy=Shortest).digests
        self.assertEqual(digests["Shortest"], digests["sjf"])

    def test_a_whole_scheduler(self):
        example = PROJECT / "python/examples/first_fit.py"
        external = {"command": [sys.executable, str(example)], "points": ["schedule"]}
        variants = {"process": {"system.scheduler.external": external}}
        digests = windtunnel.run(TEXT, variants=variants, policy=InOrder, allow_external=True).digests
        self.assertEqual(digests["InOrder"], digests["process"])

    def test_a_result_repeats_without_the_policy(self):
        result = windtunnel.run(SMALL, policy=BestFit, out="out")
        self.assertTrue(Path("out/external/BestFit.0.answers.zst").exists())
        done = self.program("reproduce", "out")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn(result.digests["BestFit"][:8], done.stdout + Path("out/summary.json").read_text())

    def test_an_exception_ends_the_run_and_nothing_looks_whole(self):
        raised = None
        try:
            windtunnel.run(SMALL, policy={"mine": fails_later()}, out="out")
        except LookupError as error:
            raised = error
        frames = [frame.name for frame in traceback.extract_tb(raised.__traceback__)]
        self.assertEqual(frames[-1], "score")
        self.assertFalse(Path("out").exists())
        with self.assertRaises(windtunnel.InputError):
            windtunnel.load("out.partial")
        if sys.version_info >= (3, 11):
            self.assertIn("the policy `mine` raised LookupError", raised.__notes__[0])

    def test_wrong_answers_are_told(self):
        for answer, message in (
            (lambda pod, nodes: [0.5] * len(nodes.candidates), "score: expected a row of whole numbers"),
            (lambda pod, nodes: 7, "score: expected a row of whole numbers"),
            (lambda pod, nodes: None, "score: expected a row of whole numbers"),
        ):
            with self.assertRaisesRegex(TypeError, message):
                windtunnel.run(SMALL, policy=answer)
        with self.assertRaisesRegex(windtunnel.IncompleteError, "the policy `mine` answered 1 `points` about . candidates"):
            windtunnel.run(SMALL, policy={"mine": lambda pod, nodes: [1]})

    def test_an_answer_that_takes_too_long_ends_the_run(self):
        limit = {LIMIT: "200ms"}

        def hangs(pod, nodes):
            while True:
                pass

        with self.assertRaisesRegex(TimeoutError, "no answer within 200ms"):
            windtunnel.run(SMALL, policy=hangs, under=limit, out="out")
        self.assertFalse(Path("out").exists())
        limited = windtunnel.run(SMALL, policy=BestFit, under={LIMIT: "1h"}, out="one")
        self.assertEqual(limited.digests, windtunnel.run(SMALL, policy=BestFit, out="two").digests)
        with self.assertRaisesRegex(windtunnel.InputError, "answerLimit"):
            windtunnel.run(SMALL, policy=BestFit, under={LIMIT: "soon"})

    @unittest.skipIf(numba is None, "needs numba")
    def test_a_compiled_function_decides_as_the_one_that_it_is_compiled_from(self):
        def points(left, rows, wanted):
            found = numpy.empty(len(rows), numpy.int64)
            for place in range(len(rows)):
                found[place] = wanted - left[rows[place]]
            return found

        def policy(points):
            return lambda pod, nodes: points(nodes.free["cpu_milli"], nodes.candidates, pod.requests["cpu_milli"])

        digests = windtunnel.run(SMALL, policy={"one": policy(points), "two": policy(numba.njit(points))}).digests
        self.assertEqual(digests["one"], digests["two"])

    def test_what_is_asked_can_not_be_written_to(self):
        def written(write):
            def score(pod, nodes):
                write(pod, nodes)
                return nodes.candidates

            return score

        for write in (
            lambda pod, nodes: pod.requests.update(cpu_milli=1),
            lambda pod, nodes: pod.requests.__setitem__("cpu_milli", 1),
            lambda pod, nodes: nodes.names.__setitem__(0, "other"),
            lambda pod, nodes: nodes.labels[0].clear(),
            lambda pod, nodes: nodes.free.__setitem__("cpu_milli", None),
        ):
            with self.assertRaisesRegex(TypeError, "can't be written to"):
                windtunnel.run(SMALL, policy=written(write))

        def own(pod, nodes):
            copied = copy.deepcopy(pod)
            copied["requests"]["cpu_milli"] = 1
            sorted(nodes.names).append("other")
            return nodes.candidates

        windtunnel.run(SMALL, policy=own)

    def test_arguments_of_another_type_are_named(self):
        with self.assertRaisesRegex(windtunnel.InputError, "^seeds: can't convert negative"):
            windtunnel.compare(SMALL, seeds=-1)
        with self.assertRaisesRegex(windtunnel.InputError, "^seeds: 'float' object"):
            windtunnel.compare(SMALL, seeds=2.5)
        with self.assertRaisesRegex(windtunnel.InputError, "^policies.name: "):
            windtunnel.run(SMALL, policy={3: lambda pod, nodes: nodes.candidates})

    def test_what_is_no_policy_is_refused(self):
        with self.assertRaisesRegex(TypeError, "expected a function of a pod and the nodes"):
            windtunnel.run(SMALL, policy=7)
        with self.assertRaisesRegex(TypeError, "it can't be copied"):
            policy = BestFit()
            policy.lock = threading.Lock()
            windtunnel.run(SMALL, policy=policy)
        with self.assertRaisesRegex(windtunnel.InputError, "has a variant `pack` already"):
            windtunnel.run(SMALL, policy={"pack": BestFit})
        with self.assertRaisesRegex(windtunnel.InputError, "the system `fleet` has no such settings"):
            windtunnel.run(SMALL, policy=BestFit, under={"system.name": "fleet"})


class Signals(InFolder):
    def interrupted(self, code):
        """Exit of a process that gets Ctrl-C once it has said that it is ready."""
        # A shell that runs the tests in the background has them ignore Ctrl-C, and Python then does, too.
        heeds = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        child = subprocess.Popen(
            [sys.executable, "-c", heeds + code],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(child.kill)
        self.assertEqual(child.stdout.readline().strip(), "ready")
        time.sleep(0.3)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=120)
        return out, err

    def test_ctrl_c_ends_a_run(self):
        code = f"""
import windtunnel
print("ready", flush=True)
try:
    windtunnel.run({str(PROJECT / "scenarios/google-month.yaml")!r}, out="out", progress=False)
except KeyboardInterrupt:
    print("interrupted")
"""
        out, err = self.interrupted(code)
        self.assertIn("interrupted", out, err)
        self.assertFalse(Path("out").exists())

    def test_ctrl_c_ends_a_policy_that_hangs(self):
        code = f"""
import windtunnel
def score(pod, nodes):
    print("ready", flush=True)
    while True:
        pass
try:
    windtunnel.run({str(SMALL)!r}, policy=score, out="out")
except KeyboardInterrupt:
    print("interrupted")
"""
        out, err = self.interrupted(code)
        self.assertIn("interrupted", out, err)
        self.assertFalse(Path("out").exists())


class Mistakes(InFolder):
    def test_words_and_places_are_those_of_the_program(self):
        Path("wrong.yaml").write_text(TEXT.replace("pipeline", "pipelin") + "stpo: 1\n")
        done = self.program("run", "wrong.yaml")
        with self.assertRaises(windtunnel.InputError) as caught:
            windtunnel.run("wrong.yaml")
        self.assertIn(str(caught.exception), done.stderr)
        self.assertEqual(
            [(own["file"], own["line"]) for own in caught.exception.findings],
            [("wrong.yaml", 9), ("wrong.yaml", 12)],
        )

    def test_files_that_are_not_there(self):
        with self.assertRaisesRegex(windtunnel.InputError, "nowhere.yaml: no such file"):
            windtunnel.run("nowhere.yaml")
        with self.assertRaisesRegex(windtunnel.InputError, "nowhere"):
            windtunnel.load("nowhere")

    def test_a_folder_is_never_replaced_unasked(self):
        windtunnel.run(SMALL, out="out")
        with self.assertRaisesRegex(windtunnel.InputError, "the output folder exists"):
            windtunnel.run(SMALL, out="out")
        windtunnel.run(SMALL, out="out", force=True)
        Path("mine").mkdir()
        with self.assertRaisesRegex(windtunnel.InputError, "is not a result folder"):
            windtunnel.run(SMALL, out="mine", force=True)

    def test_programs_are_refused_unless_allowed(self):
        text = TEXT.replace("first-fit", "first-fit, external: {command: [no]}")
        with self.assertRaisesRegex(windtunnel.InputError, "allow that with"):
            windtunnel.run(text)

    def test_arguments_are_checked(self):
        for wrong in (
            lambda: windtunnel.run(SMALL, threads=0),
            lambda: windtunnel.compare(SMALL, seeds=0),
            lambda: windtunnel.compare(SMALL, precision=2.0),
            lambda: windtunnel.sweep(SMALL, grid={"seed": [1]}, seeds=0),
            lambda: windtunnel.run(SMALL, out="out").text("doc"),
        ):
            with self.assertRaises(windtunnel.InputError):
                wrong()
        with self.assertRaisesRegex(TypeError, "set: expected a dict"):
            windtunnel.run(SMALL, set="seed=7")


class Studies(InFolder):
    def test_a_comparison_is_that_of_the_program(self):
        metric = "allocation.cpu.mean"
        done = self.program("compare", SMALL, "--seeds", "3", "--metric", metric, "--out", "one", "--quiet")
        self.assertEqual(done.returncode, 0, done.stderr)
        own = windtunnel.compare(SMALL, seeds=3, metrics=[metric], out="two")
        other = windtunnel.load("one")
        self.assertIsInstance(other, windtunnel.Comparison)
        self.assertEqual(own.study["pairs"], other.study["pairs"])
        differences = own.differences.to_pandas()
        self.assertIn(metric, set(differences["metric"]))
        self.assertGreater(len(own.values), 0)
        self.assertIn("pack", str(own))
        self.assertIn("<table>", own._repr_html_())

    def test_a_policy_is_compared(self):
        own = windtunnel.compare(SMALL, seeds=2, policy=BestFit, baseline="spread")
        names = [pair["candidate"] for pair in own.study["pairs"]]
        self.assertEqual(sorted(names), ["BestFit", "pack"])
        with self.assertRaisesRegex(LookupError, "no more"):
            windtunnel.compare(SMALL, seeds=2, policy=fails_later(), out="out")
        self.assertFalse(Path("out").exists())

    def test_finished_runs_are_compared(self):
        one = windtunnel.run(SMALL, out="one")
        two = windtunnel.run(SMALL, out="two", seed=43)
        own = windtunnel.compare([one, two.folder], out="both")
        self.assertTrue(own.study["pairs"])
        with self.assertRaisesRegex(TypeError, "not both"):
            windtunnel.compare([one, SMALL])

    def test_systems_are_compared(self):
        Path("text.yaml").write_text(TEXT)
        names = ["kubernetes", "swarm"]
        done = self.program("compare", "text.yaml", "--system", ",".join(names), "--seeds", "2", "--out", "one", "--quiet")
        self.assertEqual(done.returncode, 0, done.stderr)
        own = windtunnel.compare("text.yaml", systems=names, seeds=2, out="two")
        self.assertEqual(own.study["pairs"], windtunnel.load("one").study["pairs"])
        with self.assertRaisesRegex(windtunnel.InputError, "^systems: .*`nowhere`"):
            windtunnel.compare("text.yaml", systems=["nowhere"])
        with self.assertRaisesRegex(windtunnel.InputError, "leave one of them out"):
            windtunnel.compare("text.yaml", systems=names, variants={"a": {}})

    def test_a_sweep_becomes_a_comparison(self):
        Path("text.yaml").write_text(TEXT)
        swept = windtunnel.sweep("text.yaml", grid={"system.scheduler.profile": ["first-fit", "most-allocated"]}, seeds=3)
        own = windtunnel.compare(swept, out="out")
        self.assertEqual([pair["candidate"] for pair in own.study["pairs"]], ["profile=most-allocated"])

    def test_a_policy_is_swept(self):
        Path("tasks.yaml").write_text(TASKS)
        grid = {"cluster.nodes.0.count": [4, 6]}
        seeds = []

        class Counted(BestFit):
            def start(self, seed):
                seeds.append(seed)

        more = {"policy": {"mine": Counted}, "under": {"system.scheduler.tieBreak": "first"}}

        def swept():
            return windtunnel.sweep("tasks.yaml", grid=grid, out="own", **more).table.to_pandas()

        table = swept()
        self.assertEqual(list(table["variant"]), ["first", "spread", "mine"] * 2)
        self.assertEqual(len(seeds), 2)
        alone = windtunnel.run("tasks.yaml", set={"cluster.nodes.0.count": 6}, **more)
        self.assertEqual(table["digest"].iloc[-1], alone.digests["mine"])
        # Its runs are made again, and those of the others are not.
        written = {path: path.stat().st_mtime_ns for path in Path("own/runs").rglob("*.run")}
        self.assertTrue(swept().equals(table))
        self.assertEqual(len(seeds), 5)
        anew = [path for path, when in written.items() if path.stat().st_mtime_ns != when]
        self.assertEqual((len(written), len(anew)), (6, 2))
        own = windtunnel.compare(windtunnel.load("own"), at={"cluster.nodes.0.count": 6}, out="out")
        self.assertIn("mine", [pair["candidate"] for pair in own.study["pairs"]])

    def test_a_sweep_refuses_policies_that_it_cannot_ask(self):
        Path("text.yaml").write_text(TEXT)
        grid = {"stop.at": ["5m", "10m"]}
        with self.assertRaisesRegex(LookupError, "no more"):
            windtunnel.sweep("text.yaml", grid=grid, policy=fails_later(), out="fails")
        self.assertFalse(Path("fails/sweep.parquet").exists())
        with self.assertRaisesRegex(windtunnel.InputError, "has a variant `text` already"):
            windtunnel.sweep("text.yaml", grid=grid, policy={"text": BestFit}, out="taken")
        with ThreadPoolExecutor(1) as executor, self.assertRaisesRegex(TypeError, "stay in this process"):
            windtunnel.sweep("text.yaml", grid=grid, policy=BestFit, executor=executor)

    def test_a_sweep_is_that_of_the_program_and_resumes(self):
        grid = "system.scheduler.profile=first-fit,most-allocated"
        Path("text.yaml").write_text(TEXT)
        done = self.program("sweep", "text.yaml", "--grid", grid, "--seeds", "2", "--out", "one", "--quiet")
        self.assertEqual(done.returncode, 0, done.stderr)
        path, values = grid.split("=")
        own = windtunnel.sweep("text.yaml", grid={path: values.split(",")}, seeds=2, out="two")
        table = own.table.to_pandas()
        self.assertEqual(len(table), 4)
        self.assertEqual(Path("two/sweep.csv").read_bytes(), Path("one/sweep.csv").read_bytes())
        again = windtunnel.sweep("text.yaml", grid={path: values}, seeds=2, out="two")
        self.assertTrue(again.table.to_arrow().equals(own.table.to_arrow()))
        self.assertIsInstance(windtunnel.load("two"), windtunnel.Sweep)


class Clusters(InFolder):
    def same(self, answer, *words):
        done = self.program(*words, "--format", "json")
        self.assertIn(done.returncode, (0, 100), done.stderr)
        expected = json.loads(done.stdout)
        for own in (answer, expected):
            own.pop("command", None)
        self.assertEqual(dict(answer), expected)

    def test_pods_are_placed(self):
        dump = PROJECT / "traces/small-cluster.yaml"
        pod = Path("web.yaml")
        pod.write_text(
            "apiVersion: v1\nkind: Pod\nmetadata: {name: more}\nspec:\n  containers:\n"
            "  - {name: one, resources: {requests: {cpu: 500m, memory: 1Gi}}}\n"
        )
        answer = windtunnel.place(dump, pod)
        self.same(answer, "place", dump, pod)
        self.assertGreater(answer["fits"], 0)
        self.assertIn("default/more", str(answer))
        self.same(windtunnel.place(dump, lose="each"), "place", dump, "--lose", "each")
        self.same(windtunnel.place(dump, mix={pod: 2}), "place", dump, "--mix", f"2={pod}")
        with self.assertRaisesRegex(windtunnel.InputError, "give the files of the cluster"):
            windtunnel.place(pod)
        for name, value in (("lose", "each"), ("mix", {pod: 2})):
            with self.assertRaisesRegex(windtunnel.InputError, f"^{name}: .*leave one of them out"):
                windtunnel.place(dump, pod, **{name: value})

    def test_a_cluster_is_planned(self):
        cluster = Path("dump.yaml")
        node = (
            "apiVersion: v1\nkind: Node\nmetadata: {{name: {name}}}\n"
            "status: {{allocatable: {{cpu: 4, memory: 8Gi, pods: 110}}}}\n"
        )
        pod = (
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p-{name}, ownerReferences: "
            "[{{apiVersion: apps/v1, kind: ReplicaSet, name: r, uid: r, controller: true}}]}}\n"
            "spec:\n  nodeName: {name}\n"
            "  containers: [{{name: one, resources: {{requests: {{cpu: 1, memory: 1Gi}}}}}}]\n"
        )
        parts = [form.format(name=name) for name in ("a", "b", "c") for form in (node, pod)]
        cluster.write_text("---\n".join(parts))
        answer = windtunnel.plan(cluster, minimize="nodes")
        self.same(answer, "plan", cluster, "--minimize", "nodes")
        with self.assertRaisesRegex(windtunnel.InputError, "--survive: expected `node`"):
            windtunnel.plan(cluster, survive="nodes")
        with self.assertRaisesRegex(windtunnel.InputError, "minimize: expected `nodes` or `cost`"):
            windtunnel.plan(cluster, minimize="pods")

    def test_a_job_is_asked_about(self):
        folder = PROJECT / "docs/manual/queues.in"
        cluster = [folder / "two-teams-cohort.yaml", folder / "held.yaml"]
        for name in ("small", "train"):
            job = folder / f"{name}.yaml"
            self.same(windtunnel.queue(cluster, job), "queue", *cluster, job)
        with self.assertRaisesRegex(windtunnel.InputError, "run_time"):
            windtunnel.queue(cluster, job, run_time="soon")


if __name__ == "__main__":
    unittest.main()
