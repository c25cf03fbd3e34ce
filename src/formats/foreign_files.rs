//! Files that come from where traces do and hold none, or hold one within other words: what each is, and what to do.

use serde_json::Value;

use crate::batch_logs;
use crate::readers::google_2019;

/// The words about a file that begins with these bytes; `None` if it is none of these.
pub(super) fn words(first: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(first);
    let joined = || google_2019::JOINED.to_owned();
    let known = [
        google_2019::is_joined(first).then(joined),
        wrapped_audit(&text),
        old_simkube(first, &text),
        prometheus_error(&text),
        of_ecs(&text),
        headless_sacct(&text),
        batch_logs::words(&text),
        objects(&text),
    ];
    known.into_iter().flatten().next()
}

/// Words about an audit log whose lines stand behind others, or within texts.
fn wrapped_audit(text: &str) -> Option<String> {
    if !text.contains("audit.k8s.io/") || !text.contains("auditID") {
        return None;
    }
    let words = if text.contains("\\\"auditID\\\"") {
        "holds the audit log of Kubernetes as texts within other objects, as CloudWatch and collectors of logs keep it; \
         take these out, one a line (`jq -r .message`, of `aws logs` `jq -r '.events[].message'`)"
    } else {
        "holds the audit log of Kubernetes with other words before each line; cut these off (`sed 's/^[^{]*//'`)"
    };
    Some(words.to_owned())
}

/// Words about a trace of the first version of `SimKube`, which is a list of `MessagePack`.
fn old_simkube(first: &[u8], text: &str) -> Option<String> {
    let is_list = first.first().is_some_and(|byte| byte & 0xf0 == 0x90);
    (is_list && text.contains("trackedObjects")).then(|| {
        "is a trace of SimKube 1, and those of version 2 are read; export it again with SimKube 2"
            .to_owned()
    })
}

/// Words about the answer of Prometheus to a query that failed.
fn prometheus_error(text: &str) -> Option<String> {
    let answer: Value = serde_json::from_str(text).ok()?;
    let at = |key: &str| answer.get(key).and_then(Value::as_str);
    let error = at("error").filter(|_| at("status") == Some("error"))?;
    let kind = at("errorType").map_or_else(String::new, |kind| format!(" ({kind})"));
    Some(format!(
        "holds no samples, as Prometheus answered with an error: {error}{kind}; mend the query and ask again"
    ))
}

/// Words about what Amazon ECS lists besides tasks and services.
fn of_ecs(text: &str) -> Option<String> {
    const LISTS: [(&str, &str); 4] = [
        ("\"containerInstances\"", "container instances"),
        ("\"taskArns\"", "names of tasks alone"),
        ("\"serviceArns\"", "names of services alone"),
        ("\"containerDefinitions\"", "a definition of tasks"),
    ];
    let is_json = text.trim_start().starts_with('{');
    let found = LISTS.into_iter().find(|(key, _)| text.contains(key));
    let (_, what) = found.filter(|_| is_json)?;
    Some(format!(
        "holds {what} of Amazon ECS; tasks and services are read, as `aws ecs describe-tasks` and \
         `describe-services` print them"
    ))
}

/// The states of jobs of Slurm.
const STATES: [&str; 10] = [
    "BOOT_FAIL",
    "CANCELLED",
    "COMPLETED",
    "DEADLINE",
    "FAILED",
    "NODE_FAIL",
    "OUT_OF_MEMORY",
    "PENDING",
    "RUNNING",
    "TIMEOUT",
];

/// Words about a list of jobs of Slurm that lacks its header: a state and a date stand in its first line.
fn headless_sacct(text: &str) -> Option<String> {
    let line = text.lines().find(|line| !line.trim().is_empty())?;
    let fields = line.split(|letter: char| letter.is_whitespace() || "|,;".contains(letter));
    let has_state = fields.clone().any(|field| STATES.contains(&field));
    let has_date = { fields.clone() }.any(is_date);
    let is_own = has_state && has_date && fields.count() > 4;
    is_own.then(|| {
        "holds jobs of Slurm without the line that names the columns; print them again with it (`sacct --parsable2`, \
         without `--noheader`)"
            .to_owned()
    })
}

/// Whether a field is a date such as `2024-03-01T10:00:00`.
fn is_date(field: &str) -> bool {
    const FORM: &[u8] = b"0000-00-00T00:00:00";
    field.len() == FORM.len()
        && field.bytes().zip(FORM).all(|(own, form)| match form {
            b'0' => own.is_ascii_digit(),
            form => own == *form,
        })
}

