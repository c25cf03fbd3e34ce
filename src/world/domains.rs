//! Failure domains: the domains that a scenario declares, with their nodes.

use std::sync::Arc;

use super::BuildError;
use model::Node;
use scenario::{Scenario, schema};
use sim::failures::{Domain, Domains};
use units::SortedMap;

/// The domains of a scenario with their nodes.
pub(super) fn domains(scenario: &Scenario, nodes: &[Arc<Node>]) -> Result<Domains, BuildError> {
    let domains = Domains::new(declared(&scenario.cluster.domains), nodes);
    domains.map_err(|why| BuildError::Experiment(format!("cluster.domains: {why}")))
}

/// The domains one by one.
fn declared(written: &[schema::Domain]) -> Vec<Domain> {
    let all = written.iter().flat_map(|entry| {
        (0..u64::from(entry.count)).map(move |index| {
            let parent = entry.parent.as_ref().map(|parent| parent.render(index));
            (&entry.label, entry.name.render(index), parent)
        })
    });
    let all: Vec<_> = all.collect();
    let places: SortedMap<&str, usize> = { all.iter().enumerate() }
        .map(|(place, (_, name, _))| (name.as_str(), place))
        .collect();
    let domains = all.iter().map(|(label, name, parent)| Domain {
        label: label.as_str().into(),
        name: name.as_str().into(),
        parent: parent
            .as_ref()
            .and_then(|parent| places.get(parent.as_str()).copied()),
    });
    domains.collect()
}
