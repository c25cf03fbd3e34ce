//! Host aggregates and isolated hosts: metadata that flavors ask for, factors of weighers that hold on an
//! aggregate's hosts alone, and hosts set apart for images (spec: orchestrators-a.md sections 6.2 and 6.3;
//! `scheduler/filters/{aggregate_instance_extra_specs,isolated_hosts_filter}.py`, `scheduler/utils.py`).

use std::sync::Arc;

use model::{PodSpec, Text};
use units::{SortedMap, SortedSet};

use super::filter::Filter;
use super::host::Host;
use super::options::NovaOptions;
use super::weigher::Weigher;
use crate::parts::pattern::glob_matches;

/// A host aggregate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aggregate {
    /// The aggregate's hosts, by name or pattern ([`names`]).
    pub hosts: SortedSet<Text>,
    /// Metadata: values by key, several of them separated by commas.
    pub metadata: SortedMap<Text, Text>,
}

/// Metadata of all aggregates of a host: the values of each key.
pub type Metadata = SortedMap<Text, SortedSet<Text>>;

/// Hosts and images that are set apart from the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Isolation {
    /// Isolated hosts, by name or pattern (`isolated_hosts`).
    pub hosts: SortedSet<Text>,
    /// Images that run on isolated hosts alone (`isolated_images`).
    pub images: SortedSet<Text>,
}

/// Whether one of some names, or of patterns in which `*` stands for any text, is a host's.
pub fn names(all: &SortedSet<Text>, host: &str) -> bool {
    let mut patterns = all.iter().filter(|own| own.contains('*'));
    all.contains(host) || patterns.any(|own| glob_matches(own, host))
}

/// Values of a text of metadata.
fn values(text: &str) -> impl Iterator<Item = Text> + '_ {
    text.split(',').map(|value| value.trim().into())
}

/// The weighers whose factor some aggregate overrides, in order.
pub fn overridden(aggregates: &[Aggregate]) -> Vec<Weigher> {
    let is_overridden = |weigher: &Weigher| {
        let mut aggregates = aggregates.iter();
        aggregates.any(|own| own.metadata.contains_key(weigher.override_key()))
    };
    Weigher::ALL.into_iter().filter(is_overridden).collect()
}

/// Gives a host what its aggregates and its isolation make of it.
pub(super) fn apply(options: &NovaOptions, host: &mut Host) {
    host.is_isolated = names(&options.isolation.hosts, &host.name);
    host.address = options.addresses.get(&host.name).copied();
    let mut metadata = Metadata::new();
    for own in &options.aggregates {
        if names(&own.hosts, &host.name) {
            for (key, text) in &own.metadata {
                let all = metadata.entry(key.clone()).or_default();
                all.extend(values(text));
            }
        }
    }
    if metadata.is_empty() {
        return;
    }
    let mut factors = options.rules.multipliers;
    for weigher in Weigher::ALL {
        if let Some(factor) = stated_factor(options, weigher, &host.name) {
            factors.set(weigher, factor);
        }
    }
    host.factors = Some(Arc::new(factors));
    host.metadata = Some(Arc::new(metadata));
}

/// Factor of a weigher by the aggregates of a host: the smallest of their values, of which the whole text is
/// the number. One that is no number leaves the factor of all hosts in force, whatever the others are
/// (`validate_num_values` fails as a whole).
fn stated_factor(options: &NovaOptions, weigher: Weigher, host: &str) -> Option<f64> {
    let own = (options.aggregates.iter()).filter(|own| names(&own.hosts, host));
    let stated = own.filter_map(|own| own.metadata.get(weigher.override_key()));
    let numbers: Option<Vec<f64>> = stated.map(|text| number(text)).collect();
    let least = numbers?.into_iter().min_by(f64::total_cmp)?;
    // The penalty of failed builds is stated as a positive number (`weights/compute.py`).
    Some(if weigher == Weigher::BuildFailure {
        -least
    } else {
        least
    })
}

/// Lines about factors of aggregates that are no numbers.
pub(super) fn remarks(aggregates: &[Aggregate]) -> Vec<String> {
    let stated = aggregates.iter().flat_map(|own| {
        let stated = |weigher: Weigher| own.metadata.get_key_value(weigher.override_key());
        Weigher::ALL.into_iter().filter_map(stated)
    });
    let wrong = stated.filter(|(_, text)| number(text).is_none());
    let lines = wrong.map(|(key, text)| {
        format!(
            "the metadata `{key}: {text}` of an aggregate is no number: its hosts have the factor of \
             `system.nova.weighers`, whatever their other aggregates state"
        )
    });
    lines.collect()
}

/// The factor that a text of metadata states.
fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok()
}

/// A pod's node selector, as the filters see it: extra specs about the metadata of aggregates, and the pod
/// with what is left to the host's own capabilities; `None` if nothing is about aggregates.
pub(super) fn extra_specs(
    spec: &PodSpec,
    options: &NovaOptions,
) -> Option<(Vec<(Text, Text)>, PodSpec)> {
    let filters = &options.rules.filters;
    if !filters.contains(&Filter::AggregateExtraSpecs) {
        return None;
    }
    let is_of_aggregates = |key: &Text| {
        let mut aggregates = options.aggregates.iter();
        aggregates.any(|own| own.metadata.contains_key(key))
    };
    let asked = spec.node_selector.iter();
    let asked: Vec<(Text, Text)> = asked
        .filter(|(key, _)| is_of_aggregates(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    if asked.is_empty() {
        return None;
    }
    let mut rest = spec.clone();
    rest.node_selector.retain(|key, _| !is_of_aggregates(key));
    Some((asked, rest))
}
