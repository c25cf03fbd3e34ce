//! Limits of what a check takes of the machine that runs it: who changes a scenario asks for what he likes.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration as WallDuration, Instant as Clock};

use clap::Args;

use lab::folder::remove_unfinished;
use lab::limits::{Limits, Watch};
use lab::replicate::Workers;
use units::{Duration, Quantity};

use super::outputs::write_refusal;
use super::{CheckArguments, Exit, Global, counted};
use crate::exit::last_words;
use crate::{interrupt, terminal};

/// Time between two looks.
const LOOK: WallDuration = WallDuration::from_millis(20);

/// Time after which a scenario that was told to stop, and has not, is stopped with the program.
const GRACE: WallDuration = WallDuration::from_secs(2);

/// Memory that a scenario which was told to stop may take at all, doubled, before the program ends.
const GREED: u64 = 512 << 20;

/// Options with the limits of a check.
#[derive(Clone, Debug, Args)]
pub(super) struct LimitArguments {
    /// The longest time that a scenario of the suite may take with all of its runs
    #[arg(long = "time-limit", value_name = "DURATION", default_value = "1h", value_parser = time)]
    time: Duration,
    /// The most memory that a scenario may take [default: nine tenths of the machine's]
    #[arg(long = "memory-limit", value_name = "SIZE", value_parser = bytes)]
    memory: Option<u64>,
    /// The most nodes, objects and replicas of them that a run may ask for
    #[arg(long = "objects-limit", value_name = "N", default_value_t = 500_000)]
    objects: u64,
    /// The most runs of the suite: variants × seeds
    #[arg(long = "runs-limit", value_name = "N", default_value_t = 100_000)]
    runs: u64,
}

fn time(text: &str) -> Result<Duration, String> {
    let time: Duration = text.parse().map_err(|error| format!("{error}"))?;
    if time > Duration::ZERO {
        Ok(time)
    } else {
        Err("expected a time above 0, such as 10m".to_owned())
    }
}

fn bytes(text: &str) -> Result<u64, String> {
    let size: Quantity = text.parse().map_err(|error| format!("{error}"))?;
    let size = size.units_ceil().map_err(|error| error.to_string())?;
    let size = u64::try_from(size).ok().filter(|size| *size > 0);
    size.ok_or_else(|| "expected a size above 0, such as 4Gi".to_owned())
}

/// Does work of many runs as [`counted`] does, within the limits of a check.
pub(super) fn limited<T: Send>(
    global: &Global,
    arguments: &CheckArguments,
    work: impl FnOnce(Workers<'_>) -> T + Send,
) -> T {
    let own = &arguments.limits;
    let watcher = Watcher {
        arguments,
        memory_max: own.memory.or_else(most_memory),
        stop: AtomicBool::new(false),
        is_over: AtomicBool::new(false),
        scenario: Mutex::new(None),
    };
    let limits = Limits {
        objects: Some(own.objects),
        runs: Some(own.runs),
        watch: Some(&watcher),
    };
    std::thread::scope(|scope| {
        let look = scope.spawn(|| watcher.look());
        let _over = Over(&watcher.is_over, look.thread());
        counted(global, |workers| {
            work(Workers {
                interrupted: &watcher.stop,
                limits,
                ..workers
            })
        })
    })
}

/// Ends the looks when the work is done, or broke.
struct Over<'a>(&'a AtomicBool, &'a std::thread::Thread);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
        self.1.unpark();
    }
}

/// The scenario that runs, and what it has taken.
struct Scenario {
    name: String,
    begun: Clock,
    /// Memory of the program when it began.
    memory: u64,
    /// Limit that it exceeded, and when.
    stopped: Option<(String, Clock)>,
}

/// Eye on the time and memory of a check.
struct Watcher<'a> {
    arguments: &'a CheckArguments,
    memory_max: Option<u64>,
    /// Set for runs to end.
    stop: AtomicBool,
    is_over: AtomicBool,
    scenario: Mutex<Option<Scenario>>,
}

impl Watch for Watcher<'_> {
    fn begin(&self, scenario: &str) {
        self.with(|own| {
            *own = Some(Scenario {
                name: scenario.to_owned(),
                begun: Clock::now(),
                memory: memory(),
                stopped: None,
            });
        });
    }

    fn end(&self) -> Option<String> {
        let scenario = self.with(Option::take)?;
        let (why, _) = scenario.stopped?;
        self.stop.store(false, Ordering::Relaxed);
        Some(why)
    }
}

impl Watcher<'_> {
    fn with<T>(&self, look: impl FnOnce(&mut Option<Scenario>) -> T) -> T {
        let scenario = self.scenario.lock();
        look(&mut scenario.unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Looks again and again, until the work is over.
    fn look(&self) {
        while !self.is_over.load(Ordering::Relaxed) {
            if interrupt::flag().load(Ordering::Relaxed) {
                self.stop.store(true, Ordering::Relaxed);
            }
            if let Some(why) = self.with(|own| self.lost(own.as_mut()?)) {
                self.give_up(&why);
            }
            std::thread::park_timeout(LOOK);
        }
    }

    /// Stops a scenario that exceeds a limit; its reason where it does not heed that.
    fn lost(&self, scenario: &mut Scenario) -> Option<String> {
        let memory = memory().saturating_sub(scenario.memory);
        if let Some((why, since)) = &scenario.stopped {
            let is_greedy = (self.memory_max).is_some_and(|most| memory / 2 > most.max(GREED));
            let is_lost = since.elapsed() > GRACE || is_greedy;
            return is_lost.then(|| format!("{}: {why}", scenario.name));
        }
        let own = &self.arguments.limits;
        let took = scenario.begun.elapsed().as_nanos();
        let why = if took > own.time.as_nanos().unsigned_abs().into() {
            format!("takes longer than the {} of `--time-limit`", own.time)
        } else if let Some(most) = self.memory_max.filter(|most| memory > *most) {
            format!(
                "takes more memory than the {} MB of `--memory-limit`",
                most / 1_000_000
            )
        } else {
            return None;
        };
        let why = format!("{why}; let it do less, take fewer seeds, or raise the limit");
        scenario.stopped = Some((why, Clock::now()));
        self.stop.store(true, Ordering::Relaxed);
        None
    }

    /// Ends the program: what reads an input looks at no flag.
    fn give_up(&self, why: &str) -> ! {
        write_refusal(self.arguments, Exit::Incomplete, why);
        remove_unfinished();
        terminal::complain(&format!("error: {why}"));
        terminal::complain(&last_words(Exit::Incomplete));
        std::process::exit(i32::from(Exit::Incomplete.code()))
    }
}

/// Memory that the program holds, in bytes; 0 where the system does not tell.
fn memory() -> u64 {
    kilobytes("/proc/self/status", "VmRSS:").unwrap_or(0) * 1024
}

/// Nine tenths of the memory that the program may have.
fn most_memory() -> Option<u64> {
    let machine = kilobytes("/proc/meminfo", "MemTotal:").map(|own| own * 1024);
    let group = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    let group = group.and_then(|text| text.trim().parse().ok());
    let most = machine.into_iter().chain(group).min()?;
    Some(most / 10 * 9)
}

/// A figure of a table of the system.
fn kilobytes(file: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(file).ok()?;
    let mut lines = text.lines();
    let figure = lines.find_map(|line| line.strip_prefix(name))?;
    figure.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_sizes_and_times_above_nothing() {
        assert_eq!(bytes("1Ki"), Ok(1024));
        assert!(bytes("0").is_err() && bytes("much").is_err());
        assert!(time("90s").is_ok());
        assert!(time("0s").is_err() && time("soon").is_err());
    }
}
