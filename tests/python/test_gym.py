"""Tests of `windtunnel.gym`: its environments are those of Gymnasium, and their episodes are runs."""

import contextlib
import io
import sys
import unittest
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy

try:
    import gymnasium
    from gymnasium.utils.env_checker import check_env
except ImportError:
    gymnasium = None

import windtunnel

if gymnasium is not None:
    import windtunnel.gym

PROJECT = Path(__file__).resolve().parents[2]

PACKING = """\
windtunnel: v1
name: packing
seed: 7
cluster:
  nodes:
    - count: 12
      name: "node-{}"
      template: {allocatable: {cpu: 32, memory: 128Gi, pods: 110}}
workload:
  - generate: {model: google-2011, jobs: 600, nodes: 12, classes: 10, load: 60, span: 6h}
system:
  name: pipeline
  scheduler: {profile: first-fit}
stop: {at: 6h}
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
stop: {{at: 2d}}
"""


FEW_JOBS = """\
windtunnel: v1
name: few
seed: 10
cluster: {nodes: [{count: 64, name: "n-{}", template: {allocatable: {cpu: 1, memory: 64Gi, pods: 1}}}]}
workload:
  - generate: {model: lublin99, jobs: 8, processors: 64}
system: {name: batch}
stop: {when: drained}
"""


def first(seen):
    return int(seen["mask"].argmax())


def last(seen):
    return int(numpy.flatnonzero(seen["mask"])[-1])


def shortest(seen):
    """The job that asks for the least time; ties go to the first."""
    rows = numpy.flatnonzero(seen["mask"])
    return int(rows[seen["jobs"][rows, 1].argmin()])


def play(env, agent, seed=None):
    seen, info = env.reset(seed=seed)
    total, steps, over = 0.0, 0, False
    while not over:
        seen, reward, over, _, known = env.step(agent(seen))
        total, steps = total + reward, steps + 1
        assert "refused" not in known
    return {**info, **known, "total": total, "steps": steps}


