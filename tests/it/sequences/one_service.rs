//! Users of one Deployment and of a job by the clock: versions that get ready or never do, scaling, pauses,
//! drains and outages.

use windtunnel::units::SortedSet;

use super::{Course, Due, Sequence, Service, System};

/// A step of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Apply,
    /// A version that is never ready, or ends again and again.
    ApplyBroken,
    Scale,
    RollBack,
    /// A pause, and an end of it.
    Pause,
    DeletePod,
    /// A drain, and an end of it.
    Drain,
    Outage,
    Partition,
    ControlOutage,
}

use Step::{
    Apply, ApplyBroken, ControlOutage, DeletePod, Drain, Outage, Partition, Pause, RollBack, Scale,
};

pub(super) const ALL: &[Step] = &[
    ApplyBroken,
    RollBack,
    Pause,
    DeletePod,
    Drain,
    Outage,
    Partition,
    ControlOutage,
];

/// Containers and instances that are gone, or were made of a broken version, are nobody's to replace.
pub(super) const UNMAINTAINED: &[Step] = &[RollBack, Pause, ControlOutage];

/// Nothing makes units again that their user destroyed.
pub(super) const DESTROYED_FOR_GOOD: &[Step] = &[
    ApplyBroken,
    RollBack,
    Pause,
    Drain,
    Outage,
    Partition,
    ControlOutage,
];

const NODES: usize = 4;
/// Seconds of the last step, and of the end.
const QUIET: i64 = 3_000;
const END: i64 = 7_200;
/// Minutes from one run of the periodic job to the next.
const PERIOD_MIN: i64 = 5;

/// What the users want of the Deployment.
struct Wish {
    is_apart: bool,
    /// Most pods that there is room for.
    most: usize,
    wanted: usize,
    /// Marks a course that ends with a version which gets ready.
    is_good: bool,
    /// Marks a course in which the next version brings back what users took away.
    is_by_hand: bool,
    /// Images that are no good.
    broken: SortedSet<String>,
}

fn deployment(version: usize, replicas: usize, is_apart: bool, broken: Option<&str>) -> String {
    let apart = if is_apart {
        "\n      affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: \
         [{topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: web}}}]}}"
    } else {
        ""
    };
    let life = broken.unwrap_or("windtunnel.dev/start-time: 20s");
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}, annotations: {{{life}}}}}
    spec:{apart}
      containers: [{{name: web, image: 'web:{version}', resources: {{requests: {{cpu: 500m, memory: \
         256Mi}}}}}}]
"
    )
}

const JOB: &str = "---
apiVersion: batch/v1
kind: CronJob
metadata: {name: tick}
spec:
  schedule: '*/5 * * * *'
  jobTemplate:
    spec:
      template:
        metadata: {labels: {app: tick}, annotations: {windtunnel.dev/run-time: 20s}}
        spec: {restartPolicy: OnFailure, containers: [{name: c, image: 'c:1', resources: {requests: {cpu: \
                   100m}}}]}
";

/// Ways in which a version is no good.
const BROKEN: &[&str] = &[
    "windtunnel.dev/start-time: 30h",
    "windtunnel.dev/exit-code: '1', windtunnel.dev/run-time: 20s",
    "windtunnel.dev/exit-code: '1', windtunnel.dev/run-time: 1s",
];

impl Wish {
    /// Applies a new version.
    fn apply(&mut self, course: &mut Course, at: i64, broken: Option<&str>) {
        let (version, wanted) = (course.files.len() + 1, self.wanted);
        let word = if broken.is_some() { "-broken" } else { "" };
        let name = format!("v{version}-of-{wanted}{word}.yaml");
        let text = deployment(version, wanted, self.is_apart, broken);
        course.operate(at, &format!("apply: {name}"));
        course.files.push((name, text));
        self.is_good = broken.is_none();
        if broken.is_some() {
            self.broken.insert(format!("web:{version}"));
        }
    }

    fn step(&mut self, course: &mut Course, at: i64, step: Step) {
        let web = "Deployment/default/web";
        let node = course.dice.below(NODES);
        let lasts = course.dice.between(20, 700);
        match step {
            Apply | ApplyBroken => {
                self.wanted = 1 + course.dice.below(self.most);
                let broken = (step == ApplyBroken).then(|| course.dice.pick(BROKEN));
                self.apply(course, at, broken);
            }
            Scale => {
                self.wanted = course.dice.below(self.most + 1);
                let wanted = self.wanted;
                course.operate(at, &format!("scale: {web}, replicas: {wanted}"));
            }
            RollBack if course.files.len() > 1 => {
                self.is_good = false;
                course.operate(at, &format!("rollBack: {web}"));
            }
            RollBack => {}
            Pause => {
                course.operate(at, &format!("pause: {web}"));
                course.operate(at + lasts, &format!("resume: {web}"));
            }
            DeletePod => {
                self.is_good &= !self.is_by_hand;
                course.operate(at, "deletePods: {labels: {app: web}, count: 1}");
            }
            Drain => {
                self.is_good &= !self.is_by_hand;
                course.operate(at, &format!("drain: n{node}"));
                course.operate(at + lasts, &format!("uncordon: n{node}"));
            }
            Outage => course.fail(at, lasts, &format!("node-outage, node: n{node}")),
            Partition => course.fail(at, lasts, &format!("partition, node: n{node}")),
            ControlOutage => course.fail(at, lasts / 3 + 1, "control-plane-outage"),
        }
    }
}

/// Draws a sequence for a system whose users have these steps besides `apply` and `scale`.
pub(super) fn draw(system: &System, steps: &[Step], seed: u64) -> Sequence {
    let mut course = Course::new(seed);
    let is_apart = course.dice.chance(30) && system.keeps_apart();
    let most = if is_apart { NODES - 1 } else { 5 };
    let wanted = 1 + course.dice.below(most);
    let mut first = deployment(1, wanted, is_apart, None);
    if system.has_jobs {
        first.push_str(JOB);
    }
    course.files.push(("work.yaml".to_owned(), first));
    let mut wish = Wish {
        is_apart,
        most,
        wanted,
        is_good: true,
        is_by_hand: system.is_by_hand(),
        broken: SortedSet::new(),
    };
    let kinds: Vec<Step> = { [Apply, Apply, Scale].iter().chain(steps) }
        .copied()
        .collect();
    let mut at = course.dice.between(20, 200);
    for _ in 0..course.dice.between(3, 10) {
        let step = course.dice.pick(&kinds);
        course.begin(at);
        wish.step(&mut course, at, step);
        at += if course.dice.chance(85) {
            course.dice.between(1, 20)
        } else {
            course.dice.between(25, 400)
        };
    }
    course.end_steps();
    if !wish.is_good {
        wish.apply(&mut course, QUIET, None);
    }
    // What a controller starts when it is back may be late by a run or two.
    let due = Due {
        name: "tick",
        from: course.settled,
        least: (END - course.settled) / 60 / PERIOD_MIN - 2,
    };
    let web = Service {
        name: "web",
        replicas: wish.wanted,
        version: None,
        broken: wish.broken,
    };
    let head = format!(
        "seed: {}
cluster:
  nodes:
    - {{name: 'n{{}}', count: {NODES}, template: {{allocatable: {{cpu: 4, memory: 8Gi, pods: 50}}}}}}
",
        seed % 1_000,
    );
    Sequence {
        services: vec![web],
        jobs: if system.has_jobs {
            vec![due]
        } else {
            Vec::new()
        },
        quiet: QUIET,
        end: END,
        ..course.finish(system, &head, END)
    }
}
