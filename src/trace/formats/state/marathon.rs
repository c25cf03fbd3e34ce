//! Applications of Marathon, as `GET /v2/apps` lists them.

use super::{Places, Pods, State, count, has_keys, note, note_pods, scaled};
use crate::format::{ColumnDoc, Confidence, Constructor, FormatEntry};
use crate::gather::whole_gpus;
use crate::json::Element;
use crate::ledger::Journal;
use crate::rows::{Refused, show_text};
use model::gpu::MAX_DEVICES;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "marathon",
    summary: "applications of Marathon (`GET /v2/apps`, JSON)",
    columns: &[
        ColumnDoc::required("id", "application; becomes the name, its group the tenant"),
        ColumnDoc::required("instances", "pods"),
        ColumnDoc::optional("cpus", "cores of a pod"),
        ColumnDoc::optional("mem", "memory of a pod, MiB"),
        ColumnDoc::optional("gpus", "GPUs of a pod"),
        ColumnDoc::optional("disk", "MiB; read, not requested"),
        ColumnDoc::optional("constraints", "not enforced"),
    ],
    names: &["id"],
    cells: show_text,
    options: &[],
    sniff,
    open: Constructor::Workload(|input, options| super::open(input, options, &PLACES, take)),
};

const PLACES: Places = Places {
    lists: &[&["apps"]],
    has_lines: false,
    expected: "list of applications in `apps`, as `GET /v2/apps` answers",
    missing: &[],
};

fn sniff(first: &[u8]) -> Confidence {
    has_keys(first, &["apps", "id", "instances", "cpus", "mem"])
}

fn take(state: &mut State, journal: &mut Journal, app: &Element) -> Result<(), Refused> {
    let id = app.name_at("/id", "the path of an application")?;
    let path = id.trim_matches('/');
    let (group, _) = path.rsplit_once('/').unwrap_or_default();
    let instances = count(app, "/instances")?;
    let instances = instances.ok_or_else(|| app.bad_at("/instances", "a number of pods"))?;
    let gpus = count(app, "/gpus")?.unwrap_or(0);
    if gpus > MAX_DEVICES as i64 {
        return Err(app.bad_at("/gpus", "at most 64").into());
    }
    scaled(app, "/disk", 1)?;
    note(
        journal,
        app,
        "/constraints",
        "constraints of an application, not enforced",
    )?;
    let pods = Pods {
        name: &path.replace('/', "-"),
        tenant: group,
        count: instances,
        cpu_milli: scaled(app, "/cpus", 1_000)?,
        memory: scaled(app, "/mem", 1 << 20)?,
    };
    note_pods(journal, app.line, &pods)?;
    state.add(journal.origin(app.line), &pods, |spec| {
        spec.gpu = whole_gpus(gpus, "");
    })
}
