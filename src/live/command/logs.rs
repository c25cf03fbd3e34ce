//! `windtunnel live logs`: the output of a pod's containers.

use std::time::Duration;

use clap::Args;

use live::client::{Client, ClientError};
use live::runtime::LogPosition;
use live::wire::errand::{LogText, LogWish};

use super::kinds::{DEFAULT, Wanted, wanted};
use super::{ServerArguments, failed};
use cli::{Exit, Failure, output, terminal};

/// Time between two looks of a follower.
const LOOK: Duration = Duration::from_millis(500);

/// Greatest number of lines that `--tail` keeps.
const TAIL_MAX: usize = 1_000_000;

/// Arguments of `live logs`.
#[derive(Clone, Debug, Args)]
pub(super) struct LogsArguments {
    /// Name of the pod, or the pod as `Pod/NAMESPACE/NAME`
    #[arg(value_name = "POD", value_parser = pod)]
    pod: PodName,
    /// Namespace of the pod [default: default]
    #[arg(long, short, value_name = "NAME")]
    namespace: Option<String>,
    /// Container of the pod; needed if it has several
    #[arg(long, short, value_name = "NAME")]
    container: Option<String>,
    /// Show only the last lines
    #[arg(long, value_name = "N")]
    tail: Option<usize>,
    /// Go on with lines as they are written
    #[arg(long, short)]
    follow: bool,
    /// Show the output from before the container's last restart
    #[arg(long, short, conflicts_with = "follow")]
    previous: bool,
    /// Show the time of each line
    #[arg(long)]
    timestamps: bool,
    #[command(flatten)]
    server: ServerArguments,
}

/// Name of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
struct PodName {
    namespace: Option<String>,
    name: String,
}

/// The pod that a text names.
fn pod(text: &str) -> Result<PodName, String> {
    let name = |namespace, name: &str| PodName {
        namespace,
        name: name.to_owned(),
    };
    if !text.contains('/') {
        return Ok(name(None, text));
    }
    match wanted(text)? {
        Wanted {
            kind: "Pod",
            object: Some((namespace, pod)),
        } => Ok(name(namespace, &pod)),
        _ => Err("expected the name of a pod, or `Pod/NAMESPACE/NAME`".to_owned()),
    }
}

/// Records of a log made into lines.
struct Lines {
    with_time: bool,
    /// The last line goes on with the next record.
    is_open: bool,
}

pub(super) fn logs(arguments: &LogsArguments) -> Result<Exit, Failure> {
    if arguments.namespace.is_some() && arguments.pod.namespace.is_some() {
        return Err(Failure::input(
            "the namespace is named already; leave `--namespace` out",
        ));
    }
    let client = arguments.server.client()?;
    let mut lines = Lines {
        with_time: arguments.timestamps,
        is_open: false,
    };
    let (mut place, mut text) = (None, String::new());
    let mut is_over;
    loop {
        let part = part(&client, arguments, place.as_ref()).map_err(failed)?;
        let has_ended = part.records.is_empty();
        note_gap(&part);
        (place, is_over) = (part.next, part.is_over);
        lines.add(&part.records, &mut text);
        if arguments.tail.is_none() {
            output::print(std::mem::take(&mut text).as_bytes())?;
        } else {
            cut(&mut text, arguments.tail.unwrap_or(TAIL_MAX).min(TAIL_MAX));
        }
        if has_ended {
            break;
        }
    }
    output::print(text.as_bytes())?;
    if !arguments.follow {
        return Ok(Exit::Done);
    }
    while !is_over {
        std::thread::park_timeout(LOOK);
        let part = match part(&client, arguments, place.as_ref()) {
            Ok(part) => part,
            // The pod was deleted, and its log with it.
            Err(ClientError::Refused { status: 404, .. }) => return Ok(Exit::Done),
            // A server or an agent that is started again goes on where it was.
            Err(
                ClientError::Unreached { .. }
                | ClientError::Refused {
                    status: 409 | 429 | 504,
                    ..
                },
            ) => continue,
            Err(error) => return Err(failed(error)),
        };
        note_gap(&part);
        place = part.next;
        // What was written until the end may fill several parts.
        is_over = part.is_over && part.records.is_empty();
        let mut text = String::new();
        lines.add(&part.records, &mut text);
        output::print(text.as_bytes())?;
    }
    Ok(Exit::Done)
}

fn note_gap(part: &LogText) {
    if part.is_gap {
        terminal::complain("note: lines are missing here: their file was removed");
    }
}

fn part(
    client: &Client,
    arguments: &LogsArguments,
    from: Option<&LogPosition>,
) -> Result<LogText, ClientError> {
    let wish = LogWish {
        namespace: arguments
            .namespace
            .clone()
            .or_else(|| arguments.pod.namespace.clone())
            .unwrap_or_else(|| DEFAULT.to_owned()),
        name: arguments.pod.name.clone(),
        container: arguments.container.clone(),
        from: from.cloned(),
        is_previous: arguments.previous,
    };
    client.post("/v1/logs", &wish)
}

impl Lines {
    /// Adds records, each of which is `TIME STREAM F TEXT`, or `P` if its line goes on.
    fn add(&mut self, records: &str, text: &mut String) {
        for record in records.lines() {
            let mut fields = record.splitn(4, ' ');
            let (time, _stream) = (fields.next().unwrap_or_default(), fields.next());
            let flag = fields.next().unwrap_or_default();
            if self.with_time && !self.is_open {
                text.push_str(time);
                text.push(' ');
            }
            text.push_str(fields.next().unwrap_or_default());
            self.is_open = flag == "P";
            if !self.is_open {
                text.push('\n');
            }
        }
    }
}

/// Leaves the last lines of a text.
fn cut(text: &mut String, lines: usize) {
    let ends: Vec<usize> = text.match_indices('\n').map(|(at, _)| at + 1).collect();
    if ends.len() > lines {
        text.drain(..ends[ends.len() - lines - 1]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_are_named_alone_or_by_their_path() {
        for (text, namespace, name) in [
            ("web-0", None, "web-0"),
            ("pod/web-0", None, "web-0"),
            ("Pod/shop/web-0", Some("shop"), "web-0"),
        ] {
            let namespace = namespace.map(str::to_owned);
            let name = name.to_owned();
            assert_eq!(pod(text), Ok(PodName { namespace, name }));
        }
        for text in ["deploy/web", "Pod/a/b/c", "foo/bar"] {
            assert!(pod(text).is_err(), "{text}");
        }
    }

    #[test]
    fn records_become_lines_and_the_last_are_kept() {
        let mut lines = Lines {
            with_time: false,
            is_open: false,
        };
        let mut text = String::new();
        lines.add("T stdout F one two\nT stdout P thr\n", &mut text);
        lines.add("T stdout F ee\nT stderr F \n", &mut text);
        assert_eq!(text, "one two\nthree\n\n");
        cut(&mut text, 2);
        assert_eq!(text, "three\n\n");
        cut(&mut text, 0);
        assert_eq!(text, "");
        let mut timed = Lines {
            with_time: true,
            is_open: false,
        };
        timed.add("T1 stdout P a\nT2 stdout F b\n", &mut text);
        assert_eq!(text, "T1 ab\n");
    }
}
