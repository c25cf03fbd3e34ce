//! The order in which a project's services start and stop (spec: orchestrators-a.md section 3;
//! compose-spec `05-services.md`, docker/compose `convergence.go` and `dependencies.go`).
//!
//! The turn of a service comes once all that it depends on has been started; services that depend on
//! nothing are called at once, side by side. From its turn on it waits for dependencies that are to be
//! healthy or to complete, at which it looks in a period of its own, and is called once each has met its
//! condition. A dependency that can't meet its condition any more
//! fails its dependent, unless it is optional, when it is passed over with a warning. The first such
//! failure ends the start of the project: whatever still waits is created and not started. They stop
//! in the reverse order.

mod stops;

use thiserror::Error;

use model::{Object, PodSpec, Text};
use units::{Duration, Instant, SortedMap, SortedSet, graph};

use super::options::Condition;
use super::problem::Problem;

/// The label that names the service of a container.
pub const SERVICE_LABEL: &str = "com.docker.compose.service";

/// The service that a container belongs to; empty if it belongs to none.
pub(super) fn service_of(spec: &PodSpec) -> &str {
    spec.labels.get(SERVICE_LABEL).map_or("", |name| name)
}

/// The service of an object with a template: that which the template names, or else the object's own name.
pub(super) fn service_name(object: &Object, template: &PodSpec) -> Text {
    match service_of(template) {
        "" => object.name().clone(),
        service => service.into(),
    }
}

/// A service that another one depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// Name of the service that is depended on.
    pub service: Text,
    /// Condition that it meets first.
    pub condition: Condition,
    /// Requirement: its failure or absence fails the dependent.
    pub is_required: bool,
    /// Whether the dependent is started again after an update of the dependency.
    pub restarts: bool,
}

impl Dependency {
    /// A required dependency.
    pub fn on(service: &str, condition: Condition) -> Self {
        Self {
            service: service.into(),
            condition,
            is_required: true,
            restarts: false,
        }
    }
}

/// Reason a project can't be started at all.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProjectError {
    /// Services depend on each other in a circle.
    #[error("dependency cycle detected: {}", path.join(" -> "))]
    Cycle {
        /// Names along the circle; the last is the first again.
        path: Vec<String>,
    },
    /// A service depends on one that there is not.
    #[error("service \"{service}\" depends on undefined service \"{missing}\"")]
    Undefined {
        /// The service.
        service: String,
        /// The service that it depends on.
        missing: String,
    },
}

/// Something seen of a service's containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// All of them run; what was seen of an unhealthy one before holds no more.
    Running,
    /// All of them are healthy.
    Healthy,
    /// One of them was found unhealthy.
    Unhealthy,
    /// All of them have ended for good, with code 0 or the worst other one.
    Ended(i32),
    /// It can't be started.
    Unavailable,
}

/// Progress of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Progress {
    /// It waits for what it depends on.
    #[default]
    Waiting,
    /// Its start was called.
    Called,
    /// It is not started, for this reason.
    Failed(String),
}

/// A service of a project.
#[derive(Clone, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a condition that others may depend on, by its name"
)]
struct Member {
    depends_on: Vec<Dependency>,
    progress: Progress,
    /// Instant at which its turn came.
    turn: Option<Instant>,
    /// Services that it waits for no more since then.
    passed: SortedSet<Text>,
    has_run: bool,
    is_healthy: bool,
    /// Whether a container is unhealthy; one success of its check puts that right.
    is_unhealthy: bool,
    /// Whether it has no container, so that nothing is there to wait for.
    is_empty: bool,
    problem: Option<Problem>,
    is_completed: bool,
}

/// A step of the start of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Start of a service.
    Start(Text),
    /// A service is not started.
    Fail {
        /// The service.
        service: Text,
        /// The reason.
        why: String,
    },
    /// A service goes on without an optional dependency.
    Warn {
        /// The service.
        service: Text,
        /// The reason.
        why: String,
    },
}

/// The services of a project as they start.
#[derive(Clone, Debug)]
pub struct Project {
    members: SortedMap<Text, Member>,
    poll: Duration,
    /// Whether something was seen since the last look.
    is_dirty: bool,
    /// The next look of a service at a dependency that has come to something.
    next: Option<Instant>,
}

impl Project {
    /// The project of services with what they depend on. A service looks at a dependency that it waits for
    /// every `poll` from its turn on.
    ///
    /// # Errors
    /// Services depend on each other in a circle, or a required one is missing.
    pub fn new(
        services: SortedMap<Text, Vec<Dependency>>,
        poll: Duration,
    ) -> Result<Self, ProjectError> {
        for (service, own) in &services {
            let missing = own
                .iter()
                .find(|own| own.is_required && !services.contains_key(&own.service));
            if let Some(missing) = missing {
                return Err(ProjectError::Undefined {
                    service: service.to_string(),
                    missing: missing.service.to_string(),
                });
            }
        }
        check_circles(&services)?;
        let mut project = Self::empty(poll);
        for (name, depends_on) in services {
            project.join(name, depends_on);
        }
        Ok(project)
    }

