//! Ctrl-C and SIGTERM: a flag that a run checks between events.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use super::Exit;

/// Flags set by signals.
#[derive(Default)]
struct Flags {
    /// Set by any signal.
    stop: Arc<AtomicBool>,
    /// Set by SIGTERM only.
    terminated: Arc<AtomicBool>,
}

impl Flags {
    /// Installs the handlers: the first signal sets the flags, the second ends the program at once.
    fn listen(&self) -> io::Result<()> {
        for (signal, exit) in [(SIGINT, Exit::Interrupted), (SIGTERM, Exit::Terminated)] {
            // Asked before the flag is set below, so the first signal passes by.
            let code = i32::from(exit.code());
            flag::register_conditional_shutdown(signal, code, Arc::clone(&self.stop))?;
            if signal == SIGTERM {
                flag::register(signal, Arc::clone(&self.terminated))?;
            }
            flag::register(signal, Arc::clone(&self.stop))?;
        }
        Ok(())
    }
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
pub(super) fn flag() -> &'static AtomicBool {
    &flags().stop
}

/// Exit code of an interrupted program.
pub(super) fn exit() -> Exit {
    if flags().terminated.load(Ordering::Relaxed) {
        Exit::Terminated
    } else {
        Exit::Interrupted
    }
}
