//! The audit log of a Kubernetes API server, `audit.k8s.io/v1`: an object a line. A pod arrives when its
//! creation is answered, starts with its binding and ends when it is deleted, evicted, or reported as
//! succeeded or failed. Its requests are known from level `Request` on, if the log has its name: the pods of
//! controllers are named by the server, which only the answer says, of level `RequestResponse`; without it
//! they arrive with their bindings. Source: the documentation of
//! Kubernetes, "Auditing".

use super::{Act, Deed, lives};
use crate::archive::parts;
use crate::error::TraceError;
use crate::format::{ColumnDoc, Confidence, Constructor, FormatEntry};
use crate::input::Input;
use crate::json::{Element, each_line, is_json};
use crate::ledger::{Action, Journal};
use crate::options::ReadOptions;
use crate::pod_template;
use crate::rows::{Refused, show_text};
use crate::stream::ArrivalSource;
use model::PodSpec;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "kubernetes-audit",
    summary: "audit log of a Kubernetes API server (JSON lines)",
    columns: &[
        ColumnDoc::required("stage", "answered requests count: ResponseComplete"),
        ColumnDoc::required("verb", "create, delete, update or patch"),
        ColumnDoc::required("objectRef", "resource, subresource, namespace and name"),
        ColumnDoc::required("stageTimestamp", "date, UTC; or requestReceivedTimestamp"),
        ColumnDoc::optional("responseStatus.code", "refused requests are left out"),
        ColumnDoc::optional("requestObject", "pod as it was asked for, or its binding"),
        ColumnDoc::optional("responseObject", "pod as it was answered"),
        ColumnDoc::optional("requestURI", "address; dry runs are left out"),
        ColumnDoc::optional("auditID", "request; read, not used"),
    ],
    names: &["auditID"],
    cells: show_text,
    options: &[],
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
    if lines.any(is_own) {
        Confidence::Certain
    } else {
        Confidence::No
    }
}

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let mut journal = Journal::new(input.name.clone(), options.rows);
    let mut acts = Vec::new();
    for part in parts(input)? {
        journal.file = part.name.clone();
        each_line(&part, &mut journal, |journal, event| {
            acts.extend(take(journal, event)?);
            Ok(())
        })?;
    }
    lives(acts, journal)
}

/// The change that a request makes to a pod's life, if it makes one.
fn take(journal: &mut Journal, event: &Element) -> Result<Option<Act>, Refused> {
    let line = event.line;
    let stage = event.name_at("/stage", "a stage such as ResponseComplete")?;
    let verb = event.name_at("/verb", "a verb such as create")?;
    let code = event.number_at("/responseStatus/code", 999.0)?;
    let is_pod = event.text_at("/objectRef/resource") == "pods";
    let subresource = event.text_at("/objectRef/subresource");
    let deed = match (verb, subresource) {
        _ if stage != "ResponseComplete" => Err("request at a stage before its answer"),
        _ if !is_pod => Err("request about other objects"),
        _ if is_dry_run(event) => Err("dry run, which changes nothing"),
        _ if code.is_some_and(|code| code >= 300.0) => Err("request that was refused"),
        ("create", "") => Ok(Deed::Create(None)),
        ("create", "binding") => Ok(Deed::Bind),
        ("delete", "") | ("create", "eviction") => Ok(Deed::End),
        ("update" | "patch", "status") if is_over(event) => Ok(Deed::End),
        ("deletecollection", _) => {
            Err("deletion of several pods at once, whose names are not recorded")
        }
        _ => Err("request that changes no pod's life"),
    };
    let mut deed = match deed {
        Ok(deed) => deed,
        Err(kind) => {
            journal.dirt(kind, Action::Drop, line)?;
            return Ok(None);
        }
    };
    let date = match event.date_at("/stageTimestamp")? {
        Some(date) => Some(date),
        None => event.date_at("/requestReceivedTimestamp")?,
    };
    let at = date.ok_or_else(|| event.bad_at("/stageTimestamp", "a date"))?;
    let places = [
        "/objectRef/name",
        "/responseObject/metadata/name",
        "/requestObject/metadata/name",
    ];
    let mut names = places.into_iter().map(|path| event.text_at(path));
    let Some(name) = names.find(|name| !name.is_empty()) else {
        // Pods of controllers are named by the server, which the answer alone says.
        let kind = "request about a pod whose name is not recorded";
        journal.dirt(kind, Action::Drop, line)?;
        return Ok(None);
    };
    let namespace = event.text_at("/objectRef/namespace");
    if let Deed::Create(spec) = &mut deed {
        *spec = created(journal, event, namespace)?.map(Box::new);
    }
    Ok(Some(Act {
        file: journal.file.clone(),
        line,
        key: (namespace.to_owned(), name.to_owned(), String::new()),
        at,
        deed,
    }))
}

