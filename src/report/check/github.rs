//! Check as annotations by GitHub's workflow commands (ci.md 6.6): the ten worst of each level,
//! which is the number that GitHub shows.

use std::io::{self, Write};

use super::{broken, cause, failure, headline, outcome, place_of};
use lab::check::{CheckReport, Gate, Outcome};
use metrics::registry;
use units::line::without_commands;

/// Maximum number of annotations shown per level.
const SHOWN_MAX: usize = 10;

/// Writes the commands.
pub(super) fn write(out: &mut dyn Write, report: &CheckReport) -> io::Result<()> {
    let mut errors = 0;
    for (names, entry, error) in broken(report).into_iter().take(SHOWN_MAX) {
        errors += 1;
        let (file, line) = place_of(entry);
        let (file, title) = (property(file), property(&names));
        writeln!(
            out,
            "::error file={file},line={line},title={title}::{}",
            data(error)
        )?;
    }
    for (level, most) in [("error", SHOWN_MAX - errors), ("warning", SHOWN_MAX)] {
        let of_level = report
            .gates
            .iter()
            .filter(|gate| level_of(gate) == Some(level));
        for gate in of_level.take(most) {
            let title = format!("{} {}", gate.entry, registry::title(&gate.metric));
            let message = match (&gate.note, gate.outcome) {
                (_, outcome) if outcome.is_failure() => failure(gate),
                (Some(note), _) => note.clone(),
                (None, _) => outcome(gate),
            };
            let message = cause::with_cause(report, gate, message);
            let (file, line) = cause::place(report, gate);
            writeln!(
                out,
                "::{level} file={},line={line},title={}::{}",
                property(file),
                property(&title),
                data(&message)
            )?;
        }
    }
    let mut told = vec![headline(report)];
    told.extend(cause::besides(report));
    writeln!(out, "::notice title=windtunnel::{}", data(&told.join("\n")))
}

fn level_of(gate: &Gate) -> Option<&'static str> {
    match gate.outcome {
        _ if gate.fails() => Some("error"),
        Outcome::DifferentInputs | Outcome::NoBaseline if !gate.advisory => Some("error"),
        outcome if outcome <= Outcome::Acknowledged => Some("warning"),
        _ => None,
    }
}

/// Message of a command.
fn data(text: &str) -> String {
    without_commands(text)
        .replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// Property of a command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
