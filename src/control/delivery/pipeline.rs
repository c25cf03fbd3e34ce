//! The way of a repository's pushes to images in the registry: they are seen, and those of source code
//! take their turn in the build queue and go through its stages.

use std::sync::Arc;

use model::{Push, ResourceList, Text};
use rng::{Distribution, Stream};
use units::{Duration, Identity, Instant, SortedMap};

use super::build::{BuildPolicy, BuildState, Builds};
use super::{Detection, Overlap};

/// Time without progress after which a rollout has failed, as `OpenShift` has it.
const DEADLINE: Duration = Duration::from_secs(600);

/// A stage of a build.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// Name of the stage.
    pub name: Text,
    /// Time that the stage takes.
    pub takes: Distribution,
    /// Probability that the stage fails, from 0 to 1.
    pub failure: f64,
}

/// Pods in which builds run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildPods {
    /// Namespace of the pods.
    pub namespace: Text,
    /// Image of the builder; an empty one is on every node.
    pub image: Text,
    /// Resources that a build requests.
    pub requests: ResourceList,
}

/// Automatic deployment of the images of a repository.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The repository, such as `shop/web`.
    pub repository: Text,
    /// Detection of pushes.
    pub detection: Detection,
    /// Stages of a build, in order.
    pub stages: Vec<Stage>,
    /// Order of builds.
    pub builds: BuildPolicy,
    /// Pods in which builds run; `None` where they take no room of the cluster.
    pub pods: Option<BuildPods>,
    /// Treatment of a push while another is rolled out.
    pub overlap: Overlap,
    /// Time without progress after which a rollout has failed.
    pub deadline: Duration,
    /// Whether the image before is rolled out after a failure.
    pub rolls_back: bool,
    /// The seed of durations and failures of stages.
    pub seed: u64,
}

impl Plan {
    /// The plan of a repository whose registry calls after a second, without builds.
    pub fn of_repository(repository: &str) -> Self {
        Self {
            repository: repository.into(),
            detection: Detection::Webhook(Duration::from_secs(1)),
            stages: Vec::new(),
            builds: BuildPolicy::Serial,
            pods: None,
            overlap: Overlap::Cancel,
            deadline: DEADLINE,
            rolls_back: false,
            seed: 0,
        }
    }
}

/// News of a push, by its number in the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushEvent {
    /// It is seen.
    Seen(usize),
    /// A stage of its build is done.
    Staged(usize),
    /// A stage of its build failed.
    Failed(usize),
    /// A newer build took the place of its build.
    Cancelled(usize),
    /// A newer push of its tag is seen in its place.
    PassedOver(usize),
    /// Its image can be rolled out.
    Ready(usize),
    /// Its build needs a pod.
    Begun(usize, Work),
}

/// Work of a build in a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// Number of the build.
    pub build: usize,
    /// Time that its stages take, up to the one that fails.
    pub takes: Duration,
    /// Whether a stage fails.
    pub fails: bool,
}

/// What is due for a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PushTimer {
    Seen(usize),
    /// The end of a stage of a build.
    Stage {
        build: usize,
        stage: usize,
    },
    /// The pod of a build is asked for again.
    Retry(usize),
}

/// The pushes of a repository on their way.
#[derive(Clone, Debug)]
pub struct Pipeline {
    plan: Arc<Plan>,
    pushes: Vec<(Instant, Push)>,
    builds: Builds,
    /// Numbers of the pushes that are built, by the number of the build.
    built: Vec<usize>,
    /// What is due when, in the order in which it was expected.
    due: SortedMap<(Instant, u64), PushTimer>,
    expected: u64,
}

