//! Subcommands of `live` that read beside `get`: events and usage.

use clap::{Args, ValueEnum};

use live::client::{Client, ClientError};
use live::driver::events::EventRow;
use live::driver::view::{NodeRow, PodRow};
use live::runtime::timestamp;
use live::wire::usage::Top;

use super::kinds::one_object;
use super::list::{Form, FormArguments, LOOK, List, Row, print, print_news, print_tables, value};
use super::table::mebibytes;
use super::{ServerArguments, failed};
use cli::{Exit, Failure, terminal};

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

/// Arguments of `live events`.
#[derive(Clone, Debug, Args)]
pub(super) struct EventsArguments {
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
pub(super) struct TopArguments {
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
                let rows: Vec<Row> = rows.into_iter().filter(is_meant).map(event).collect();
                if let Some(object) = &arguments.object
                    && rows.is_empty()
                    && !arguments.watch
                {
                    check_object(&client, object)?;
                }
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
            Err(error) => return Err(failed(error)),
        }
        if !arguments.watch {
            return Ok(Exit::Done);
        }
        std::thread::park_timeout(LOOK);
    }
}

/// An object that events are about.
fn object_of_events(text: &str) -> Result<String, String> {
    let object = one_object(text)?;
    if !object.starts_with("Pod/") && !object.starts_with("Node/") {
        return Err(
            "events are about pods and nodes; expected `Pod/NAMESPACE/NAME` or `Node/NAME`"
                .to_owned(),
        );
    }
    Ok(object)
}

/// Refuses the name of nothing.
fn check_object(client: &Client, object: &str) -> Result<(), Failure> {
    let pods: Vec<PodRow> = client.get("/v1/pods").map_err(failed)?;
    let nodes: Vec<NodeRow> = client.get("/v1/nodes").map_err(failed)?;
    let pods = pods
        .iter()
        .map(|pod| format!("Pod/{}/{}", pod.namespace, pod.name));
    let nodes = nodes.iter().map(|node| format!("Node/{}", node.name));
    if pods.chain(nodes).any(|known| known == object) {
        return Ok(());
    }
    Err(Failure::input(format!(
        "there is no {object}, and no event of it is kept; `windtunnel live events` lists those that are"
    )))
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
        let top: Top = client.get("/v1/top").map_err(failed)?;
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
        match arguments.form.output {
            Form::Table => print_tables(lists.iter())?,
            form => {
                for list in &lists {
                    print(list, form)?;
                }
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_about_pods_and_nodes() {
        for (text, object) in [
            ("Pod/default/web-0", "Pod/default/web-0"),
            ("po/web-0", "Pod/default/web-0"),
            ("Node/n0", "Node/n0"),
        ] {
            assert_eq!(object_of_events(text).as_deref(), Ok(object));
        }
        for text in [
            "",
            "foo",
            "Pod",
            "Pod//a",
            "Pod/a/",
            "Node/",
            "Node/a/b",
            "deploy/web",
        ] {
            assert!(object_of_events(text).is_err(), "{text}");
        }
    }
}
