"""Steps a second of the environments of `windtunnel.gym`, on one core: python benches/gym.py

With the package installed by `pip install './python[gym]'`, which builds it for release. The agent takes the first row that
the mask has, so that what is measured is the environment.
"""

import time

import windtunnel.gym

SMALL = """\
windtunnel: v1
name: small
cluster:
  nodes:
    - count: 64
      name: "node-{}"
      template: {allocatable: {cpu: 32, memory: 128Gi, pods: 110}}
workload:
  - generate: {model: google-2011, jobs: 20000, nodes: 64, classes: 10, load: 60, span: 1d}
system: {name: pipeline, scheduler: {profile: first-fit}}
stop: {at: 1d}
"""


def one_by_one(experiment, steps):
    env = windtunnel.gym.NodeEnv(experiment)
    seen, _ = env.reset()
    began = time.process_time()
    for _ in range(steps):
        seen, _, over, _, _ = env.step(seen["mask"].argmax())
        if over:
            seen, _ = env.reset()
    return steps / (time.process_time() - began)


def side_by_side(experiment, count, steps):
    envs = windtunnel.gym.NodeVectorEnv(experiment, num_envs=count)
    seen, _ = envs.reset()
    began = time.process_time()
    for _ in range(steps // count):
        seen, *_ = envs.step(seen["mask"].argmax(axis=1))
    return steps / (time.process_time() - began)


if __name__ == "__main__":
    for name, experiment, steps in (("64 nodes", SMALL, 200_000), ("bundled fill-up, 1,213 nodes", None, 40_000)):
        print(f"{name}: {one_by_one(experiment, steps):,.0f} steps/s by a loop")
        for count in (8, 64):
            print(f"{name}: {side_by_side(experiment, count, steps):,.0f} steps/s of {count} side by side")
