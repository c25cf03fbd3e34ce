//! Users of the frameworks of Mesos: two services on a cluster that is full at times, jobs by the clock, and
//! agents on racks.

use std::fmt::Write as _;

use windtunnel::units::SortedSet;

use super::{Course, Due, Sequence, Service, System};

/// Racks of the agents, each of eight cores.
const RACKS: [&str; 4] = ["a", "a", "b", "c"];
const NODES: usize = RACKS.len();
/// Services, with the most instances that there is room for: those of the second keep apart, one on a
/// rack.
const SERVICES: [(&str, usize); 2] = [("web", 7), ("apart", 3)];
/// Minute of the last operation.
const QUIET: i64 = 40;
/// Minutes of the run.
const STOP: i64 = QUIET + 60;
/// Minutes between two runs of the job.
const PERIOD: i64 = 6;

/// Manifest of a service.
fn service(name: &str, replicas: usize, version: usize, is_ready: bool) -> String {
    let answers = if is_ready { "10s" } else { "10h" };
    let apart = if name == "apart" {
        "\n      affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: \
         kubernetes.io/hostname, labelSelector: {matchLabels: {app: apart}}}]}}"
    } else {
        ""
    };
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  replicas: \
         {replicas}\n  selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: \
         {{app: {name}, version: v{version}}}, annotations: {{windtunnel.dev/answers-after: {answers}}}}}\n    \
         spec:{apart}\n      containers: [{{name: c, image: 'c:{version}', readinessProbe: {{httpGet: \
         {{path: /, port: 80}}, periodSeconds: 5}}, resources: {{requests: {{cpu: '1', memory: \
         64Mi}}}}}}]\n---\n"
    )
}

/// A job by the clock, each run of which ends with this code.
fn job(name: &str, code: usize) -> String {
    format!(
        "apiVersion: batch/v1\nkind: CronJob\nmetadata: {{name: {name}}}\nspec:\n  schedule: '*/{PERIOD} * * \
         * *'\n  jobTemplate:\n    spec:\n      template:\n        metadata: {{annotations: \
         {{windtunnel.dev/run-time: 40s, windtunnel.dev/exit-code: '{code}'}}}}\n        spec: \
         {{restartPolicy: Never, containers: [{{name: c, image: 'j:1', resources: {{requests: {{cpu: '1', \
         memory: 64Mi}}}}}}]}}\n---\n"
    )
}

/// What the users want of the services.
struct Wish {
    replicas: [usize; 2],
    versions: [usize; 2],
    newest: usize,
}

impl Wish {
    /// A new version of a service from a second on, which gets ready or does not.
    fn apply(
        &mut self,
        course: &mut Course,
        at: i64,
        place: usize,
        version: usize,
        is_ready: bool,
    ) {
        self.versions[place] = version;
        let text = service(SERVICES[place].0, self.replicas[place], version, is_ready);
        let name = format!("next-{}.yaml", course.files.len());
        course.operate(at, &format!("apply: {name}"));
        course.files.push((name, text));
    }

    /// A step at a second, and what takes it back.
    fn step(&mut self, course: &mut Course, at: i64, failures: &[&str]) {
        let (place, node) = (course.dice.below(2), course.dice.below(NODES));
        let lasts = course.dice.between(30, 529);
        let until = (at + lasts).min(QUIET * 60);
        match course.dice.below(9) {
            0 | 1 => {
                self.newest += 1;
                let is_ready = course.dice.chance(70);
                self.apply(course, at, place, self.newest, is_ready);
            }
            2 => {
                let (name, most) = SERVICES[place];
                self.replicas[place] = course.dice.below(most + 1);
                let replicas = self.replicas[place];
                course.operate(at, &scale(name, replicas));
            }
            // Back to a version before.
            3 => {
                let version = 1 + course.dice.below(self.newest);
                self.apply(course, at, place, version, true);
            }
            4 => {
                let verb = course.dice.pick(&["cordon", "drain"]);
                course.operate(at, &format!("{verb}: n{node}"));
                course.operate(until, &format!("uncordon: n{node}"));
            }
            5 | 6 => {
                let kind = course.dice.pick(&["node-outage", "partition"]);
                course.fail(at, until - at, &format!("{kind}, node: n{node}"));
            }
            7 if !failures.is_empty() => {
                let kind = course.dice.pick(failures);
                course.fail(at, until - at, kind);
            }
            // The cluster is full for a while, and jobs are late.
            _ => {
                course.operate(at, &scale("filler", 8 * NODES));
                course.operate(until, &scale("filler", 0));
            }
        }
    }

