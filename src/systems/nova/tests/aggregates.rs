//! Aggregates, isolated hosts and hints (spec: orchestrators-a.md sections 6.2 and 6.3).

use std::sync::Arc;

use super::{all, amounts, host, ranking, weighed, worked};
use crate::nova::aggregate::{self, Aggregate, Isolation};
use crate::nova::filter::Filter;
use crate::nova::hints::Hints;
use crate::nova::host::{Amounts, Host, Traits};
use crate::nova::options::{NovaOptions, Rules};
use crate::nova::scheduler::{Cloud, Request};
use crate::nova::weigher::{Multipliers, Weigher};

/// Options with two aggregates over three hosts, of which the second is in both.
fn with_aggregates() -> NovaOptions {
    let aggregate = |hosts: &[&str], metadata: &[(&str, &str)]| Aggregate {
        hosts: hosts.iter().map(|&host| host.into()).collect(),
        metadata: metadata
            .iter()
            .map(|&(key, value)| (key.into(), value.into()))
            .collect(),
    };
    let aggregates = vec![
        aggregate(
            &["cmp1", "cmp2"],
            &[("ram_weight_multiplier", "2.0"), ("disk", "ssd, nvme")],
        ),
        aggregate(&["cmp2"], &[("ram_weight_multiplier", "-1.5")]),
    ];
    let mut options = NovaOptions {
        isolation: Isolation {
            hosts: ["cmp3".into()].into_iter().collect(),
            images: ["licensed".into()].into_iter().collect(),
        },
        ..NovaOptions::default()
    };
    options.rules.overridden = aggregate::overridden(&aggregates);
    options.aggregates = aggregates;
    options
}

#[test]
fn aggregates_override_factors_by_their_smallest_value() {
    let options = with_aggregates();
    assert_eq!(options.rules.overridden, [Weigher::Memory]);
    let mut cloud = worked();
    for host in &mut cloud.hosts {
        aggregate::apply(&options, host);
    }
    // ram is 0.5, 0.75 and 1 (spec: 6.2): twice that, -1.5 times, and once.
    let mut rules = Rules {
        multipliers: Multipliers::NONE,
        overridden: options.rules.overridden.clone(),
        ..Rules::default()
    };
    rules.multipliers.set(Weigher::Memory, 1.0);
    let named = |name: &str, total: f64| (name.to_owned(), total);
    let expected = [
        named("cmp1", 1.0),
        named("cmp3", 1.0),
        named("cmp2", -1.125),
    ];
    assert_eq!(ranking(&cloud, &Request::default(), &rules), expected);
    // A weigher that is off elsewhere counts where an aggregate gives it a factor.
    for host in &mut cloud.hosts {
        let mut factors = Multipliers::NONE;
        factors.set(
            Weigher::Memory,
            if *host.name == *"cmp2" { 4.0 } else { 0.0 },
        );
        host.factors = Some(Arc::new(factors));
    }
    rules.multipliers = Multipliers::NONE;
    let found = ranking(&cloud, &Request::default(), &rules);
    assert_eq!(found[0], named("cmp2", 3.0));
}

#[test]
fn the_penalty_of_failed_builds_is_negated_and_wrong_numbers_leave_the_common_factor() {
    let aggregate = |key: &str, value: &str| Aggregate {
        hosts: ["cmp1".into()].into_iter().collect(),
        metadata: [(key.into(), value.into())].into_iter().collect(),
    };
    let factor = |weigher: Weigher, values: &[&str]| {
        let key = weigher.override_key();
        let options = NovaOptions {
            aggregates: values.iter().map(|value| aggregate(key, value)).collect(),
            ..NovaOptions::default()
        };
        let mut host = host("cmp1", amounts(1, 1, 1), Amounts::default());
        aggregate::apply(&options, &mut host);
        let of_all = options.rules.multipliers.of(weigher);
        (
            host.factor(weigher, of_all),
            aggregate::remarks(&options.aggregates).len(),
        )
    };
    // The values of Nova's own test (test_weights_compute.py).
    assert_eq!(factor(Weigher::BuildFailure, &["1000.0"]), (-1_000.0, 0));
    assert_eq!(factor(Weigher::BuildFailure, &["500", "1000"]), (-500.0, 0));
    // One text that is no number is enough; several numbers in one text are none.
    assert_eq!(factor(Weigher::Memory, &["2", "high"]), (1.0, 1));
    assert_eq!(factor(Weigher::Memory, &["2, 3"]), (1.0, 1));
}