/// Whether a request only asks what it would do, as its address says.
fn is_dry_run(event: &Element) -> bool {
    let address = event.text_at("/requestURI").split_once('?');
    let mut options = address.map_or("", |(_, options)| options).split('&');
    options.any(|option| option.split('=').next() == Some("dryRun"))
}

/// Whether a pod is reported as succeeded or failed.
fn is_over(event: &Element) -> bool {
    let phases = [
        "/responseObject/status/phase",
        "/requestObject/status/phase",
    ];
    let mut phases = phases.into_iter().map(|path| event.text_at(path));
    phases.any(|phase| matches!(phase, "Succeeded" | "Failed"))
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
    let template = pod_template::read(event.line, object, namespace)?;
    if template.has_rules {
        let kind = "tolerations, affinity, spread, gates or claims of pods, not enforced";
        journal.dirt(kind, Action::Waive, event.line)?;
    }
    Ok(Some(template.spec))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::validate;
    use crate::memory::Recorded;
    use units::{Duration, Instant};

    fn event(verb: &str, sub: &str, name: &str, second: u32, more: &str) -> String {
        format!(
            "{{\"kind\": \"Event\", \"apiVersion\": \"audit.k8s.io/v1\", \"auditID\": \"x\", \
             \"stage\": \"ResponseComplete\", \"verb\": \"{verb}\", \"objectRef\": {{\"resource\": \
             \"pods\", \"namespace\": \"n\", \"name\": \"{name}\", \"subresource\": \"{sub}\"}}, \
             \"stageTimestamp\": \"2024-03-01T10:00:{second:02}.000000Z\"{more}}}\n"
        )
    }

    #[test]
    fn pods_live_from_their_creation_to_their_end() {
        let spec = ", \"requestObject\": {\"spec\": {\"containers\": [{\"name\": \"c\", \"resources\": \
                    {\"requests\": {\"cpu\": \"500m\"}}}]}}";
        let phase = ", \"requestObject\": {\"status\": {\"phase\": \"Succeeded\"}}";
        let log = [
            event("create", "", "a", 1, spec),
            event("create", "binding", "a", 3, ""),
            event("create", "", "b", 5, ""),
            event("patch", "status", "a", 13, phase),
            event("delete", "", "a", 20, ""),
            event("create", "", "a", 21, spec),
            event("create", "", "", 2, spec),
            event("create", "binding", "g-x", 30, ""),
            event(
                "create",
                "",
                "c",
                22,
                ", \"responseStatus\": {\"code\": 403}",
            ),
            event("delete", "", "z", 23, ""),
            event("create", "", "d", 24, "").replace("\"pods\"", "\"nodes\""),
            event("create", "", "d", 24, "").replace("ResponseComplete", "RequestReceived"),
            event("get", "", "a", 24, ""),
        ];
        let input = Input::bytes("audit.log", log.concat().into_bytes());
        let entry = crate::registry::recognize(&input).expect("known");
        assert_eq!(entry.name, ENTRY.name);
        let mut source = open(&input, &ReadOptions::default()).expect("good");
        let recorded = Recorded::collect(&mut *source).expect("good");
        let seen: Vec<_> = { recorded.arrivals.iter() }
            .map(|one| (one.name.to_string(), one.submit, one.run_time))
            .collect();
        assert_eq!(
            seen,
            [
                ("a".to_owned(), Instant::ZERO, Some(Duration::from_secs(10))),
                ("b".to_owned(), Instant::from_secs(4), None),
                ("a".to_owned(), Instant::from_secs(20), None),
                ("g-x".to_owned(), Instant::from_secs(29), None),
            ]
        );
        for (kind, count) in [
            ("request that was refused", 1),
            ("end of a pod that was created before the log", 1),
            ("request about other objects", 1),
            ("request at a stage before its answer", 1),
            ("request that changes no pod's life", 1),
            ("request about a pod whose name is not recorded", 1),
            (
                "pod whose creation is not recorded; arrives with its binding",
                1,
            ),
            ("pod whose spec is not recorded; requests nothing", 2),
            ("pod whose end is not recorded; run time not known", 3),
        ] {
            assert_eq!(recorded.ledger.count(kind), count, "{kind}");
        }
    }

    #[test]
    fn dry_runs_change_nothing_and_a_first_line_with_a_fault_hides_no_log() {
        let address =
            |options: &str| format!(", \"requestURI\": \"/api/v1/namespaces/n/pods?{options}\"");
        let log = [
            "{\"stage\"\n".to_owned(),
            event("create", "", "a", 1, &address("fieldManager=k")),
            event("create", "", "b", 2, &address("fieldManager=k&dryRun=All")),
            event("delete", "", "a", 3, &address("dryRun=All")),
        ];
        let input = Input::bytes("audit.log", log.concat().into_bytes());
        let entry = crate::registry::recognize(&input).expect("known");
        assert_eq!(entry.name, ENTRY.name);
        let found = validate(&input, &ENTRY, &ReadOptions::default(), 9);
        assert_eq!((found.accepted, found.bad_row_count), (1, 1));
        assert_eq!(found.ledger.count("dry run, which changes nothing"), 2);
        let kind = "pod whose end is not recorded; run time not known";
        assert_eq!(found.ledger.count(kind), 1);
    }

    #[test]
    fn dirty_requests_are_named() {
        let spec = ", \"requestObject\": {\"spec\": {\"containers\": [{\"resources\": {\"requests\": \
                    {\"cpu\": \"500m\"}}}]}}";
        let dirty = [
            event("create", "", "a", 1, "").replace("2024-03-01T10:00:01.000000Z", "noon"),
            event("create", "", "a", 1, "").replace("000000Z", "000000+02:00"),
            event("create", "", "a", 1, &spec.replace("500m", "5x")),
            "{\"stage\": \n".to_owned(),
            event("", "", "a", 1, ""),
        ];
        let input = Input::bytes("audit.log", dirty.concat().into_bytes());
        let found = validate(&input, &ENTRY, &ReadOptions::default(), 9);
        let bad: Vec<String> = found.bad_rows.iter().map(ToString::to_string).collect();
        assert_eq!(
            bad,
            [
                "audit.log:1: column `stageTimestamp`: must be a date of UTC such as \
                 `2024-03-01T10:00:00Z`, found `\"noon\"`",
                "audit.log:2: column `stageTimestamp`: must be a date of UTC such as \
                 `2024-03-01T10:00:00Z`, found `\"2024-03-01T10:00:01.000000+02:00\"`",
                "audit.log:3: column `requests.cpu`: must be an amount such as `500m` or `2Gi`, found \
                 `\"5x\"`",
                "audit.log:4: column `record`: must be a JSON object; its byte 10 is not, found \
                 `{\"stage\": `",
                "audit.log:5: column `verb`: must be a verb such as create, found `\"\"`",
            ]
        );
    }
}
