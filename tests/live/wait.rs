//! Waiting for conditions, with a deadline each.

use std::thread;
use std::time::Duration;

use live::runtime::Identity;
use live::runtime::clock;

const PAUSE: Duration = Duration::from_millis(5);

/// Factor of every deadline: deadlines are those of a machine at rest, and only a failure waits for one.
const PATIENCE: u32 = 4;

/// Instant at which a wait is given up, in nanoseconds of the boot.
fn given_up_ns(limit: Duration) -> i64 {
    let patient = limit.saturating_mul(PATIENCE).as_nanos();
    clock::boot_ns() + i64::try_from(patient).expect("a short limit")
}

/// Waits until a condition yields something; panics with its name after the deadline, with patience.
#[track_caller]
pub(crate) fn wait_for<T>(
    name: &str,
    limit: Duration,
    mut condition: impl FnMut() -> Option<T>,
) -> T {
    let end_ns = given_up_ns(limit);
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(clock::boot_ns() < end_ns, "not within {limit:?}: {name}");
        thread::sleep(PAUSE);
    }
}

/// Waits until a condition holds.
#[track_caller]
pub(crate) fn wait_until(name: &str, limit: Duration, mut condition: impl FnMut() -> bool) {
    wait_for(name, limit, || condition().then_some(()));
}

/// Lets time pass while a condition holds; panics as soon as it does not.
#[track_caller]
pub(crate) fn holds_for(name: &str, time: Duration, mut condition: impl FnMut() -> bool) {
    let end_ns = clock::boot_ns() + i64::try_from(time.as_nanos()).expect("a short time");
    while clock::boot_ns() < end_ns {
        assert!(condition(), "{name}");
        thread::sleep(PAUSE);
    }
}

/// Returns whether the process of an identity lives.
pub(crate) fn is_alive(identity: &Identity) -> bool {
    identity.open(&identity.boot).is_some()
}

/// Identity of a process that lives.
#[track_caller]
pub(crate) fn identity(pid: u32) -> Identity {
    Identity::of(pid)
        .expect("a readable /proc")
        .expect("a live process")
}

/// Kills the very process of an identity.
pub(crate) fn kill(identity: &Identity) {
    if let Some(handle) = identity.open(&identity.boot) {
        let sent = rustix::process::pidfd_send_signal(handle, rustix::process::Signal::KILL);
        // It may have ended meanwhile.
        let _ = sent;
    }
}

pub(crate) const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

pub(crate) const fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Time between two looks at a whole cluster, which cost its control server something.
const CALM: Duration = Duration::from_millis(40);

/// Waits until nothing is wrong with a cluster; panics with what is wrong at the end.
#[track_caller]
pub(crate) fn wait_calmly<T: std::fmt::Debug>(
    name: &str,
    limit: Duration,
    mut wrong: impl FnMut() -> Option<T>,
) {
    let end_ns = given_up_ns(limit);
    while let Some(seen) = wrong() {
        assert!(
            clock::boot_ns() < end_ns,
            "not within {limit:?}: {name}; last seen: {seen:?}"
        );
        thread::sleep(CALM);
    }
}