@unittest.skipIf(gymnasium is None, "needs gymnasium")
class Environments(unittest.TestCase):
    def test_an_environment_belongs_to_its_thread(self):
        env = windtunnel.gym.NodeEnv(PACKING)
        env.reset(seed=1)
        with ThreadPoolExecutor(1) as threads, self.assertRaisesRegex(RuntimeError, "belongs to the thread that made it"):
            threads.submit(env.reset).result()

    def test_gymnasium_finds_no_fault(self):
        for env in (windtunnel.gym.NodeEnv(PACKING), windtunnel.gym.QueueEnv(JOBS, rows=8)):
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                # Environments that nobody registered have no specification, and masks no other type.
                warnings.filterwarnings("ignore", message=".*(spec|minimum value|maximum value).*")
                check_env(env, skip_render_check=True)

    def test_an_episode_is_a_run_with_the_same_decisions_and_repeats(self):
        env = windtunnel.gym.NodeEnv(PACKING)
        for agent in (first, last):
            ended = play(env, agent, seed=7)
            self.assertEqual(ended, play(env, agent, seed=7))
            self.assertGreater(ended["steps"], 30)
            with_policy = windtunnel.run(PACKING, policy={"mine": windtunnel.gym.Agent(agent)}, progress=False)
            variants = {own["name"]: own for own in with_policy.summary["variants"]}
            self.assertEqual(variants["mine"]["digest"], ended["digest"])
            if agent is first:
                # The first that has room is what the profile takes.
                self.assertEqual(variants["packing"]["digest"], ended["digest"])
        self.assertNotEqual(play(env, first, seed=8)["digest"], play(env, first, seed=7)["digest"])

    def test_an_order_of_the_queue_is_a_policy_of_the_planner(self):
        ended = play(windtunnel.gym.QueueEnv(JOBS, rows=10_000), shortest)
        result = windtunnel.run(
            JOBS, variants={"sjf": {"system.scheduler.queue": "sjf"}}, policy={
                "mine": windtunnel.gym.Agent(shortest, orders=True, rows=10_000)}, progress=False
        )
        digests = {own["name"]: own["digest"] for own in result.summary["variants"]}
        self.assertEqual(digests["mine"], ended["digest"])
        self.assertEqual(digests["sjf"], ended["digest"])
        self.assertLess(ended["total"], 0)

    def test_rewards_add_up_to_what_is_measured(self):
        env = windtunnel.gym.NodeEnv(PACKING, set={"workload.0.generate.load": 250}, metrics=True)
        ended = play(env, first)
        self.assertGreater(ended["total"], 0.5)
        waited = play(windtunnel.gym.NodeEnv(PACKING, reward="pending_time.mean", metrics=True), first)
        self.assertAlmostEqual(waited["total"], -waited["metrics"]["pending_time.mean"])

    def test_what_waits_at_the_end_has_waited_until_then(self):
        ended = play(windtunnel.gym.QueueEnv(JOBS.replace("at: 2d", "at: 30h"), rows=64, metrics=True), shortest)
        hours = ended["metrics"]["queue_length.mean"] * ended["seconds"] / 3600
        self.assertGreater(hours, 1)
        self.assertAlmostEqual(ended["total"], -hours, places=3)

    def test_a_run_without_a_decision_is_over_with_its_first_step(self):
        env = windtunnel.gym.QueueEnv(FEW_JOBS, rows=8)
        without = (seed for seed in range(50) if env.reset(seed=seed)[0]["mask"].sum() == 0)
        self.assertIsNotNone(next(without, None))
        _, reward, over, _, info = env.step(0)
        self.assertEqual((reward, over), (0.0, True))
        self.assertIn("digest", info)
        with self.assertRaisesRegex(windtunnel.InputError, "call `reset`"):
            env.step(0)

    def test_environments_side_by_side_are_those_one_by_one(self):
        alone = {}
        for seed in (20, 21, 22, 23):
            env = windtunnel.gym.NodeEnv(PACKING)
            alone[seed] = play(env, last, seed=seed)["digest"]
        several = windtunnel.gym.NodeVectorEnv(PACKING, num_envs=2)
        seen, info = several.reset(seed=20)
        self.assertEqual(info["seed"].tolist(), [20, 21])
        found, ended = {}, numpy.zeros(2, bool)
        while not found.keys() >= alone.keys():
            rows = seen["mask"].shape[1]
            actions = rows - 1 - seen["mask"][:, ::-1].argmax(axis=1)
            before = ended
            seen, rewards, ended, truncated, info = several.step(actions)
            self.assertFalse(truncated.any())
            self.assertTrue((rewards[before] == 0).all())
            for place in numpy.flatnonzero(ended):
                found[int(info["seed"][place])] = info["digest"][place]
        self.assertEqual({seed: found[seed] for seed in alone}, alone)

    def test_registered_environments_are_made_by_name(self):
        env = gymnasium.make("windtunnel/Node-v1", experiment=PACKING)
        env.reset(seed=3)
        several = gymnasium.make_vec("windtunnel/Node-v1", num_envs=3, experiment=PACKING)
        self.assertEqual(several.reset(seed=3)[0]["nodes"].shape, (3, 12, 8))

    def test_an_action_that_the_mask_excludes_changes_nothing(self):
        env = windtunnel.gym.NodeEnv(PACKING)
        seen, _ = env.reset()
        for action in (-1, 12, 10**9):
            again, reward, over, cut, info = env.step(action)
            self.assertEqual((reward, over, cut, info), (-1.0, False, False, {"refused": True}))
            for name in seen:
                numpy.testing.assert_array_equal(seen[name], again[name])
        self.assertTrue(env.action_masks()[first(seen)])

    def test_columns_hold_what_nodes_have_left(self):
        env = windtunnel.gym.NodeEnv(PACKING)
        seen, _ = env.reset()
        self.assertEqual(env.columns[0][:2], ["free_cpu", "free_memory"])
        node = first(seen)
        before, pod = seen["nodes"][node].copy(), seen["pod"].copy()
        seen, *_ = env.step(node)
        after = seen["nodes"][node]
        numpy.testing.assert_allclose(before[0] - after[0], pod[0], atol=1e-6)
        numpy.testing.assert_allclose(before[1] - after[1], pod[1], atol=1e-6)
        numpy.testing.assert_allclose(before[3] - after[3], 1 / 110, atol=1e-6)
        self.assertEqual(after[5], 1)

    def test_mistakes_are_told(self):
        for arguments, words in (
            ({"reward": "speed"}, "expected `bound`, `waiting` or the id of a metric"),
            ({"rows": 3}, "rows=` at least"),
            ({"set": {"metrics.window": "auto"}}, "state the window by `from`"),
            ({"set": {"cluster.nodes.0.count": 1}}, "nothing to decide"),
            ({"set": {"stop.at": "1 day"}}, "did you mean"),
        ):
            with self.subTest(arguments), self.assertRaises(windtunnel.InputError) as raised:
                windtunnel.gym.NodeEnv(PACKING, **arguments)
            self.assertIn(words, str(raised.exception))
        env = windtunnel.gym.NodeEnv(PACKING)
        play(env, first)
        with self.assertRaises(windtunnel.InputError) as raised:
            env.step(0)
        self.assertIn("call `reset`", str(raised.exception))
        with self.assertRaises(windtunnel.InputError) as raised:
            windtunnel.gym.NodeVectorEnv(PACKING, num_envs=2).step([0])
        self.assertIn("expected 2 actions", str(raised.exception))

    def test_the_example_trains_an_agent(self):
        sys.path.insert(0, str(PROJECT / "python/examples"))
        try:
            import train_agent
        finally:
            sys.path.pop(0)
        env = windtunnel.gym.NodeEnv(PACKING)
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            weights = train_agent.train(env, generations=2, population=4)
        self.assertEqual(weights.shape, (train_agent.COUNT,))
        self.assertIn("generation 2: best", printed.getvalue())


if __name__ == "__main__":
    unittest.main()
