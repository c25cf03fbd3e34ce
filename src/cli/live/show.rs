//! Subcommands of `live` that read: lists of pods and nodes, events, usage, and the log of inputs.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::Value;

use lab::folder::{Existing, write_file};
use live::client::{Client, ClientError};
use live::driver::events::EventRow;
use live::driver::view::{NodeRow, PodRow};
use live::runtime::timestamp;
use live::wire::service::ServiceRow;
use live::wire::usage::Top;
use scenario::as_run::yaml_of;

use super::super::{Exit, Failure, output, terminal};
use super::ServerArguments;
use super::table::{aligned, line, widths};

/// Time between two looks of a command that watches.
const LOOK: Duration = Duration::from_secs(1);

/// Arguments of `live get`.
#[derive(Clone, Debug, Args)]
pub(in super::super) struct GetArguments {
    /// Kind of the objects
    #[arg(value_enum, value_name = "KIND")]
    kind: Kind,
    /// Namespace of the pods [default: all]
    #[arg(long, short, value_name = "NAME")]
    namespace: Option<String>,
    /// Go on with rows as they change
    #[arg(long, short)]
    watch: bool,
    #[command(flatten)]
    form: FormArguments,
    #[command(flatten)]
    server: ServerArguments,
}

/// Kind of listed objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Pods that have not ended.
    #[value(alias = "pod")]
    Pods,
    /// Nodes.
    #[value(alias = "node")]
    Nodes,
    /// Services and the number of their endpoints.
    #[value(aliases = ["service", "svc"])]
    Services,
}

/// Kind of objects whose usage is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum TopKind {
    /// Pods.
    #[value(alias = "pod")]
    Pods,
    /// Nodes.
    #[value(alias = "node")]
    Nodes,
}

/// Form of a list.
#[derive(Clone, Copy, Debug, Args)]
struct FormArguments {
    /// Output format
    #[arg(long, short, value_enum, default_value_t = Form::Table)]
    output: Form,
}

/// Output format of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// Table for the terminal.
    Table,
    /// JSON, one list.
    Json,
    /// YAML, one list.
    Yaml,
}

/// Arguments of `live events`.
#[derive(Clone, Debug, Args)]
pub(in super::super) struct EventsArguments {
    /// Only events of this object, such as `Pod/default/web-0` or `Node/n0`
    #[arg(value_name = "OBJECT", value_parser = object_of_events)]
    object: Option<String>,
    /// Go on with events as they happen
    #[arg(long, short)]
    watch: bool,
    #[command(flatten)]
    form: FormArguments,
    #[command(flatten)]
    server: ServerArguments,
}

/// Arguments of `live top`.
#[derive(Clone, Debug, Args)]
pub(in super::super) struct TopArguments {
    /// Kind of the objects [default: both]
    #[arg(value_enum, value_name = "KIND")]
    kind: Option<TopKind>,
    /// Show it anew every second
    #[arg(long, short)]
    watch: bool,
    #[command(flatten)]
    form: FormArguments,
    #[command(flatten)]
    server: ServerArguments,
}

/// Arguments of `live record`.
#[derive(Clone, Debug, Args)]
pub(in super::super) struct RecordArguments {
    /// File to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    server: ServerArguments,
}

/// A list as it is shown: a row of cells for each value.
struct List {
    head: Vec<&'static str>,
    rows: Vec<Row>,
}

/// A row of a list.
struct Row {
    /// Name of what the row shows.
    key: String,
    cells: Vec<String>,
    value: Value,
}

pub(super) fn get(arguments: &GetArguments) -> Result<Exit, Failure> {
    let client = arguments.server.client()?;
    let list = || match arguments.kind {
        Kind::Pods => pods(&client, arguments.namespace.as_deref()),
        Kind::Nodes => nodes(&client),
        Kind::Services => services(&client, arguments.namespace.as_deref()),
    };
    let form = arguments.form.output;
    let mut shown = list().map_err(Failure::incomplete)?;
    print(&shown, form)?;
    if !arguments.watch {
        return Ok(Exit::Done);
    }
    loop {
        std::thread::park_timeout(LOOK);
        let now = match list() {
            Ok(now) => now,
            // A server that is started again goes on where it was.
            Err(ClientError::Unreached { .. }) => continue,
            Err(error) => return Err(Failure::incomplete(error)),
        };
        let news = List {
            head: Vec::new(),
            rows: changed(&shown, &now),
        };
        print_news(&news, &now, form)?;
        shown = now;
    }
}

/// The rows that are new or say something else, and those that went.
fn changed(before: &List, now: &List) -> Vec<Row> {
    let find = |list: &List, key: &str| -> Option<Vec<String>> {
        let row = list.rows.iter().find(|row| row.key == key)?;
        Some(row.cells.clone())
    };
    let copy = |row: &Row, cells: Vec<String>| Row {
        key: row.key.clone(),
        cells,
        value: row.value.clone(),
    };
    let new = now.rows.iter().filter(|row| {
        let known = find(before, &row.key);
        known.is_none_or(|known| known != row.cells)
    });
    let mut rows: Vec<Row> = new.map(|row| copy(row, row.cells.clone())).collect();
    for row in &before.rows {
        if find(now, &row.key).is_none() {
            let mut cells = row.cells.clone();
            if let Some(at) = before.head.iter().position(|head| *head == "STATUS") {
                "Gone".clone_into(&mut cells[at]);
            }
            rows.push(copy(row, cells));
        }
    }
    rows
}

