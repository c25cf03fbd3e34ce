//! The assumptions that a plan rests on, in words.

use std::path::PathBuf;
use std::sync::Arc;

use intake::calendar::day_after;
use model::node::{ARCH_LABEL, INSTANCE_TYPE_LABEL, ZONE_LABEL, is_spot, label_of};
use model::resource_list::{CPU, MEMORY, PODS};
use model::{Node, Release, Text};
use units::{SortedSet, plural};
use world::offers::Offer;
use world::reserve::Reserve;

use crate::snapshot::SnapshotError;

use super::super::adjust::Resized;
use super::super::loss::Survive;
use super::super::{Order, Questions};
use super::Request;
use super::words::{Headroom, headroom, usage};

/// Most names that an assumption lists.
const NAMED: usize = 5;

/// Assumptions of a plan, each with the option that would change it.
pub(super) fn assumptions(
    request: &Request,
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
    if request.types.is_some() {
        lines.push(
            "bought nodes carry their daemons and static pods; allocatable amounts are the least \
             of ready nodes of the type in the dump, else those of the list (`--types`)"
                .to_owned(),
        );
        lines.push(
            "bought nodes are dealt to the zones alike, the largest first, but for those that pods bound to a zone need"
                .to_owned(),
        );
    }
    if !questions.grow.is_empty() {
        lines.push(
            "replicas that growth adds come after the pods of today, and have claims of their own; those of pods that another \
             scheduler put on nodes that are no machines bring such nodes"
                .to_owned(),
        );
    }
    if !request.overcommit.is_empty() {
        let factors = request.overcommit.join(", ");
        lines.push(format!(
            "nodes offer {factors} times what they have (`--overcommit`)"
        ));
    }
    if !request.requests.is_empty() {
        lines.push(format!(
            "{} the usage of {}; {} {} the requests of the dump (`--requests`)",
            requesting(resized.specs.len()),
            request.requests.join(", "),
            resized.unknown,
            plural::either(resized.unknown, "keeps", "keep")
        ));
        lines.extend(without_pods(&resized.without_pods));
        if let Some(first) = resized.bounded.first() {
            lines.push(format!(
                "{} what limit ranges of their namespaces allow rather than what they use (first: `{first}`)",
                requesting(resized.bounded.len()),
            ));
        }
    }
    lines
}

/// The instant that the dump stands for, in words.
pub(super) fn instant(taken_unix_secs: Option<i64>) -> Option<String> {
    let day = day_after(taken_unix_secs?, 0)?;
    Some(format!(
        "the dump shows an instant of {day}: what autoscalers add at a peak isn't in it"
    ))
}

/// Types on offer that no node of a cluster can be of, in words: those with prices of other zones alone, and those of
/// another platform.
pub(super) fn elsewhere(nodes: &[Arc<Node>], offers: &[Offer]) -> Vec<String> {
    let machines = || nodes.iter().filter(|node| !node.is_virtual());
    let named = |of: &dyn Fn(&Offer) -> bool| {
        let names = offers.iter().filter(|own| of(own));
        let names: Vec<String> = names.map(|own| format!("`{}`", own.name)).collect();
        let more = if names.len() > NAMED { ", …" } else { "" };
        let first = names.iter().take(NAMED).map(String::as_str);
        (!names.is_empty()).then(|| format!("{}{more}", first.collect::<Vec<&str>>().join(", ")))
    };
    let zones = machines().filter_map(|node| label_of(&node.labels, ZONE_LABEL));
    let zones: SortedSet<&str> = zones.map(|zone| &**zone).collect();
    let is_unsold = |own: &Offer| {
        !zones.is_empty() && zones.iter().all(|zone| own.price_in(zone, false).is_none())
    };
    let platforms = machines().filter_map(|node| label_of(&node.labels, ARCH_LABEL));
    let platforms: SortedSet<&Text> = platforms.collect();
    let is_foreign = |own: &Offer| {
        let arch = own.node.labels.get(ARCH_LABEL);
        arch.is_some_and(|arch| !platforms.is_empty() && !platforms.contains(arch))
    };
    let unsold = named(&is_unsold).map(|names| {
        format!("no price of {names} is of a zone of the cluster: the dearest of the list counts")
    });
    let foreign = named(&is_foreign).map(|names| {
        format!(
            "{names}: of another architecture than all nodes, and so not on offer to their pools"
        )
    });
    unsold.into_iter().chain(foreign).collect()
}

