//! `windtunnel live control` and `windtunnel live replay`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use clap::Args;

use intake::Input;
use live::access::announce;
use live::control::{Compaction, Control, stored_header};
use live::driver::Plane;
use live::journal::DatabaseJournal;
use live::journal::archive::Archive;
use live::record::Log;
use live::runtime::clock::wall_ns;
use live::security::certs;
use live::serve::{Limits, Server};
use serde_json::Value;
use units::{Quantity, plural};

use super::what_if;
use cli::{Exit, Failure, Global, interrupt, output, terminal};
use live::simulated::chosen::{Chosen, chosen};

pub(super) const EXAMPLES: &str = "Examples:
  windtunnel live control experiment.yaml --state /var/lib/windtunnel
  kubectl --kubeconfig /var/lib/windtunnel/kubeconfig apply -f web.yaml

The system of the experiment runs; its nodes, workload and failures belong to the simulator.
Every input is durable before a command leaves: a server that was killed continues where it was.
Connections are encrypted, and both ends show certificates. Where the folder of the state has none, the
server makes an authority there, and a certificate and a kubeconfig for the user of this machine; those
of others are made by `windtunnel live certs`.";

/// Arguments of `live control`.
#[derive(Clone, Debug, Args)]
pub(super) struct ControlArguments {
    /// Experiment whose system runs
    #[arg(value_name = "EXPERIMENT")]
    experiment: PathBuf,
    /// Variant of the experiment [default: the first]
    #[arg(long, value_name = "NAME")]
    variant: Option<String>,
    /// Folder of the state, created if it does not exist
    #[arg(long, value_name = "DIR", default_value = "windtunnel-live")]
    state: PathBuf,
    /// Address to listen at; 0.0.0.0:7320 is reached from other machines
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7320")]
    listen: SocketAddr,
    /// Folder for logs that a snapshot replaces; without it they go
    #[arg(long, value_name = "DIR")]
    archive: Option<PathBuf>,
    /// Length of the log from which on a snapshot replaces it, once it is four times as long as that
    #[arg(long, value_name = "SIZE", default_value = "16Mi")]
    snapshot_after: String,
    /// Record of `live record` from which a state that is damaged or gone is restored
    #[arg(long, value_name = "FILE")]
    restore: Option<PathBuf>,
    /// Executable that brings and removes machines for the node groups of the experiment: `add NODE`,
    /// `remove NODE` and `list`
    #[arg(long, value_name = "PROGRAM")]
    machines: Option<PathBuf>,
    /// Seconds of the cluster's time that pass in a real second, for trials: heartbeats, grace periods and
    /// tolerations pass sooner, and containers run at their own speed
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pace: u32,
}

/// Arguments of `live replay`.
#[derive(Clone, Debug, Args)]
pub(super) struct ReplayArguments {
    #[command(flatten)]
    recorded: LogArguments,
    /// Show what the system would have done with another setting; may be repeated
    #[arg(long, value_name = "PATH=VALUE")]
    with: Vec<String>,
    /// Instant of the record from which on the other setting decides
    #[arg(long, value_name = "DURATION", default_value = "0s", requires = "with")]
    from: String,
}

/// A log and the experiment whose system ran.
pub(super) struct Recorded {
    pub(super) log: Log,
    pub(super) plane: Plane,
    /// The experiment as it is run.
    pub(super) document: Value,
}

/// Arguments that name a log and its experiment.
#[derive(Clone, Debug, Args)]
pub(super) struct LogArguments {
    /// Log that `live record` wrote
    #[arg(value_name = "LOG")]
    log: PathBuf,
    /// Experiment whose system ran
    #[arg(value_name = "EXPERIMENT")]
    experiment: PathBuf,
    /// Variant of the experiment [default: the first]
    #[arg(long, value_name = "NAME")]
    variant: Option<String>,
    /// Folder of the logs before this one, which `live control --archive` kept
    #[arg(long, value_name = "DIR")]
    archive: Option<PathBuf>,
}

pub(super) fn run(global: &Global, arguments: &ControlArguments) -> Result<Exit, Failure> {
    let interrupted = interrupt::flag();
    let is_interrupted = || interrupted.load(Ordering::Relaxed);
    let folder = &arguments.state;
    let chosen = chosen_system(global, arguments)?;
    let journal = match &arguments.restore {
        Some(file) => restored(arguments, file, &chosen)?,
        None => DatabaseJournal::open(folder).map_err(Failure::input)?,
    };
    certs::prepare(folder).map_err(Failure::input)?;
    serve(global, arguments, &chosen, journal, &is_interrupted)?;
    Ok(interrupt::exit())
}

