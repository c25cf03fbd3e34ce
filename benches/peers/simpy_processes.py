"""The processes in SimPy. Prints events per second of CPU time.

usage: simpy_processes.py PROCESSES EVENTS

One or two processes wait a second at a time, which is SimPy's cheapest event; more wait for random
times, drawn beforehand.
"""

import itertools
import random
import sys
import time

import simpy


def main():
    processes, events = int(sys.argv[1]), int(sys.argv[2])
    env = simpy.Environment()
    generator = random.Random(1)
    drawn = [generator.random() for _ in range(1 << 16)]

    def process(delays):
        timeout = env.timeout
        for delay in delays:
            yield timeout(delay)

    for number in range(processes):
        start = number * 7919 % len(drawn)
        own = itertools.cycle([1.0] if processes <= 2 else drawn[start:] + drawn[:start])
        env.process(process(own))
    step = env.step
    begun = time.process_time()
    for _ in range(events):
        step()
    print(events / (time.process_time() - begun))


main()