    /// A project without services; see [`Project::new`].
    pub const fn empty(poll: Duration) -> Self {
        Self {
            members: SortedMap::new(),
            poll,
            is_dirty: false,
            next: None,
        }
    }

    /// Adds a service, unless it is there already. What it depends on and the project lacks when it
    /// is looked at fails it.
    pub fn join(&mut self, service: Text, depends_on: Vec<Dependency>) {
        self.members.entry(service).or_insert_with(|| Member {
            depends_on,
            ..Member::default()
        });
        self.begin_again();
    }

    /// The project is started once more, with all that was not started before; what waited until now waits
    /// anew.
    pub fn begin_again(&mut self) {
        self.is_dirty = true;
        for member in self.members.values_mut() {
            if member.progress != Progress::Called {
                member.progress = Progress::Waiting;
                member.turn = None;
                member.passed.clear();
            }
        }
    }

    /// Takes note of what was seen of a service.
    pub fn see(&mut self, service: &str, sign: Sign) {
        let Some(member) = self.members.get_mut(service) else {
            return;
        };
        member.has_run |= !matches!(sign, Sign::Unavailable);
        match sign {
            Sign::Running => member.is_unhealthy = false,
            Sign::Healthy => (member.is_healthy, member.is_unhealthy) = (true, false),
            Sign::Unhealthy => (member.is_healthy, member.is_unhealthy) = (false, true),
            // Whoever still waits for it to be healthy sees that it has exited (compose
            // `pkg/compose/convergence.go`, isServiceHealthy).
            Sign::Ended(0) => (member.is_completed, member.is_healthy) = (true, false),
            Sign::Ended(code) => {
                member.is_healthy = false;
                member.problem = Some(Problem::Exited(code));
            }
            Sign::Unavailable => {
                member.problem = Some(Problem::Unavailable);
            }
        }
        self.is_dirty = true;
    }

    /// Takes note of whether a service has containers at all.
    pub fn scale(&mut self, service: &str, has_containers: bool) {
        let member = self.members.get_mut(service);
        if let Some(member) = member.filter(|member| member.is_empty == has_containers) {
            member.is_empty = !has_containers;
            self.is_dirty = true;
        }
    }

    /// Has a service start once more: it waits for what it depends on.
    pub fn restart(&mut self, service: &str) {
        if let Some(member) = self.members.get_mut(service) {
            let depends_on = std::mem::take(&mut member.depends_on);
            *member = Member {
                depends_on,
                is_empty: member.is_empty,
                ..Member::default()
            };
            self.begin_again();
        }
    }

    /// The services that are started again after an update of one.
    pub fn restarted_with<'a>(&'a self, updated: &'a str) -> impl Iterator<Item = &'a Text> {
        let depends = move |own: &Dependency| own.restarts && &*own.service == updated;
        let members = self.members.iter();
        members
            .filter(move |(_, member)| member.depends_on.iter().any(depends))
            .map(|(name, _)| name)
    }

    /// The next look at what services wait for, if one can change anything.
    pub fn next_look(&self, now: Instant) -> Option<Instant> {
        if self.is_dirty { Some(now) } else { self.next }
    }

    /// Looks at what services wait for: the steps that follow, in order of name. A step can lead to
    /// further ones only by what is seen of it, and the turn of what depends on a service without containers.
    pub fn look(&mut self, now: Instant) -> Vec<Step> {
        self.is_dirty = false;
        let mut steps = Vec::new();
        loop {
            self.next = None;
            let before = steps.len();
            let names: Vec<Text> = self.members.keys().cloned().collect();
            for name in &names {
                self.look_at(now, name, &mut steps);
            }
            let is_empty = |name: &Text| self.members.get(name).is_some_and(|own| own.is_empty);
            let has_passed = steps[before..]
                .iter()
                .any(|step| matches!(step, Step::Start(name) if is_empty(name)));
            if !has_passed {
                break;
            }
        }
        let first = steps.iter().find_map(|step| match step {
            Step::Fail { why, .. } => Some(why.clone()),
            _ => None,
        });
        if let Some(why) = first {
            self.abort(&why, &mut steps);
        }
        steps
    }

    /// All services wait in one group, which the first failure ends (docker/compose `dependencies.go`,
    /// `convergence.go`).
    fn abort(&mut self, why: &str, steps: &mut Vec<Step>) {
        self.next = None;
        for (service, member) in &mut self.members {
            if member.progress == Progress::Waiting {
                let why = format!("the start of the project has ended: {why}");
                member.progress = Progress::Failed(why.clone());
                let service = service.clone();
                steps.push(Step::Fail { service, why });
            }
        }
    }

