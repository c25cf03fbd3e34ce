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
    if load <= 0.0 {
        return 1.0;
    }
    if load >= 1.0 {
        return 0.0;
    }
    // Terms relative to the largest one, at the likeliest number of idle workers: the first and the last may
    // be too small for a number. Each follows from the one beside it.
    let drawn = probes * tasks;
    let odds = load / (1.0 - load);
    let likeliest = ((f64::from(drawn + 1) * (1.0 - load)) as u32).min(drawn);
    let (mut all, mut enough) = (0.0, 0.0);
    let mut count = |idle: u32, term: f64| {
        all += term;
        if idle >= tasks {
            enough += term;
        }
    };
    let mut term = 1.0;
    for idle in (0..=likeliest).rev() {
        count(idle, term);
        term *= f64::from(idle) / f64::from(drawn - idle + 1) * odds;
    }
    term = 1.0;
    for idle in likeliest + 1..=drawn {
        term *= f64::from(drawn - idle + 1) / f64::from(idle) / odds;
        count(idle, term);
    }
    enough / all
}

/// Mean time in the system of the supermarket model, in service times: endlessly many servers, and each
/// arrival joins the shortest of so many queues.
pub fn supermarket(load: f64, probes: u32) -> f64 {
    if load >= 1.0 {
        return f64::INFINITY;
    }
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
        // The first terms are too small for a number.
        assert!(is(zero_wait_batch(0.6, 300, 3), 0.999_98));
        assert_eq!(zero_wait_batch(1.0, 3, 2).to_bits(), 0.0_f64.to_bits());
        assert!(supermarket(1.0, 2).is_infinite());
        assert!(is(zero_wait_batch(0.8, 10, 2), 2.595e-3));
        assert!(is(zero_wait_batch(0.5, 10, 2), 0.588_10));
        assert!(is(supermarket(0.9, 1), 10.0));
        assert!(is(supermarket(0.9, 2), 2.614_057));
        assert!(is(supermarket(0.95, 2), 3.383_046));
    }

    struct SingleSlotWorkers {
        idle: Vec<bool>,
    }

    impl Slots for SingleSlotWorkers {
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
        let mut slots = SingleSlotWorkers {
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
