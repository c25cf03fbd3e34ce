//! `live get`: lists of pods, nodes, services and all other objects.

mod columns;
mod selector;

use clap::{Args, ValueEnum};
use live::client::{Client, ClientError};
use live::driver::objects::ObjectRow;
use live::driver::view::{NodeRow, PodRow};
use live::runtime::clock::wall_ns;
use live::wire::service::ServiceRow;
use serde_json::Value;
use units::{Quantity, SortedMap};

use super::ServerArguments;
use super::kinds::{self, Several, Wanted};
use super::list::{
    Form, LOOK, List, Row, changed, print, print_news, print_one, print_tables, value,
};
use super::table::mebibytes;
use cli::{Exit, Failure};
use columns::{Columns, age_since};
use selector::Selector;

/// Examples for the help of the command.
pub(super) const EXAMPLES: &str = "Examples:
  windtunnel live get pods -w
  windtunnel live get deployments
  windtunnel live get job/default/import -o yaml
  windtunnel live get pods -l app=web -o wide
  windtunnel live get replicasets -o name";

/// Arguments of `live get`.
#[derive(Clone, Debug, Args)]
pub(super) struct GetArguments {
    /// Kind of the objects, such as `pods`, `deploy` or `CronJob`, or several, such as `pods,services` or
    /// `all`; or one object, such as `Deployment/default/web`
    #[arg(value_name = "KIND", value_parser = kinds::several)]
    kinds: Several,
    /// Names of objects [default: all of the kind]
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Namespace of the objects [default: all]
    #[arg(long, short, value_name = "NAME")]
    namespace: Option<String>,
    /// Only objects with these labels, such as `app=web,tier!=db`
    #[arg(long, short = 'l', value_name = "LABELS", value_parser = selector::read)]
    selector: Option<Selector>,
    /// Go on with rows as they change
    #[arg(long, short)]
    watch: bool,
    /// Output format
    #[arg(long, short, value_enum, default_value_t = GetForm::Table)]
    output: GetForm,
    #[command(flatten)]
    server: ServerArguments,
}

/// Output format of `live get`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum GetForm {
    /// Table for the terminal.
    Table,
    /// Table with more columns.
    Wide,
    /// JSON: one list, or the object that is named.
    Json,
    /// YAML: one list, or the object that is named.
    Yaml,
    /// Names such as `Deployment/default/web`, one a line, as `live delete` takes them.
    Name,
}

/// An object as it is listed.
struct Found {
    namespace: String,
    name: String,
    labels: SortedMap<String, String>,
    row: Row,
}

pub(super) fn get(arguments: &GetArguments) -> Result<Exit, Failure> {
    let object = arguments.object();
    if let Some((namespace, _)) = object
        && !(arguments.names.is_empty() && (namespace.is_none() || arguments.namespace.is_none()))
    {
        return Err(Failure::input(
            "one object is named already; leave NAME out, and `--namespace` where KIND/NAMESPACE/NAME \
             states it",
        ));
    }
    if arguments.selector.is_some() && !(arguments.names.is_empty() && object.is_none()) {
        return Err(Failure::input(
            "--selector: objects are named already; leave it or the names out",
        ));
    }
    let client = arguments.server.client()?;
    let form = match arguments.output {
        GetForm::Table | GetForm::Wide | GetForm::Name => Form::Table,
        GetForm::Json => Form::Json,
        GetForm::Yaml => Form::Yaml,
    };
    let mut shown = lists(arguments, &client).map_err(super::failed)?;
    for (wanted, list) in arguments.kinds.0.iter().zip(&shown) {
        check_names(arguments, wanted, list)?;
    }
    match shown.as_slice() {
        [only] => match only.rows.as_slice() {
            [row] if names_one(arguments) && form != Form::Table => print_one(row, form)?,
            _ => print(only, form)?,
        },
        several if form == Form::Table && arguments.output != GetForm::Name => {
            print_tables(several.iter().filter(|list| !list.rows.is_empty()))?;
        }
        several => {
            let rows = several.iter().flat_map(|list| list.rows.iter().cloned());
            let head = Vec::new();
            let rows = rows.collect();
            print(&List { head, rows }, form)?;
        }
    }
    if !arguments.watch {
        return Ok(Exit::Done);
    }
    loop {
        std::thread::park_timeout(LOOK);
        let now = match lists(arguments, &client) {
            Ok(now) => now,
            // A server that is started again goes on where it was.
            Err(ClientError::Unreached { .. }) => continue,
            Err(error) => return Err(super::failed(error)),
        };
        for (before, now) in shown.iter().zip(&now) {
            let news = List {
                head: Vec::new(),
                rows: changed(before, now),
            };
            print_news(&news, now, form)?;
        }
        shown = now;
    }
}

impl GetArguments {
    /// The object that is named with its kind.
    fn object(&self) -> Option<&(Option<String>, String)> {
        let mut kinds = self.kinds.0.iter();
        kinds.find_map(|wanted| wanted.object.as_ref())
    }
}