    fn look_at(&mut self, now: Instant, name: &Text, steps: &mut Vec<Step>) {
        let waiting = self.members.get(name);
        let Some(member) = waiting.filter(|member| member.progress == Progress::Waiting) else {
            return;
        };
        if !member.depends_on.iter().all(|own| self.had_its_turn(own)) {
            return;
        }
        let turn = member.turn.unwrap_or(now);
        let look = self.tick(turn, now);
        let (mut warnings, mut failed) = (Vec::new(), None);
        let (mut passed, mut waits) = (member.passed.clone(), false);
        for own in &member.depends_on {
            if passed.contains(&own.service) {
                continue;
            }
            let met = self.met(own);
            // What is to be healthy or to complete is seen at a look of the service.
            let is_seen = own.condition == Condition::Started || self.is_absent(own) || now == look;
            match met {
                Ok(false) => {
                    waits = true;
                    continue;
                }
                _ if !is_seen => {
                    waits = true;
                    self.next = Some(self.next.map_or(look, |at| at.min(look)));
                    continue;
                }
                Ok(true) => {}
                Err(why) if own.is_required => {
                    failed.get_or_insert(format!("dependency failed to start: {why}"));
                }
                Err(why) => warnings.push(format!("optional dependency failed to start: {why}")),
            }
            passed.insert(own.service.clone());
        }
        let warned = warnings.into_iter().map(|why| Step::Warn {
            service: name.clone(),
            why,
        });
        steps.extend(warned);
        // One that failed is not outweighed by others that are still waited for.
        let progress = match &failed {
            Some(why) => Progress::Failed(why.clone()),
            None if waits => Progress::Waiting,
            None => Progress::Called,
        };
        match failed {
            Some(why) => steps.push(Step::Fail {
                service: name.clone(),
                why,
            }),
            None if waits => {}
            None => steps.push(Step::Start(name.clone())),
        }
        if let Some(member) = self.members.get_mut(name) {
            (member.turn, member.passed) = (Some(turn), passed);
            member.progress = progress;
        }
    }

    /// The first look from an instant on of a service whose turn came at another one.
    fn tick(&self, turn: Instant, now: Instant) -> Instant {
        let poll = self.poll.as_nanos();
        if poll <= 0 {
            return now;
        }
        let passed = now.since(turn).as_nanos();
        let looks = (passed / poll + i64::from(passed % poll > 0)).max(1);
        turn.saturating_add(Duration::from_nanos(looks.saturating_mul(poll)))
    }

    /// Whether a dependency was started, or is not there to be started (`dependencies.go`, `run`).
    fn had_its_turn(&self, own: &Dependency) -> bool {
        self.members.get(&own.service).is_none_or(|other| {
            let is_called = other.progress == Progress::Called;
            other.problem.is_some() || (is_called && (other.is_empty || other.has_run))
        })
    }

    /// Whether nothing of a dependency can be looked at.
    fn is_absent(&self, own: &Dependency) -> bool {
        let other = self.members.get(&own.service);
        other.is_none_or(|other| other.is_empty || !other.has_run)
    }

    /// Whether a dependency has met its condition, or why it can't any more.
    fn met(&self, own: &Dependency) -> Result<bool, String> {
        let Some(other) = self.members.get(&own.service) else {
            return Err(format!("service \"{}\" is not defined", own.service));
        };
        if other.is_empty {
            return Ok(true);
        }
        if let Progress::Failed(why) = &other.progress {
            return Err(why.clone());
        }
        let is_met = match own.condition {
            Condition::Started => other.has_run,
            Condition::Healthy => other.is_healthy,
            Condition::Completed => other.is_completed,
        };
        match other.problem {
            // What ran once has started, whatever became of it.
            Some(problem) if !is_met => {
                Err(problem.words(&own.service, own.condition == Condition::Healthy))
            }
            _ if own.condition == Condition::Healthy && other.is_unhealthy => Err(format!(
                "a container of service \"{}\" is unhealthy",
                own.service
            )),
            None if own.condition == Condition::Healthy && other.is_completed && !is_met => {
                Err(Problem::Exited(0).words(&own.service, true))
            }
            _ => Ok(is_met),
        }
    }

    /// Reason a service is not running yet: what it waits for, or why it is not started.
    pub fn why_waiting(&self, service: &str) -> Option<String> {
        let member = self.members.get(service)?;
        match &member.progress {
            Progress::Called => None,
            Progress::Failed(why) => Some(why.clone()),
            Progress::Waiting => {
                let unmet = |own: &&Dependency| {
                    !member.passed.contains(&own.service)
                        && (self.met(own) == Ok(false) || !self.had_its_turn(own))
                };
                let own = member.depends_on.iter().find(unmet)?;
                let what = match own.condition {
                    Condition::Started => "to run",
                    Condition::Healthy => "to be healthy",
                    Condition::Completed => "to complete",
                };
                Some(format!("it waits for service \"{}\" {what}", own.service))
            }
        }
    }
}

fn check_circles(services: &SortedMap<Text, Vec<Dependency>>) -> Result<(), ProjectError> {
    let names: Vec<&Text> = services.keys().collect();
    let number = |name: &Text| names.binary_search(&name).ok();
    let edges: Vec<Vec<usize>> = services
        .values()
        .map(|own| own.iter().filter_map(|own| number(&own.service)).collect())
        .collect();
    let Some(circle) = graph::cycle(&edges) else {
        return Ok(());
    };
    let path = circle.iter().chain(circle.first());
    Err(ProjectError::Cycle {
        path: path.map(|&member| names[member].to_string()).collect(),
    })
}