/// The journal of the state, restored from a record.
fn restored(
    arguments: &ControlArguments,
    file: &Path,
    chosen: &Chosen,
) -> Result<DatabaseJournal, Failure> {
    let named =
        |what: &dyn std::fmt::Display| Failure::input(format!("{}: {what}", file.display()));
    let text = Input::path(file).read_to_string().map_err(Failure::input)?;
    let log = Log::read(text.as_bytes()).map_err(|error| named(&error))?;
    if let Some(what) = chosen.other_than(&log.header) {
        return Err(named(&what));
    }
    if log.header.pace != arguments.pace {
        let pace = log.header.pace;
        return Err(named(&format!(
            "the time of the record passes at pace {pace}; give `--pace {pace}`"
        )));
    }
    note_torn(&log);
    let lines = log.lines(text.as_bytes());
    let restored = DatabaseJournal::restore(&arguments.state, &lines, Log::is_whole);
    let (journal, aside) = restored.map_err(Failure::input)?;
    if let Some(aside) = aside {
        let aside = aside.display();
        terminal::complain(&format!("note: the damaged state is kept as {aside}"));
    }
    let records = plural::count(lines.len(), "record");
    terminal::complain(&format!(
        "note: the state is that of {} ({records}); pods that were made since then end when their nodes \
         register",
        file.display()
    ));
    Ok(journal)
}

/// Notes what is left out of a log.
pub(super) fn note_torn(log: &Log) {
    if log.torn_bytes > 0 {
        let torn = plural::count(log.torn_bytes, "byte");
        terminal::complain(&format!(
            "note: the log ends with a record that was cut off ({torn}); it is left out"
        ));
    }
}

/// Serves from a journal until it has to stop.
fn serve(
    global: &Global,
    arguments: &ControlArguments,
    chosen: &Chosen,
    journal: DatabaseJournal,
    is_interrupted: &(dyn Fn() -> bool + Sync),
) -> Result<(), Failure> {
    let folder = &arguments.state;
    let header = chosen.header(wall_ns()).at_pace(arguments.pace);
    // A state that is there has a zero of its own.
    let stored = stored_header(&journal).map_err(Failure::input)?;
    let plane = chosen.plane(stored.as_ref().unwrap_or(&header))?;
    let control = Control::open(header, plane, journal).map_err(Failure::input)?;
    let mut control = control.with_compaction(Compaction {
        archive: arguments.archive.as_deref().map(Archive::new),
        after_bytes: bytes("--snapshot-after", &arguments.snapshot_after)?,
        ..Compaction::default()
    });
    let now = control.header().instant(wall_ns());
    let is_restored = DatabaseJournal::awaits_term(folder);
    let begun = if is_restored {
        control.begin_restored(now)
    } else {
        control.begin(now)
    };
    begun.map_err(Failure::incomplete)?;
    if is_restored {
        DatabaseJournal::began_term(folder).map_err(Failure::incomplete)?;
    }
    let server = Server::listen(arguments.listen, folder, Limits::default());
    let server = server.map_err(Failure::input)?;
    let server = server.providing(machines(arguments, &chosen.document)?);
    announce(folder, server.address()).map_err(|error| unwritten(folder, &error))?;
    let revision = control.driver().store().revision().0;
    if !global.is_quiet() {
        terminal::complain(&format!(
            "control server of `{}` at {}, term {}, state {} at revision {revision}",
            chosen.name(),
            server.address(),
            control.driver().epoch(),
            folder.display()
        ));
    }
    let notes = Arc::new(|note: &str| terminal::complain(note));
    let served = server.serve(control, folder, notes, is_interrupted);
    served.map_err(Failure::incomplete)
}

/// A number of bytes.
pub(super) fn bytes(option: &str, text: &str) -> Result<u64, Failure> {
    let amount: Option<Quantity> = text.parse().ok();
    let bytes = amount.and_then(|amount| u64::try_from(amount.units_ceil().ok()?).ok());
    let bytes = bytes.filter(|bytes| *bytes > 0);
    bytes.ok_or_else(|| {
        Failure::input(format!(
            "{option}: `{text}`: expected a size such as `16Mi` or `500k`"
        ))
    })
}