/// Nodes without a label by whose values nodes are lost, in words.
pub(super) fn unlabelled(nodes: &[Arc<Node>], survive: &[Survive]) -> Vec<String> {
    let machines = nodes.iter().filter(|node| !node.is_virtual());
    let machines: Vec<&Arc<Node>> = machines.collect();
    let labels = survive.iter().filter_map(|own| match own {
        Survive::Label(label) => Some(label),
        Survive::Node(_) => None,
    });
    let notes = labels.filter_map(|label| {
        let own = machines.iter();
        let count = own
            .filter(|node| label_of(&node.labels, label).is_none())
            .count();
        (count > 0 && count < machines.len()).then(|| {
            format!(
                "{} of {} no label `{label}`: no loss of `--survive` takes {}",
                count,
                format_args!(
                    "{} {}",
                    plural::count(machines.len(), "node"),
                    plural::either(count, "has", "have")
                ),
                plural::either(count, "it", "them")
            )
        })
    });
    notes.collect()
}

/// Types on offer for spot nodes that the list has no price of spot capacity for, in words.
pub(super) fn without_spot(nodes: &[Arc<Node>], offers: &[Offer]) -> Option<String> {
    if !nodes.iter().any(|node| is_spot(&node.labels)) {
        return None;
    }
    let lacking = offers.iter().filter(|own| own.spot.is_none());
    let names: Vec<&str> = lacking.map(|own| &*own.name).collect();
    (!names.is_empty()).then(|| {
        format!(
            "no price of spot capacity for `{}` in the list: nodes of spot pools count at its price on demand \
             (`--types`)",
            names.join("`, `")
        )
    })
}

/// Takes what nodes keep for the system from the offers of types that a cluster lacks; in words, with
/// an example.
///
/// # Errors
/// If `--reserved` can't be read.
pub(super) fn kept(
    request: &Request,
    nodes: &[Arc<Node>],
    offers: &mut [Offer],
) -> Result<Option<String>, SnapshotError> {
    let reserve = match &request.reserved {
        Some(text) => Reserve::parse(text)
            .map_err(|message| SnapshotError::Input(format!("--reserved {text}: {message}")))?,
        None => Reserve::seen(nodes.iter().map(AsRef::as_ref)),
    };
    let known: SortedSet<&str> = { nodes.iter() }
        .filter_map(|node| label_of(&node.labels, INSTANCE_TYPE_LABEL).map(|name| &**name))
        .collect();
    let new = |offer: &&mut Offer| !known.contains(&*offer.name);
    let mut example = None;
    for offer in offers.iter_mut().filter(new) {
        reserve.keep(offer);
        example.get_or_insert(&*offer);
    }
    let Some(Offer { name, node, .. }) = example else {
        return Ok(None);
    };
    let whose = match &reserve {
        Reserve::Nothing => {
            return Ok(Some(
                "nodes of types that the dump lacks keep nothing for the system (`--reserved`)"
                    .to_owned(),
            ));
        }
        Reserve::Amounts(_) => "given amounts".to_owned(),
        Reserve::Of(cloud) => format!("what nodes of {} do", cloud.name()),
    };
    let amount = |resource| node.allocatable.get(resource);
    Ok(Some(format!(
        "nodes of types that the dump lacks keep {whose} for the system (`--reserved`): `{name}` offers {}m cpu, \
         {} Mi memory and room for {}",
        amount(CPU).milli_ceil().unwrap_or(i64::MAX),
        amount(MEMORY).units_ceil().unwrap_or(i64::MAX) >> 20,
        plural::count(amount(PODS).units_ceil().unwrap_or(i64::MAX), "pod"),
    )))
}

/// Names of usage that no pod of the cluster has, in words.
fn without_pods(names: &[String]) -> Option<String> {
    let named: Vec<String> = names
        .iter()
        .take(NAMED)
        .map(|own| format!("`{own}`"))
        .collect();
    let more = if names.len() > NAMED { ", …" } else { "" };
    (!names.is_empty()).then(|| {
        format!(
            "{} of the usage {} no pod or workload of the cluster and {} for nothing: {}{more} (`--requests`)",
            plural::count(names.len(), "name"),
            plural::either(names.len(), "is of", "are of"),
            plural::either(names.len(), "counts", "count"),
            named.join(", ")
        )
    })
}

/// Files beside the cluster that answers follow from, by option.
pub fn lists(request: &Request) -> Vec<(&'static str, PathBuf)> {
    let tables = request.requests.iter().map(|word| usage(word).path);
    let rooms = request
        .headroom
        .iter()
        .filter_map(|word| match headroom(word) {
            Ok(Headroom::Pods { file, .. }) => Some(file),
            _ => None,
        });
    let types = request.types.iter().cloned().map(|path| ("--types", path));
    let prices = request
        .prices
        .iter()
        .cloned()
        .map(|path| ("--prices", path));
    let config = request.config.iter().cloned();
    let config = config.map(|path| ("--config", path));
    let lists = types
        .chain(prices)
        .chain(tables.map(|path| ("--requests", path)));
    lists
        .chain(rooms.map(|path| ("--headroom", path)))
        .chain(config)
        .collect()
}

fn requesting(pods: usize) -> String {
    let verb = plural::either(pods, "requests", "request");
    format!("{} {verb}", plural::count(pods, "pod"))
}
