//! Ctrl-C and SIGTERM: a flag that a run looks at between events.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Exit;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// The flag, set by the first signal; from then on a second one ends the program at once.
pub(super) fn flag() -> &'static AtomicBool {
    static HANDLER: OnceLock<bool> = OnceLock::new();
    HANDLER.get_or_init(|| {
        let handler = || {
            if INTERRUPTED.swap(true, Ordering::SeqCst) {
                std::process::abort();
            }
        };
        // Without a handler the system's own answer to the signal stands: nothing is lost.
        ctrlc::set_handler(handler).is_ok()
    });
    &INTERRUPTED
}

/// How an interrupted program exits.
pub(super) fn exit() -> Exit {
    Exit::Interrupted
}
