//! Cases of what a platform does around its containers: hosts that Docker Machine creates, pushes
//! that are deployed, and backups of volumes.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::timeline::{duration, instant};
use super::{Case, Decide, Trouble, read};
use control::delivery::{Detection, Groups, journey};
use control::docker_machine::{Creation, Phase, Poll, Times};
use control::volumes::backup::{Backups, Run, Schedule, data_loss};
use units::{Duration, Instant};

/// The judge of a kind.
pub(super) fn decide(kind: &str) -> Option<Decide> {
    Some(match kind {
        "docker-machine" => machine,
        "feature-deploy" => deploy,
        "feature-storage" => storage,
        _ => return None,
    })
}

fn secs(at: Instant) -> f64 {
    at.since(Instant::ZERO).as_secs_f64()
}

#[derive(Deserialize)]
struct PollCase {
    interval_s: f64,
    condition_true_after_s: Vec<f64>,
    max_attempts: u32,
}

#[derive(Deserialize)]
#[expect(
    clippy::struct_field_names,
    reason = "the fields of cases end in their unit"
)]
struct CreateCase {
    #[serde(default)]
    precheck_s: f64,
    #[serde(default)]
    driver_create_s: f64,
    #[serde(default)]
    boot_s: f64,
    #[serde(default)]
    ssh_extra_s: f64,
    #[serde(default)]
    os_detect_s: f64,
    #[serde(default)]
    install_s: f64,
    #[serde(default)]
    engine_up_s: f64,
    #[serde(default)]
    check_s: f64,
}

fn machine(case: &Case) -> Result<Value, Trouble> {
    if case.request.get("condition_true_after_s").is_some() {
        let own: PollCase = read(&case.request)?;
        let poll = Poll {
            interval: duration(own.interval_s)?,
            attempts: own.max_attempts,
        };
        let seen = own.condition_true_after_s.iter().map(|after| {
            let seen = poll.seen(duration(*after)?);
            Ok(seen.map_or_else(|| "timeout".into(), |seen| seen.as_secs_f64().into()))
        });
        let seen: Result<Vec<Value>, Trouble> = seen.collect();
        return Ok(json!({"seen_after_s": seen?}));
    }
    let own: CreateCase = read(&case.request)?;
    let takes = [
        own.precheck_s,
        own.driver_create_s,
        own.boot_s,
        own.ssh_extra_s,
        own.os_detect_s,
        own.install_s,
        own.engine_up_s,
        own.check_s,
    ];
    let mut times = Times::default();
    for (own, takes) in times.0.iter_mut().zip(takes) {
        *own = duration(takes)?;
    }
    let mut creation = Creation::new(Instant::ZERO, times, None);
    let mut decided = Map::new();
    while let Some(step) = creation.next_step() {
        let name = match step.phase {
            _ if step.has_failed => "failed_at_s",
            Phase::Boot => "running_seen_at_s",
            Phase::Ssh => "ssh_seen_at_s",
            Phase::Install => "provision_done_at_s",
            Phase::Engine => "engine_seen_at_s",
            Phase::Check => "ready_at_s",
            _ => continue,
        };
        decided.insert(name.to_owned(), secs(step.at).into());
        if step.has_failed {
            decided.insert("error".to_owned(), "timeout".into());
        }
    }
    Ok(decided.into())
}

#[derive(Deserialize)]
struct DeployCase {
    push_at_s: f64,
    detect: String,
    #[serde(default)]
    poll_s: f64,
    #[serde(default = "one")]
    webhook_s: f64,
    #[serde(default)]
    compile_s: f64,
    #[serde(default)]
    package_s: f64,
    #[serde(default)]
    upload_s: f64,
    replicas: u32,
    parallelism: u32,
    replace_s: f64,
    #[serde(default)]
    delay_s: f64,
}

const fn one() -> f64 {
    1.0
}

fn deploy(case: &Case) -> Result<Value, Trouble> {
    let own: DeployCase = read(&case.request)?;
    let detection = match own.detect.as_str() {
        "webhook" => Detection::Webhook(duration(own.webhook_s)?),
        "poll" => Detection::Poll(duration(own.poll_s)?),
        other => return Err(Trouble::Malformed(format!("detection by `{other}`"))),
    };
    let stages = [own.compile_s, own.package_s, own.upload_s].map(duration);
    let stages: Result<Vec<Duration>, Trouble> = stages.into_iter().collect();
    let groups = Groups {
        replicas: own.replicas,
        parallelism: own.parallelism,
        replace: duration(own.replace_s)?,
        delay: duration(own.delay_s)?,
    };
    let way = journey(instant(own.push_at_s)?, detection, &stages?, groups)
        .map_err(|error| Trouble::Malformed(error.to_string()))?;
    let mut decided = json!({
        "seen_s": secs(way.seen),
        "rollout_start_s": secs(way.rollout),
        "first_new_replica_s": secs(way.first),
        "all_new_s": secs(way.all),
    });
    let names = ["compile_done_s", "package_done_s", "upload_done_s"];
    for (name, at) in names.into_iter().zip(&way.stages) {
        decided[name] = secs(*at).into();
    }
    Ok(decided)
}

#[derive(Deserialize)]
struct ChainCase {
    volume_gib: f64,
    full_every: u32,
    daily_change_gib: f64,
    days: u32,
    retention_days: u32,
}

#[derive(Deserialize)]
#[expect(
    clippy::struct_field_names,
    reason = "the fields of cases end in their unit"
)]
struct LossCase {
    failure_at_s: f64,
    backup_starts_s: Vec<f64>,
    backup_durations_s: Vec<f64>,
}

const GIB: f64 = (1_u64 << 30) as f64;

fn storage(case: &Case) -> Result<Value, Trouble> {
    if case.request.get("failure_at_s").is_some() {
        let own: LossCase = read(&case.request)?;
        let runs = own.backup_starts_s.iter().zip(&own.backup_durations_s);
        let runs: Result<Vec<Run>, Trouble> = runs
            .map(|(started, takes)| {
                Ok(Run {
                    started: instant(*started)?,
                    takes: duration(*takes)?,
                })
            })
            .collect();
        let loss = data_loss(instant(own.failure_at_s)?, &runs?);
        return Ok(json!({"data_loss_s": loss.as_secs_f64()}));
    }
    let own: ChainCase = read(&case.request)?;
    let bytes = |gib: f64| libm::rint(gib * GIB) as i64;
    let schedule = Schedule {
        size: bytes(own.volume_gib),
        daily_change: bytes(own.daily_change_gib),
        full_every: own.full_every,
        retention: own.retention_days,
        ..Schedule::default()
    };
    let mut backups = Backups::new(schedule);
    let mut stored = Vec::new();
    let mut decided = Map::new();
    for day in 1..=own.days {
        backups.add(Run {
            started: Instant::from_secs(i64::from(day) * 86_400),
            takes: Duration::ZERO,
        });
        stored.push(backups.stored() as f64 / GIB);
        // A restore of the day, on the day itself.
        let reads = backups.restore_reads(day).map(|reads| reads as f64 / GIB);
        decided.insert(format!("restore_reads_gib_day_{day}"), json!(reads));
    }
    decided.insert("stored_gib_by_day".to_owned(), json!(stored));
    Ok(decided.into())
}
