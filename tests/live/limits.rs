//! Faults 9 to 11: limits on memory, processes and processor time are hit.

use serde_json::Value;

use crate::audit::audit;
use crate::hosts::Host;
use crate::table::Test;
use crate::wait::{seconds, wait_until};

pub(crate) const TESTS: &[Test] = &[
    Test {
        fault: "9",
        name: "memory limit hit by the workload, and by its child",
        needs: &["pidfd", "cgroup-memory"],
        run: memory,
    },
    Test {
        fault: "10",
        name: "fork bomb",
        needs: &["pidfd", "cgroup-pids"],
        run: processes,
    },
    Test {
        fault: "11",
        name: "limit on processor time",
        needs: &["pidfd", "cgroup-cpu", "cgroup-cpuacct"],
        run: processor_time,
    },
    Test {
        fault: "11",
        name: "use is measured",
        needs: &["pidfd", "cgroup-memory", "cgroup-cpuacct"],
        run: measured,
    },
];

const MIB: u64 = 1 << 20;

fn memory() {
    let host = Host::started();
    let cases = [
        ("alone", "eat 67108864", Value::from(137)),
        ("parent", "fork-eat 67108864", Value::from(3)),
    ];
    for (pod, workload, code) in cases {
        let mut order = host.order(pod, workload);
        order.limits.memory_bytes = Some(32 * MIB);
        let end = host.await_end(&host.start(&order));
        assert_eq!(end["reason"], "OOMKilled", "{end}");
        assert!(
            end["ended"]["counters"]["oom_kills"].as_u64() > Some(0),
            "{end}"
        );
        // By version 2 the parent dies with its child.
        assert!(end["code"] == code || end["code"] == 137, "{end}");
    }
    let mut order = host.order("modest", "eat 16777216");
    order.limits.memory_bytes = Some(32 * MIB);
    let end = host.await_end(&host.start(&order));
    assert_eq!(end["reason"], "Completed", "{end}");
    let peak = end["ended"]["counters"]["memory_peak_bytes"].as_u64();
    assert!(peak > Some(16 * MIB) && peak <= Some(32 * MIB), "{end}");
    // Too little for any program: an end all the same.
    let mut order = host.order("tiny", "sleep 60000");
    order.limits.memory_bytes = Some(4096);
    let end = host.await_end(&host.start(&order));
    assert_eq!(end["reason"], "OOMKilled", "{end}");
    audit(&host);
}

fn processes() {
    let host = Host::started();
    let mut order = host.order("bomb", "bomb");
    order.limits.process_count = Some(20);
    let end = host.await_end(&host.start(&order));
    assert_eq!(end["code"], 0, "{end}");
    assert!(
        end["ended"]["counters"]["refused_processes"].as_u64() > Some(0),
        "{end}"
    );
    audit(&host);
}

fn processor_time() {
    let host = Host::started();
    let mut order = host.order("spin", "spin 3000");
    order.limits.cpu_milli = Some(50);
    let end = host.await_end(&host.start(&order));
    let counters = &end["ended"]["counters"];
    let cpu_ms = counters["cpu_ns"].as_u64().expect("a time") / 1_000_000;
    assert!((100..=250).contains(&cpu_ms), "{cpu_ms} ms: {end}");
    assert!(counters["throttled_periods"].as_u64() > Some(0), "{end}");
    audit(&host);
}

fn measured() {
    let host = Host::started();
    let running = host.run(&host.order("busy", "spin 3000"));
    wait_until("the use shows", seconds(3), || {
        let listed = host.listed(&running.attempt).expect("an attempt");
        listed["cpu_ns"].as_u64() > Some(300_000_000)
            && listed["memory_bytes"].as_u64() > Some(64 << 10)
            && listed["processes"] == 1
    });
    host.end(&running.attempt);
    audit(&host);
}
