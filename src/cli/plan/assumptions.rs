//! The assumptions that a plan rests on, in words.

use lab::plan::adjust::Resized;
use lab::plan::{Order, Questions};
use model::Release;
use units::plural;

use super::PlanArguments;

/// Assumptions of a plan, each with the option that would change it.
pub(super) fn assumptions(
    arguments: &PlanArguments,
    release: Release,
    questions: &Questions,
    resized: &Resized,
) -> Vec<String> {
    let preemption = if questions.preempts { "on" } else { "off" };
    let order = match questions.order {
        Order::Dump => "in the order of the dump",
        Order::Large => "the largest first (`--order large`)",
    };
    let mut lines = vec![
        format!("pods are placed by falling priority, then {order}; preemption is {preemption}"),
        "cordoned and unready nodes keep their state; nodes of the control plane stay".to_owned(),
    ];
    lines.push(format!("kube-scheduler {release} decides (`--release`)"));
    if arguments.types.is_some() {
        lines.push(
            "bought nodes carry their daemons and static pods; allocatable amounts are the least \
             of ready nodes of the type in the dump, else those of the list (`--types`)"
                .to_owned(),
        );
        lines.push("bought nodes are dealt to the zones alike, the largest first".to_owned());
    }
    if !questions.grow.is_empty() {
        lines.push(
            "replicas that growth adds come after the pods of today, and have claims of their own"
                .to_owned(),
        );
    }
    if !arguments.overcommit.is_empty() {
        let factors = arguments.overcommit.join(", ");
        lines.push(format!(
            "nodes offer {factors} times what they have (`--overcommit`)"
        ));
    }
    if !arguments.requests.is_empty() {
        lines.push(format!(
            "{} the usage of {}; {} {} the requests of the dump (`--requests`)",
            requesting(resized.specs.len()),
            arguments.requests.join(", "),
            resized.unknown,
            plural::either(resized.unknown, "keeps", "keep")
        ));
    }
    lines
}

fn requesting(pods: usize) -> String {
    let verb = plural::either(pods, "requests", "request");
    format!("{} {verb}", plural::count(pods, "pod"))
}
