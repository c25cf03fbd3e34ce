//! Examination of a host: what live mode can use, what it has to do without, and what that means. Each
//! answer comes from trying, as the presence of a file or a mount says little.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::{PidfdFlags, Resource, geteuid, getpid, getrlimit, pidfd_open};
use serde::Serialize;

use super::cgroup::{Controller, Hierarchies, Version};
use super::{host, procfs};

/// Answer about a feature of the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// Area of the feature.
    pub area: &'static str,
    /// Name of the feature, as `WT_REQUIRE` takes it.
    pub feature: &'static str,
    /// The host has the feature.
    pub is_there: bool,
    /// Details, or what follows from the lack.
    pub detail: String,
}

/// Examines this host. Cgroups are looked for below a folder, if one is given.
pub fn examine(cgroup_root: Option<&Path>) -> Vec<Finding> {
    let mut findings = Vec::new();
    rights(&mut findings);
    processes(&mut findings);
    cgroups(&mut findings, cgroup_root);
    network(&mut findings);
    kernel(&mut findings);
    surroundings(&mut findings);
    findings
}

/// Adds a finding: the detail where the feature is there, else what follows from its lack.
fn add(
    findings: &mut Vec<Finding>,
    area: &'static str,
    feature: &'static str,
    found: Option<String>,
    lack: &str,
) {
    findings.push(Finding {
        area,
        feature,
        is_there: found.is_some(),
        detail: found.unwrap_or_else(|| lack.to_owned()),
    });
}

fn rights(findings: &mut Vec<Finding>) {
    let is_root = geteuid().is_root();
    let found = is_root.then(|| "effective user 0".to_owned());
    let lack = "no cgroups or namespaces unless they are delegated";
    add(findings, "rights", "root", found, lack);
    let names = [
        ("cap-net-admin", 12, "no network namespaces"),
        ("cap-sys-admin", 21, "no namespaces, no mounts"),
        (
            "cap-sys-resource",
            24,
            "hard limits can't be raised, scores of out-of-memory kills can't be lowered",
        ),
    ];
    for (name, bit, lack) in names {
        let found = capabilities() & (1 << bit) != 0;
        add(findings, "rights", name, found.then(String::new), lack);
    }
    let files = getrlimit(Resource::Nofile);
    let limit =
        |limit: Option<u64>| limit.map_or("unlimited".to_owned(), |limit| limit.to_string());
    let detail = format!(
        "{} now, {} at most",
        limit(files.current),
        limit(files.maximum)
    );
    add(findings, "rights", "open-files", Some(detail), "");
}

/// Effective capabilities as a mask.
fn capabilities() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

fn processes(findings: &mut Vec<Finding>) {
    let handle = pidfd_open(getpid(), PidfdFlags::empty()).ok();
    add(
        findings,
        "process",
        "pidfd",
        handle.map(|_| String::new()),
        "processes can't be watched: the process runtime needs Linux 5.3",
    );
    let children = Path::new("/proc/self/task")
        .join(std::process::id().to_string())
        .join("children");
    let found = children.exists().then(String::new);
    let lack = "without cgroups, children that left their session can't be found";
    add(findings, "process", "children", found, lack);
    let boot = procfs::boot_id().ok();
    let lack = "a restart of the host can't be recognized";
    add(findings, "process", "boot-id", boot, lack);
}

fn cgroups(findings: &mut Vec<Finding>, root: Option<&Path>) {
    let hierarchies = Hierarchies::probe(root);
    for controller in Controller::ALL {
        let (feature, lack) = match controller {
            Controller::Cpu => ("cgroup-cpu", "limits on processor time are not kept"),
            Controller::Memory => ("cgroup-memory", "limits on memory are not kept"),
            Controller::Pids => ("cgroup-pids", "limits on processes are not kept"),
            Controller::CpuAccount => ("cgroup-cpuacct", "processor time is counted by process"),
            Controller::Freezer => ("cgroup-freezer", "not needed where there is cgroup.kill"),
            Controller::Containment => ("cgroup-kill", "containers are killed process by process"),
        };
        let found = hierarchies.offer(controller).map(|offer| {
            let version = match offer.version {
                Version::V1 => "version 1",
                Version::V2 => "version 2",
            };
            format!("{version}, {}", offer.base.display())
        });
        add(findings, "cgroup", feature, found, lack);
    }
    let labels = hierarchies.labels();
    let labels = labels.map(|(key, value)| format!("{key}={value}"));
    hierarchies.tidy();
    add(findings, "cgroup", "labels", Some(labels.join(" ")), "");
}

