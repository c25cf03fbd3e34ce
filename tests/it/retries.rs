//! Retries of one Job under every system that takes Jobs: how often its task runs in three hours, what
//! becomes of it, and what the system says of Jobs. The manual's table has the same rows.

use std::path::Path;

use windtunnel::cluster::{Observer, Store};
use windtunnel::model::{EndReason, Event, Pod, PodChange};
use windtunnel::systems::capability::{Capability, Support, support};
use windtunnel::systems::registry::find;
use windtunnel::units::Instant;

use crate::kube_scenario::Scratch;
use crate::watch::watch;

/// Fate of the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    FailsAlways,
    FailsTwice,
    /// Its image can't be pulled.
    NeverRuns,
}

/// What is right of systems that treat a Job alike: the runs with a `backoffLimit` of 0, 1, 3 and none, and
/// `done` where the last of them ended well.
struct Row {
    systems: &'static str,
    /// With the restart policy `Never`, and with `OnFailure`.
    always: [&'static str; 2],
    twice: [&'static str; 2],
    /// What becomes of one whose image can't be pulled, whatever its limit.
    never_runs: &'static str,
    /// A word of what the system's table says of Jobs where it has no field for the limit.
    told: Option<&'static str>,
    /// The field that takes the limit.
    field: &'static str,
}

const ROWS: &[Row] = &[
    // kubernetes `pkg/controller/job/job_controller.go`: `exceedsBackoffLimit` counts failed pods, and
    // `pastBackoffLimitOnFailure` restarts, which with a limit of 0 have to be more than none.
    Row {
        systems: "kubernetes, openshift, omega",
        always: ["1, 2, 4, 7", "2, 2, 4, 7"],
        twice: ["1, 2, 3 done, 3 done", "2, 2, 3 done, 3 done"],
        never_runs: "waits",
        told: None,
        field: "`backoffLimit`; without it 6",
    },
    // chronos `Jobs.scala`: `retries`, 2 unless stated; `JobScheduler.handleFailedTask`.
    Row {
        systems: "mesos, dcos",
        always: ["1, 2, 4, 7", "1, 2, 4, 7"],
        twice: ["1, 2, 3 done, 3 done", "1, 2, 3 done, 3 done"],
        never_runs: "refused",
        told: None,
        field: "`retries` of a Chronos job",
    },
    // aurora `docs/reference/configuration.md`: `max_task_failures`, the failures of a task from which on it
    // is not started again.
    Row {
        systems: "borg",
        always: ["1, 2, 4, 7", "1, 2, 4, 7"],
        twice: ["1, 2, 3 done, 3 done", "1, 2, 3 done, 3 done"],
        never_runs: "refused",
        told: None,
        field: "`max_task_failures`",
    },
    // swarmkit `manager/orchestrator/restart/restart.go`, `shouldRestart`: `MaxAttempts`, where 0 is no limit.
    Row {
        systems: "swarmkit",
        always: ["1, 2, 4, 7", "1, 2, 4, 7"],
        twice: ["1, 2, 3 done, 3 done", "1, 2, 3 done, 3 done"],
        never_runs: "refused",
        told: None,
        field: "`restart_policy.max_attempts`",
    },
    // moby `restartmanager.go`, `ShouldRestart`: `MaximumRetryCount`.
    Row {
        systems: "compose",
        always: ["1, 2, 4, 7", "1, 2, 4, 7"],
        twice: ["1, 2, 3 done, 3 done", "1, 2, 3 done, 3 done"],
        never_runs: "refused",
        told: None,
        field: "`restart: on-failure:N`",
    },
    // Amazon ECS API reference, `RunTask`: no retries.
    Row {
        systems: "ecs",
        always: ["1, 1, 1, 1", "1, 1, 1, 1"],
        twice: ["1, 1, 1, 1", "1, 1, 1, 1"],
        never_runs: "refused",
        told: Some("not retried"),
        field: "none",
    },
    // systemd.service(5): `Restart=on-failure` has no number; fleet itself starts a unit once.
    Row {
        systems: "fleet",
        always: ["1, 1, 1, 1", "39, 39, 39, 39"],
        twice: ["1, 1, 1, 1", "3 done, 3 done, 3 done, 3 done"],
        never_runs: "refused",
        told: Some("without a limit"),
        field: "none",
    },
];

/// What is seen of a run.
#[derive(Default)]
struct Eyes {
    runs: usize,
    living: usize,
    is_done: bool,
}

impl Observer for Eyes {
    fn observe(&mut self, _: Instant, event: &Event, _: Option<&Pod>, store: &Store) {
        match event {
            Event::PodRunning { .. }
            | Event::PodChanged {
                change: PodChange::Restarted(_),
                ..
            } => self.runs += 1,
            Event::PodEnded { reason, .. } => self.is_done |= *reason == EndReason::Completed,
            _ => {}
        }
        let living = store.pods().iter().filter(|pod| !pod.phase.is_final());
        self.living = living.count();
    }
}

/// The files of a Job under a system.
fn files(system: &str, fate: Fate, policy: &str, limit: Option<u32>) -> (String, String) {
    let code = match fate {
        Fate::FailsAlways => "1",
        Fate::FailsTwice => "1,1,0",
        Fate::NeverRuns => "0",
    };
    let limit = limit.map(|most| format!("  backoffLimit: {most}\n"));
    let job = format!(
        "apiVersion: batch/v1
kind: Job
metadata: {{name: task}}
spec:
{}  template:
    metadata: {{annotations: {{windtunnel.dev/run-time: 20s, windtunnel.dev/exit-code: '{code}'}}}}
    spec:
      restartPolicy: {policy}
      containers: [{{name: c, image: 'c:1', resources: {{requests: {{cpu: 500m, memory: 256Mi}}}}}}]
",
        limit.unwrap_or_default()
    );
    let more = match fate {
        Fate::NeverRuns => {
            "models: {images: {default: 100M}}\nfailures: [{kind: corrupted-image, image: 'c:1', at: 0s}]\n"
        }
        _ => "",
    };
    let controllers = match system {
        "kubernetes" | "openshift" | "omega" => ", controllers: {}",
        _ => "",
    };
    // Borg places a task on no machine on which it has failed.
    let run = format!(
        "windtunnel: v1
name: retries
cluster: {{nodes: [{{name: 'n{{}}', count: 8, template: {{allocatable: {{cpu: 4, memory: 8Gi, pods: 50}}}}}}]}}
workload: [{{manifests: job.yaml}}]
system: {{name: {system}{controllers}}}
{more}stop: {{at: 3h}}
"
    );
    (job, run)
}

/// Number of runs of a Job's task and what becomes of it, or why it is not run at all.
fn play(system: &str, fate: Fate, policy: &str, limit: Option<u32>) -> Result<String, String> {
    let (job, run) = files(system, fate, policy, limit);
    let scratch = Scratch::new("retries", &[("job.yaml", &job), ("run.yaml", &run)]);
    let loaded = scratch.load("run.yaml");
    let mut eyes = Eyes::default();
    let end = watch(&loaded.0.variants[0].scenario, &loaded.0.files, &mut eyes);
    end.map_err(|error| error.to_string())?;
    Ok(match (fate, eyes.living, eyes.is_done) {
        (Fate::NeverRuns, 1, false) if eyes.runs == 0 => "waits".to_owned(),
        (_, 0, true) => format!("{} done", eyes.runs),
        (_, _, false) => eyes.runs.to_string(),
        (_, living, true) => format!("{} done, {living} live", eyes.runs),
    })
}

const LIMITS: [Option<u32>; 4] = [Some(0), Some(1), Some(3), None];

/// What a system does with a Job of a fate, by limit.
fn all(system: &str, fate: Fate, policy: &str) -> String {
    let cells = LIMITS.map(|limit| {
        let cell = play(system, fate, policy, limit);
        cell.unwrap_or_else(|error| panic!("{system}, {fate:?}, {policy}, {limit:?}: {error}"))
    });
    cells.join(", ")
}

#[test]
fn a_job_is_retried_as_often_as_its_system_has_it() {
    let mut wrong = Vec::new();
    for (row, system) in ROWS
        .iter()
        .flat_map(|row| row.systems.split(", ").map(move |system| (row, system)))
    {
        for (fate, right) in [
            (Fate::FailsAlways, row.always),
            (Fate::FailsTwice, row.twice),
        ] {
            for (policy, right) in ["Never", "OnFailure"].into_iter().zip(right) {
                let ran = all(system, fate, policy);
                if ran != right {
                    wrong.push(format!(
                        "{system}, {fate:?}, {policy}: right {right}, ran {ran}"
                    ));
                }
            }
        }
        let never = match play(system, Fate::NeverRuns, "Never", Some(1)) {
            Err(error) if error.contains("do not pull images") => "refused".to_owned(),
            Err(error) => error,
            Ok(ran) => ran,
        };
        if never != row.never_runs {
            wrong.push(format!(
                "{system}, NeverRuns: right {}, ran {never}",
                row.never_runs
            ));
        }
        let table = find(system).expect("a system").capabilities;
        let (is_field, text) = match support(table, Capability::Job) {
            Some(Support::Yes(text)) => (true, text),
            Some(Support::Without(text) | Support::Refused(text)) => (false, text),
            None => (false, ""),
        };
        if is_field != row.told.is_none() || !row.told.is_none_or(|word| text.contains(word)) {
            wrong.push(format!("{system}: right {:?}, says {text}", row.told));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn systems_without_jobs_refuse_them() {
    for system in ["nova", "swarm"] {
        let error = play(system, Fate::FailsAlways, "Never", Some(1)).err();
        let error = error.unwrap_or_default();
        assert!(
            error.contains("jobs (spec.completions) not run"),
            "{system}: {error}"
        );
    }
}

#[test]
fn the_manual_has_the_same_rows() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/manual/limits.md");
    let page = std::fs::read_to_string(page).expect("the page");
    for row in ROWS {
        let [never, on_failure] = row.always;
        let [never_twice, on_failure_twice] = row.twice;
        let line = format!(
            "| {} | {} | {never} | {on_failure} | {never_twice} | {on_failure_twice} | {} |",
            row.systems, row.field, row.never_runs
        );
        assert!(page.contains(&line), "no row of the page: {line}");
    }
}
