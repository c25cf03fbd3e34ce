//! The audit log of a Kubernetes API server, `audit.k8s.io/v1`: an object a line, or an `EventList` a line as webhooks
//! get it. A pod arrives when its
//! creation is answered, starts with its binding and ends when it is reported as succeeded or failed, or else with the
//! last of its deletions, which is that of its node, when it is gone. Its requests are known from level `Request` on: the pods of
//! controllers are named by the server, which only the answer says, of level `RequestResponse`; without it their creations are
//! found by what the names of those that are bound begin with. What an answer shows of a pod that came before the log makes it
//! arrive at the beginning. Pods are resized as requests say that are recorded. Source: the documentation of
//! Kubernetes, "Auditing".

use serde_json::Value;

use super::{Deed, Known, Pod, Records, resized};
use crate::parts::recorded_pod::{self, Recorded};
use crate::readers::prelude::*;
use intake::archive::parts;
use intake::json::{each_line, is_json};
use intake::unknown_columns::note_members;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "kubernetes-audit",
    summary: "audit log of a Kubernetes API server (JSON lines, or lists of them)",
    columns: columns! {
        required("stage", "answered requests count: ResponseComplete"),
        required("verb", "create, delete, update or patch"),
        required("objectRef", "resource, subresource, namespace and name"),
        required("stageTimestamp", "date, UTC; or requestReceivedTimestamp"),
        optional("responseStatus.code", "refused requests are left out"),
        optional("requestObject", "pod as it was asked for, or its binding"),
        optional("responseObject", "pod as it was answered, with its phase; pods that were deleted together"),
        optional("user.username", "deletions by the scheduler are preemptions"),
        optional("requestURI", "address; dry runs are left out"),
        optional("auditID", "request; read, not used"),
    },
    relations: &[],
    names: &["auditID"],
    cells: show_text,
    options: &["largest-request", "recorded"],
    sniff,
    open: Constructor::Workload(open),
};

/// The most lines by which a log is recognized: a line with a fault hides none of the others.
const SHOWN_LINES: usize = 16;

fn sniff(first: &[u8]) -> Confidence {
    let has = |line: &[u8], text: &[u8]| memchr::memmem::find(line, text).is_some();
    let is_own =
        |line: &[u8]| is_json(line) && has(line, b"audit.k8s.io/") && has(line, b"\"auditID\"");
    let mut lines = first.split(|&byte| byte == b'\n').take(SHOWN_LINES);
    Confidence::certain_if(lines.any(is_own))
}

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let mut journal = Journal::new(input.name.clone(), options.rows);
    let mut records = Records::default();
    for part in parts(input)? {
        journal.file = part.name.clone();
        each_line(&part, &mut journal, |journal, event| {
            let is_list = event.text_at("/kind") == "EventList";
            let Some(Value::Array(list)) = event.at("/items").filter(|_| is_list) else {
                return take(&mut records, journal, event);
            };
            for (place, own) in list.iter().enumerate() {
                let own = Element {
                    place: Some(place),
                    ..Element::of_line(event.line, own.clone())
                };
                heed(journal, |journal| take(&mut records, journal, &own))?;
            }
            Ok(())
        })?;
    }
    records.lives(journal, options)
}

/// The members of an event in the API.
const MEMBERS: [&str; 20] = [
    "annotations",
    "apiVersion",
    "auditID",
    "authenticationMetadata",
    "impersonatedUser",
    "kind",
    "level",
    "metadata",
    "objectRef",
    "requestObject",
    "requestReceivedTimestamp",
    "requestURI",
    "responseObject",
    "responseStatus",
    "sourceIPs",
    "stage",
    "stageTimestamp",
    "user",
    "userAgent",
    "verb",
];

/// The members of the reference to an object.
const REFERENCE: [&str; 8] = [
    "apiGroup",
    "apiVersion",
    "name",
    "namespace",
    "resource",
    "resourceVersion",
    "subresource",
    "uid",
];

/// A request about pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Request {
    Create,
    Bind,
    Delete,
    DeleteSeveral,
    Resize,
    /// It changes no more than what is known of the pod.
    Change,
}

/// The note about a pod that no scheduler placed.
const PLACED: &str =
    "pod that is created on its node (`spec.nodeName`); a scheduler places it here";

