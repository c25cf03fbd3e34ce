//! Formulas that Sparrow's queues are held to (spec: orchestrators-b.md section 6.2).

use rng::math::pow;

/// Probability that no task of a job waits, where each worker is busy by itself with one probability:
/// every task takes a random worker.
pub fn zero_wait_random(load: f64, tasks: u32) -> f64 {
    pow(1.0 - load, f64::from(tasks))
}

/// Probability that no task of a job waits, where every task takes the best of `probes` workers.
pub fn zero_wait_per_task(load: f64, tasks: u32, probes: u32) -> f64 {
    pow(1.0 - pow(load, f64::from(probes)), f64::from(tasks))
}

/// Probability that no task of a job waits, where all tasks share `probes` times as many probes.
pub fn zero_wait_batch(load: f64, tasks: u32, probes: u32) -> f64 {
    let drawn = probes * tasks;
    // Terms from the largest number of idle workers down; each follows from the one before.
    let mut term = pow(1.0 - load, f64::from(drawn));
    let mut sum = 0.0;
    for idle in (tasks..=drawn).rev() {
        sum += term;
        let busy = f64::from(drawn - idle);
        term *= f64::from(idle) / (busy + 1.0) * load / (1.0 - load);
    }
    sum
}

/// Mean time in the system of the supermarket model, in service times: endlessly many servers, and each
/// arrival joins the shortest of so many queues.
pub fn supermarket(load: f64, probes: u32) -> f64 {
    if probes <= 1 {
        return 1.0 / (1.0 - load);
    }
    let choices = f64::from(probes);
    let mut sum = 0.0;
    let mut exponent = 0.0;
    loop {
        let share = pow(load, exponent);
        sum += share;
        if share < 1e-15 {
            return sum;
        }
        exponent = exponent * choices + choices;
    }
}

#[cfg(test)]
mod tests {
    use super::super::queues::{JobKey, Queues, Slots};
    use super::*;
    use rng::Stream;
    use units::{ClassId, SortedSet};

    #[test]
    fn formulas_give_the_numbers_of_the_specification() {
        let is = |found: f64, expected: f64| (found / expected - 1.0).abs() < 1e-3;
        assert!(is(zero_wait_random(0.8, 10), 1.024e-7));
        assert!(is(zero_wait_per_task(0.8, 10, 2), 3.656e-5));
        assert!(is(zero_wait_batch(0.8, 10, 2), 2.595e-3));
        assert!(is(zero_wait_batch(0.5, 10, 2), 0.588_10));
        assert!(is(supermarket(0.9, 1), 10.0));
        assert!(is(supermarket(0.9, 2), 2.614_057));
        assert!(is(supermarket(0.95, 2), 3.383_046));
    }

    struct Single {
        idle: Vec<bool>,
    }

    impl Slots for Single {
        fn has_room(&mut self, worker: usize, _: ClassId) -> bool {
            self.idle[worker]
        }

        fn take(&mut self, worker: usize, _: JobKey) {
            self.idle[worker] = false;
        }
    }

    /// Mean time in the system of tasks that join the shortest of `probes` queues.
    fn simulated(load: f64, probes: usize, workers: usize, tasks: u64) -> f64 {
        const NANOS: f64 = 1e9;
        let mut stream = Stream::new(1, "supermarket", 0);
        let mut queues = Queues::new(true);
        let mut slots = Single {
            idle: vec![true; workers],
        };
        let mut ends: SortedSet<(u64, usize)> = SortedSet::new();
        let mut arrived: Vec<u64> = Vec::new();
        let exponential = |stream: &mut Stream, mean: f64| {
            let uniform = (stream.below(1 << 52) + 1) as f64 / (1_u64 << 52) as f64;
            (-rng::math::ln(uniform) * mean * NANOS) as u64
        };
        let (mut now, mut total, mut counted) = (0, 0.0, 0_u64);
        for task in 0..tasks {
            now += exponential(&mut stream, 1.0 / (load * workers as f64));
            while let Some(&(end, worker)) = ends.first().filter(|&&(end, _)| end <= now) {
                ends.pop_first();
                slots.idle[worker] = true;
                queues.freed(worker);
                for ask in queues.ask(&mut slots) {
                    let end = end + exponential(&mut stream, 1.0);
                    ends.insert((end, ask.worker));
                    if ask.job > tasks / 4 {
                        total += (end - arrived[ask.job as usize]) as f64 / NANOS;
                        counted += 1;
                    }
                }
            }
            let mut shortest = usize::MAX;
            let mut chosen = 0;
            for _ in 0..probes {
                let worker = stream.below(workers as u64) as usize;
                let length = queues.len(worker) + usize::from(!slots.idle[worker]);
                if length < shortest {
                    (shortest, chosen) = (length, worker);
                }
            }
            arrived.push(now);
            queues.submit(task, 1, &[chosen]);
            for ask in queues.ask(&mut slots) {
                let end = now + exponential(&mut stream, 1.0);
                ends.insert((end, ask.worker));
                if ask.job > tasks / 4 {
                    total += (end - arrived[ask.job as usize]) as f64 / NANOS;
                    counted += 1;
                }
            }
        }
        total / counted as f64
    }

    #[test]
    fn queues_come_within_two_percent_of_the_supermarket_model() {
        for (load, probes) in [(0.7, 2), (0.9, 2)] {
            let found = simulated(load, probes as usize, 500, 150_000);
            let expected = supermarket(load, probes);
            assert!(
                (found / expected - 1.0).abs() < 0.02,
                "load {load}, {probes} probes: {found}, expected {expected}"
            );
        }
    }
}