    /// The last word on each service, a version that gets ready, at times only in the middle of another;
    /// nodes take pods again.
    fn end(&mut self, course: &mut Course, has_jobs: bool) {
        for place in 0..2 {
            self.newest += 1;
            let is_new = course.dice.chance(70);
            let last = if is_new { self.newest } else { 1 };
            let at = QUIET * 60 - course.dice.between(0, 199);
            self.apply(course, at, place, last, true);
        }
        course.operate(QUIET * 60, &scale("filler", 0));
        for node in 0..NODES {
            course.operate(QUIET * 60, &format!("uncordon: n{node}"));
        }
        if !has_jobs {
            let (node, at) = (
                course.dice.below(2),
                QUIET * 60 + course.dice.between(0, 59),
            );
            course.fail_for_good(at, &format!("node-outage, node: n{node}"));
        }
    }
}

fn scale(name: &str, replicas: usize) -> String {
    format!("scale: Deployment/default/{name}, replicas: {replicas}")
}

/// Draws a sequence for a system that knows these failures besides those of nodes. Without jobs nothing happens by
/// itself in the hour of quiet, in which a node of the first rack stays lost.
pub(super) fn draw(system: &System, failures: &[&str], seed: u64) -> Sequence {
    let mut course = Course::new(seed);
    let replicas = SERVICES.map(|(_, most)| course.dice.below(most + 1));
    let mut wish = Wish {
        replicas,
        versions: [1, 1],
        newest: 1,
    };
    let mut work: String = (0..2)
        .map(|place| service(SERVICES[place].0, replicas[place], 1, true))
        .collect();
    work += &service("filler", 0, 1, true);
    if system.has_jobs {
        work += &(job("report", 0) + &job("broken", 1));
    }
    // Steps come close together, so that they meet what others have begun.
    let mut at = 60 + course.dice.between(0, 599);
    while at < QUIET * 60 - 300 {
        course.begin(at);
        wish.step(&mut course, at, failures);
        at += course.dice.pick(&[1, 5, 12, 40, 120, 400]);
    }
    course.end_steps();
    wish.end(&mut course, system.has_jobs);
    course.files.push(("work.yaml".to_owned(), work));
    let wanted = (0..2).map(|place| Service {
        name: SERVICES[place].0,
        replicas: wish.replicas[place],
        version: Some(format!("c:{}", wish.versions[place])),
        broken: SortedSet::new(),
    });
    let filler = Service {
        name: "filler",
        replicas: 0,
        version: None,
        broken: SortedSet::new(),
    };
    let jobs = ["report", "broken"].into_iter().filter(|_| system.has_jobs);
    let due = jobs.map(|name| Due {
        name,
        from: (QUIET + PERIOD) * 60,
        least: (STOP - QUIET - PERIOD) / PERIOD,
    });
    Sequence {
        services: wanted.chain([filler]).collect(),
        jobs: due.collect(),
        quiet: QUIET * 60,
        end: STOP * 60,
        ..course.finish(system, &head(), STOP * 60)
    }
}

/// Agents on their racks, and how long containers take to start.
fn head() -> String {
    let mut head = "models: {startup: {containerStart: 3s}, nodeLife: observed}
cluster:
  nodes:
"
    .to_owned();
    for (node, rack) in RACKS.iter().enumerate() {
        let _ = writeln!(
            head,
            "  - {{name: n{node}, count: 1, template: {{labels: {{rack: {rack}}}, allocatable: {{cpu: \
             8, memory: 32Gi, pods: 110}}}}}}"
        );
    }
    head
}
