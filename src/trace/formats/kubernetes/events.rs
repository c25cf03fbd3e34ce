//! Events of a Kubernetes cluster as `kubectl get events --all-namespaces --output json` prints them. A
//! pod arrives with its first event, starts when a container of it does and ends when it is killed, unless
//! a container of it starts again. What it requests is not said. Source: the API reference of Kubernetes, `Event` of `v1` and of
//! `events.k8s.io/v1`.

use super::{Act, Deed, lives};
use crate::archive::parts;
use crate::error::TraceError;
use crate::format::{ColumnDoc, Confidence, Constructor, FormatEntry};
use crate::input::Input;
use crate::json::{Element, each_element, is_json};
use crate::ledger::{Action, Journal};
use crate::options::ReadOptions;
use crate::rows::{Refused, heed, show_text};
use crate::stream::ArrivalSource;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "kubernetes-events",
    summary: "events of a Kubernetes cluster (`kubectl get events -A -o json`)",
    columns: &[
        ColumnDoc::required(
            "involvedObject",
            "kind, namespace, name and uid; or `regarding`",
        ),
        ColumnDoc::required("reason", "Scheduled, Started, Killing, and so on"),
        ColumnDoc::optional(
            "firstTimestamp",
            "date, UTC; or eventTime, deprecatedFirstTimestamp",
        ),
        ColumnDoc::optional("lastTimestamp", "date, UTC; of what ends a pod"),
        ColumnDoc::optional("message", "read, not used"),
    ],
    names: &["message"],
    cells: show_text,
    options: &[],
    sniff,
    open: Constructor::Workload(open),
};

fn sniff(first: &[u8]) -> Confidence {
    let is_json = is_json(first);
    let has = |text: &[u8]| memchr::memmem::find(first, text).is_some();
    let is_event = has(b"\"involvedObject\"") || has(b"\"regarding\"");
    if is_json && has(b"\"items\"") && is_event {
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
        let is_found = each_element(&part, &["items"], |event| {
            heed(&mut journal, |journal| {
                acts.extend(take(journal, &event)?);
                Ok(())
            })
        })?;
        if !is_found {
            return Err(TraceError::Format {
                file: part.name.to_string(),
                reason: "has no list of events in `items`".to_owned(),
            });
        }
    }
    lives(acts, journal)
}

/// The changes that an event states of a pod's life, if it is about a pod: one that happened several times has the first and
/// the last of them.
fn take(journal: &mut Journal, event: &Element) -> Result<Vec<Act>, Refused> {
    let line = event.line;
    let object = match event.at("/regarding") {
        Some(_) => "/regarding",
        None => "/involvedObject",
    };
    let at = |member: &str| format!("{object}/{member}");
    if event.name_at(&at("kind"), "a kind such as Pod")? != "Pod" {
        journal.dirt("event of another object than a pod", Action::Drop, line)?;
        return Ok(Vec::new());
    }
    let name = event.name_at(&at("name"), "the name of a pod")?.to_owned();
    let namespace = event.text_at(&at("namespace")).to_owned();
    let reason = event.name_at("/reason", "a reason such as Scheduled")?;
    let mut dates = Vec::new();
    for path in [
        "/firstTimestamp",
        "/deprecatedFirstTimestamp",
        "/eventTime",
        "/lastTimestamp",
        "/deprecatedLastTimestamp",
        "/metadata/creationTimestamp",
    ] {
        dates.extend(event.date_at(path)?);
    }
    let Some((&first, &last)) = dates.first().zip(dates.iter().max()) else {
        return Err(event.bad_at("/firstTimestamp", "a date").into());
    };
    let uid = event.text_at(&at("uid")).to_owned();
    let deeds = match reason {
        "Started" => vec![(Deed::Start, first), (Deed::Readied, last)],
        "Created" | "Pulled" => vec![(Deed::Seen, first), (Deed::Readied, last)],
        "Killing" | "Evicted" | "Preempted" | "TaintManagerEviction" => vec![(Deed::Kill, last)],
        _ => vec![(Deed::Seen, first)],
    };
    let key = (namespace, name, uid);
    let act = |(deed, at)| Act {
        file: journal.file.clone(),
        line,
        key: key.clone(),
        at,
        deed,
    };
    Ok(deeds.into_iter().map(act).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::validate;
    use crate::memory::Recorded;
    use units::{Duration, Instant};

    fn event(kind: &str, name: &str, reason: &str, second: u32) -> String {
        format!(
            "{{\"involvedObject\": {{\"kind\": \"{kind}\", \"namespace\": \"n\", \"name\": \"{name}\"}}, \
             \"reason\": \"{reason}\", \"firstTimestamp\": \"2024-03-01T10:00:{second:02}Z\", \
             \"lastTimestamp\": null, \"eventTime\": null}}"
        )
    }

    fn list(events: &[String]) -> Input {
        let text = format!(
            "{{\"apiVersion\": \"v1\", \"items\": [\n{}\n]}}",
            events.join(",\n")
        );
        Input::bytes("e.json", text.into_bytes())
    }

    #[test]
    fn only_a_container_that_starts_brings_a_killed_pod_back() {
        let again = event("Pod", "b", "Started", 5).replace(
            "\"lastTimestamp\": null",
            "\"lastTimestamp\": \"2024-03-01T10:00:40Z\"",
        );
        let input = list(&[
            event("Pod", "a", "Started", 5),
            event("Pod", "a", "Killing", 30),
            event("Pod", "a", "Unhealthy", 31),
            again,
            event("Pod", "b", "Killing", 30),
            event("Pod", "c", "Started", 5),
            event("Pod", "c", "Killing", 30),
            event("Pod", "c", "Pulled", 31),
        ]);
        let mut source = open(&input, &ReadOptions::default()).expect("good");
        let recorded = Recorded::collect(&mut *source).expect("good");
        let runs: Vec<_> = recorded.arrivals.iter().map(|one| one.run_time).collect();
        assert_eq!(runs, [Some(Duration::from_secs(25)), None, None]);
    }

    #[test]
    fn pods_live_from_their_first_event_until_they_are_killed() {
        let input = list(&[
            event("Pod", "a", "Started", 9),
            event("Pod", "a", "Scheduled", 5),
            event("Pod", "b", "FailedScheduling", 6),
            event("Node", "x", "NodeReady", 6),
            event("Pod", "a", "Killing", 30),
        ]);
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
                ("a".to_owned(), Instant::ZERO, Some(Duration::from_secs(21))),
                ("b".to_owned(), Instant::from_secs(1), None),
            ]
        );
        assert_eq!(
            recorded.ledger.count("event of another object than a pod"),
            1
        );
        let input = list(&[
            event("", "a", "Started", 9),
            event("Pod", "", "Started", 9),
            event("Pod", "a", "Started", 9).replace("2024-03-01T10:00:09Z", "-1"),
            event("Pod", "a", "", 9),
        ]);
        let found = validate(&input, &ENTRY, &ReadOptions::default(), 9);
        let bad: Vec<String> = found.bad_rows.iter().map(ToString::to_string).collect();
        assert_eq!(
            bad,
            [
                "e.json:2: column `involvedObject.kind`: must be a kind such as Pod, found `\"\"`",
                "e.json:3: column `involvedObject.name`: must be the name of a pod, found `\"\"`",
                "e.json:4: column `firstTimestamp`: must be a date of UTC such as \
                 `2024-03-01T10:00:00Z`, found `\"-1\"`",
                "e.json:5: column `reason`: must be a reason such as Scheduled, found `\"\"`",
            ]
        );
    }
}
