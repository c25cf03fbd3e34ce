//! Audit at the end of every test: nothing is left of any workload, each attempt ended once, and none
//! ran twice or beside another attempt of its pod.

use std::fs;

use live::runtime::cgroup::mounts;
use live::runtime::procfs;
use units::SortedMap;

use crate::hosts::Host;
use crate::sweep;
use crate::wait::{seconds, wait_until};
use crate::workload::RUN;

/// A workload that ran.
struct Interval {
    attempt: String,
    start_ns: i64,
    end_ns: Option<i64>,
}

/// Audits a host whose attempts have all ended.
pub(crate) fn audit(host: &Host) {
    let intervals = intervals(host);
    let mut last_end: SortedMap<String, i64> = SortedMap::new();
    let mut seen: SortedMap<String, usize> = SortedMap::new();
    for interval in &intervals {
        *seen.entry(interval.attempt.clone()).or_insert(0) += 1;
        let pod = interval
            .attempt
            .split('_')
            .next()
            .unwrap_or_default()
            .to_owned();
        let end_ns = interval
            .end_ns
            .or_else(|| reported_end(host, &interval.attempt));
        let end_ns = end_ns.unwrap_or_else(|| panic!("{} never ended", interval.attempt));
        if let Some(before) = last_end.insert(pod, end_ns) {
            assert!(
                before <= interval.start_ns,
                "{} ran beside another attempt",
                interval.attempt
            );
        }
    }
    for (attempt, &count) in &seen {
        assert_eq!(count, 1, "{attempt} was started more than once");
        let reports = host.reports(&attempt.parse().expect("an attempt"), "ended");
        let mut ends: Vec<_> = reports.iter().map(|report| &report["what"]).collect();
        // An agent that was killed before the acknowledgement has a successor that reports the same.
        ends.dedup();
        assert_eq!(ends.len(), 1, "{attempt}: ends {ends:?}");
    }
    wait_until("no process of a workload is left", seconds(3), || {
        left_processes().is_empty()
    });
    let groups = || {
        let mounts = mounts(None);
        let folders = mounts
            .iter()
            .map(|mount| mount.own.join("windtunnel").join(&host.node));
        folders.filter(|folder| folder.exists()).count()
    };
    wait_until("no cgroup of a workload is left", seconds(3), || {
        groups() == 0
    });
}

fn intervals(host: &Host) -> Vec<Interval> {
    let text = fs::read_to_string(host.track()).unwrap_or_default();
    let mut intervals: Vec<Interval> = Vec::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let at_ns: i64 = words[1].parse().expect("an instant");
        if words[3] == "start" {
            intervals.push(Interval {
                attempt: words[0].to_owned(),
                start_ns: at_ns,
                end_ns: None,
            });
        } else {
            let open = intervals
                .iter_mut()
                .find(|interval| interval.attempt == words[0]);
            open.expect("an end after a start").end_ns = Some(at_ns);
        }
    }
    intervals
}

/// Instant at which the end of an attempt was reported.
fn reported_end(host: &Host, attempt: &str) -> Option<i64> {
    let attempt = attempt.parse().ok()?;
    host.reports(&attempt, "ended").last()?["at"].as_i64()
}

/// Processes of workloads of this run: all bear its name, wherever they hide. Shims bear it, too.
fn left_processes() -> Vec<u32> {
    let wanted = format!("{RUN}={}", sweep::run_name());
    let agents = |pid: &u32| {
        let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        !command
            .split(|byte| *byte == 0)
            .any(|word| word == b"agent")
    };
    let entries = fs::read_dir("/proc").expect("processes").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let mut variables = environment.split(|byte| *byte == 0);
        variables.any(|variable| variable == wanted.as_bytes())
            && procfs::stat(*pid).is_ok_and(|stat| stat.is_alive())
    })
    .filter(agents)
    .collect()
}
