//! Failures and operations that a scenario states for a time at which its run is over.

use scenario::Scenario;
use units::Duration;

use super::Remarks;

/// Notes the failures and operations that never happen, as the run stops before.
pub(super) fn note(scenario: &Scenario, remarks: &mut Remarks) {
    let Some(end) = scenario.stop.at else {
        return;
    };
    let mut never = |place: String, at: Duration| {
        if at > end {
            remarks.note(format!(
                "{place}.at: it never happens: the run stops at {end}, before {at}"
            ));
        }
    };
    for (number, own) in scenario.failures.iter().enumerate() {
        if let Some(at) = own.at {
            never(format!("failures[{number}]"), at);
        }
    }
    for (number, own) in scenario.operations.iter().enumerate() {
        never(format!("operations[{number}]"), own.at);
    }
}
