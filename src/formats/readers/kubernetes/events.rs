//! Events of a Kubernetes cluster as `kubectl get events --all-namespaces --output json` prints them, or `yaml`, in a list,
//! or one after the other as `--watch` and exporters of events write them. A
//! pod arrives with its first event, starts when a container of it does, or with its node where no event tells that, and
//! ends when it is killed, unless a container of it starts again. What it requests is not said. Source: the API reference of Kubernetes, `Event` of `v1` and of
//! `events.k8s.io/v1`.

use serde_json::Value;

use super::{Deed, Records};
use crate::readers::prelude::*;
use intake::archive::parts;
use intake::json::{each_element, each_text, is_json};
use intake::unknown_columns::note_members;
use intake::yaml_items::each_item;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "kubernetes-events",
    summary: "events of a Kubernetes cluster (`kubectl get events -A -o json`, or `yaml`)",
    columns: columns! {
        required("involvedObject", "kind, namespace, name and uid; or `regarding`"),
        required("reason", "Scheduled, Started, Killing, and so on"),
        optional("firstTimestamp", "date, UTC; or eventTime, deprecatedFirstTimestamp"),
        optional("lastTimestamp", "date, UTC; of what ends a pod; or series.lastObservedTime"),
        optional("message", "read, not used"),
    },
    relations: &[],
    names: &["message"],
    cells: show_text,
    options: &["recorded"],
    sniff,
    open: Constructor::Workload(open),
};

fn sniff(first: &[u8]) -> Confidence {
    let has = |text: &str| memchr::memmem::find(first, text.as_bytes()).is_some();
    let is_own = if is_json(first) {
        let is_event = has("\"involvedObject\"") || has("\"regarding\"");
        is_event && (has("\"items\"") || has("\"reason\""))
    } else {
        let is_event = has("involvedObject:") || has("regarding:");
        let kinds = ["kind: Event", "kind: \"Event\"", "kind: 'Event'"];
        is_event && kinds.into_iter().any(has) || is_printed(first)
    };
    Confidence::certain_if(is_own)
}

/// Whether a text is the table that `kubectl get events` prints for people.
fn is_printed(first: &[u8]) -> bool {
    let line = first
        .split(|&byte| byte == b'\n')
        .next()
        .unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let words: Vec<&str> = line.split_whitespace().collect();
    let has = |word: &&str| words.contains(word);
    ["LAST", "SEEN", "TYPE", "REASON", "OBJECT"].iter().all(has)
}

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let mut journal = Journal::new(input.name.clone(), options.rows);
    let mut records = Records::default();
    for part in parts(input)? {
        journal.file = part.name.clone();
        let first = part.first_bytes()?;
        if is_printed(&first) {
            return Err(TraceError::Format {
                file: part.name.to_string(),
                reason: "states the ages of events and not their times; print it with \
                         `kubectl get events --all-namespaces --output json`"
                    .to_owned(),
            });
        }
        if !is_json(&first) {
            each_item(&part, &mut journal, |journal, event| {
                take(&mut records, journal, event)
            })?;
            continue;
        }
        let is_list = each_element(&part, &["items"], |event| {
            heed(&mut journal, |journal| take(&mut records, journal, &event))
        })?;
        if !is_list {
            each_text(&part, |event| {
                heed(&mut journal, |journal| {
                    take_single(&mut records, journal, event)
                })
            })?;
        }
    }
    records.lives(journal, options)
}

/// The members of an event in the API, of both its versions.
const MEMBERS: [&str; 24] = [
    "action",
    "apiVersion",
    "count",
    "deprecatedCount",
    "deprecatedFirstTimestamp",
    "deprecatedLastTimestamp",
    "deprecatedSource",
    "eventTime",
    "firstTimestamp",
    "involvedObject",
    "kind",
    "lastTimestamp",
    "message",
    "metadata",
    "note",
    "reason",
    "regarding",
    "related",
    "reportingComponent",
    "reportingController",
    "reportingInstance",
    "series",
    "source",
    "type",
];