/// Whether a single object is named, which is shown by itself and not in a list.
fn names_one(arguments: &GetArguments) -> bool {
    arguments.names.len() + usize::from(arguments.object().is_some()) == 1
}

/// Refuses names of nothing.
fn check_names(arguments: &GetArguments, wanted: &Wanted, shown: &List) -> Result<(), Failure> {
    let kind = wanted.kind;
    let object = wanted.object.as_ref();
    let names = arguments.names.iter();
    let names = names.chain(object.map(|(_, name)| name));
    let is_there = |name: &String| {
        let mut rows = shown.rows.iter();
        rows.any(|row| row.key.rsplit('/').next() == Some(name))
    };
    let missing: Vec<String> = names
        .filter(|name| !is_there(name))
        .map(|name| format!("`{name}`"))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let namespace = arguments.namespace.as_ref();
    let namespace = namespace.or(object.and_then(|(namespace, _)| namespace.as_ref()));
    let place = namespace.map_or_else(String::new, |name| format!(" in namespace `{name}`"));
    Err(Failure::input(format!(
        "there is no {kind} {}{place}; `windtunnel live get {kind}` lists what is there",
        missing.join(", "),
    )))
}

/// The objects that are asked for, by kind. Where there are several, rows say of which kind they are.
fn lists(arguments: &GetArguments, client: &Client) -> Result<Vec<List>, ClientError> {
    let kinds = &arguments.kinds.0;
    let mut lists = Vec::with_capacity(kinds.len());
    for wanted in kinds {
        let mut list = list(arguments, wanted, client)?;
        if kinds.len() > 1 {
            list.state_kind(wanted.kind);
        }
        lists.push(list);
    }
    Ok(lists)
}

/// The objects of a kind that are asked for.
fn list(arguments: &GetArguments, wanted: &Wanted, client: &Client) -> Result<List, ClientError> {
    let kind = wanted.kind;
    let is_wide = arguments.output == GetForm::Wide;
    let (head, mut found) = match kind {
        "Pod" => pods(client, is_wide)?,
        "Node" => nodes(client, is_wide)?,
        "Service" => services(client, is_wide, arguments.selector.is_some())?,
        kind => objects(client, kind, is_wide)?,
    };
    let object = wanted.object.as_ref();
    let namespace = object.and_then(|(namespace, _)| namespace.as_ref());
    let namespace = namespace.or(arguments.namespace.as_ref());
    found.retain(|one| {
        let is_of_cluster = one.namespace.is_empty();
        let mut names = arguments.names.iter().chain(object.map(|(_, name)| name));
        (is_of_cluster || namespace.is_none_or(|wanted| *wanted == one.namespace))
            && ((arguments.names.is_empty() && object.is_none())
                || names.any(|name| *name == one.name))
            && arguments
                .selector
                .as_ref()
                .is_none_or(|selector| selector.matches(&one.labels))
    });
    let rows = found.into_iter().map(|one| one.row);
    if arguments.output == GetForm::Name {
        let names = rows.map(|row| Row {
            cells: vec![row.key.clone()],
            ..row
        });
        return Ok(List {
            head: Vec::new(),
            rows: names.collect(),
        });
    }
    Ok(List {
        head,
        rows: rows.collect(),
    })
}

