//! What this process took of the memory at its highest.

/// Resident memory in bytes; `None` where the system does not tell.
pub(crate) fn bytes() -> Option<u64> {
    let status = windtunnel::intake::Input::path("/proc/self/status");
    let status = status.read_to_string().ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1_024)
}
