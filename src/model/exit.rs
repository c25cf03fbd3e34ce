//! Codes that containers end with, and what they say (spec: orchestrators-a.md 9.4).

/// Killed: by the system for want of memory, or by its node because it did not end in time.
pub const KILLED: i32 = 137;

/// Stopped on request.
pub const TERMINATED: i32 = 143;

/// Meaning of an exit code, in a word.
pub const fn reason(code: i32) -> &'static str {
    match code {
        0 => "Completed",
        126 => "CommandNotExecutable",
        127 => "CommandNotFound",
        KILLED => "Killed",
        139 => "Segfault",
        TERMINATED => "Terminated",
        _ => "ApplicationError",
    }
}