/// Words about objects of Kubernetes.
fn objects(text: &str) -> Option<String> {
    let has = |word: &str| text.contains(word);
    (has("apiVersion") && has("kind")).then(|| {
        "holds objects of Kubernetes, but no events of them: `windtunnel import kubectl` makes an experiment of a dump, \
         and `manifests` of an experiment take objects"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;
    use crate::registry;

    /// The complaint about a file of no format.
    fn told(bytes: &[u8]) -> String {
        let error = registry::recognize(&Input::bytes("f", bytes));
        let error = error.map(|entry| entry.name).expect_err("no format");
        error.to_string()
    }

    #[test]
    fn files_that_hold_no_trace_are_told_by_what_they_are() {
        let audit = r#"{"kind": "Event", "apiVersion": "audit.k8s.io/v1", "auditID": "1", "stage": "ResponseComplete", "verb": "get"}"#;
        let quoted = audit.replace('"', "\\\"");
        for (text, part) in [
            (
                format!("2024-03-01T10:00:00.000Z {audit}\n"),
                "with other words before each line; cut these off (`sed",
            ),
            (
                format!("{{\"timestamp\": 1, \"message\": \"{quoted}\"}}\n"),
                "as texts within other objects",
            ),
            (
                r#"{"status": "error", "errorType": "bad_data", "error": "query too long"}"#.to_owned(),
                "Prometheus answered with an error: query too long (bad_data);",
            ),
            (
                r#"{"containerInstances": [{"ec2InstanceId": "i-1", "registeredResources": []}], "failures": []}"#
                    .to_owned(),
                "holds container instances of Amazon ECS; tasks and services are read",
            ),
            (
                r#"{"taskArns": ["arn:aws:ecs:us-east-1:1:task/c/1"]}"#.to_owned(),
                "holds names of tasks alone of Amazon ECS",
            ),
            (
                "100|wrap|normal|acc1|ann|COMPLETED|0:0|2024-03-01T10:00:00|2024-03-01T10:00:05|1|4\n".to_owned(),
                "holds jobs of Slurm without the line that names the columns",
            ),
            (
                "100  wrap  normal  CANCELLED by 5  2024-03-01T10:00:00  Unknown\n".to_owned(),
                "holds jobs of Slurm without the line that names the columns",
            ),
            (
                "apiVersion: audit.k8s.io/v1\nkind: Policy\n".to_owned(),
                "holds objects of Kubernetes, but no events",
            ),
        ] {
            let found = told(text.as_bytes());
            assert!(found.contains(part), "{found}");
            assert!(!found.contains("nearest"), "{found}");
        }
        let old = b"\x94\x81\xaetrackedObjects\x81\xb2apps/v1.Deployment\x81\xb3podSpecTemplatePath\xae/spec/template";
        let found = told(old);
        assert!(found.contains("is a trace of SimKube 1"), "{found}");
    }
    #[test]
    fn what_is_no_text_of_a_trace_is_told_so_by_every_reader() {
        let table = "time,type,collection_id,instance_index,priority\n0,0,7,0,9\n";
        let wide: Vec<u8> = { [0xff, 0xfe].into_iter() }
            .chain(table.encode_utf16().flat_map(u16::to_le_bytes))
            .collect();
        let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
        for (bytes, expected) in [
            (wide, "t: is a text in UTF-16; convert it"),
            (pointer.to_vec(), "t: is a pointer of Git LFS"),
            (
                b" \n<!DOCTYPE HTML>\n<html>404\n".to_vec(),
                "t: is a web page",
            ),
            (b"<html><head>\n".to_vec(), "t: is a web page"),
        ] {
            let input = Input::bytes("t", bytes);
            for entry in registry::FORMATS {
                let options = ReadOptions::default();
                let read = match entry.open {
                    Constructor::Nodes(read) => read(&input, &options).map(drop),
                    Constructor::Workload(open) => open(&input, &options).map(drop),
                };
                // An archive of several files, or a database, is read by its own means.
                let error = read.expect_err(entry.name).to_string();
                assert!(error.starts_with(expected), "{}: {error}", entry.name);
            }
            let error = registry::recognize(&input).map(|entry| entry.name);
            let error = error.expect_err("no trace").to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