fn unwritten(folder: &Path, error: &std::io::Error) -> Failure {
    Failure::incomplete(format!("{}: {error}", folder.display()))
}

/// The control plane that a control server runs.
fn chosen_system(global: &Global, arguments: &ControlArguments) -> Result<Chosen, Failure> {
    let variant = arguments.variant.as_deref();
    let chosen = chosen(global, &arguments.experiment, variant, &[])?;
    // What can't run is refused before anything is opened, but for schedules: their date is the state's.
    chosen.plane(&chosen.header(0))?;
    Ok(chosen)
}

/// The executable that provides machines, where the experiment has any to provide.
fn machines(arguments: &ControlArguments, document: &Value) -> Result<Option<PathBuf>, Failure> {
    let has_provider = document
        .pointer("/cluster/provider")
        .is_some_and(|provider| !provider.is_null());
    match (&arguments.machines, has_provider) {
        (None, true) => Err(Failure::input(
            "cluster.provider: the experiment's autoscaler orders machines; name the program that \
             brings them with `--machines`, or leave the provider out",
        )),
        (Some(program), true) => {
            let program = std::path::absolute(program).map_err(Failure::input)?;
            Ok(Some(program))
        }
        (Some(_), false) => Err(Failure::input(
            "--machines: the experiment has no `cluster.provider`, so nothing would order machines",
        )),
        (None, false) => Ok(None),
    }
}

impl LogArguments {
    pub(super) fn choose(&self, global: &Global, sets: &[String]) -> Result<Chosen, Failure> {
        chosen(global, &self.experiment, self.variant.as_deref(), sets)
    }

    /// A problem of the log, with its name.
    pub(super) fn named(&self, why: &dyn std::fmt::Display) -> Failure {
        Failure::input(format!("{}: {why}", self.log.display()))
    }

    /// Reads the log and the experiment, which have to belong together.
    pub(super) fn read(&self, global: &Global) -> Result<Recorded, Failure> {
        let chosen = self.choose(global, &[])?;
        let log = self.whole_log()?;
        if let Some(what) = chosen.other_than(&log.header) {
            return Err(self.named(&what));
        }
        note_torn(&log);
        Ok(Recorded {
            plane: chosen.plane(&log.header)?,
            log,
            document: chosen.document,
        })
    }
}

impl LogArguments {
    /// The log, behind those of the archive.
    pub(super) fn whole_log(&self) -> Result<Log, Failure> {
        let last = read_log(&self.log)?;
        let Some(folder) = &self.archive else {
            return Ok(last);
        };
        let kept = Archive::new(folder).files();
        let kept =
            kept.map_err(|error| Failure::input(format!("{}: {error}", folder.display())))?;
        let mut whole: Option<Log> = None;
        for file in &kept {
            let log = read_log(file)?;
            whole = Some(match whole {
                None => log,
                Some(whole) => {
                    let name = file.display().to_string();
                    whole.then(&name, log).map_err(Failure::input)?
                }
            });
        }
        let name = self.log.display().to_string();
        match whole {
            Some(whole) => whole.then(&name, last).map_err(Failure::input),
            None => Ok(last),
        }
    }
}

/// Reads a log.
fn read_log(file: &Path) -> Result<Log, Failure> {
    let text = Input::path(file).read_to_string();
    let text = text.map_err(Failure::input)?;
    let read = Log::read(text.as_bytes());
    read.map_err(|error| Failure::input(format!("{}: {error}", file.display())))
}

pub(super) fn replay(global: &Global, arguments: &ReplayArguments) -> Result<Exit, Failure> {
    let recorded = &arguments.recorded;
    let Recorded { log, plane, .. } = recorded.read(global)?;
    if !arguments.with.is_empty() {
        let plane = |sets: &[String]| recorded.choose(global, sets)?.plane(&log.header);
        return what_if::compare(&log, &plane, &arguments.with, &arguments.from);
    }
    let steps = log.records.len();
    let replayed = log.replay(plane);
    let driver = replayed.map_err(|error| recorded.named(&error))?;
    let line = format!(
        "{} replayed to the same commands, digest {}\n",
        plural::count(steps, "step"),
        driver.digest()
    );
    output::print(line.as_bytes())?;
    Ok(Exit::Done)
}