/// Takes what a request changes of the lives of pods.
fn take(records: &mut Records, journal: &mut Journal, event: &Element) -> Result<(), Refused> {
    let line = event.line;
    note_members(journal, event, "", &MEMBERS)?;
    note_members(journal, event, "objectRef", &REFERENCE)?;
    let request = match request(event)? {
        Ok(request) => request,
        Err(kind) => return Ok(journal.dirt(kind, Action::Drop, line)?),
    };
    let date = match event.date_at("/stageTimestamp")? {
        Some(date) => Some(date),
        None => event.date_at("/requestReceivedTimestamp")?,
    };
    let at = date.ok_or_else(|| event.bad_at("/stageTimestamp", "a date"))?;
    if request == Request::DeleteSeveral {
        return delete_several(records, journal, event, at);
    }
    let namespace = event.text_at("/objectRef/namespace");
    let places = [
        "/objectRef/name",
        "/responseObject/metadata/name",
        "/requestObject/metadata/name",
    ];
    let mut names = places.into_iter().map(|path| event.text_at(path));
    let Some(name) = names.find(|name| !name.is_empty()) else {
        return take_unnamed(records, journal, event, at, request);
    };
    let pod = records.pod(namespace, name, "")?;
    if request == Request::Create {
        let spec = created(journal, event, namespace)?.map(|spec| records.spec(spec));
        records.know(pod, spec.is_some())?;
        records.add(journal, line, pod, at, Deed::Create(spec));
        // Those of nodes themselves, and some of controllers, are on a node from the beginning.
        let paths = [
            "/responseObject/spec/nodeName",
            "/requestObject/spec/nodeName",
        ];
        if paths
            .into_iter()
            .any(|path| !event.text_at(path).is_empty())
        {
            records.add(journal, line, pod, at, Deed::Bind);
            journal.dirt(PLACED, Action::Waive, line)?;
        }
        return Ok(());
    }
    let is_news = show(records, journal, event, pod, at)?;
    let deed = match request {
        Request::Bind => Some((at, Deed::Bind)),
        Request::Delete => Some(deletion(event, event.at("/responseObject"), at)),
        Request::Resize => {
            let Some(spec) = resized::asked(event)? else {
                let kind = "resize whose amounts are not recorded; the request stands";
                return Ok(journal.dirt(kind, Action::Waive, line)?);
            };
            Some((at, Deed::Resize(records.spec(spec))))
        }
        Request::Create | Request::DeleteSeveral | Request::Change => {
            over(event).map(|outcome| (at, Deed::Over(outcome)))
        }
    };
    match deed {
        Some((at, deed)) => records.add(journal, line, pod, at, deed),
        None if is_news => {}
        None => journal.dirt("request that changes no pod's life", Action::Drop, line)?,
    }
    Ok(())
}

/// What is requested of pods, or the reason why the request says nothing.
fn request(event: &Element) -> Result<Result<Request, &'static str>, Refused> {
    let stage = event.name_at("/stage", "a stage such as ResponseComplete")?;
    let verb = event.name_at("/verb", "a verb such as create")?;
    let code = event.number_at("/responseStatus/code", 999.0)?;
    let resource = event.text_at("/objectRef/resource");
    let subresource = event.text_at("/objectRef/subresource");
    Ok(match (verb, subresource) {
        _ if stage != "ResponseComplete" => Err("request at a stage before its answer"),
        _ if !matches!(resource, "pods" | "nodes") => Err(OTHER_OBJECT),
        _ if is_dry_run(event) => Err("dry run, which changes nothing"),
        _ if code.is_some_and(|code| code >= 300.0) => Err("request that was refused"),
        _ if resource == "nodes" => Err(of_node(verb, subresource)),
        ("create", "") => Ok(Request::Create),
        ("create", "binding") => Ok(Request::Bind),
        ("delete", "") | ("create", "eviction") => Ok(Request::Delete),
        ("deletecollection", "") => Ok(Request::DeleteSeveral),
        ("update" | "patch", "resize") => Ok(Request::Resize),
        ("update" | "patch", "" | "status" | "ephemeralcontainers") => Ok(Request::Change),
        _ => Err("request that changes no pod's life"),
    })
}

/// The note about a request that bears on no pod and no machine.
const OTHER_OBJECT: &str = "request about other objects";

/// The note about a request that concerns a node: the machines of a run are those of its cluster.
fn of_node(verb: &str, subresource: &str) -> &'static str {
    match (verb, subresource) {
        ("create", "") => "machine that is added, not followed; a run has those of its cluster",
        ("delete" | "deletecollection", "") => {
            "machine that is removed, not followed; a run has those of its cluster"
        }
        ("update" | "patch", "") => {
            "machine that is changed, or closed to pods, not followed; a run has those of its cluster"
        }
        _ => OTHER_OBJECT,
    }
}

/// Takes a request about a pod whose name is not recorded.
fn take_unnamed(
    records: &mut Records,
    journal: &mut Journal,
    event: &Element,
    at: Instant,
    request: Request,
) -> Result<(), Refused> {
    let line = event.line;
    let namespace = event.text_at("/objectRef/namespace");
    // Pods of controllers are named by the server, which the answer alone says.
    let prefix = event.text_at("/requestObject/metadata/generateName");
    if request != Request::Create || prefix.is_empty() {
        let kind = "request about a pod whose name is not recorded";
        return Ok(journal.dirt(kind, Action::Drop, line)?);
    }
    let pod = records.pod(namespace, prefix, "")?;
    let spec = created(journal, event, namespace)?.map(|spec| records.spec(spec));
    records.add(journal, line, pod, at, Deed::CreateUnnamed(spec));
    Ok(())
}

