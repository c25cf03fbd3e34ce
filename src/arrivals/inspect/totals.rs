//! Sums over a workload: what its pods ask for together, and for how long.

use units::Duration;

/// The amounts of a workload, all arrivals together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// 1/1000 cores.
    pub cpu_milli: i128,
    /// Bytes of memory.
    pub memory_bytes: i128,
    /// 1/1000 GPU devices.
    pub gpu_milli: i128,
    /// 1/1000 cores times nanoseconds of known run times.
    pub cpu_work: i128,
    /// Bytes times nanoseconds of known run times.
    pub memory_work: i128,
    /// 1/1000 GPU devices times nanoseconds of known run times.
    pub gpu_work: i128,
}

/// The requests of an arrival, all members together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Requested {
    pub(super) cpu_milli: i64,
    pub(super) memory_bytes: i64,
    pub(super) gpu_milli: i64,
    pub(super) members: u32,
    pub(super) run_time: Option<Duration>,
}

impl Totals {
    /// Adds the requests of an arrival.
    pub(super) fn add(&mut self, own: Requested) {
        let nanos = own.run_time.map_or(0, |time| i128::from(time.as_nanos()));
        let amounts = [
            (own.cpu_milli, &mut self.cpu_milli, &mut self.cpu_work),
            (
                own.memory_bytes,
                &mut self.memory_bytes,
                &mut self.memory_work,
            ),
            (own.gpu_milli, &mut self.gpu_milli, &mut self.gpu_work),
        ];
        for (amount, total, work) in amounts {
            let amount = i128::from(amount) * i128::from(own.members);
            *total = total.saturating_add(amount);
            *work = work.saturating_add(amount.saturating_mul(nanos));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_those_of_all_members_and_work_that_of_known_run_times() {
        let own = Requested {
            cpu_milli: 500,
            memory_bytes: 3,
            gpu_milli: 0,
            members: 4,
            run_time: Some(Duration::from_nanos(10)),
        };
        let mut totals = Totals::default();
        totals.add(own);
        totals.add(Requested {
            run_time: None,
            ..own
        });
        let expected = Totals {
            cpu_milli: 4_000,
            memory_bytes: 24,
            gpu_milli: 0,
            cpu_work: 20_000,
            memory_work: 120,
            gpu_work: 0,
        };
        assert_eq!(totals, expected);
    }
}
