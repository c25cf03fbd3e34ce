//! The provider's side of a control server: a thread that runs an executable for every wish, one after the
//! other, and asks it from time to time which machines there are.

use std::fs::OpenOptions;
use std::io::Read as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::Sender;
use std::time::Duration;

use tokio::sync::oneshot;

use super::engine::Message;
use crate::driver::input::Input;
use crate::runtime::clock::boot_ns;
use crate::serve::Notes;
use crate::wire::machine::{MachineNews, MachineSpec, MachineWish, Wish};

/// Time between two looks at what is wished.
const LOOK: Duration = Duration::from_millis(100);

/// Longest time that the executable may take, in nanoseconds.
const HOOK_NS: i64 = 120_000_000_000;

/// Nanoseconds between two lists.
const LIST_NS: i64 = 30_000_000_000;

/// Nanoseconds after which a wish that failed for the moment is tried again.
const RETRY_NS: i64 = 5_000_000_000;

/// Exit code by which the executable says that a machine can't be had, now or later.
const NEVER: i32 = 2;

/// Greatest length of an output that is read, in bytes.
const OUTPUT_MAX: u64 = 1 << 20;

/// A provider of machines by an executable.
pub(super) struct Hook {
    pub(super) program: PathBuf,
    /// Folder of the server's state.
    pub(super) folder: PathBuf,
    pub(super) address: SocketAddr,
    pub(super) notes: Notes,
}

/// Outcome of a run of the executable.
enum Ran {
    Well(String),
    /// It may succeed later.
    NotNow(String),
    Never(String),
}

impl Hook {
    /// Starts the thread; it ends with the control plane's.
    pub(super) fn start(self, engine: Sender<Message>) {
        let work = move || {
            let mut provider = Provider {
                hook: self,
                engine,
                listed: None,
                next_list_ns: 0,
                not_before_ns: 0,
            };
            while provider.work().is_some() {
                std::thread::park_timeout(LOOK);
            }
        };
        // Without the thread no machine comes, and autoscalers give their orders up after a while.
        let _ = std::thread::Builder::new()
            .name("machines".to_owned())
            .spawn(work);
    }

    fn run(&self, action: &str, spec: Option<&MachineSpec>, node: Option<&str>) -> Ran {
        let output = self.folder.join("machines.out");
        let made = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&output);
        let open = made.and_then(|file| Ok((file.try_clone()?, file)));
        let (out, errors) = match open {
            Ok(files) => files,
            Err(error) => return Ran::NotNow(format!("{}: {error}", output.display())),
        };
        let mut command = Command::new(&self.program);
        command.arg(action).stdin(Stdio::null());
        // Files and not pipes: what the executable leaves behind may keep them open.
        command.stdout(out).stderr(errors).process_group(0);
        command.env("WINDTUNNEL_SERVER", self.address.to_string());
        command.env("WINDTUNNEL_STATE", &self.folder);
        if let Some(node) = node {
            command.arg(node).env("WINDTUNNEL_NODE", node);
        }
        if let Some(spec) = spec {
            command.env("WINDTUNNEL_GROUP", &spec.group);
            command.env("WINDTUNNEL_INSTANCE_TYPE", &spec.instance_type);
            let text = serde_json::to_string(spec).unwrap_or_default();
            command.env("WINDTUNNEL_MACHINE", text);
            for amount in &spec.allocatable {
                let name = amount.resource.to_uppercase().replace(['.', '/', '-'], "_");
                command.env(format!("WINDTUNNEL_{name}"), &amount.quantity);
            }
        }
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => return Ran::NotNow(format!("{}: {error}", self.program.display())),
        };
        let end_ns = boot_ns() + HOOK_NS;
        let status = loop {
            match child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) if boot_ns() < end_ns => std::thread::park_timeout(LOOK / 10),
                Ok(None) | Err(_) => {
                    let _ = child.kill();
                    let _ = child.wait();
                    return Ran::NotNow(format!("`{action}` took longer than two minutes"));
                }
            }
        };
        let text = read(&output);
        if status.success() {
            return Ran::Well(text);
        }
        let last = text.lines().last().unwrap_or("it said nothing").to_owned();
        if status.code() == Some(NEVER) {
            Ran::Never(last)
        } else {
            Ran::NotNow(last)
        }
    }
}

fn read(path: &Path) -> String {
    let mut text = Vec::new();
    if let Ok(file) = OpenOptions::new().read(true).open(path) {
        let _ = file.take(OUTPUT_MAX).read_to_end(&mut text);
    }
    String::from_utf8_lossy(&text).into_owned()
}

struct Provider {
    hook: Hook,
    engine: Sender<Message>,
    /// Machines that were listed last.
    listed: Option<Vec<String>>,
    next_list_ns: i64,
    not_before_ns: i64,
}

impl Provider {
    /// Carries out what is wished; `None` once the control plane has ended.
    fn work(&mut self) -> Option<()> {
        let now_ns = boot_ns();
        if now_ns >= self.next_list_ns {
            self.next_list_ns = now_ns + LIST_NS;
            self.list()?;
        }
        let (reply, wishes) = oneshot::channel();
        self.engine.send(Message::Machines(reply)).ok()?;
        let wishes = wishes.blocking_recv().ok()?;
        if boot_ns() < self.not_before_ns {
            return Some(());
        }
        for wish in wishes {
            let Some(news) = self.carry_out(&wish) else {
                self.not_before_ns = boot_ns() + RETRY_NS;
                break;
            };
            self.tell(news)?;
        }
        Some(())
    }

    /// Carries a wish out; `None` if it has to be tried again.
    fn carry_out(&self, wish: &MachineWish) -> Option<MachineNews> {
        let number = wish.number;
        let (action, ran) = match &wish.wish {
            Wish::Add(spec) => ("add", self.hook.run("add", Some(spec), Some(&spec.node))),
            Wish::Remove { node } => ("remove", self.hook.run("remove", None, Some(node))),
        };
        match ran {
            Ran::Well(_) => Some(MachineNews::Done { number }),
            Ran::Never(why) => Some(MachineNews::Failed { number, why }),
            Ran::NotNow(why) => {
                (self.hook.notes)(&format!("note: machines: `{action}` failed: {why}"));
                None
            }
        }
    }

    /// Asks which machines there are, and tells if it is news.
    fn list(&mut self) -> Option<()> {
        match self.hook.run("list", None, None) {
            Ran::Well(text) => {
                let mut nodes: Vec<String> = text
                    .lines()
                    .map(|line| line.trim().to_owned())
                    .filter(|line| !line.is_empty())
                    .collect();
                nodes.sort_unstable();
                nodes.dedup();
                if self.listed.as_ref() != Some(&nodes) {
                    self.listed = Some(nodes.clone());
                    self.tell(MachineNews::Listed { nodes })?;
                }
            }
            Ran::NotNow(why) | Ran::Never(why) => {
                (self.hook.notes)(&format!("note: machines: `list` failed: {why}"));
            }
        }
        Some(())
    }

    fn tell(&self, news: MachineNews) -> Option<()> {
        let (reply, answer) = oneshot::channel();
        let input = Box::new(Input::Machines { news });
        self.engine.send(Message::Input(input, reply)).ok()?;
        answer.blocking_recv().ok().map(drop)
    }
}