impl Pipeline {
    /// A pipeline without pushes.
    pub fn new(plan: Arc<Plan>) -> Self {
        Self {
            builds: Builds::new(plan.builds),
            plan,
            pushes: Vec::new(),
            built: Vec::new(),
            due: SortedMap::new(),
            expected: 0,
        }
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// A push by its number, with the instant at which it was made.
    pub fn push(&self, number: usize) -> Option<&(Instant, Push)> {
        self.pushes.get(number)
    }

    /// Takes note of a push.
    pub fn pushed(&mut self, now: Instant, push: Push) {
        self.pushes.push((now, push));
        let number = self.pushes.len() - 1;
        self.expect(self.plan.detection.seen(now), PushTimer::Seen(number));
    }

    /// The instant at which something is due.
    pub fn next(&self) -> Option<Instant> {
        self.due.keys().next().map(|&(at, _)| at)
    }

    /// Does what is due by now.
    pub fn advance(&mut self, now: Instant) -> Vec<PushEvent> {
        let mut news = Vec::new();
        while let Some((&key, &due)) = self.due.iter().next().filter(|((at, _), _)| *at <= now) {
            self.due.remove(&key);
            let at = key.0;
            match due {
                PushTimer::Seen(number) if self.is_passed_over(at, number) => {
                    news.push(PushEvent::PassedOver(number));
                }
                PushTimer::Seen(number) => {
                    news.push(PushEvent::Seen(number));
                    let is_source = self.pushes.get(number).is_some_and(|push| push.1.is_source);
                    if is_source && !self.plan.stages.is_empty() {
                        self.request(at, number, &mut news);
                    } else {
                        news.push(PushEvent::Ready(number));
                    }
                }
                PushTimer::Stage { build, stage } => self.staged(at, build, stage, &mut news),
                PushTimer::Retry(build) => self.begin(at, vec![build], &mut news),
            }
        }
        news
    }

    /// Whether a look at the registry finds that the tag of a push names a newer one already.
    fn is_passed_over(&self, at: Instant, number: usize) -> bool {
        if matches!(self.plan.detection, Detection::Webhook(_)) {
            return false;
        }
        let Some((_, own)) = self.pushes.get(number) else {
            return false;
        };
        let later = self.due.iter().take_while(|((due, _), _)| *due <= at);
        let mut pushes = later.filter_map(|(_, due)| match due {
            PushTimer::Seen(later) => self.pushes.get(*later),
            _ => None,
        });
        pushes.any(|(_, later)| later.image == own.image && later.is_source == own.is_source)
    }

    /// A build is asked for.
    fn request(&mut self, now: Instant, number: usize, news: &mut Vec<PushEvent>) {
        self.built.push(number);
        let is_new = |own: &super::build::Build| own.state == BuildState::New;
        let waiting: Vec<usize> = (0..self.builds.builds().len())
            .filter(|&build| is_new(&self.builds.builds()[build]))
            .collect();
        let begun = self.builds.request(now);
        for build in waiting {
            if self.builds.builds()[build].state == BuildState::Cancelled {
                news.push(PushEvent::Cancelled(self.built[build]));
            }
        }
        self.begin(now, begun, news);
    }

    fn begin(&mut self, now: Instant, begun: Vec<usize>, news: &mut Vec<PushEvent>) {
        for build in begun {
            if self.plan.pods.is_some() {
                news.push(PushEvent::Begun(self.built[build], self.work(build)));
            } else {
                self.begin_stage(now, build, 0);
            }
        }
    }

    /// The work of a build in a pod: its stages after one another.
    fn work(&self, build: usize) -> Work {
        let mut work = Work {
            build,
            takes: Duration::ZERO,
            fails: false,
        };
        for (number, stage) in self.plan.stages.iter().enumerate() {
            let takes = (stage.takes).sample(&mut self.stream("delivery-stage", build, number));
            work.takes = work.takes.saturating_add(takes);
            work.fails = self.fails(build, number);
            if work.fails {
                break;
            }
        }
        work
    }

    /// Whether a stage of a build fails.
    fn fails(&self, build: usize, stage: usize) -> bool {
        let drawn = self.stream("delivery-failure", build, stage).unit_f64();
        drawn < self.plan.stages[stage].failure
    }

    /// The pod of a build has ended.
    pub fn pod_ended(&mut self, now: Instant, build: usize, success: bool) -> Vec<PushEvent> {
        let mut news = Vec::new();
        if build < self.built.len() {
            self.done(now, build, success, &mut news);
        }
        news
    }

    /// The pod of a build was declined, and is asked for again at an instant.
    pub fn pod_declined(&mut self, again: Instant, build: usize) {
        self.expect(again, PushTimer::Retry(build));
    }

    /// A build has ended: the next ones begin.
    fn done(&mut self, now: Instant, build: usize, success: bool, news: &mut Vec<PushEvent>) {
        let number = self.built[build];
        news.push(if success {
            PushEvent::Ready(number)
        } else {
            PushEvent::Failed(number)
        });
        let begun = self.builds.ended(now, build, success);
        self.begin(now, begun, news);
    }

    fn begin_stage(&mut self, now: Instant, build: usize, stage: usize) {
        let takes = self.plan.stages[stage].takes.clone();
        let takes = takes.sample(&mut self.stream("delivery-stage", build, stage));
        self.expect(now.saturating_add(takes), PushTimer::Stage { build, stage });
    }

    fn stream(&self, purpose: &str, build: usize, stage: usize) -> Stream {
        let own = Identity::of(&self.plan.repository).nth(build as u64);
        Stream::of(self.plan.seed, purpose, own.nth(stage as u64))
    }

    fn staged(&mut self, now: Instant, build: usize, stage: usize, news: &mut Vec<PushEvent>) {
        let number = self.built[build];
        let success = !self.fails(build, stage);
        if success {
            news.push(PushEvent::Staged(number));
            if stage + 1 < self.plan.stages.len() {
                self.begin_stage(now, build, stage + 1);
                return;
            }
        }
        self.done(now, build, success, news);
    }

    fn expect(&mut self, at: Instant, due: PushTimer) {
        self.due.insert((at, self.expected), due);
        self.expected += 1;
    }
}
