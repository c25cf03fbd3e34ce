//! Rules between the fields of `system.nova`.

use super::diagnostic::{Code, Finding, Findings};
use super::schema::{Nova, NovaFilter};
use super::tree::Tree;

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

/// Reports every broken rule of Nova's options.
pub(super) fn check(nova: &Nova, tree: &Tree, findings: &mut Findings) {
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
            let span = tree.locate(["system", "nova", "weighers", field]);
            let message = format!("a factor of {factor} leaves no order among hosts");
            findings.push(
                Finding::new(Code::Conflict, message, span).label("expected a finite number"),
            );
        }
    }
    if nova.service_down_time < nova.report_interval {
        let (down, report) = (nova.service_down_time, nova.report_interval);
        let span = tree.locate(["system", "nova", "serviceDownTime"]);
        let message = format!("hosts that report every {report} would be down after {down}");
        findings.push(
            Finding::new(Code::Conflict, message, span).label(format!("expected {report} or more")),
        );
    }
    placement(nova, tree, findings);
}

/// Aggregates and isolated hosts: what no filter or weigher looks at is a mistake.
fn placement(nova: &Nova, tree: &Tree, findings: &mut Findings) {
    let mut wrong = |path: &[&str], message: String, label: &str| {
        let path = ["system", "nova"].iter().chain(path).copied();
        findings.push(Finding::new(Code::Conflict, message, tree.locate(path)).label(label));
    };
    let is_filtered = |filter: NovaFilter| nova.filters.contains(&filter);
    for (field, is_stated) in [
        ("isolatedHosts", !nova.isolated_hosts.is_empty()),
        ("isolatedImages", !nova.isolated_images.is_empty()),
        ("restrictIsolatedHosts", !nova.restrict_isolated_hosts),
    ] {
        if is_stated && !is_filtered(NovaFilter::IsolatedHosts) {
            let message = format!("no filter looks at `{field}`");
            wrong(&[field], message, "add `isolated-hosts` to `filters`");
        }
    }
    for (name, own) in &nova.aggregates {
        for (key, value) in &own.metadata {
            let path = ["aggregates", name, "metadata", key];
            let Some(weigher) = key.strip_suffix(OVERRIDES) else {
                if !is_filtered(NovaFilter::AggregateInstanceExtraSpecs) {
                    let message = format!("no filter looks at the metadata `{key}`");
                    let label = "add `aggregate-instance-extra-specs` to `filters`";
                    wrong(&path, message, label);
                }
                continue;
            };
            let is_number = |text: &str| text.trim().parse().is_ok_and(f64::is_finite);
            if !WEIGHERS.contains(&weigher) {
                let message = format!("no weigher is named `{weigher}`");
                let label = format!("expected one of {}", WEIGHERS.join(", "));
                wrong(&path, message, &label);
            } else if !value.split(',').all(is_number) {
                let message = format!("`{value}` is no factor of a weigher");
                wrong(&path, message, "expected a finite number, as a text");
            }
        }
    }
}