pub(super) fn events(arguments: &EventsArguments) -> Result<Exit, Failure> {
    let client = arguments.server.client()?;
    let form = arguments.form.output;
    let mut last = 0;
    let mut is_first = true;
    loop {
        let rows = client.get::<Vec<EventRow>>(&format!("/v1/events?after={last}"));
        match rows {
            Ok(rows) => {
                last = rows.last().map_or(last, |row| row.number);
                let is_meant = |row: &EventRow| {
                    let wanted = arguments.object.as_ref();
                    wanted.is_none_or(|wanted| *wanted == row.object)
                };
                let rows = rows.into_iter().filter(is_meant).map(event).collect();
                let head = vec!["TIME", "TYPE", "REASON", "OBJECT", "MESSAGE"];
                let list = List { head, rows };
                if is_first {
                    print(&list, form)?;
                } else {
                    print_news(&list, &list, form)?;
                }
                is_first = false;
            }
            Err(ClientError::Unreached { .. }) if !is_first => {}
            Err(error) => return Err(Failure::incomplete(error)),
        }
        if !arguments.watch {
            return Ok(Exit::Done);
        }
        std::thread::park_timeout(LOOK);
    }
}

/// An object that events are about.
fn object_of_events(text: &str) -> Result<String, String> {
    let parts: Vec<&str> = text.split('/').collect();
    match parts.as_slice() {
        ["Pod", namespace, name] if !namespace.is_empty() && !name.is_empty() => {}
        ["Node", name] if !name.is_empty() => {}
        _ => return Err("expected `Pod/NAMESPACE/NAME` or `Node/NAME`".to_owned()),
    }
    Ok(text.to_owned())
}

fn event(row: EventRow) -> Row {
    let kind = if row.is_warning { "Warning" } else { "Normal" };
    Row {
        key: row.number.to_string(),
        value: value(&row),
        cells: vec![
            timestamp(row.at_ns),
            kind.to_owned(),
            row.reason,
            row.object,
            row.message,
        ],
    }
}

pub(super) fn top(arguments: &TopArguments) -> Result<Exit, Failure> {
    let client = arguments.server.client()?;
    loop {
        let top: Top = client.get("/v1/top").map_err(Failure::incomplete)?;
        let mut lists = Vec::new();
        if arguments.kind != Some(TopKind::Pods) {
            lists.push(top_nodes(&top));
        }
        if arguments.kind != Some(TopKind::Nodes) {
            lists.push(top_pods(&top));
        }
        if arguments.watch && terminal::width().is_some() {
            // To the corner, and what is below is cleared.
            terminal::clear();
        }
        for (number, list) in lists.iter().enumerate() {
            if number > 0 && arguments.form.output == Form::Table {
                output::print(b"\n")?;
            }
            print(list, arguments.form.output)?;
        }
        if !arguments.watch {
            return Ok(Exit::Done);
        }
        std::thread::park_timeout(LOOK);
    }
}

fn top_nodes(top: &Top) -> List {
    let percent = |used: u64, of: u64| match of {
        0 => String::new(),
        of => format!("{}%", u128::from(used) * 100 / u128::from(of)),
    };
    let rows = top.nodes.iter().map(|node| Row {
        key: node.name.clone(),
        value: value(node),
        cells: vec![
            node.name.clone(),
            if node.ready { "Ready" } else { "NotReady" }.to_owned(),
            node.pods.to_string(),
            format!("{}m", node.cpu_milli),
            percent(node.cpu_milli, node.cpu_allocatable_milli),
            mebibytes(node.memory_bytes),
            percent(node.memory_bytes, node.memory_allocatable_bytes),
        ],
    });
    List {
        head: vec!["NODE", "STATUS", "PODS", "CPU", "CPU%", "MEMORY", "MEMORY%"],
        rows: rows.collect(),
    }
}

fn top_pods(top: &Top) -> List {
    let rows = top.pods.iter().map(|pod| Row {
        key: format!("{}/{}", pod.namespace, pod.name),
        value: value(pod),
        cells: vec![
            pod.namespace.clone(),
            pod.name.clone(),
            format!("{}m", pod.cpu_milli),
            mebibytes(pod.memory_bytes),
            pod.node.clone(),
        ],
    });
    List {
        head: vec!["NAMESPACE", "NAME", "CPU", "MEMORY", "NODE"],
        rows: rows.collect(),
    }
}

fn mebibytes(bytes: u64) -> String {
    format!("{}Mi", bytes.div_ceil(1 << 20))
}

