//! Operations that the system of a scenario does not know: they are told, and left out.

use ::units::Instant;
use control::operation::Operation;
use scenario::Scenario;
use systems::{SystemFact, registry};

use super::Remarks;
use super::runs_workloads::runs_always;

/// Leaves operations out that would do what the system does not, and tells all that have no effect.
pub(super) fn leave_out(
    scenario: &Scenario,
    operations: &mut Vec<(Instant, Operation)>,
    remarks: &mut Remarks,
) {
    let uncordoned = uncordoned(scenario);
    if uncordoned.is_some() {
        operations.retain(|(_, operation)| !matches!(operation, Operation::Cordon(_)));
    }
    let unheeded = [
        super::delivery::undelivered(scenario),
        unpaused(scenario),
        not_taken_back(scenario),
        uncordoned,
    ];
    for line in unheeded.into_iter().flatten() {
        remarks.note(line);
    }
}

/// The pauses that a scenario's system does not know, in words; `None` if there are none.
fn unpaused(scenario: &Scenario) -> Option<String> {
    let mut operations = scenario.operations.iter();
    let number = operations.position(|own| own.pause.is_some())?;
    let system = &scenario.system.name;
    runs_always(scenario).then(|| {
        format!(
            "operations[{number}].pause: the system `{system}` knows no pause: rollouts go on as if it \
             were not stated"
        )
    })
}

/// The rollbacks that a scenario's system does not know, in words; `None` if there are none.
fn not_taken_back(scenario: &Scenario) -> Option<String> {
    let mut operations = scenario.operations.iter();
    let number = operations.position(|own| own.roll_back.is_some())?;
    let system = &scenario.system.name;
    let keeps_former = registry::has(system, SystemFact::KeepsFormerVersion);
    (runs_always(scenario) && !keeps_former).then(|| {
        format!(
            "operations[{number}].rollBack: the system `{system}` keeps no version before: nothing is taken \
             back; `apply` the former file"
        )
    })
}

/// The cordons that a scenario's system does not know, in words; `None` if there are none.
fn uncordoned(scenario: &Scenario) -> Option<String> {
    let mut operations = scenario.operations.iter();
    let system = &scenario.system.name;
    let is_ignored = registry::has(system, SystemFact::IgnoresCordons);
    let number = operations.position(|own| own.cordon.is_some() && is_ignored)?;
    Some(format!(
        "operations[{number}].cordon: the system `{system}` knows no cordon: the machine takes units as before; \
         `drain` stops its agent, and its units go elsewhere"
    ))
}
