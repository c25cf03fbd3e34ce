//! Rules between the queues of `system.scheduler.queues:`.

use super::diagnostic::{Code, Finding, Findings};
use super::schema::{AMOUNT_FIELDS, JobQueue, Scenario};
use super::tree::Tree;

/// The place of the queues in an experiment.
pub const QUEUES: &str = "system.scheduler.queues";

/// A broken rule: code, field of the queue, message, and what is expected.
type Wrong = (Code, &'static str, String, &'static str);

/// Reports every broken rule about queues.
pub(super) fn check(scenario: &Scenario, tree: &Tree, findings: &mut Findings) {
    let queues = &scenario.system.scheduler.queues;
    for (number, own) in queues.iter().enumerate() {
        let wrong = wrong_name(queues, number)
            .into_iter()
            .chain(wrong_parent(queues, own))
            .chain((0..AMOUNT_FIELDS.len()).filter_map(|place| wrong_amounts(queues, own, place)));
        for (code, field, message, label) in wrong {
            let number = number.to_string();
            let place = [number.as_str(), field];
            let place = place.into_iter().filter(|part| !part.is_empty());
            let span = tree.locate(QUEUES.split('.').chain(place));
            findings.push(Finding::new(code, message, span).label(label.to_owned()));
        }
    }
    if !queues.is_empty() {
        let source = scenario.workload.iter().position(|own| !own.names_users());
        let Some(source) = source else {
            return;
        };
        let span = tree.locate(["workload", &source.to_string()]);
        let message = "manifests and units have no users, so queues mean nothing for them";
        let finding = Finding::new(Code::Conflict, message, span);
        findings.push(finding.label(format!("expected a trace, or no `{QUEUES}`")));
    }
}

/// The complaint about the name of a queue or its tenant.
fn wrong_name(queues: &[JobQueue], number: usize) -> Option<Wrong> {
    let own = &queues[number];
    let mut before = queues[..number].iter();
    match (&own.tenant, &own.name) {
        (Some(tenant), None) => before.any(|other| other.tenant == own.tenant).then(|| {
            let message = format!("the tenant `{tenant}` has two queues");
            let label = "expected one queue for each tenant";
            (Code::DuplicateName, "tenant", message, label)
        }),
        (None, Some(name)) => {
            if before.any(|other| other.name == own.name) {
                let message = format!("there is a queue `{name}` already");
                let label = "expected a name of its own";
                return Some((Code::DuplicateName, "name", message, label));
            }
            let mut all = queues.iter();
            let is_empty = all.all(|other| other.parent != own.name);
            is_empty.then(|| {
                let message = format!("no queue is in the queue `{name}`");
                let label =
                    "expected a queue with this `parent`, or a `tenant` in place of the name";
                (Code::Conflict, "name", message, label)
            })
        }
        (Some(tenant), Some(name)) => {
            let message = format!("the queue has the name `{name}` and the tenant `{tenant}`");
            let label = "expected one of them: the jobs of a tenant are a queue, and a name is for a queue of queues";
            Some((Code::Conflict, "name", message, label))
        }
        (None, None) => {
            let message = "the queue has neither a tenant nor a name".to_owned();
            let label = "expected `tenant`, or `name` for a queue of queues";
            Some((Code::Conflict, "", message, label))
        }
    }
}

/// The complaint about the queue that a queue is in.
fn wrong_parent(queues: &[JobQueue], own: &JobQueue) -> Option<Wrong> {
    let (name, parent) = (own.label(), own.parent.as_ref()?);
    let above = |own: &JobQueue| {
        let parent = own.parent.as_ref()?;
        queues
            .iter()
            .find(|other| other.name.as_ref() == Some(parent))
    };
    if above(own).is_none() {
        let message = format!("the queue `{name}` is in `{parent}`, which is not declared");
        let label = "expected the `name` of another queue";
        return Some((Code::UnknownName, "parent", message, label));
    }
    let mut ancestors = std::iter::successors(above(own), |own| above(own)).take(queues.len());
    let is_own_ancestor = own.name.is_some() && ancestors.any(|other| other.name == own.name);
    is_own_ancestor.then(|| {
        let message = format!("the queue `{name}` is in itself, by way of `{parent}`");
        let label = "expected a tree: leave `parent` out at its top";
        (Code::Conflict, "parent", message, label)
    })
}

/// The complaint about what a queue is guaranteed of a resource.
fn wrong_amounts(queues: &[JobQueue], own: &JobQueue, place: usize) -> Option<Wrong> {
    let name = own.label();
    let (guaranteed, capability) = AMOUNT_FIELDS[place];
    let (least, most) = (own.guarantees()[place], own.capabilities()[place]);
    for (field, amount) in [(guaranteed, least), (capability, most)] {
        if amount.is_some_and(|amount| amount < 0) {
            let message = format!("`{field}` of the queue of `{name}` is negative");
            return Some((Code::Impossible, field, message, "expected at least 0"));
        }
    }
    // As they are written: GPUs are whole.
    let written = |amount: i64| if place == 2 { amount / 1_000 } else { amount };
    let unit = ["", " bytes of memory", " GPUs"][place];
    if let (Some(least), Some(most)) = (least, most)
        && least > most
    {
        let (least, most) = (written(least), written(most));
        let message =
            format!("the queue of `{name}` is guaranteed {least}{unit} and may use {most} at most");
        let label = "expected no more than its `capability`";
        return Some((Code::Impossible, guaranteed, message, label));
    }
    let inside = queues
        .iter()
        .filter(|other| other.parent.is_some() && other.parent == own.name);
    let below = inside.filter_map(|other| other.guarantees()[place]);
    let below = below.fold(0_i64, i64::saturating_add);
    let bound = least.or(most)?;
    (below > bound).then(|| {
        let (below, bound) = (written(below), written(bound));
        let message = format!(
            "the queues in `{name}` are guaranteed {below}{unit} together, and it has {bound} for them"
        );
        let label = "expected at least what the queues in it are guaranteed together";
        let field = if least.is_some() { guaranteed } else { capability };
        (Code::Impossible, field, message, label)
    })
}
