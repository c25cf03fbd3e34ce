//! Shim: the process between an agent and a workload. It outlives the agent, holds the ends of the
//! workload's pipes, writes its log, and records how it ended. The order of its steps matters: its own
//! identity is on the disk before a workload can exist, and the workload's end is before the shim ends.
//!
//! It runs in one thread, in a session of its own, and becomes the parent of every process that the
//! workload leaves behind.

mod outcome;
mod streams;

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rustix::process::{getpid, set_child_subreaper, setsid};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};

use super::record::OrderRecord;
use super::{
    AttemptId, Counters, ExitRecord, Identity, Outcome, StateRecord, Stored, clock, fault_point,
    files,
};
pub(super) use outcome::{is_full, keep_reserve, write_record};
use streams::Streams;

/// Variable in the environment of a workload that names its attempt. The agent finds a workload by it
/// where there are no cgroups.
pub(super) const WORKLOAD_MARK: &str = "WINDTUNNEL_ATTEMPT";
/// Variable in the environment of a shim that names its attempt.
pub(super) const SHIM_MARK: &str = "WINDTUNNEL_SHIM";
/// File that keeps some space for the records of a shim on a full disk.
pub(super) const RESERVE: &str = "reserve";
/// Search path of a workload if neither the order nor the agent has one.
pub(super) const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Runs a shim in the folder of an attempt until the workload and all it left have ended.
pub fn run(folder: &Path, command: &[OsString]) -> io::Result<()> {
    // Fails for the leader of a process group alone, which no agent makes of a shim.
    let _ = setsid();
    set_child_subreaper(Some(getpid()))?;
    ignore_signals()?;
    let order: OrderRecord = match files::read(folder, "order") {
        Stored::Whole(order) => order,
        Stored::Missing | Stored::Torn => {
            return Err(io::Error::other(format!(
                "{}: no order; only an agent starts shims",
                folder.display()
            )));
        }
    };
    let shim = Identity::of(std::process::id())?;
    let shim = shim.ok_or_else(|| io::Error::other("a process that runs is not alive"))?;
    let attempt = order.order.attempt.clone();
    let mut state = StateRecord::new(attempt, shim, order.group.clone());
    let streams = streams::prepare(folder, order.order.log);
    let prepared = outcome::write_record(folder, "state", &state).and(streams);
    let prepared =
        prepared.map_err(|error| StartFailure::new(&folder.display().to_string(), &error));
    let started = prepared.and_then(|mut streams| {
        let workload = start(&order, command, &mut streams)?;
        Ok(Running { streams, workload })
    });
    let running = match started {
        Ok(running) => running,
        Err(failure) => return refuse(folder, failure),
    };
    fault_point::reached("before-state");
    state.started_ns = clock::wall_ns();
    state.workload = Identity::of(running.workload)?.or_else(|| {
        // Ended already; what remains of it is a zombie of this process.
        Some(Identity {
            pid: running.workload,
            ..state.shim.clone()
        })
    });
    // Without space the workload runs on, and the shim's record alone stands for it.
    let _ = outcome::write_record(folder, "state", &state);
    outcome::await_end(folder, &order.group, running)
}

/// A workload that was executed, and the pipes to it.
struct Running {
    streams: Streams,
    workload: u32,
}

/// Failure to execute a program.
struct StartFailure {
    errno: Option<i32>,
    message: String,
}

impl StartFailure {
    fn new(subject: &str, error: &io::Error) -> Self {
        Self {
            errno: error.raw_os_error(),
            message: format!("{subject}: {error}"),
        }
    }
}

/// Executes the workload within its cgroups.
fn start(
    order: &OrderRecord,
    command: &[OsString],
    streams: &mut Streams,
) -> Result<u32, StartFailure> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(StartFailure {
            errno: None,
            message: "the command names no program".to_owned(),
        });
    };
    let name = program.to_string_lossy().into_owned();
    let outputs = streams
        .outputs()
        .map_err(|error| StartFailure::new(&name, &error))?;
    let work = order.order.folder.as_deref().unwrap_or(Path::new("/"));
    if let Err(error) = fs::metadata(work) {
        return Err(StartFailure::new(&work.display().to_string(), &error));
    }
    let path = std::env::var_os("PATH").unwrap_or_else(|| SEARCH_PATH.into());
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .env("PATH", path)
        .envs(order.order.environment.iter())
        .env(WORKLOAD_MARK, mark(&order.order.attempt))
        .current_dir(work)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(outputs.out)
        .stderr(outputs.err);
    if let Some(account) = order.order.account {
        // Root's other groups go with it.
        command.gid(account.gid).uid(account.uid);
    }
    // The workload is born in the cgroups of its parent, so that no instant of it goes uncounted. The
    // shim leaves them again: it must survive what ends the workload.
    let joined = order.group.join();
    let spawned = joined.and_then(|()| command.spawn());
    let left = order.group.leave();
    // The command holds the write ends of the pipes, which would never end.
    drop(command);
    let child = spawned.map_err(|error| StartFailure::new(&name, &error))?;
    if let Err(error) = left {
        let _ = order.group.kill();
        return Err(StartFailure::new("leaving the container's cgroups", &error));
    }
    Ok(child.id())
}

/// Text that marks the processes of an attempt.
pub(super) fn mark(attempt: &AttemptId) -> String {
    attempt.to_string()
}

/// Records that nothing was executed.
fn refuse(folder: &Path, failure: StartFailure) -> io::Result<()> {
    let outcome = Outcome::StartError {
        errno: failure.errno,
        message: failure.message,
    };
    let exit = ExitRecord::new(outcome, Some(clock::wall_ns()), Counters::default());
    outcome::write_exit(folder, &exit)
}

/// Leaves ending to the agent: signals to whole sessions or terminals do not end a shim. Programs that
/// a shim executes have the default actions again.
fn ignore_signals() -> io::Result<()> {
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)))?;
    }
    Ok(())
}

/// Stream that becomes readable whenever a child has ended.
fn child_ends() -> io::Result<std::os::unix::net::UnixStream> {
    let (read, write) = std::os::unix::net::UnixStream::pair()?;
    read.set_nonblocking(true)?;
    signal_hook::low_level::pipe::register(SIGCHLD, write)?;
    Ok(read)
}