/// Columns and rows of a kind.
type Listed = (Vec<&'static str>, Vec<Found>);

fn pods(client: &Client, is_wide: bool) -> Result<Listed, ClientError> {
    let rows: Vec<PodRow> = client.get("/v1/pods")?;
    let now = wall_ns();
    let found = rows.into_iter().map(|row| {
        let status = if row.terminating {
            "Terminating"
        } else {
            &row.phase
        };
        let node = row.node.clone().or_else(|| row.waits.clone());
        let mut cells = vec![
            row.namespace.clone(),
            row.name.clone(),
            if row.ready { "yes" } else { "no" }.to_owned(),
            status.to_owned(),
            row.restarts.to_string(),
            age_since(row.created_ns, now),
            node.unwrap_or_default(),
        ];
        if is_wide {
            cells.push(row.owner.clone().unwrap_or_default());
            cells.push(row.ended.clone().unwrap_or_default());
        }
        let value = value(&row);
        Found {
            labels: row.labels,
            ..found("Pod", row.namespace, row.name, value, cells)
        }
    });
    let mut head = vec![
        "NAMESPACE",
        "NAME",
        "READY",
        "STATUS",
        "RESTARTS",
        "AGE",
        "NODE",
    ];
    if is_wide {
        head.extend(["OWNER", "ENDED"]);
    }
    Ok((head, found.collect()))
}

fn nodes(client: &Client, is_wide: bool) -> Result<Listed, ClientError> {
    let rows: Vec<NodeRow> = client.get("/v1/nodes")?;
    let now = wall_ns();
    let found = rows.into_iter().map(|row| {
        let ready = if row.ready { "Ready" } else { "NotReady" };
        let cordon = row.cordoned.then_some("SchedulingDisabled");
        let status: Vec<&str> = [ready]
            .into_iter()
            .chain(row.pressures())
            .chain(cordon)
            .collect();
        let age = row.created_ns.map(|at| age_since(at, now));
        let mut cells = vec![
            row.name.clone(),
            status.join(","),
            row.pods.to_string(),
            row.commands.to_string(),
            age.unwrap_or_default(),
        ];
        if is_wide {
            let amount = |resource: &str| {
                let of = |list: &SortedMap<String, String>| {
                    let amount = list.get(resource).map(String::as_str);
                    short(resource, amount.unwrap_or_default())
                };
                format!("{}/{}", of(&row.allocatable), of(&row.capacity))
            };
            cells.extend([
                row.address.clone().unwrap_or_default(),
                amount("cpu"),
                amount("memory"),
                row.limits_kept().to_owned(),
            ]);
        }
        Found {
            row: Row {
                key: format!("Node/{}", row.name),
                value: value(&row),
                cells,
            },
            namespace: String::new(),
            name: row.name,
            labels: row.labels,
        }
    });
    let mut head = vec!["NAME", "STATUS", "PODS", "COMMANDS", "AGE"];
    if is_wide {
        head.extend(["ADDRESS", "CPU", "MEMORY", "LIMITS"]);
    }
    Ok((head, found.collect()))
}

/// An object of a namespace, without labels.
fn found(kind: &str, namespace: String, name: String, value: Value, cells: Vec<String>) -> Found {
    Found {
        row: Row {
            key: format!("{kind}/{namespace}/{name}"),
            value,
            cells,
        },
        namespace,
        name,
        labels: SortedMap::new(),
    }
}

/// An amount as it is read best: memory in mebibytes.
fn short(resource: &str, amount: &str) -> String {
    let bytes = match resource {
        "memory" => amount.parse::<Quantity>().ok(),
        _ => None,
    };
    let bytes = bytes.and_then(|bytes| bytes.units_ceil().ok());
    let bytes = bytes.and_then(|bytes| u64::try_from(bytes).ok());
    bytes.map_or_else(|| amount.to_owned(), mebibytes)
}

fn services(client: &Client, is_wide: bool, with_labels: bool) -> Result<Listed, ClientError> {
    let rows: Vec<ServiceRow> = client.get("/v1/services")?;
    let mut labelled: Vec<ObjectRow> = Vec::new();
    if with_labels {
        labelled = client.get("/v1/objects/Service")?;
    }
    let found = rows.into_iter().map(|row| {
        let mut own = labelled.iter();
        let own = own.find(|own| (&own.namespace, &own.name) == (&row.namespace, &row.name));
        let labels = own.map_or_else(SortedMap::new, |own| own.labels.clone());
        let ports = row.ports.iter().map(|port| port.port.to_string());
        let mut cells = vec![
            row.namespace.clone(),
            row.name.clone(),
            row.address.clone().unwrap_or_else(|| "none".to_owned()),
            ports.collect::<Vec<_>>().join(","),
            row.balancing.clone(),
            row.endpoints.len().to_string(),
        ];
        if is_wide {
            let pods = row.endpoints.iter().map(|endpoint| &*endpoint.pod);
            cells.push(pods.collect::<Vec<_>>().join(","));
        }
        let value = value(&row);
        Found {
            labels,
            ..found("Service", row.namespace, row.name, value, cells)
        }
    });
    let mut head = vec![
        "NAMESPACE",
        "NAME",
        "ADDRESS",
        "PORTS",
        "BALANCING",
        "ENDPOINTS",
    ];
    if is_wide {
        head.push("PODS");
    }
    Ok((head, found.collect()))
}

fn objects(client: &Client, kind: &'static str, is_wide: bool) -> Result<Listed, ClientError> {
    let rows: Vec<ObjectRow> = client.get(&format!("/v1/objects/{kind}"))?;
    let now = wall_ns();
    let columns = Columns::of(kind, is_wide);
    let is_of_cluster = kinds::is_of_cluster(kind);
    let found = rows.into_iter().map(|row| {
        let names = if is_of_cluster {
            vec![row.name.clone()]
        } else {
            vec![row.namespace.clone(), row.name.clone()]
        };
        Found {
            row: Row {
                key: format!("{kind}/{}", names.join("/")),
                cells: [names, columns.cells(&row, now)].concat(),
                value: row.object,
            },
            namespace: row.namespace,
            name: row.name,
            labels: row.labels,
        }
    });
    let names: &[&str] = if is_of_cluster {
        &["NAME"]
    } else {
        &["NAMESPACE", "NAME"]
    };
    Ok(([names, &columns.head()].concat(), found.collect()))
}
