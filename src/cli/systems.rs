//! `windtunnel systems`: the names that experiments can use, from the registries.

use std::fmt::Write;

use clap::Args;

use formats::registry::FORMATS;
use policy::backfill::BACKFILLS;
use policy::job_order::JOB_ORDERS;
use systems::SystemEntry;
use systems::capability::{Capability, Support, support};
use systems::ends::{End, REASONS};
use systems::functions::{FUNCTIONS, Function, SystemFunctions};
use systems::profile::profiles_of;
use systems::registry::{SYSTEMS, find};
use workloads::generate::GENERATORS;

use super::{Exit, Failure, change_list, policy_list, terminal};

/// Arguments of `systems`.
#[derive(Clone, Debug, Args)]
pub(super) struct SystemsArguments {
    /// Show all capabilities of this system, with its profiles, policies and their arguments
    #[arg(value_name = "SYSTEM")]
    system: Option<String>,
    /// List the changes between releases, with the switches that turn them on and off
    #[arg(long)]
    changes: bool,
    /// List which of the seven functions of a platform each system has, how, and where to see it
    #[arg(long, conflicts_with = "changes")]
    functions: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Heading of the plugins of kube-scheduler, which programs find among the policies.
const KUBE_PLUGINS: &str = "plugins of kube-scheduler";

/// Heading and its entries: name and sentence.
type Section = (&'static str, Vec<(String, String)>);

/// Function that writes a table of a system as JSON.
type Table = fn(&SystemEntry) -> serde_json::Value;

pub(super) fn run(arguments: &SystemsArguments) -> Result<Exit, Failure> {
    let is_of_changes = arguments.changes && arguments.system.as_deref().is_none_or(is_kubernetes);
    if is_of_changes {
        terminal::print(&if arguments.json {
            format!("{:#}\n", change_list::json())
        } else {
            change_list::table()
        });
        return Ok(Exit::Done);
    }
    if arguments.functions {
        return print_functions(arguments);
    }
    if let Some(name) = &arguments.system {
        let entry = find(name).map_err(|error| Failure::input(error.to_string()))?;
        if arguments.changes && !is_kubernetes(entry.name) {
            return Err(Failure::input(format!(
                "--changes: the system `{name}` follows one release; write `windtunnel systems \
                 kubernetes --changes`"
            )));
        }
        terminal::print(&if arguments.json {
            format!("{:#}\n", system_json(entry))
        } else {
            capabilities(entry)
        });
        return Ok(Exit::Done);
    }
    let sections = sections();
    if arguments.json {
        terminal::print(&format!("{:#}\n", sections_json(sections)));
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
            let _ = writeln!(text, "  {name:width$}  {summary}");
        }
        text.push('\n');
        if heading == "systems" {
            text.push_str(&matrix());
        }
    }
    terminal::print(&text);
    Ok(Exit::Done)
}

/// All names, and what each system can express and makes of the ends of pods.
fn sections_json(sections: Vec<Section>) -> serde_json::Value {
    let lists = sections.into_iter().map(|(heading, entries)| {
        let entries: Vec<_> = entries
            .into_iter()
            .map(|(name, summary)| serde_json::json!({"name": name, "summary": summary}))
            .collect();
        (heading.to_owned(), entries.into())
    });
    let mut json: serde_json::Map<String, serde_json::Value> = lists.collect();
    json.remove(KUBE_PLUGINS);
    json.insert("policies".to_owned(), policy_list::all_json());
    for (key, table) in [
        ("capabilities", capabilities_json as Table),
        ("ends", ends_json),
    ] {
        let tables = { SYSTEMS.iter() }.map(|entry| (entry.name.to_owned(), table(entry)));
        let tables: serde_json::Map<String, serde_json::Value> = tables.collect();
        json.insert(key.to_owned(), tables.into());
    }
    json.into()
}

/// Prints the functions of all systems, or of one.
fn print_functions(arguments: &SystemsArguments) -> Result<Exit, Failure> {
    let systems: Vec<&SystemFunctions> = match &arguments.system {
        Some(name) => {
            let entry = find(name).map_err(|error| Failure::input(error.to_string()))?;
            FUNCTIONS
                .iter()
                .filter(|own| own.system == entry.name)
                .collect()
        }
        None => FUNCTIONS.iter().collect(),
    };
    terminal::print(&if arguments.json {
        let all: serde_json::Map<String, serde_json::Value> = systems
            .iter()
            .map(|own| (own.system.to_owned(), functions_json(own)))
            .collect();
        format!("{:#}\n", serde_json::Value::Object(all))
    } else {
        functions_text(&systems)
    });
    Ok(Exit::Done)
}

/// A table of systems by functions, and below it how each has them and the scenarios that show it.
fn functions_text(systems: &[&SystemFunctions]) -> String {
    let first = systems.iter().map(|own| own.system.len()).max();
    let first = first.unwrap_or(0).max("system".len());
    let mut text = format!("{:first$}", "system");
    for function in Function::ALL {
        let _ = write!(text, "  {function}");
    }
    for own in systems {
        let _ = write!(text, "\n{:first$}", own.system);
        for (function, provision) in Function::ALL.iter().zip(own.provisions) {
            let _ = write!(text, "  {:1$}", provision.word(), function.name().len());
        }
        text.truncate(text.trim_end().len());
    }
    text.push_str(
        "\n(yes: the system itself; beside: a service or a user beside it; no: nothing of the kind)\n",
    );
    let width = Function::ALL.iter().map(|own| own.name().len()).max();
    let width = width.unwrap_or(0);
    for own in systems {
        let _ = write!(text, "\n{}", own.system);
        for (function, provision) in Function::ALL.iter().zip(own.provisions) {
            let (word, sentence) = (provision.word(), provision.sentence());
            let _ = write!(text, "\n  {function:width$}  {word:6}  {sentence}");
        }
        let scenarios = own.scenarios.iter();
        let scenarios: Vec<String> = scenarios
            .map(|name| format!("scenarios/{name}.yaml"))
            .collect();
        let _ = writeln!(text, "\n  {:width$}  {}", "shown by", scenarios.join(", "));
    }
    text
}

fn functions_json(own: &SystemFunctions) -> serde_json::Value {
    let rows = Function::ALL.iter().zip(own.provisions);
    let rows = rows.map(|(function, provision)| {
        serde_json::json!({
            "function": function.name(),
            "provision": provision.word(),
            "how": provision.sentence(),
        })
    });
    serde_json::json!({
        "functions": rows.collect::<Vec<_>>(),
        "scenarios": own.scenarios,
    })
}

fn is_kubernetes(name: &str) -> bool {
    name == systems::kubernetes::ENTRY.name
}

/// Capabilities of every system, one word per row and column.
fn matrix() -> String {
    let first = Capability::ALL.iter().map(|row| row.name().len()).max();
    let first = first.unwrap_or(0);
    let width = |entry: &SystemEntry| entry.name.len().max("refused".len());
    let mut text = format!("{:1$}", "capabilities", first + 2);
    for entry in SYSTEMS {
        let _ = write!(text, "  {:1$}", entry.name, width(entry));
    }
    for &capability in Capability::ALL {
        text.truncate(text.trim_end().len());
        let _ = write!(text, "\n  {capability:first$}");
        for entry in SYSTEMS {
            let word = support(entry.capabilities, capability).map_or("", Support::word);
            let _ = write!(text, "  {word:0$}", width(entry));
        }
    }
    text.truncate(text.trim_end().len());
    text.push_str(
        "\n  (yes: supported; ignored: runs without it; refused: does not run; details: \
        `windtunnel systems NAME`)\n\n",
    );
    text
}

/// Capabilities and behavior of one system, in sentences.
fn capabilities(entry: &SystemEntry) -> String {
    let mut text = format!(
        "{}: {}\nafter {}\n",
        entry.name, entry.summary, entry.source
    );
    let width = Capability::ALL.iter().map(|row| row.name().len()).max();
    let width = width.unwrap_or(0);
    for (capability, support) in capabilities_of(entry) {
        let (word, sentence) = (support.word(), support.sentence());
        let _ = writeln!(text, "  {capability:width$}  {word:7}  {sentence}");
    }
    text.push_str("ends of pods\n");
    let ends = ends_of(entry);
    let width = ends.iter().map(|(name, _)| name.len()).max();
    let width = width.unwrap_or(0);
    for (name, end) in ends {
        let word = end.consequence.word();
        let _ = writeln!(text, "  {name:width$}  {word:7}  {}", end.state);
    }
    let profiles = profiles_of(entry.scheduler);
    if !profiles.is_empty() {
        text.push_str("profiles\n");
        for (name, summary) in profiles {
            let _ = writeln!(text, "  {name}  {summary}");
        }
        text.push_str("policies and their arguments\n");
        text.push_str(&policy_list::in_full(entry.scheduler));
    }
    text
}

/// The capabilities that a system says something of.
fn capabilities_of(entry: &SystemEntry) -> impl Iterator<Item = (Capability, Support)> {
    let all = Capability::ALL.iter();
    all.filter_map(|&own| Some((own, support(entry.capabilities, own)?)))
}

/// State and consequence of each end of a pod in a system, by the name of the end in tables.
fn ends_of(entry: &SystemEntry) -> [(&'static str, End); REASONS.len()] {
    REASONS.map(|(name, reason)| (name, (entry.ends)(reason)))
}

/// Capabilities of one system, and the ends of pods in it.
fn system_json(entry: &SystemEntry) -> serde_json::Value {
    serde_json::json!({
        "capabilities": capabilities_json(entry),
        "ends": ends_json(entry),
    })
}

fn ends_json(entry: &SystemEntry) -> serde_json::Value {
    let rows = ends_of(entry).map(|(name, end)| {
        serde_json::json!({
            "end": name,
            "consequence": end.consequence.word(),
            "state": end.state,
        })
    });
    rows.into_iter().collect()
}

fn capabilities_json(entry: &SystemEntry) -> serde_json::Value {
    let rows = capabilities_of(entry).map(|(capability, support)| {
        serde_json::json!({
            "capability": capability.name(),
            "support": support.word(),
            "how": support.sentence(),
        })
    });
    rows.collect()
}

/// Every profile, with the system that runs it.
fn profiles() -> Vec<(String, String)> {
    let of = |entry: &'static SystemEntry| {
        let own = profiles_of(entry.scheduler).into_iter();
        own.map(|(name, summary)| (name.to_owned(), format!("[{}] {summary}", entry.name)))
    };
    SYSTEMS.iter().flat_map(of).collect()
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
        ("profiles", profiles()),
        (
            "policies",
            policy_list::lines(|entry| entry.kube().is_none()),
        ),
        (
            KUBE_PLUGINS,
            policy_list::lines(|entry| entry.kube().is_some()),
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
