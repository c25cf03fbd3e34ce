//! `windtunnel events`: search the events of a finished run.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use lab::events::{KINDS, Search, search};
use lab::results;
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
    output::print_with(|out| {
        for line in &lines {
            if arguments.format == EventsFormat::Json {
                serde_json::to_writer(&mut *out, line)?;
                writeln!(out)?;
                continue;
            }
            let at = format::duration(line.time_ns as f64 / 1e9);
            if names.len() > 1 {
                write!(out, "{}  ", line.variant)?;
            }
            let (object, what) = (format::clean(&line.object), format::clean(&line.what));
            let text = format!("{at:>10}  {:<13}  {object}  {what}", line.kind);
            writeln!(out, "{}", text.trim_end())?;
        }
        Ok(())
    })?;
    if !has_events && !global.quiet {
        terminal::complain(
            "note: the run recorded only alerts and faults, not the events of pods, nodes and \
             objects; run it again with --events",
        );
    }
    Ok(Exit::Done)
}