fn network(findings: &mut Vec<Finding>) {
    let tools = [
        ("ip", "no network namespaces in tests"),
        ("bridge", "no isolated hosts in tests"),
        ("nsenter", "no processes in namespaces in tests"),
        ("nft", "no one-way cuts and no loss in tests"),
        ("tc", "no slow links in tests"),
    ];
    for (tool, lack) in tools {
        let path = program(tool).map(|path| path.display().to_string());
        add(findings, "network", tool, path, lack);
    }
    // Each is tried in a namespace of its own, which ends with the command.
    let trials: [(&'static str, &[&str], &str); 5] = [
        ("netns", &["true"], "tests can't build hosts"),
        (
            "veth",
            &[
                "ip", "link", "add", "wt0", "type", "veth", "peer", "name", "wt1",
            ],
            "tests can't join hosts",
        ),
        (
            "bridge-device",
            &["ip", "link", "add", "br0", "type", "bridge"],
            "tests can't join hosts",
        ),
        (
            "tbf",
            &[
                "tc", "qdisc", "add", "dev", "lo", "root", "tbf", "rate", "8kbit", "burst", "1600",
                "limit", "100000",
            ],
            "no slow links in tests",
        ),
        (
            "netem",
            &[
                "tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms",
            ],
            "no fixed delay by the kernel in tests",
        ),
    ];
    for (feature, command, lack) in trials {
        let found = succeeds("unshare", &[&["-n"], command].concat());
        add(findings, "network", feature, found.then(String::new), lack);
    }
}

fn kernel(findings: &mut Vec<Finding>) {
    let release = read("/proc/sys/kernel/osrelease");
    add(findings, "kernel", "release", release, "unknown");
    let pids = read("/proc/sys/kernel/pid_max").map(|most| format!("{most} processes at most"));
    add(findings, "kernel", "pid-max", pids, "unknown");
    let pressure = read("/proc/pressure/memory").map(|_| String::new());
    add(
        findings,
        "kernel",
        "pressure",
        pressure,
        "no pressure is reported",
    );
    let systems = fs::read_to_string("/proc/filesystems").unwrap_or_default();
    for (feature, lack) in [
        ("overlay", "no Docker"),
        ("tmpfs", "no full disks in tests"),
    ] {
        let found = systems
            .lines()
            .any(|line| line.ends_with(&format!("\t{feature}")));
        add(findings, "kernel", feature, found.then(String::new), lack);
    }
    let swaps = fs::read_to_string("/proc/swaps").unwrap_or_default();
    let swap = (swaps.lines().count() > 1).then(String::new);
    add(
        findings,
        "kernel",
        "swap",
        swap,
        "none; memory ends at its limit",
    );
}

fn surroundings(findings: &mut Vec<Finding>) {
    let capacity = host::capacity();
    let detail = format!(
        "{} milli cpu, {} MiB of memory",
        capacity.cpu_milli,
        capacity.memory_bytes >> 20
    );
    add(findings, "host", "capacity", Some(detail), "");
    let systemd = Path::new("/run/systemd/system")
        .is_dir()
        .then(|| "KillMode=process for the agent".to_owned());
    add(
        findings,
        "host",
        "systemd",
        systemd,
        "start the agent by other means",
    );
    let resolver = read("/etc/resolv.conf").filter(|text| text.contains("nameserver"));
    add(
        findings,
        "host",
        "resolver",
        resolver.map(|_| String::new()),
        "name hosts by address",
    );
    for (tool, lack) in [
        ("dockerd", "no engine in tests"),
        ("docker", "no images in tests"),
        ("busybox", "no images in tests"),
    ] {
        let path = program(tool).map(|path| path.display().to_string());
        add(findings, "docker", tool, path, lack);
    }
    let socket = Path::new("/var/run/docker.sock").exists();
    let engine = socket.then(|| "/var/run/docker.sock".to_owned());
    add(
        findings,
        "docker",
        "engine",
        engine,
        "no engine runs; processes alone",
    );
}

/// Text of a file without its last line end.
fn read(path: &str) -> Option<String> {
    fs::read_to_string(path)
        .ok()
        .map(|text| text.trim_end().to_owned())
}

/// Program on the search path.
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut candidates = std::env::split_paths(&path).map(|folder| folder.join(name));
    candidates.find(|candidate| candidate.is_file())
}

fn succeeds(program: &str, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
