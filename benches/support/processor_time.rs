//! Processor time of the process, of all its threads.

use std::time::Duration;

/// Processor time used up to now; zero where the system does not tell.
pub(crate) fn used() -> Duration {
    // Hundredths of a second, behind the name of the program in parentheses: user and system time.
    let stat = windtunnel::intake::Input::path("/proc/self/stat");
    let text = stat.read_to_string().unwrap_or_default();
    let fields = text.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks = ticks
        .filter_map(|field| field.parse::<u64>().ok())
        .sum::<u64>();
    Duration::from_millis(10 * ticks)
}
