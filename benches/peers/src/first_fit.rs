//! First fit on equal hosts by the simulator's own pipeline, whole runs: arrival, decision, start
//! and end of every machine.

#[path = "../../synthetic/mod.rs"]
mod synthetic;

use synthetic::{Nobody, Synthetic};

/// Placements per second of CPU time, four fifths of the hosts' cores being in use.
pub fn rate(hosts: u32) -> Option<f64> {
    let run = Synthetic {
        hosts,
        classes: 4,
        pods: 40 * hosts,
        percent: 80,
    };
    crate::rate(|| {
        run.run("first-fit", &mut Nobody);
        u64::from(run.pods)
    })
}