#[test]
fn extra_specs_isolation_and_hints_filter_hosts() {
    let options = with_aggregates();
    let mut cloud = worked();
    for host in &mut cloud.hosts {
        aggregate::apply(&options, host);
    }
    let feasible = |filter: Filter, restricts: bool, request: Request| {
        let mut rules = Rules {
            filters: vec![filter],
            ..Rules::default()
        };
        rules.limits.restricts_isolated_hosts = restricts;
        let hosts = cloud.feasible(&request, &all(&cloud), &rules);
        hosts.unwrap_or_default()
    };
    let asks = |key: &str, value: &str| Request {
        extra_specs: vec![(key.into(), value.into())],
        ..Request::default()
    };
    let specs = Filter::AggregateExtraSpecs;
    assert_eq!(feasible(specs, true, Request::default()), [0, 1, 2]);
    assert_eq!(feasible(specs, true, asks("disk", "nvme")), [0, 1]);
    assert!(feasible(specs, true, asks("disk", "ssd, nvme")).is_empty());
    assert!(feasible(specs, true, asks("gpu", "a100")).is_empty());
    let image = |is_image_isolated: bool| Request {
        is_image_isolated,
        ..Request::default()
    };
    let isolated = Filter::IsolatedHosts;
    assert_eq!(feasible(isolated, true, image(true)), [2]);
    assert_eq!(feasible(isolated, true, image(false)), [0, 1]);
    assert_eq!(feasible(isolated, false, image(true)), [2]);
    assert_eq!(feasible(isolated, false, image(false)), [0, 1, 2]);
    let hints = |same: Option<&[usize]>, different: &[usize]| Request {
        hints: Some(Hints {
            same: same.map(|hosts| hosts.iter().copied().collect()),
            different: different.iter().copied().collect(),
        }),
        ..Request::default()
    };
    let (same, different) = (Filter::SameHost, Filter::DifferentHost);
    assert_eq!(feasible(same, true, hints(Some(&[1, 2]), &[])), [1, 2]);
    // A client that can name no instance gets no host.
    assert!(feasible(same, true, hints(Some(&[]), &[])).is_empty());
    assert_eq!(feasible(same, true, hints(None, &[0])), [0, 1, 2]);
    assert_eq!(feasible(different, true, hints(None, &[0])), [1, 2]);
}

#[test]
fn weighers_of_traits_scale_from_the_smallest_value() {
    let mut cloud = Cloud::default();
    for (name, hypervisor_version, free_devices, cell, image_properties) in [
        ("h1", 2_003_000, 0, 1, 0),
        ("h2", 2_012_000, 33, -1, 4),
        ("h3", 2_006_000, 250, 0, 1),
    ] {
        cloud.add_host(Host {
            traits: Traits {
                hypervisor_version,
                free_devices,
                cell,
                image_properties,
            },
            ..host(name, amounts(4, 4_096, 4_096), Amounts::default())
        });
    }
    let request = Request::default();
    let named = |all: [(&str, i64); 3]| all.map(|(name, total)| (name.to_owned(), total)).to_vec();
    for (weigher, expected) in [
        (
            Weigher::HypervisorVersion,
            [("h2", 100_000), ("h3", 33_333), ("h1", 0)],
        ),
        // 100, 67 and 1.
        (
            Weigher::PciDevices,
            [("h1", 100_000), ("h2", 66_667), ("h3", 0)],
        ),
        (
            Weigher::CrossCell,
            [("h1", 100_000), ("h3", 50_000), ("h2", 0)],
        ),
        (
            Weigher::ImageProperties,
            [("h2", 100_000), ("h3", 25_000), ("h1", 0)],
        ),
    ] {
        assert_eq!(
            weighed(&cloud, &request, weigher, 1.0),
            named(expected),
            "{weigher:?}"
        );
    }
}
