//! `windtunnel live logs`: the output of a pod's containers.

use std::time::Duration;

use clap::Args;

use live::client::Client;
use live::runtime::LogPosition;
use live::wire::errand::{LogText, LogWish};

use super::super::{Exit, Failure, output, terminal};
use super::{ServerArguments, failed};

/// Time between two looks of a follower.
const LOOK: Duration = Duration::from_millis(500);

/// Greatest number of lines that `--tail` keeps.
const TAIL_MAX: usize = 1_000_000;

/// Arguments of `live logs`.
#[derive(Clone, Debug, Args)]
pub(in super::super) struct LogsArguments {
    /// Name of the pod
    #[arg(value_name = "POD")]
    pod: String,
    /// Namespace of the pod
    #[arg(long, short, value_name = "NAME", default_value = "default")]
    namespace: String,
    /// Container of the pod; needed if it has several
    #[arg(long, short, value_name = "NAME")]
    container: Option<String>,
    /// Show only the last lines
    #[arg(long, value_name = "N")]
    tail: Option<usize>,
    /// Go on with lines as they are written
    #[arg(long, short)]
    follow: bool,
    /// Show the time of each line
    #[arg(long)]
    timestamps: bool,
    #[command(flatten)]
    server: ServerArguments,
}

/// Records of a log made into lines.
struct Lines {
    with_time: bool,
    /// The last line goes on with the next record.
    is_open: bool,
}

pub(super) fn logs(arguments: &LogsArguments) -> Result<Exit, Failure> {
    let client = arguments.server.client()?;
    let mut lines = Lines {
        with_time: arguments.timestamps,
        is_open: false,
    };
    let (mut place, mut text) = (None, String::new());
    loop {
        let part = part(&client, arguments, place.as_ref())?;
        let has_ended = part.records.is_empty();
        if part.is_gap {
            terminal::complain("note: lines are missing here: their file was removed");
        }
        place = part.next;
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
    loop {
        std::thread::park_timeout(LOOK);
        let Ok(part) = part(&client, arguments, place.as_ref()) else {
            // The pod has gone, and its log with it.
            return Ok(Exit::Done);
        };
        place = part.next;
        let mut text = String::new();
        lines.add(&part.records, &mut text);
        output::print(text.as_bytes())?;
    }
}

fn part(
    client: &Client,
    arguments: &LogsArguments,
    from: Option<&LogPosition>,
) -> Result<LogText, Failure> {
    let wish = LogWish {
        namespace: arguments.namespace.clone(),
        name: arguments.pod.clone(),
        container: arguments.container.clone(),
        from: from.cloned(),
    };
    client.post("/v1/logs", &wish).map_err(failed)
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
