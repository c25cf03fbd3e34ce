//! Ctrl-C, SIGTERM and SIGHUP (a terminal that is closed; it counts as SIGTERM): a flag that a run checks between events.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;

use lab::folder::remove_unfinished;

use super::exit::last_words;
use super::{Exit, terminal};

/// The signals that end the program.
const SIGNALS: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];

/// The exit of a program that a signal ends.
fn exit_of(signal: i32) -> Exit {
    if signal == SIGINT {
        Exit::Interrupted
    } else {
        Exit::Terminated
    }
}

/// Flags set by signals.
#[derive(Default)]
struct Flags {
    /// Set by any signal.
    stop: Arc<AtomicBool>,
    /// Set by SIGTERM and SIGHUP only.
    terminated: Arc<AtomicBool>,
}

impl Flags {
    /// Installs the handlers: the first signal sets the flags, the second ends the program at once.
    fn listen(&self) -> io::Result<()> {
        for signal in SIGNALS {
            let exit = exit_of(signal);
            // Asked before the flag is set below, so the first signal passes by.
            let code = i32::from(exit.code());
            flag::register_conditional_shutdown(signal, code, Arc::clone(&self.stop))?;
            if signal != SIGINT {
                flag::register(signal, Arc::clone(&self.terminated))?;
            }
            flag::register(signal, Arc::clone(&self.stop))?;
        }
        Ok(())
    }
}

/// Ends the program at the first signal, for commands that don't look at the flag: files that are
/// being written go, and the last line says so.
pub(super) fn end_at_once() {
    // Without a handler the system's own answer to the signal stands.
    let Ok(mut signals) = Signals::new(SIGNALS) else {
        return;
    };
    let watch = move || {
        if let Some(signal) = signals.forever().next() {
            let exit = exit_of(signal);
            remove_unfinished();
            terminal::complain(&last_words(exit));
            leave(exit);
        }
    };
    // Without a thread signals are ignored until the command is done.
    let _ = std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(watch);
    // One that came before is not told again.
    if flag().load(Ordering::Relaxed) {
        terminal::complain(&last_words(exit()));
        leave(exit());
    }
}

#[expect(
    clippy::exit,
    reason = "a signal ends the program in the midst of its work"
)]
fn leave(exit: Exit) -> ! {
    std::process::exit(i32::from(exit.code()))
}

fn flags() -> &'static Flags {
    static FLAGS: OnceLock<Flags> = OnceLock::new();
    FLAGS.get_or_init(|| {
        let flags = Flags::default();
        // Without a handler the system's own answer to the signal stands: nothing is lost.
        let _ = flags.listen();
        flags
    })
}

/// Flag set by the first signal.
pub fn flag() -> &'static AtomicBool {
    &flags().stop
}

/// Flag set by the first signal, for work that keeps it.
pub fn shared() -> Arc<AtomicBool> {
    Arc::clone(&flags().stop)
}

/// Exit code of an interrupted program.
pub fn exit() -> Exit {
    if flags().terminated.load(Ordering::Relaxed) {
        Exit::Terminated
    } else {
        Exit::Interrupted
    }
}
