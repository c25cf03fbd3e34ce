//! Applications and pods of Marathon, as `GET /v2/apps`, `/v2/pods` and `/v2/groups` list them; groups hold others.

use serde_json::Value;

use super::{Places, Pods, State, count, has_keys, note, note_pods, scaled, sum};
use crate::amounts::whole_gpus;
use crate::format::{ColumnDoc, Confidence, Constructor, FormatEntry};
use crate::json::Element;
use crate::ledger::{Action, BadRow, Journal};
use crate::rows::{Refused, heed, show_text};
use model::gpu::MAX_DEVICES;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "marathon",
    summary: "applications of Marathon (`GET /v2/apps`, `/v2/groups`, JSON)",
    columns: &[
        ColumnDoc::required("id", "application; becomes the name, its group the tenant"),
        ColumnDoc::required("instances", "pods; of a pod of Marathon scaling.instances"),
        ColumnDoc::optional("cpus", "cores of a pod"),
        ColumnDoc::optional("mem", "memory of a pod, MiB"),
        ColumnDoc::optional("gpus", "GPUs of a pod"),
        ColumnDoc::optional("disk", "MiB; not requested"),
        ColumnDoc::optional("constraints", "not enforced"),
        ColumnDoc::optional("containers", "of a pod of Marathon; resources of each"),
        ColumnDoc::optional("groups", "groups with apps, pods and groups of their own"),
    ],
    names: &["id"],
    cells: show_text,
    options: &[],
    sniff,
    open: Constructor::Workload(|input, options| super::open(input, options, &PLACES, take)),
};

const PLACES: Places = Places {
    lists: &[&["apps"], &["pods"], &["groups"], &[]],
    has_lines: false,
    has_texts: false,
    printed: &[],
    expected: "list of applications in `apps`, as `GET /v2/apps` answers",
    missing: &[],
};

fn sniff(first: &[u8]) -> Confidence {
    let has = |keys: &[&str]| has_keys(first, keys);
    let listed = has(&["apps", "id", "instances", "cpus", "mem"]);
    listed.max(has(&[
        "id",
        "containers",
        "scaling",
        "instances",
        "cpus",
        "mem",
    ]))
}

fn take(state: &mut State, journal: &mut Journal, app: &Element) -> Result<(), Refused> {
    let is_group = app.at("/instances").is_none() && app.at("/scaling").is_none();
    let members = ["apps", "pods", "groups"];
    let lists = members.map(|member| app.value.get(member).and_then(Value::as_array));
    if !is_group || lists.iter().all(Option::is_none) {
        return take_app(state, journal, app);
    }
    for (member, list) in members.into_iter().zip(lists) {
        for (place, value) in list.into_iter().flatten().enumerate() {
            let own = Element {
                key: format!("{}{}{member}.{place}.", app.prefix(), app.key),
                ..Element::of_line(app.line, value.clone())
            };
            heed(journal, |journal| {
                take(state, journal, &own).map_err(|refused| match refused {
                    // The line is that of the group, so that the place in it says which it is.
                    Refused::Row(bad) => Refused::Row(BadRow {
                        column: format!("{}{}", own.key, bad.column),
                        ..bad
                    }),
                    refused @ Refused::Trace(_) => refused,
                })
            })?;
        }
    }
    Ok(())
}

fn take_app(state: &mut State, journal: &mut Journal, app: &Element) -> Result<(), Refused> {
    let id = app.name_at("/id", "the path of an application")?;
    let path = id.trim_matches('/');
    let (group, _) = path.rsplit_once('/').unwrap_or_default();
    let wanted = match app.at("/scaling") {
        Some(_) => "/scaling/instances",
        None => "/instances",
    };
    let instances = count(app, wanted)?;
    let instances = instances.ok_or_else(|| app.bad_at(wanted, "a number of pods"))?;
    let gpus = amount(app, "gpus", 1)?.unwrap_or(0);
    if gpus > MAX_DEVICES as i64 {
        return Err(app.bad_at("/gpus", "at most 64").into());
    }
    if amount(app, "disk", 1)?.is_some_and(|disk| disk > 0) {
        let kind = "disk of an application, not requested";
        journal.dirt(kind, Action::Waive, app.line)?;
    }
    for path in ["/constraints", "/scheduling/placement/constraints"] {
        let kind = "constraints of an application, not enforced";
        note(journal, app, path, kind)?;
    }
    let pods = Pods {
        name: &path.replace('/', "-"),
        tenant: group,
        count: instances,
        cpu_milli: amount(app, "cpus", 1_000)?,
        memory: amount(app, "mem", 1 << 20)?,
    };
    note_pods(journal, app.line, &pods)?;
    state.add(journal.origin(app.line), &pods, |spec| {
        spec.gpu = whole_gpus(gpus, "");
    })
}

/// An amount that an application requests, or the containers of a pod of Marathon together.
fn amount(app: &Element, member: &str, scale: i64) -> Result<Option<i64>, BadRow> {
    match app.at("/containers").and_then(Value::as_array) {
        Some(list) => sum(app, list.len(), &[&format!("resources/{member}")], scale),
        None => scaled(app, &format!("/{member}"), scale),
    }
}