/// Takes a deletion of several pods, which the answer names.
fn delete_several(
    records: &mut Records,
    journal: &mut Journal,
    event: &Element,
    at: Instant,
) -> Result<(), Refused> {
    let Some(Value::Array(list)) = event.at("/responseObject/items") else {
        let kind = "deletion of several pods at once, whose names are not recorded";
        return Ok(journal.dirt(kind, Action::Drop, event.line)?);
    };
    for (place, object) in list.iter().enumerate() {
        let path = format!("/responseObject/items/{place}/metadata/name");
        let name = event.name_at(&path, "the name of a pod")?;
        let pod = records.pod(event.text_at("/objectRef/namespace"), name, "")?;
        let (at, deed) = deletion(event, Some(object), at);
        records.add(journal, event.line, pod, at, deed);
    }
    Ok(())
}

/// The deletion of a pod that the answer shows, and when it ended: of one that was over before, then.
fn deletion(event: &Element, object: Option<&Value>, at: Instant) -> (Instant, Deed) {
    let text = |path: &str| object.and_then(|object| object.pointer(path)?.as_str());
    let phase = text("/status/phase").unwrap_or_default();
    let is_preempted = event.text_at("/user/username") == "system:kube-scheduler";
    let is_evicted = event.text_at("/objectRef/subresource") == "eviction";
    match (outcome_of(phase), phase) {
        (Some(outcome), _) => (object.and_then(finished).unwrap_or(at), Deed::Over(outcome)),
        (None, "Pending" | "Running") => (at, Deed::Delete(Some(Outcome::Cancelled))),
        _ if is_preempted || is_evicted => (at, Deed::Delete(Some(Outcome::Cancelled))),
        _ => (at, Deed::Delete(None)),
    }
}

/// The instant at which the last container of a pod finished.
fn finished(object: &Value) -> Option<Instant> {
    let list = object.pointer("/status/containerStatuses")?.as_array()?;
    let ends = list.iter().filter_map(|one| {
        let end = one.pointer("/state/terminated/finishedAt")?.as_str()?;
        intake::calendar::Zone::east(0).instant(end)
    });
    ends.max()
}

/// Takes the spec of a pod that an answer shows, if it was not known; whether it does.
fn show(
    records: &mut Records,
    journal: &mut Journal,
    event: &Element,
    pod: Pod,
    at: Instant,
) -> Result<bool, Refused> {
    let Some(object) = event
        .at("/responseObject")
        .filter(|own| own.pointer("/spec/containers").is_some())
    else {
        return Ok(false);
    };
    if pod.is_known {
        return Ok(false);
    }
    let namespace = event.text_at("/objectRef/namespace");
    let spec = template(journal, event, object, namespace)?;
    let known = Known {
        spec: records.spec(spec),
        created: event.date_at("/responseObject/metadata/creationTimestamp")?,
        started: event.date_at("/responseObject/status/startTime")?,
    };
    records.know(pod, true)?;
    records.add(journal, event.line, pod, at, Deed::Known(known));
    Ok(true)
}

/// Whether a request only asks what it would do, as its address says.
fn is_dry_run(event: &Element) -> bool {
    let address = event.text_at("/requestURI").split_once('?');
    let mut options = address.map_or("", |(_, options)| options).split('&');
    options.any(|option| option.split('=').next() == Some("dryRun"))
}

/// The outcome with which a pod is reported as over, if it is.
fn over(event: &Element) -> Option<Outcome> {
    let phases = [
        "/responseObject/status/phase",
        "/requestObject/status/phase",
    ];
    let mut phases = phases.into_iter().map(|path| event.text_at(path));
    phases.find_map(outcome_of)
}

/// The outcome of a phase.
fn outcome_of(phase: &str) -> Option<Outcome> {
    match phase {
        "Succeeded" => Some(Outcome::Completed),
        "Failed" => Some(Outcome::Failed),
        _ => None,
    }
}

/// The spec of a pod that is created, if it is recorded.
fn created(
    journal: &mut Journal,
    event: &Element,
    namespace: &str,
) -> Result<Option<PodSpec>, Refused> {
    let objects = ["/responseObject", "/requestObject"].into_iter();
    let mut objects = objects.filter_map(|path| event.at(path));
    let Some(object) = objects.find(|object| object.get("spec").is_some()) else {
        return Ok(None);
    };
    template(journal, event, object, namespace).map(Some)
}

/// The spec of a pod.
fn template(
    journal: &mut Journal,
    event: &Element,
    object: &Value,
    namespace: &str,
) -> Result<PodSpec, Refused> {
    recorded_pod::read(
        journal,
        Recorded {
            line: event.line,
            object,
            namespace,
            owner: None,
        },
    )
}

#[cfg(test)]
mod tests;