/// The members of the reference to an object.
const REFERENCE: [&str; 7] = [
    "apiVersion",
    "fieldPath",
    "kind",
    "name",
    "namespace",
    "resourceVersion",
    "uid",
];

/// The members of a series of events.
const SERIES: [&str; 3] = ["count", "lastObservedTime", "state"];

/// Takes an event that stands by itself, or in what a watch or an exporter says about it.
fn take_single(
    records: &mut Records,
    journal: &mut Journal,
    mut event: Element,
) -> Result<(), Refused> {
    if matches!(
        (event.text_at("/type"), event.text_at("/verb")),
        ("DELETED", _) | (_, "DELETED")
    ) {
        let kind = "event that is no longer kept";
        return Ok(journal.dirt(kind, Action::Drop, event.line)?);
    }
    for member in ["object", "event"] {
        let inner = event.value.get_mut(member).filter(|own| own.is_object());
        if let Some(inner) = inner.map(Value::take) {
            event.value = inner;
        }
    }
    take(records, journal, &event)
}

/// Takes the changes that an event states of a pod's life, if it is about a pod: one that happened several times has the
/// first and the last of them.
fn take(records: &mut Records, journal: &mut Journal, event: &Element) -> Result<(), Refused> {
    let line = event.line;
    let object = match event.at("/regarding") {
        Some(_) => "/regarding",
        None => "/involvedObject",
    };
    note_members(journal, event, "", &MEMBERS)?;
    note_members(journal, event, &object[1..], &REFERENCE)?;
    note_members(journal, event, "series", &SERIES)?;
    let at = |member: &str| format!("{object}/{member}");
    if event.name_at(&at("kind"), "a kind such as Pod")? != "Pod" {
        return Ok(journal.dirt("event of another object than a pod", Action::Drop, line)?);
    }
    let name = event.name_at(&at("name"), "the name of a pod")?;
    let namespace = event.optional_text_at(&at("namespace"), "the name of a namespace")?;
    let uid = event.optional_text_at(&at("uid"), "a text")?;
    let reason = event.name_at("/reason", "a reason such as Scheduled")?;
    let mut dates = Vec::new();
    for path in [
        "/firstTimestamp",
        "/deprecatedFirstTimestamp",
        "/eventTime",
        "/lastTimestamp",
        "/deprecatedLastTimestamp",
        "/series/lastObservedTime",
        "/metadata/creationTimestamp",
    ] {
        dates.extend(event.date_at(path)?);
    }
    let Some((&first, &last)) = dates.first().zip(dates.iter().max()) else {
        return Err(event.bad_at("/firstTimestamp", "a date").into());
    };
    let deeds = match reason {
        "Scheduled" => vec![(first, Deed::Assigned)],
        "Started" => vec![(first, Deed::Start), (last, Deed::Readied)],
        "Created" | "Pulled" => vec![(first, Deed::Seen), (last, Deed::Readied)],
        // Where a node is short of something, the pod fails.
        "Evicted" => vec![(last, Deed::Kill(Outcome::Failed))],
        "Killing" | "Preempted" | "TaintManagerEviction" => {
            vec![(last, Deed::Kill(Outcome::Cancelled))]
        }
        _ => vec![(first, Deed::Seen)],
    };
    let pod = records.pod(namespace, name, uid)?;
    for (at, deed) in deeds {
        records.add(journal, line, pod, at, deed);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::prelude::*;

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
    fn a_namespace_that_is_no_text_is_refused() {
        let good = event("Pod", "a", "Started", 5);
        let events = [
            good.replace("\"n\"", "7"),
            good.replace("\"n\"", "null"),
            good.replace("\"name\"", "\"uid\": [], \"name\""),
        ];
        let found = validate(&list(&events), &ENTRY, &ReadOptions::default(), 9);
        found.has_bad_rows([
                "e.json:2: column `involvedObject.namespace`: must be the name of a namespace, found `7`",
                "e.json:4: column `involvedObject.uid`: must be a text, found `[]`",
            ]);
        assert_eq!(found.accepted, 1);
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
        let recorded = collected(open(&input, &ReadOptions::default()));
        let runs = recorded.each(|one| one.run_time);
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
            event("Pod", "c", "FailedScheduling", 7),
            event("Pod", "c", "Scheduled", 17),
            event("Pod", "c", "Preempted", 30),
        ]);
        let entry = crate::registry::recognize(&input).expect("known");
        assert_eq!(entry.name, ENTRY.name);
        let recorded = collected(open(&input, &ReadOptions::default()));
        let seen = recorded.each(|one| (one.name.to_string(), one.submit, one.run_time));
        seen.are([
            ("a".to_owned(), Instant::ZERO, Some(Duration::from_secs(21))),
            ("b".to_owned(), Instant::from_secs(1), None),
            (
                "c".to_owned(),
                Instant::from_secs(2),
                Some(Duration::from_secs(13)),
            ),
        ]);
        recorded
            .ledger
            .has_once(["event of another object than a pod"]);
        let input = list(&[
            event("", "a", "Started", 9),
            event("Pod", "", "Started", 9),
            event("Pod", "a", "Started", 9).replace("2024-03-01T10:00:09Z", "-1"),
            event("Pod", "a", "", 9),
        ]);
        validate(&input, &ENTRY, &ReadOptions::default(), 9).has_bad_rows([
            "e.json:2: column `involvedObject.kind`: must be a kind such as Pod, found `\"\"`",
            "e.json:3: column `involvedObject.name`: must be the name of a pod, found `\"\"`",
            "e.json:4: column `firstTimestamp`: must be a date of UTC such as \
                 `2024-03-01T10:00:00Z`, found `\"-1\"`",
            "e.json:5: column `reason`: must be a reason such as Scheduled, found `\"\"`",
        ]);
    }

    #[test]
    fn events_may_stand_one_after_the_other_or_in_yaml() {
        let single = [
            event("Pod", "a", "Started", 5),
            format!(
                "{{\"type\": \"ADDED\", \"object\": {}}}",
                event("Pod", "a", "Evicted", 30)
            ),
            format!(
                "{{\"verb\": \"ADDED\", \"event\": {}}}",
                event("Pod", "b", "Killing", 40)
            ),
            format!(
                "{{\"type\": \"DELETED\", \"object\": {}}}",
                event("Pod", "c", "Killing", 50)
            ),
        ];
        let yaml = "apiVersion: v1\nitems:\n\
                    - kind: Event\n  involvedObject: {kind: Pod, namespace: web, name: a}\n  reason: Started\n  \
                    firstTimestamp: \"2024-03-01T10:00:05Z\"\n\
                    - kind: Event\n  involvedObject: {kind: Pod, namespace: web, name: a}\n  reason: Evicted\n  \
                    lastTimestamp: \"2024-03-01T10:00:30Z\"\n\
                    - kind: Event\n  involvedObject: {kind: Pod, namespace: web, name: b}\n  reason: Killing\n  \
                    firstTimestamp: \"2024-03-01T10:00:40Z\"\n\
                    kind: List\n";
        let options = options_with(|own| own.outcomes = true);
        let quoted = |mark: &str| {
            let kind = format!("kind: {mark}Event{mark}");
            yaml.replace("kind: Event", &kind)
        };
        for text in [
            single.join("\n"),
            single.concat(),
            yaml.to_owned(),
            quoted("\""),
            quoted("'"),
        ] {
            let input = file_of(&ENTRY, "e", text);
            let recorded = collected(open(&input, &options));
            let runs = recorded.each(|one| one.run_time);
            assert_eq!(runs, [25, 35].map(|own| Some(Duration::from_secs(own))));
            assert_eq!(crate::tests::outcomes(&recorded), ["failed", "cancelled"]);
        }
        let printed = "NAMESPACE   LAST SEEN   TYPE     REASON      OBJECT    MESSAGE\n\
                       n           5m12s       Normal   Scheduled   pod/a     Successfully assigned\n";
        let stopped = faults(&ENTRY, "e.txt", printed).stopped;
        let stopped = stopped.map(|error| error.to_string()).unwrap_or_default();
        assert!(stopped.contains("states the ages of events"), "{stopped}");
    }
}
