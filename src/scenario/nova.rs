//! Rules between the fields of `system.nova`.

use super::diagnostic::{Code, Finding, Findings};
use super::schema::{
    Nova, NovaFilter, NovaHints, NovaImageStore, NovaProvider, NovaResize, Scenario,
};
use super::tree::Tree;
use options::Plain;
use units::Quantity;

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

/// Reports every broken rule of Nova's options, and of those below the provider.
pub(super) fn check(scenario: &Scenario, tree: &Tree, findings: &mut Findings) {
    if let Some(written) = &scenario.system.nova {
        check_system(written, tree, findings);
    }
    relocations(scenario, tree, findings);
    let provider = scenario.cluster.provider.as_ref();
    if let Some(written) = provider.and_then(|own| own.nova.as_ref()) {
        check_provider(written, tree, findings);
    }
}

fn check_system(nova: &Nova, tree: &Tree, findings: &mut Findings) {
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
    machine(nova, &["system", "nova"], tree, findings);
    limits(nova, &["system", "nova"], tree, findings);
    placement(nova, &["system", "nova"], tree, findings);
}

/// Reports cold migrations and resizes that no Nova carries out, answers that contradict each other, and options of
/// moves that no operation asks for.
fn relocations(scenario: &Scenario, tree: &Tree, findings: &mut Findings) {
    let mut wrong = |path: &[&str], message: String, label: &str| {
        let span = tree.locate(path.iter().copied());
        findings.push(Finding::new(Code::Conflict, message, span).label(label));
    };
    let is_nova = scenario.system.name == "nova";
    let mut is_asked = false;
    for (number, operation) in scenario.operations.iter().enumerate() {
        let migrate = operation.migrate.as_ref();
        let migrate = migrate.map(|own| ("migrate", own.confirm_after, own.revert_after));
        let resize = operation.resize.as_ref();
        let resize = resize.map(|own| ("resize", own.confirm_after, own.revert_after));
        let Some((field, confirm, revert)) = migrate.or(resize) else {
            continue;
        };
        is_asked = true;
        let number = number.to_string();
        if !is_nova {
            let message = format!("the system `{}` has no instances", scenario.system.name);
            let label = "expected `name: nova`, or another operation";
            wrong(&["operations", &number, field], message, label);
        }
        if confirm.is_some() && revert.is_some() {
            let message = "a move is either confirmed or reverted".to_owned();
            let path = ["operations", &number, field, "revertAfter"];
            wrong(&path, message, "expected one of both");
        }
    }
    let own = scenario.system.nova.as_ref().map(|own| own.resize);
    if own.is_some_and(|own| own != NovaResize::default()) && !is_asked {
        let message = "no operation migrates or resizes an instance".to_owned();
        let label = "write `migrate` or `resize` under `operations`, or leave it out";
        wrong(&["system", "nova", "resize"], message, label);
    }
}

/// Reports options of Nova below the provider that have no effect there.
fn check_provider(provider: &NovaProvider, tree: &Tree, findings: &mut Findings) {
    const BASE: [&str; 4] = ["cluster", "provider", "nova", "options"];
    let own = &provider.options;
    let (stated, usual) = (Plain::of(own), Plain::of(&Nova::default()));
    for path in [
        &["reportInterval"][..],
        &["serviceDownTime"],
        &["evacuateAfter"],
        &["resumeGuests"],
        &["liveMigration"],
        &["resize"],
        &["schedulers"],
        &["clientRetry"],
        &["hints"],
        &["isolatedImages"],
        &["machine", "speed"],
        &["machine", "buildFailure"],
    ] {
        if stated.at(path) != usual.at(path) {
            let span = tree.locate(BASE.iter().chain(path).copied());
            let name = path[path.len() - 1];
            let message = format!("`{name}` has no effect on machines of a provider");
            findings.push(Finding::new(Code::Conflict, message, span).label("leave it out"));
        }
    }
    machine(own, &BASE, tree, findings);
    limits(own, &BASE, tree, findings);
    placement(own, &BASE, tree, findings);
}

