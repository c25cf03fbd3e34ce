//! Rules between the options of Nova: contradictions, and options that others leave without effect.

use options::{Place, Rules};
use units::Quantity;

use super::filter::Filter;
use super::section::{Nova, NovaHints, NovaImageStore, NovaResize};

/// Ending of the keys of metadata that override the factor of a weigher.
const OVERRIDES: &str = "_weight_multiplier";

/// Weighers whose factor metadata of aggregates can override.
const WEIGHERS: [&str; 8] = [
    "ram",
    "cpu",
    "disk",
    "io_ops",
    "soft_affinity",
    "soft_anti_affinity",
    "build_failure",
    "num_instances",
];

/// Reports every broken rule.
pub(super) fn check(nova: &Nova, rules: &mut Rules<'_>) {
    if rules.around().place == Place::Provider {
        idle_below_provider(nova, rules);
    } else {
        of_hosts(nova, rules);
    }
    machine(nova, rules);
    filters(nova, rules);
    hints(nova, rules);
    aggregates(nova, rules);
}

/// Options without effect on machines of a provider, which are instances of Nova.
fn idle_below_provider(nova: &Nova, rules: &mut Rules<'_>) {
    let fields = [
        "reportInterval",
        "serviceDownTime",
        "evacuateAfter",
        "resumeGuests",
        "liveMigration",
        "resize",
        "schedulers",
        "clientRetry",
        "hints",
        "isolatedImages",
    ];
    let fields = fields.into_iter().filter(|field| rules.is_stated(field));
    let mut idle: Vec<(Vec<&str>, &str)> = fields.map(|own| (vec![own], own)).collect();
    let machine = &nova.machine;
    for (field, is_stated) in [
        ("speed", machine.speed.is_some()),
        ("buildFailure", machine.build_failure.is_some()),
    ] {
        if is_stated {
            idle.push((vec!["machine", field], field));
        }
    }
    for (path, name) in idle {
        let message = format!("`{name}` has no effect on machines of a provider");
        rules.at(&path, message, "leave it out");
    }
}

/// Factors of weighers, reports of hosts and moves of instances.
fn of_hosts(nova: &Nova, rules: &mut Rules<'_>) {
    let own = &nova.weighers;
    for (field, factor) in [
        ("ram", own.ram),
        ("cpu", own.cpu),
        ("disk", own.disk),
        ("ioOps", own.io_ops),
        ("softAffinity", own.soft_affinity),
        ("softAntiAffinity", own.soft_anti_affinity),
        ("buildFailure", own.build_failure),
        ("numInstances", own.num_instances),
    ] {
        if !factor.is_finite() {
            let message = format!("a factor of {factor} leaves no order among hosts");
            rules.at(&["weighers", field], message, "expected a finite number");
        }
    }
    let (down, report) = (nova.service_down_time, nova.report_interval);
    if down < report {
        let message = format!("hosts that report every {report} would be down after {down}");
        let label = format!("expected {report} or more");
        rules.at(&["serviceDownTime"], message, label);
    }
    if nova.resize != NovaResize::default() && !rules.around().has_relocations {
        let message = "no operation migrates or resizes an instance";
        let label = "write `migrate` or `resize` under `operations`, or leave it out";
        rules.at(&["resize"], message, label);
    }
}

/// Options of the machine that have no effect without others.
fn machine(nova: &Nova, rules: &mut Rules<'_>) {
    let own = &nova.machine;
    let has_rate = own.image_rate.is_some() || own.preset.image_rate() > 0;
    let has_image = own.image_size > Quantity::ZERO;
    let is_stored = own.image_store != NovaImageStore::default();
    for (field, is_idle, message, label) in [
        (
            "imageSize",
            has_image && !has_rate,
            "an image without a rate is copied in no time",
            "add `imageRate`",
        ),
        (
            "imageRate",
            own.image_rate.is_some() && !has_image,
            "there is no image to be copied at this rate",
            "add `imageSize`",
        ),
        (
            "imageStore",
            is_stored && !has_image,
            "there is no image to be stored",
            "add `imageSize`",
        ),
        (
            "failsAfter",
            own.fails_after.is_some() && own.build_failure.is_none(),
            "no build fails",
            "add `buildFailure`",
        ),
    ] {
        if is_idle {
            rules.at(&["machine", field], message, label);
        }
    }
}

/// Filters that stand twice, and options that no filter looks at.
fn filters(nova: &Nova, rules: &mut Rules<'_>) {
    for (number, filter) in nova.filters.iter().enumerate() {
        if nova.filters[..number].contains(filter) {
            let path = ["filters", &number.to_string()];
            rules.at(&path, "this filter stands here twice", "expected each once");
        }
    }
    for (field, filter, name) in [
        ("maxIoOps", Filter::IoOperations, "io-ops"),
        ("maxInstances", Filter::Instances, "num-instances"),
        ("maxServerPerHost", Filter::AntiAffinity, "anti-affinity"),
        ("isolatedHosts", Filter::IsolatedHosts, "isolated-hosts"),
        ("isolatedImages", Filter::IsolatedHosts, "isolated-hosts"),
        (
            "restrictIsolatedHosts",
            Filter::IsolatedHosts,
            "isolated-hosts",
        ),
    ] {
        if rules.is_stated(field) && !nova.filters.contains(&filter) {
            let message = format!("no filter looks at `{field}`");
            rules.at(&[field], message, format!("add `{name}` to `filters`"));
        }
    }
}

/// Hints that no filter looks at, and addresses that no hint does.
fn hints(nova: &Nova, rules: &mut Rules<'_>) {
    let near = |own: &NovaHints| own.build_near_host_ip.is_some();
    for (number, own) in nova.hints.iter().enumerate() {
        let number = number.to_string();
        let (query, cidr) = (Filter::Query, Filter::Near);
        for (field, is_stated, filter, name) in [
            ("query", own.query.is_some(), query, "json"),
            ("buildNearHostIp", near(own), cidr, "simple-cidr-affinity"),
        ] {
            if is_stated && !nova.filters.contains(&filter) {
                let message = format!("no filter looks at the hint `{field}`");
                let label = format!("add `{name}` to `filters`");
                rules.at(&["hints", &number, field], message, label);
            }
        }
    }
    if !nova.addresses.is_empty() && !nova.hints.iter().any(near) {
        let message = "no request asks for a host near an address";
        let label = "state `buildNearHostIp` in `hints`, or leave it out";
        rules.at(&["addresses"], message, label);
    }
}

/// Metadata of aggregates that no filter or weigher looks at.
fn aggregates(nova: &Nova, rules: &mut Rules<'_>) {
    for (name, own) in &nova.aggregates {
        for (key, value) in &own.metadata {
            let path = ["aggregates", name, "metadata", key];
            let Some(weigher) = key.strip_suffix(OVERRIDES) else {
                if !nova.filters.contains(&Filter::AggregateExtraSpecs) {
                    let message = format!("no filter looks at the metadata `{key}`");
                    let label = "add `aggregate-instance-extra-specs` to `filters`";
                    rules.at(&path, message, label);
                }
                continue;
            };
            let is_number = |text: &str| text.trim().parse().is_ok_and(f64::is_finite);
            if !WEIGHERS.contains(&weigher) {
                let message = format!("no weigher is named `{weigher}`");
                let label = format!("expected one of {}", WEIGHERS.join(", "));
                rules.at(&path, message, label);
            } else if !value.split(',').all(is_number) {
                let message = format!("`{value}` is no factor of a weigher");
                rules.at(&path, message, "expected a finite number, as a text");
            }
        }
    }
}
