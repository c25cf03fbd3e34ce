//! `windtunnel events`: search the events of a finished run.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use lab::events::{EventLine, KINDS, Search, search, write_trace};
use lab::folder::{Existing, write_file_with};
use lab::results;
use lab::summary::Summary;
use report::format;
use units::{Duration, Instant};

use super::{Exit, Failure, Global, output, terminal};

/// Arguments of `events`.
#[derive(Clone, Debug, Args)]
pub(super) struct EventsArguments {
    /// Result folder of a finished run; `run --events` adds the events of pods, nodes and objects
    /// to alerts and faults
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// Only events of objects whose name contains this text, such as `Pod/default/shop`
    #[arg(long, value_name = "TEXT")]
    object: Option<String>,
    /// Only events of this kind, such as `bound`, `ended`, `alert`, `fault`, `healed`
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// Only events of this variant
    #[arg(long, value_name = "NAME")]
    variant: Option<String>,
    /// Only events from this time on, such as `5m`
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Only events until this time, such as `10m`
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Output format of the events
    #[arg(long, value_enum, default_value_t)]
    format: EventsFormat,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum EventsFormat {
    /// Table for the terminal, one event per line.
    #[default]
    Table,
    /// JSON, one object per line.
    Json,
    /// Trace that ui.perfetto.dev opens: nodes as processes, pods as slices, the queue as a counter.
    Perfetto,
}

pub(super) fn run(global: &Global, arguments: &EventsArguments) -> Result<Exit, Failure> {
    if let Some(kind) = &arguments.kind
        && !KINDS.contains(&kind.as_str())
    {
        return Err(Failure::input(format!(
            "--kind: there is no kind of event `{kind}`; expected one of {}",
            KINDS.join(", ")
        )));
    }
    let time = |flag: &str, text: &Option<String>| -> Result<Option<Instant>, Failure> {
        let Some(text) = text else { return Ok(None) };
        let span = text.parse::<Duration>();
        let span = span.map_err(|error| Failure::input(format!("--{flag}: {error}")))?;
        Ok(Some(Instant::ZERO.saturating_add(span)))
    };
    let wanted = Search {
        object: arguments.object.clone(),
        kind: arguments.kind.clone(),
        variant: arguments.variant.clone(),
        from: time("from", &arguments.from)?,
        to: time("to", &arguments.to)?,
    };
    let wrong = |error: &dyn std::fmt::Display| Failure::input(error.to_string());
    let finished = results::read(&arguments.run).map_err(|error| wrong(&error))?;
    let summary = finished.summary;
    let names: Vec<&str> = summary
        .variants
        .iter()
        .map(|own| own.name.as_str())
        .collect();
    if let Some(name) = &arguments.variant
        && !names.contains(&name.as_str())
    {
        let names = names.join(", ");
        return Err(Failure::input(format!(
            "--variant: there is no `{name}`; there are {names}"
        )));
    }
    let report = history::read(&arguments.run, &names).map_err(|error| wrong(&error))?;
    let found = search(&arguments.run, &report, &wanted).map_err(|error| wrong(&error))?;
    let (lines, has_events) = found;
    if arguments.format == EventsFormat::Perfetto {
        if !has_events {
            return Err(Failure::input(format!(
                "{}: the run did not record the events of pods and nodes; run it again with \
                 --events",
                arguments.run.display()
            )));
        }
        let ends = ends(&summary);
        output::print_with(|out| write_trace(&lines, &ends, out))?;
        return Ok(Exit::Done);
    }
    print(&lines, arguments.format, names.len() > 1)?;
    if !has_events && !global.quiet {
        terminal::complain(
            "note: the run recorded only alerts and faults, not the events of pods, nodes and \
             objects; run it again with --events",
        );
    }
    Ok(Exit::Done)
}

/// Prints events, with their variants where there are several.
fn print(lines: &[EventLine], form: EventsFormat, has_variants: bool) -> Result<(), Failure> {
    output::print_with(|out| {
        for line in lines {
            if form == EventsFormat::Json {
                serde_json::to_writer(&mut *out, line)?;
                writeln!(out)?;
                continue;
            }
            let at = format::duration(line.time_ns as f64 / 1e9);
            if has_variants {
                write!(out, "{}  ", line.variant)?;
            }
            let (object, what) = (format::clean(&line.object), format::clean(&line.what));
            let text = format!("{at:>10}  {:<13}  {object}  {what}", line.kind);
            writeln!(out, "{}", text.trim_end())?;
        }
        Ok(())
    })
}

/// The variants of a run and when each ended, in nanoseconds.
fn ends(summary: &Summary) -> Vec<(&str, i64)> {
    let variants = summary.variants.iter();
    variants
        .map(|own| (own.name.as_str(), own.end_ns))
        .collect()
}

/// Writes the events of a finished run for ui.perfetto.dev.
pub(super) fn write_perfetto(run: &Path, file: &Path, existing: Existing) -> Result<(), Failure> {
    let wrong = |error: &dyn std::fmt::Display| Failure::incomplete(error.to_string());
    let summary = results::read(run).map_err(|error| wrong(&error))?.summary;
    let ends = ends(&summary);
    let names: Vec<&str> = ends.iter().map(|(name, _)| *name).collect();
    let report = history::read(run, &names).map_err(|error| wrong(&error))?;
    let found = search(run, &report, &Search::default()).map_err(|error| wrong(&error))?;
    let write = |out: &mut dyn std::io::Write| write_trace(&found.0, &ends, out);
    Ok(write_file_with(file, existing, write)?)
}
