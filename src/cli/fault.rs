//! Faults of the program: an invariant that breaks ends in one line of words with what to report, as every
//! other failure does.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::OnceLock;

use lab::folder::remove_unfinished;

use super::{Exit, Failure};

/// The first invariant that broke, and where.
static FIRST: OnceLock<String> = OnceLock::new();

/// Runs a command. Where an invariant breaks in it, files that are being written go.
pub(super) fn guarded(command: impl FnOnce() -> Result<Exit, Failure>) -> Result<Exit, Failure> {
    // Who asks for a trace of calls gets what Rust prints, too.
    let printed = std::env::var_os("RUST_BACKTRACE").map(|_| panic::take_hook());
    panic::set_hook(Box::new(move |fault| {
        let words = words(fault);
        lab::broken::keep(&words);
        if FIRST.set(words).is_ok()
            && let Some(printed) = &printed
        {
            printed(fault);
        }
    }));
    let result = catch_unwind(AssertUnwindSafe(command));
    result.unwrap_or_else(|_| {
        remove_unfinished();
        Err(Failure::incomplete(report()))
    })
}

/// What broke, in one line.
fn words(fault: &PanicHookInfo<'_>) -> String {
    let message = message(fault.payload());
    let lines: Vec<&str> = message.lines().map(str::trim).collect();
    let what = lines.join(" ");
    let what = what.strip_prefix("invariant: ").unwrap_or(&what);
    match fault.location() {
        Some(at) => format!("{what} ({}:{})", at.file(), at.line()),
        None => what.to_owned(),
    }
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned());
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "a fault without a message".to_owned())
}

/// The words for the user.
fn report() -> String {
    let what = FIRST
        .get()
        .map_or("a fault without a message", String::as_str);
    let command: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    format!(
        "an invariant broke: {what}; this is a fault of the program. Please report it with `windtunnel {}` \
         and the files that it reads (the experiment file states the seed)",
        command.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_invariant_ends_in_words() {
        let broken = guarded(|| panic!("invariant: one and one\n is two"));
        let failure = broken.expect_err("it broke");
        assert_eq!(failure.exit, Exit::Incomplete);
        let told = "an invariant broke: one and one is two (";
        assert!(failure.message.starts_with(told), "{}", failure.message);
        assert_eq!(failure.message.lines().count(), 1);
    }
}
