//! `windtunnel systems`: what can be named in an experiment, out of the registries.

use clap::Args;

use crate::policy::backfill::BACKFILLS;
use crate::policy::job_order::JOB_ORDERS;
use crate::policy::profiles::PROFILES;
use crate::policy::registry::POLICIES;
use crate::systems::registry::SYSTEMS;
use crate::trace::generate::GENERATORS;
use crate::trace::registry::FORMATS;

use super::{Exit, Failure, terminal};

/// What `systems` is told.
#[derive(Clone, Debug, Args)]
pub(super) struct SystemsArguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A heading and its entries: name and sentence.
type Section = (&'static str, Vec<(String, String)>);

pub(super) fn run(arguments: &SystemsArguments) -> Result<Exit, Failure> {
    let sections = sections();
    if arguments.json {
        let json: serde_json::Map<String, serde_json::Value> = sections
            .into_iter()
            .map(|(heading, entries)| {
                let entries: Vec<_> = entries
                    .into_iter()
                    .map(|(name, summary)| serde_json::json!({"name": name, "summary": summary}))
                    .collect();
                (heading.to_owned(), entries.into())
            })
            .collect();
        terminal::print(&format!("{:#}\n", serde_json::Value::Object(json)));
        return Ok(Exit::Done);
    }
    let mut text = String::new();
    for (heading, entries) in sections {
        let width = entries
            .iter()
            .map(|(name, _)| name.len())
            .max()
            .unwrap_or(0);
        text.push_str(heading);
        text.push('\n');
        for (name, summary) in entries {
            text.push_str(&format!("  {name:width$}  {summary}\n"));
        }
        text.push('\n');
    }
    terminal::print(&text);
    Ok(Exit::Done)
}

fn sections() -> Vec<Section> {
    let pair = |name: &str, summary: &str| (name.to_owned(), summary.to_owned());
    vec![
        (
            "systems",
            SYSTEMS
                .iter()
                .map(|entry| pair(entry.name, entry.summary))
                .collect(),
        ),
        (
            "profiles",
            PROFILES
                .iter()
                .map(|entry| pair(entry.name, entry.summary))
                .collect(),
        ),
        (
            "policies",
            POLICIES
                .iter()
                .map(|entry| {
                    let parameters: Vec<&str> = entry
                        .parameters
                        .iter()
                        .map(|parameter| parameter.name)
                        .collect();
                    let told = match parameters.as_slice() {
                        [] => String::new(),
                        names => format!(" Arguments: {}.", names.join(", ")),
                    };
                    (
                        entry.name.to_owned(),
                        format!("[{}] {}{told}", entry.point.name(), entry.summary),
                    )
                })
                .collect(),
        ),
        (
            "job orders",
            JOB_ORDERS
                .iter()
                .map(|entry| pair(entry.name, entry.summary))
                .collect(),
        ),
        (
            "backfilling",
            BACKFILLS
                .iter()
                .map(|entry| pair(entry.name, entry.summary))
                .collect(),
        ),
        (
            "trace formats",
            FORMATS
                .iter()
                .map(|entry| pair(entry.name, entry.summary))
                .collect(),
        ),
        (
            "generators",
            GENERATORS
                .iter()
                .map(|entry| pair(entry.name, entry.summary))
                .collect(),
        ),
    ]
}
