//! Commands beside a workload, such as probes: programs of the host with the workload's environment and
//! folder. They run outside of its cgroups, so that a workload without memory is still looked at.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use super::super::record::OrderRecord;
use super::super::{Exec, Order, Stored, clock, files};

/// Time between two looks at a command.
const LOOK: Duration = Duration::from_millis(5);

/// A command that a thread can run, with what the order of an attempt states.
pub(super) fn prepared(folder: &Path, command: &[String]) -> Result<Exec, String> {
    let order = match files::read::<OrderRecord>(folder, "order") {
        Stored::Whole(record) => record.order,
        Stored::Missing | Stored::Torn => return Err("the container is gone".to_owned()),
    };
    let command = command.to_vec();
    Ok(Box::new(move |timeout| run(&order, &command, timeout)))
}

fn run(order: &Order, command: &[String], timeout: Duration) -> Result<(), String> {
    let (program, arguments) = command
        .split_first()
        .ok_or("the command names no program")?;
    let folder = order.folder.clone().unwrap_or_else(|| PathBuf::from("/"));
    let path = std::env::var_os("PATH").unwrap_or_else(|| super::super::shim::SEARCH_PATH.into());
    let mut child = Command::new(program);
    if let Some(account) = order.account {
        child.gid(account.gid).uid(account.uid);
    }
    let child = child
        .args(arguments)
        .env_clear()
        .env("PATH", path)
        .envs(order.environment.iter())
        .current_dir(folder)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let mut child = child.map_err(|error| format!("{program}: {error}"))?;
    let status = ended(&mut child, timeout).map_err(|error| format!("{program}: {error}"))?;
    match status {
        Some(status) if status.success() => Ok(()),
        Some(status) => Err(format!("{program}: {status}")),
        None => Err(format!("{program}: not done in time")),
    }
}

/// The status of a command that ended in time; others are killed with what they started.
fn ended(child: &mut Child, timeout: Duration) -> std::io::Result<Option<ExitStatus>> {
    let until_ns = clock::boot_ns() + i64::try_from(timeout.as_nanos()).unwrap_or(i64::MAX / 2);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if clock::boot_ns() >= until_ns {
            break;
        }
        std::thread::park_timeout(LOOK);
    }
    // It has not been waited for, so its id is its own.
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    if let Some(group) = group {
        let _ = kill_process_group(group, Signal::KILL);
    }
    child.wait()?;
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::AttemptId;

    #[test]
    fn commands_have_the_environment_of_the_container_and_end_in_time() {
        let attempt = AttemptId::new("pod", "web", 0).expect("a name");
        let mut order = Order::new(attempt, vec!["sleep".to_owned()]);
        order
            .environment
            .insert("WHERE".to_owned(), "here".to_owned());
        let run = |script: &str, limit: Duration| {
            let words = ["sh", "-c", script].map(str::to_owned);
            run(&order, &words, limit)
        };
        let long = Duration::from_secs(20);
        assert_eq!(run("test $WHERE = here && test -z \"$HOME\"", long), Ok(()));
        assert_eq!(run("exit 3", long), Err("sh: exit status: 3".to_owned()));
        let late = run("sleep 30 & wait", Duration::from_millis(100));
        assert_eq!(late, Err("sh: not done in time".to_owned()));
    }
}
