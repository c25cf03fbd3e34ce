//! All metrics, in written order. To add one: a file with its `ENTRY`, and its line here.

mod alert_series;

use std::sync::LazyLock;

use crate::families::autoscaling::{fights, machine_failures, scaling};
use crate::families::disruption::{
    blast_radius, churn, disruptions, migrations, oom_kills, queue_evictions, relocations, restarts,
};
use crate::families::jobs::{
    goodput, hogs, job_census, makespan, pod_census, rates, throughput, tier_use, turnaround,
    wasted_work,
};
use crate::families::money::{cost, energy, functions, pay_per_use};
use crate::families::packing::{
    allocation, balance, capacity, demand, fit_count, fragmentation, hypervisors, largest_hole,
    mix_fragmentation, starting, stranding, tiers, topology_hole, usage,
};
use crate::families::run::{measured_window, saturation};
use crate::families::services::{
    availability, deliveries, exposure, missing_replicas, recovery, rollouts, spread, storage,
};
use crate::families::sharing::{fairness, quota_use};
use crate::families::traffic::{alerts, latency, latency_objective, requests, service_saturation};
use crate::families::waiting::{
    backlog_age, decisions, first_wait, image_pull, pending_time, queue_length, quota_wait,
    scheduling_latency, slowdown, start_skew, start_up, tier_wait, weighted_wait,
    work_conservation,
};
use crate::record::entry::MetricEntry;
use crate::record::presentation::{Group, Placement, ShortList, unlisted_title};
use crate::values::Statistic;
use units::SortedMap;

pub use alert_series::{AlertSeries, alert_names, live_series};

/// Every family of metrics. What later parts of the model feed (deadlines, usage, scaling) goes after
/// the group that it belongs to.
pub const REGISTRY: &[MetricEntry] = &[
    // What is measured.
    measured_window::ENTRY,
    saturation::ENTRY,
    // The capacity side (metrics.md 5.1).
    capacity::ENTRY,
    allocation::ENTRY,
    starting::ENTRY,
    demand::ENTRY,
    balance::ENTRY,
    hypervisors::ENTRY,
    stranding::ENTRY,
    mix_fragmentation::ENTRY,
    fragmentation::ENTRY,
    fit_count::ENTRY,
    largest_hole::ENTRY,
    topology_hole::ENTRY,
    // Waiting and completion (5.2).
    pod_census::ENTRY,
    job_census::ENTRY,
    first_wait::ENTRY,
    start_skew::ENTRY,
    quota_wait::ENTRY,
    weighted_wait::ENTRY,
    pending_time::ENTRY,
    scheduling_latency::ENTRY,
    decisions::ENTRY,
    start_up::ENTRY,
    image_pull::ENTRY,
    slowdown::BOUNDED,
    slowdown::PER_PROCESSOR,
    slowdown::PLAIN,
    turnaround::ENTRY,
    makespan::ENTRY,
    goodput::ENTRY,
    throughput::ENTRY,
    queue_length::ENTRY,
    backlog_age::ENTRY,
    work_conservation::ENTRY,
    // Fairness (5.3).
    fairness::ENTRY,
    quota_use::ENTRY,
    // Requests of clients (5.4).
    requests::ENTRY,
    latency::ENTRY,
    latency_objective::ENTRY,
    service_saturation::ENTRY,
    alerts::ENTRY,
    // Service, disruption, money, energy (5.4).
    availability::ENTRY,
    missing_replicas::ENTRY,
    recovery::RECOVER,
    recovery::DETECT,
    rollouts::ENTRY,
    deliveries::ENTRY,
    storage::ENTRY,
    blast_radius::ENTRY,
    spread::ENTRY,
    exposure::ENTRY,
    disruptions::ENTRY,
    queue_evictions::ENTRY,
    restarts::ENTRY,
    oom_kills::ENTRY,
    wasted_work::ENTRY,
    churn::ENTRY,
    migrations::ENTRY,
    relocations::ENTRY,
    scaling::ENTRY,
    machine_failures::ENTRY,
    fights::ENTRY,
    usage::ENTRY,
    // Tiers and hogs (orchestrators-b.md 5.5).
    tier_wait::ENTRY,
    tier_use::ENTRY,
    tiers::ENTRY,
    rates::ENTRY,
    hogs::ENTRY,
    energy::ENTRY,
    cost::ENTRY,
    pay_per_use::ENTRY,
    functions::ENTRY,
];

/// The families by the first word of their subjects: a report asks for those of all ids.
static FAMILIES: LazyLock<SortedMap<&str, Vec<&MetricEntry>>> = LazyLock::new(|| {
    let mut families: SortedMap<&str, Vec<&MetricEntry>> = SortedMap::new();
    for entry in REGISTRY {
        let first = first_word(entry.subject);
        families.entry(first).or_default().push(entry);
    }
    families
});

fn first_word(id: &str) -> &str {
    id.split_once('.').map_or(id, |(first, _)| first)
}

/// The family of an id, whether or not the statistic is listed.
fn family(id: &str) -> Option<(&'static MetricEntry, &str)> {
    let mut entries = FAMILIES.get(first_word(id))?.iter();
    entries.find_map(|entry| Some((*entry, entry.rest_of(id)?)))
}