/// Reports options of the machine that have no effect without others, and filters that stand twice.
fn machine(nova: &Nova, base: &[&str], tree: &Tree, findings: &mut Findings) {
    let mut wrong = |path: &[&str], message: &str, label: &str| {
        let path = base.iter().chain(path).copied();
        let span = tree.locate(path);
        findings.push(Finding::new(Code::Conflict, message.to_owned(), span).label(label));
    };
    let own = &nova.machine;
    let has_rate = own.image_rate.is_some() || own.preset.image_rate() > 0;
    if own.image_size > Quantity::ZERO && !has_rate {
        let message = "an image without a rate is copied in no time";
        wrong(&["machine", "imageSize"], message, "add `imageRate`");
    }
    if own.image_rate.is_some() && own.image_size <= Quantity::ZERO {
        let message = "there is no image to be copied at this rate";
        wrong(&["machine", "imageRate"], message, "add `imageSize`");
    }
    if own.image_store != NovaImageStore::default() && own.image_size <= Quantity::ZERO {
        let message = "there is no image to be stored";
        wrong(&["machine", "imageStore"], message, "add `imageSize`");
    }
    if own.fails_after.is_some() && own.build_failure.is_none() {
        let message = "no build fails";
        wrong(&["machine", "failsAfter"], message, "add `buildFailure`");
    }
    for (number, filter) in nova.filters.iter().enumerate() {
        if nova.filters[..number].contains(filter) {
            let number = number.to_string();
            wrong(
                &["filters", &number],
                "this filter stands here twice",
                "expected each once",
            );
        }
    }
}

/// Limits of filters that are not asked.
fn limits(nova: &Nova, base: &[&str], tree: &Tree, findings: &mut Findings) {
    let (stated, usual) = (Plain::of(nova), Plain::of(&Nova::default()));
    for (field, filter, name) in [
        ("maxIoOps", NovaFilter::IoOps, "io-ops"),
        ("maxInstances", NovaFilter::NumInstances, "num-instances"),
        (
            "maxServerPerHost",
            NovaFilter::AntiAffinity,
            "anti-affinity",
        ),
    ] {
        if stated.field(field) != usual.field(field) && !nova.filters.contains(&filter) {
            let message = format!("no filter looks at `{field}`");
            let span = tree.locate(base.iter().copied().chain([field]));
            let label = format!("add `{name}` to `filters`");
            findings.push(Finding::new(Code::Conflict, message, span).label(label));
        }
    }
}

/// Aggregates and isolated hosts: what no filter or weigher looks at is a mistake.
fn placement(nova: &Nova, base: &[&str], tree: &Tree, findings: &mut Findings) {
    let mut wrong = |path: &[&str], message: String, label: &str| {
        let path = base.iter().chain(path).copied();
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
    let near = |own: &NovaHints| own.build_near_host_ip.is_some();
    for (number, own) in nova.hints.iter().enumerate() {
        let number = number.to_string();
        for (field, is_stated, filter, name) in [
            ("query", own.query.is_some(), NovaFilter::Json, "json"),
            (
                "buildNearHostIp",
                near(own),
                NovaFilter::SimpleCidrAffinity,
                "simple-cidr-affinity",
            ),
        ] {
            if is_stated && !is_filtered(filter) {
                let message = format!("no filter looks at the hint `{field}`");
                let label = format!("add `{name}` to `filters`");
                wrong(&["hints", &number, field], message, &label);
            }
        }
    }
    if !nova.addresses.is_empty() && !nova.hints.iter().any(near) {
        let message = "no request asks for a host near an address".to_owned();
        wrong(
            &["addresses"],
            message,
            "state `buildNearHostIp` in `hints`, or leave it out",
        );
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
