//! Remarks about what a run came to, by its metrics.

use metrics::RunMetrics;
use metrics::fights::DETECTORS;

use super::Remarks;

impl Remarks {
    /// Notes which controllers undid each other's work, and a backlog that grows.
    pub fn outcome(&mut self, metrics: &RunMetrics) {
        self.fights(metrics);
        self.unsteady(metrics);
    }

    /// Notes which controllers undid each other's work.
    fn fights(&mut self, metrics: &RunMetrics) {
        for detector in DETECTORS {
            let found = metrics.get(&format!("fights.{}", detector.name()));
            let found = found.and_then(|value| value.reason.as_ref());
            if let Some(who) = found {
                self.note(format!("{}: {who}", detector.words));
            }
        }
    }

    /// Notes a backlog that grows for as long as the run lasts: means of waits stand for no state of the system.
    fn unsteady(&mut self, metrics: &RunMetrics) {
        let value = |name: &str| metrics.get(name).and_then(|own| own.value);
        let is_unstable = value("saturation.unstable").is_some_and(|own| own > 0.5);
        if let Some(growth) = value("saturation.backlog_growth").filter(|_| is_unstable) {
            self.note(format!(
                "unstable: the backlog grows by {growth:.1} an hour, as more is asked for than there is; waits and queue \
                 lengths depend on the length of the run"
            ));
        }
    }
}