pub(super) fn record(arguments: &RecordArguments) -> Result<Exit, Failure> {
    let client = arguments.server.client()?;
    let log = client.fetch("/v1/log").map_err(Failure::incomplete)?;
    write_file(&arguments.out, &log, Existing::Refuse).map_err(Failure::incomplete)?;
    Ok(Exit::Done)
}

fn pods(client: &Client, namespace: Option<&str>) -> Result<List, ClientError> {
    let mut rows: Vec<PodRow> = client.get("/v1/pods")?;
    rows.retain(|row| namespace.is_none_or(|wanted| wanted == row.namespace));
    let rows = rows.into_iter().map(|row| {
        let status = if row.terminating {
            "Terminating"
        } else {
            &row.phase
        };
        let node = row.node.clone().or_else(|| row.waits.clone());
        Row {
            key: row.pod.to_string(),
            value: value(&row),
            cells: vec![
                row.namespace.clone(),
                row.name.clone(),
                if row.ready { "yes" } else { "no" }.to_owned(),
                status.to_owned(),
                row.restarts.to_string(),
                node.unwrap_or_default(),
            ],
        }
    });
    Ok(List {
        head: vec!["NAMESPACE", "NAME", "READY", "STATUS", "RESTARTS", "NODE"],
        rows: rows.collect(),
    })
}

fn nodes(client: &Client) -> Result<List, ClientError> {
    let rows: Vec<NodeRow> = client.get("/v1/nodes")?;
    let rows = rows.into_iter().map(|row| {
        let ready = if row.ready { "Ready" } else { "NotReady" };
        let cordon = if row.cordoned {
            ",SchedulingDisabled"
        } else {
            ""
        };
        Row {
            key: row.name.clone(),
            value: value(&row),
            cells: vec![
                row.name.clone(),
                format!("{ready}{cordon}"),
                row.pods.to_string(),
                row.commands.to_string(),
            ],
        }
    });
    Ok(List {
        head: vec!["NAME", "STATUS", "PODS", "COMMANDS"],
        rows: rows.collect(),
    })
}

fn services(client: &Client, namespace: Option<&str>) -> Result<List, ClientError> {
    let mut rows: Vec<ServiceRow> = client.get("/v1/services")?;
    rows.retain(|row| namespace.is_none_or(|wanted| wanted == row.namespace));
    let rows = rows.into_iter().map(|row| {
        let ports = row.ports.iter().map(|port| port.port.to_string());
        Row {
            key: format!("{}/{}", row.namespace, row.name),
            value: value(&row),
            cells: vec![
                row.namespace.clone(),
                row.name.clone(),
                row.address.clone().unwrap_or_else(|| "none".to_owned()),
                ports.collect::<Vec<_>>().join(","),
                row.balancing.clone(),
                row.endpoints.len().to_string(),
            ],
        }
    });
    Ok(List {
        head: vec![
            "NAMESPACE",
            "NAME",
            "ADDRESS",
            "PORTS",
            "BALANCING",
            "ENDPOINTS",
        ],
        rows: rows.collect(),
    })
}

fn value(row: &impl serde::Serialize) -> Value {
    serde_json::to_value(row).unwrap_or_default()
}

/// Prints a list in a form.
fn print(list: &List, form: Form) -> Result<(), Failure> {
    let text = match form {
        Form::Table => {
            let head = list.head.iter().map(|head| (*head).to_owned()).collect();
            let rows = list.rows.iter().map(|row| row.cells.clone());
            aligned(&std::iter::once(head).chain(rows).collect::<Vec<_>>())
        }
        Form::Json => {
            let values: Vec<&Value> = list.rows.iter().map(|row| &row.value).collect();
            format!("{:#}\n", serde_json::json!(values))
        }
        Form::Yaml => {
            let values: Vec<&Value> = list.rows.iter().map(|row| &row.value).collect();
            yaml_of(&serde_json::json!(values))
        }
    };
    output::print(text.as_bytes())
}

/// Prints rows that changed: in JSON and YAML one document each. `all` gives the columns their widths.
fn print_news(news: &List, all: &List, form: Form) -> Result<(), Failure> {
    let text = match form {
        Form::Table => {
            let widths = widths(all.rows.iter().chain(&news.rows).map(|row| &row.cells));
            let lines = news.rows.iter().map(|row| line(&row.cells, &widths));
            lines.collect::<String>()
        }
        Form::Json => {
            let lines = news.rows.iter().map(|row| format!("{}\n", row.value));
            lines.collect()
        }
        Form::Yaml => {
            let documents = news.rows.iter();
            let documents = documents.map(|row| format!("---\n{}", yaml_of(&row.value)));
            documents.collect()
        }
    };
    output::print(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_about_pods_and_nodes() {
        for text in ["Pod/default/web-0", "Node/n0"] {
            assert_eq!(object_of_events(text), Ok(text.to_owned()));
        }
        for text in [
            "",
            "foo",
            "Pod",
            "Pod/web-0",
            "Pod//a",
            "Pod/a/",
            "Node/",
            "Node/a/b",
            "pod/a/b",
            "Deployment/default/web",
        ] {
            assert!(object_of_events(text).is_err(), "{text}");
        }
    }
}