/// The title of an id as tables show it: of `allocation.gpu.end` it is `GPU allocation, end`. The
/// common beginning of several ids has a title too, and so have ids of no family, in their own words.
pub fn title(id: &str) -> String {
    let (of_all, class) = without_class(id);
    let title = family(of_all).map_or_else(
        || unlisted_title(of_all),
        |(entry, statistic)| entry.title.of(statistic),
    );
    if class.is_empty() {
        title
    } else {
        format!("{title} {class}")
    }
}

/// An id without the class of pods that it is about, as in `pending_time.p99{namespace=batch}`, and
/// the class, which is empty for all pods.
fn without_class(id: &str) -> (&str, &str) {
    id.find('{').map_or((id, ""), |at| id.split_at(at))
}

/// The place of an id in the report: that of its family, or the first among the others.
pub fn placement(id: &str) -> Placement {
    family(without_class(id).0).map_or(Group::Others.at(0), |(entry, _)| entry.group)
}

/// The ids of a short list by rank, each with those that stand in for it where it is not measured.
/// An id of the headline may be the beginning of several.
pub fn short_list(list: ShortList) -> Vec<Vec<String>> {
    let mut places: Vec<(u16, Vec<String>)> = REGISTRY
        .iter()
        .flat_map(|entry| entry.short_lists.iter().map(move |place| (entry, place)))
        .filter(|(_, place)| place.list == list)
        .map(|(entry, place)| {
            let id = |name: &&str| match *name {
                "" => entry.subject.to_owned(),
                name => format!("{}.{name}", entry.subject),
            };
            (place.rank, place.statistics.iter().map(id).collect())
        })
        .collect();
    places.sort_by_key(|&(rank, _)| rank);
    places.into_iter().map(|(_, ids)| ids).collect()
}

/// The family and statistic of an id.
///
/// ```
/// use metrics::{Direction, registry};
///
/// let (entry, statistic) = registry::find("pending_time.p99").expect("a metric of the registry");
/// assert_eq!((entry.subject, statistic.unit), ("pending_time", "s"));
/// assert_eq!(statistic.direction, Direction::Lower);
/// assert_eq!(registry::title("pending_time.p99"), "pending time, p99");
/// ```
pub fn find(id: &str) -> Option<(&'static MetricEntry, &'static Statistic)> {
    let (id, _) = without_class(id);
    let mut entries = FAMILIES.get(first_word(id))?.iter();
    entries.find_map(|entry| {
        let name = id.strip_prefix(entry.subject)?.strip_prefix('.')?;
        let statistic = entry.statistics.iter().find(|known| known.has_path(name))?;
        Some((*entry, statistic))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::setup::Setup;
    use crate::values::Values;
    use units::SortedSet;

    #[test]
    fn every_entry_is_told_in_full_and_every_id_is_its_own() {
        let mut ids = SortedSet::new();
        for entry in REGISTRY {
            for text in [
                entry.subject,
                entry.summary,
                entry.formula,
                entry.denominators,
                entry.census,
                entry.censoring,
                entry.source,
            ] {
                assert!(!text.is_empty(), "{}", entry.subject);
            }
            for (id, statistic) in entry.ids() {
                assert!(!statistic.unit.is_empty(), "{id}");
                let grammar = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
                let plain = id.chars().all(|c| grammar(c) || c == '_' || c == '.');
                assert!(plain, "{id}");
                let found = find(&id).expect("a listed id is found");
                assert_eq!((found.0.subject, found.1), (entry.subject, statistic));
                assert!(ids.insert(id.clone()), "{id} twice");
            }
        }
        assert!(find("pending_time.p17").is_none());
        assert!(find("pending_time").is_none());
    }

    #[test]
    fn short_lists_name_statistics_and_every_rank_is_its_own() {
        let mut ranks = SortedSet::new();
        let mut groups = SortedSet::new();
        for entry in REGISTRY {
            if entry.group.group != Group::Others {
                assert!(groups.insert(entry.group), "{}", entry.subject);
            }
            for place in entry.short_lists {
                assert!(ranks.insert((place.list, place.rank)), "{}", entry.subject);
                for name in place.statistics {
                    let is_below = |known: &str| {
                        let rest = known.strip_prefix(name);
                        rest.is_some_and(|rest| rest.starts_with('.'))
                    };
                    let mut paths = entry.statistics.iter().map(Statistic::path);
                    let is_known = match place.list {
                        ShortList::Headline => {
                            name.is_empty() || paths.any(|path| path == *name || is_below(&path))
                        }
                        _ => paths.any(|path| path == *name),
                    };
                    assert!(is_known, "{}.{name}", entry.subject);
                }
            }
        }
    }

    #[test]
    fn collectors_read_each_listed_statistic_once() {
        let store = cluster::Store::new();
        let state = crate::ClusterState::default();
        let workloads = crate::record::workloads::Workloads::default();
        let setup = Setup::default();
        let measured = crate::MeasuredWindow::new(setup.window);
        let at = units::Instant::ZERO;
        let end = crate::RunEnd {
            at,
            window: measured.of_run(at),
            measured: &measured,
            state: &state,
            store: &store,
            workloads: &workloads,
            alerts: &crate::alerts::AlertLog::default(),
        };
        for entry in REGISTRY {
            let mut values = Values::of(entry.statistics);
            (entry.construct)(&setup).finish(&end, &mut values);
            let named = values.named(entry.subject);
            let listed: Vec<String> = entry.ids().map(|(id, _)| id).collect();
            let found: Vec<String> = (named.expect("each is read once").into_iter())
                .map(|value| value.id)
                .collect();
            assert_eq!(found, listed);
        }
    }
}
