"""Trains a small agent that packs GPUs, and compares it with random and first fit.

    python train_agent.py

The agent gives each node the weighted sum of seven numbers. The cross-entropy method improves the weights: it draws some
around the best so far, plays an episode with each, and goes on from those that packed most. The last table is one of
`windtunnel compare` over seeds that the agent has not seen.
"""

import argparse

import numpy

import windtunnel
from windtunnel.gym import Agent, NodeEnv


class Weighted:
    """Chooses the node with the largest weighted sum; without weights the first that has room."""

    def __init__(self, weights):
        self.weights = numpy.asarray(weights, numpy.float32)

    def __call__(self, seen):
        cpu, memory, gpu, devices, device = seen["pod"]
        rows = numpy.flatnonzero(seen["mask"])
        nodes = seen["nodes"][rows]
        numbers = numpy.stack(
            [
                nodes[:, 0] - cpu,  # left of each, once the pod is there
                nodes[:, 1] - memory,
                nodes[:, 2] - gpu,
                nodes[:, 4] - device,
                nodes[:, 7] * (devices == 0),  # GPUs that a pod without any would stand in the way of
                nodes[:, 5],
                nodes[:, 4] == device,  # a device that it fills
            ]
        )
        return rows[(self.weights @ numbers).argmax()]


def episode(env, agent, seed):
    """Sum of the rewards of an episode."""
    seen, _ = env.reset(seed=seed)
    total, over = 0.0, False
    while not over:
        seen, reward, over, _, _ = env.step(agent(seen))
        total += reward
    return total


def train(env, generations, population, seed=1):
    """Weights by the cross-entropy method."""
    draw = numpy.random.default_rng(seed)
    mean, spread = numpy.zeros(7), numpy.ones(7)
    for generation in range(generations):
        drawn = draw.normal(mean, spread, (population, 7))
        # All of a generation play under the same seed, so that they differ by their weights alone.
        gained = numpy.array([episode(env, Weighted(weights), 100 + generation) for weights in drawn])
        best = drawn[gained.argsort()[-max(2, population // 4) :]]
        mean, spread = best.mean(axis=0), best.std(axis=0) + 0.05
        print(f"generation {generation + 1}: best {gained.max():.4f}, mean {gained.mean():.4f}", flush=True)
    return mean


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", nargs="?", help="by default the bundled experiment")
    parser.add_argument("--generations", type=int, default=8)
    parser.add_argument("--population", type=int, default=12)
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    weights = train(NodeEnv(arguments.experiment), arguments.generations, arguments.population)
    print("weights", weights.round(2))
    study = windtunnel.compare(
        arguments.experiment,
        policy={"trained": Agent(Weighted(weights))},
        variants={
            "first-fit": {"system.name": "pipeline", "system.scheduler.profile": "first-fit"},
            "random": {"system.name": "pipeline", "system.scheduler.profile": "random"},
        },
        seeds=arguments.seeds,
        metrics=["allocation.gpu.end"],
    )
    print(study)


if __name__ == "__main__":
    main()
