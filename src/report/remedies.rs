//! Changes that would be enough for a waiting pod, in words.

use lab::explain::Remedy;
use units::plural;

use super::format;

/// A change that would be enough, in words.
pub(super) fn remedy(own: &Remedy) -> String {
    match own {
        Remedy::Room { node, lacks } => {
            let lacks: Vec<String> = { lacks.iter() }
                .map(|(resource, amount)| {
                    let amount = *amount as f64;
                    match &**resource {
                        "cpu" => format!("{} cpu", format::value(amount / 1e3, "")),
                        "memory" | "ephemeral-storage" => {
                            format!("{} of {resource}", format::value(amount, "bytes"))
                        }
                        _ => format!("{} {resource}", format::value(amount, "")),
                    }
                })
                .collect();
            format!(
                "{} more on {node}, or that much less asked for",
                lacks.join(" and ")
            )
        }
        Remedy::Rule { plugin, nodes } => {
            format!(
                "{}, were it not for {plugin}: {}",
                plural::count(nodes.len(), "node"),
                format::names(nodes)
            )
        }
    }
}
