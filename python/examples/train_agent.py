"""Trains a small agent that packs GPUs, and compares it with random and first fit.

    python train_agent.py

The agent gives each node the weighted sum of eight numbers. The cross-entropy method improves the weights: it draws some
around the best so far, plays an episode with each, and goes on from those that packed most. The last table is one of
`windtunnel compare` over seeds that the agent has not seen.
"""

import argparse

import numpy

import windtunnel
from windtunnel.gym import Agent, NodeEnv


COUNT = 8


class Weighted:
    """Chooses the node with the largest weighted sum; without weights the first that has room."""

    def __init__(self, weights):
        self.weights = numpy.asarray(weights, numpy.float32)

    def __call__(self, seen):
        cpu, memory, gpu, devices, _ = seen["pod"]
        rows = numpy.flatnonzero(seen["mask"])
        free_cpu, free_memory, free_gpu, _, free_device, all_cpu, all_memory, all_gpu = seen["nodes"][rows].T
        # Shares of the node that are left once the pod is there.
        cpu = (free_cpu - cpu) / all_cpu
        memory = (free_memory - memory) / all_memory
        gpu_left = (free_gpu - gpu) / numpy.maximum(all_gpu, 1e-6)
        numbers = numpy.stack(
            [
                cpu,
                memory,
                gpu_left,
                free_device,
                all_gpu * (devices == 0),  # GPUs that a pod without any would stand in the way of
                gpu_left * (1 - cpu),  # GPUs that want for CPU
                numpy.abs(cpu - gpu_left),
                free_gpu == all_gpu,  # a node whose GPUs nobody has begun
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
    mean, spread = numpy.zeros(COUNT), numpy.ones(COUNT)
    for generation in range(generations):
        drawn = draw.normal(mean, spread, (population, COUNT))
        # All of a generation play under the same seed, so that they differ by their weights alone.
        gained = numpy.array([episode(env, Weighted(weights), 100 + generation) for weights in drawn])
        best = drawn[gained.argsort()[-max(2, population // 4) :]]
        mean, spread = best.mean(axis=0), best.std(axis=0) + 0.05
        print(f"generation {generation + 1}: best {gained.max():.4f}, mean {gained.mean():.4f}", flush=True)
    return mean


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", nargs="?", help="by default the bundled experiment")
    parser.add_argument("--generations", type=int, default=12)
    parser.add_argument("--population", type=int, default=20)
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
