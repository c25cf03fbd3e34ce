//! Workloads that `delivery` and `storage` of a scenario are about: each must be declared somewhere.

use control::delivery::images;
use control::operation::{Operation, Target};
use model::delivery::repository;
use scenario::Scenario;
use units::nearest::hint;
use units::{Instant, SortedSet};

use super::BuildError;
use super::object_name::target;

/// Holds the images and the workloads that a scenario watches against the objects that it declares.
///
/// # Errors
/// No declared workload runs an image, or there is no workload of a name.
pub fn watched(scenario: &Scenario, operations: &[(Instant, Operation)]) -> Result<(), BuildError> {
    if scenario.delivery.is_empty() && scenario.storage.is_empty() {
        return Ok(());
    }
    let objects = operations.iter().filter_map(|(_, own)| match own {
        Operation::Create(object) | Operation::Apply(object) => Some(object),
        _ => None,
    });
    let images: SortedSet<&str> = objects.clone().flat_map(images).map(repository).collect();
    for (number, own) in scenario.delivery.iter().enumerate() {
        if !images.contains(repository(&own.image)) {
            let known = hint(&own.image, images.iter().copied());
            return Err(BuildError::Experiment(format!(
                "delivery[{number}].image: no declared workload runs an image of `{}`; {known}",
                own.image
            )));
        }
    }
    let names: SortedSet<String> = objects.map(|own| Target::of(own).to_string()).collect();
    for (number, own) in scenario.storage.iter().enumerate() {
        let is_name = target(&own.workload).is_some();
        if is_name && !names.contains(&own.workload) {
            let known = hint(&own.workload, names.iter().map(String::as_str));
            return Err(BuildError::Experiment(format!(
                "storage[{number}].workload: there is no `{}`; {known}",
                own.workload
            )));
        }
    }
    Ok(())
}
