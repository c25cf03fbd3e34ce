//! The order in which a project's services start and stop (spec: orchestrators-a.md section 3;
//! compose-spec `05-services.md`, docker/compose `convergence.go` and `dependencies.go`).
//!
//! A service is called once each of its dependencies has met its condition; services that depend on
//! nothing are called at once, side by side. A dependency that can't meet its condition any more
//! fails its dependent, unless it is optional, when it is passed over with a warning. The first such
//! failure ends the start of the project: whatever still waits is created and not started. They stop
//! in the reverse order.

use thiserror::Error;

use model::{Object, PodSpec, Text};
use units::{Duration, Instant, SortedMap, graph};

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

/// Condition that a dependency meets before its dependent starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// Its containers run (`service_started`).
    #[default]
    Started,
    /// Its containers are healthy (`service_healthy`).
    Healthy,
    /// Its containers have ended with code 0 (`service_completed_successfully`).
    Completed,
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
    has_run: bool,
    is_healthy: bool,
    /// Whether a container is unhealthy; one success of its check puts that right.
    is_unhealthy: bool,
    /// Whether it has no container, so that nothing is there to wait for.
    is_empty: bool,
    /// Reason its containers failed, if they did.
    problem: Option<String>,
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
    begun: Instant,
    /// Whether something was seen since the last look.
    is_dirty: bool,
    /// Whether the start of the project has ended with a failure.
    is_aborted: bool,
}

impl Project {
    /// The project of services with what they depend on, at the instant at which it begins. What is
    /// seen counts at the next look, of which there is one every `poll`.
    ///
    /// # Errors
    /// Services depend on each other in a circle, or a required one is missing.
    pub fn new(
        services: SortedMap<Text, Vec<Dependency>>,
        poll: Duration,
        begun: Instant,
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
        let mut project = Self::empty(poll, begun);
        for (name, depends_on) in services {
            project.join(name, depends_on);
        }
        Ok(project)
    }

    /// A project without services; see [`Project::new`].
    pub const fn empty(poll: Duration, begun: Instant) -> Self {
        Self {
            members: SortedMap::new(),
            poll,
            begun,
            is_dirty: false,
            is_aborted: false,
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

    /// The project is started once more, with all that was not started before.
    fn begin_again(&mut self) {
        self.is_dirty = true;
        if std::mem::take(&mut self.is_aborted) {
            for member in self.members.values_mut() {
                if matches!(member.progress, Progress::Failed(_)) {
                    member.progress = Progress::Waiting;
                }
            }
        }
    }

    /// Takes note of what was seen of a service.
    pub fn see(&mut self, service: &str, sign: Sign) {
        let Some(member) = self.members.get_mut(service) else {
            return;
        };
        match sign {
            Sign::Running => (member.has_run, member.is_unhealthy) = (true, false),
            Sign::Healthy => {
                member.has_run = true;
                (member.is_healthy, member.is_unhealthy) = (true, false);
            }
            Sign::Unhealthy => (member.is_healthy, member.is_unhealthy) = (false, true),
            Sign::Ended(0) => (member.has_run, member.is_completed) = (true, true),
            Sign::Ended(code) => {
                member.has_run = true;
                member.problem = Some(format!(
                    "service \"{service}\" didn't complete successfully: exit {code}"
                ));
            }
            Sign::Unavailable => {
                member.problem = Some(format!("service \"{service}\" is not available"));
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
        if !self.is_dirty {
            return None;
        }
        let poll = self.poll.as_nanos();
        if poll <= 0 {
            return Some(now);
        }
        let passed = now.since(self.begun).as_nanos().max(0);
        let looks = passed / poll + i64::from(passed % poll > 0);
        let until = Duration::from_nanos(looks.saturating_mul(poll));
        Some(self.begun.saturating_add(until))
    }

    /// Looks at what services wait for: the steps that follow, in order of name. A step can lead to
    /// further ones only by what is seen of it.
    pub fn look(&mut self) -> Vec<Step> {
        self.is_dirty = false;
        let mut steps = Vec::new();
        loop {
            let before = steps.len();
            let names: Vec<Text> = self.members.keys().cloned().collect();
            for name in &names {
                self.look_at(name, &mut steps);
            }
            // One that fails fails those that depend on it at once.
            let has_failed = steps[before..]
                .iter()
                .any(|step| matches!(step, Step::Fail { .. }));
            if !has_failed {
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
        self.is_aborted = true;
        for (service, member) in &mut self.members {
            if member.progress == Progress::Waiting {
                let why = format!("the start of the project has ended: {why}");
                member.progress = Progress::Failed(why.clone());
                let service = service.clone();
                steps.push(Step::Fail { service, why });
            }
        }
    }

    fn look_at(&mut self, name: &Text, steps: &mut Vec<Step>) {
        let waiting = self.members.get(name);
        let Some(member) = waiting.filter(|member| member.progress == Progress::Waiting) else {
            return;
        };
        let (mut warnings, mut failed) = (Vec::new(), None);
        let mut waits = false;
        for own in &member.depends_on {
            match self.met(own) {
                Ok(is_met) => waits |= !is_met,
                Err(why) if own.is_required => {
                    failed.get_or_insert(format!("dependency failed to start: {why}"));
                }
                Err(why) => warnings.push(format!("optional dependency failed to start: {why}")),
            }
        }
        // One that failed is not outweighed by others that are still waited for.
        if waits && failed.is_none() {
            return;
        }
        let progress = match &failed {
            None => Progress::Called,
            Some(why) => Progress::Failed(why.clone()),
        };
        let warned = warnings.into_iter().map(|why| Step::Warn {
            service: name.clone(),
            why,
        });
        steps.extend(warned);
        steps.push(match failed {
            None => Step::Start(name.clone()),
            Some(why) => Step::Fail {
                service: name.clone(),
                why,
            },
        });
        if let Some(member) = self.members.get_mut(name) {
            member.progress = progress;
        }
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
        match &other.problem {
            // What ran once has started, whatever became of it.
            Some(why) if !is_met => Err(why.clone()),
            _ if own.condition == Condition::Healthy && other.is_unhealthy => Err(format!(
                "a container of service \"{}\" is unhealthy",
                own.service
            )),
            None if own.condition == Condition::Healthy && other.is_completed && !is_met => {
                Err(format!("service \"{}\" has ended", own.service))
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
                let unmet = |own: &&Dependency| self.met(own) == Ok(false);
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

    /// Whether every service that depends on one is among `stopped`.
    pub fn may_stop(&self, service: &str, is_stopped: impl Fn(&str) -> bool) -> bool {
        let depends = |member: &Member| {
            let mut all = member.depends_on.iter();
            all.any(|own| &*own.service == service)
        };
        let mut members = self.members.iter();
        members.all(|(name, member)| !depends(member) || is_stopped(name))
    }

    /// The order in which services stop: those of one list side by side, by name.
    pub fn stop_order(&self) -> Vec<Vec<Text>> {
        let mut order: Vec<Vec<Text>> = Vec::new();
        let mut stopped: SortedMap<&str, ()> = SortedMap::new();
        while stopped.len() < self.members.len() {
            let names = self.members.keys().filter(|name| {
                !stopped.contains_key(&***name)
                    && self.may_stop(name, |other| stopped.contains_key(other))
            });
            let next: Vec<&Text> = names.collect();
            if next.is_empty() {
                break;
            }
            stopped.extend(next.iter().map(|name| (&***name, ())));
            order.push(next.into_iter().cloned().collect());
        }
        order
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
