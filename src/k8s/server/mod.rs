//! Rules that the API server holds pods, jobs and autoscalers to, as a table: each with its words and the function that has
//! it. What the server refuses is refused here, at its field, whichever file the object comes from. An object that a server has admitted is not refused by rules of another release: what breaks them is a finding.
//!
//! Names and images of containers may be left out, unlike there: nothing is run by them here. Sources are of Kubernetes
//! v1.34, `pkg/apis/core/validation/validation.go` where no other file is named.

mod autoscalers;
mod containers;
mod jobs;
mod names;
mod owners;
mod resources;
mod spec;
#[cfg(test)]
mod tests;

use std::fmt;

use super::field::{Path, Problem};
use super::findings::ObjectName;
use super::raw;
use super::{ContainerNames, Ctx, Origin};

pub(super) use names::check_name;
pub(super) use owners::check_owner;
pub use resources::takes_amount;
pub(super) use resources::{POD_BELOW_CONTAINERS, check_whole, is_of_pods};

/// A rule of the API server about pods, or about another part of an object.
pub(super) struct Rule<T: 'static = raw::PodSpec> {
    /// The server's words; `{}` is what depends on the object.
    says: &'static str,
    /// The function that holds the rule, after its file where it is not `validation.go`.
    source: &'static str,
    /// Effect of a breach that a newer release admits; it is a finding then.
    relaxed: Option<&'static str>,
    /// Whether a value that breaks the rule is one that ECS takes all the same.
    taken_by_ecs: Option<fn(&str) -> bool>,
    /// Looks for what breaks the rule.
    look: fn(&T, &mut Breaches),
}

impl<T> Rule<T> {
    const fn new(says: &'static str, source: &'static str, look: fn(&T, &mut Breaches)) -> Self {
        Self {
            says,
            source,
            relaxed: None,
            taken_by_ecs: None,
            look,
        }
    }

    /// The problem of a field that breaks the rule.
    pub(super) fn problem(
        &self,
        path: &Path<'_>,
        own: &[&dyn fmt::Display],
        found: &dyn fmt::Display,
    ) -> Problem {
        path.broken(format!("{}, found `{found}`", words(self.says, own)))
    }
}

/// A field that breaks a rule.
struct Breach {
    field: String,
    /// The rule's words and what was found.
    what: String,
    /// `true` if ECS takes what was found.
    is_of_ecs: bool,
}

/// The breaches of one rule.
struct Breaches {
    says: &'static str,
    taken_by_ecs: Option<fn(&str) -> bool>,
    found: Vec<Breach>,
}

impl Breaches {
    fn add(&mut self, path: &Path<'_>, own: &[&dyn fmt::Display], found: &dyn fmt::Display) {
        let taken = self.taken_by_ecs;
        self.found.push(Breach {
            is_of_ecs: taken.is_some_and(|takes| takes(&found.to_string())),
            field: path.to_string(),
            what: format!("{}, found `{found}`", words(self.says, own)),
        });
    }

    /// Adds a field that is missing, or one whose words need nothing beside them.
    fn add_plain(&mut self, path: &Path<'_>) {
        self.found.push(Breach {
            is_of_ecs: false,
            field: path.to_string(),
            what: self.says.to_owned(),
        });
    }

    /// Adds a text that is stated and not among those that are known.
    fn add_unknown(&mut self, path: &Path<'_>, text: Option<&str>, known: &[&str]) {
        let text = text.filter(|own| !own.is_empty() && !known.contains(own));
        if let Some(text) = text {
            self.add(path, &[], &text);
        }
    }
}

/// Words of a rule, with what depends on the object in their places.
fn words(says: &str, own: &[&dyn fmt::Display]) -> String {
    let mut parts = says.split("{}");
    let mut words = parts.next().unwrap_or_default().to_owned();
    for (place, part) in parts.enumerate() {
        if let Some(own) = own.get(place) {
            words.push_str(&own.to_string());
        }
        words.push_str(part);
    }
    words
}

/// All rules, by the part of a pod that they are about.
fn rules() -> impl Iterator<Item = &'static Rule> {
    [containers::RULES, resources::RULES, spec::RULES]
        .into_iter()
        .flatten()
}

/// Words of each rule of the API server about pods that is held here, with the function of Kubernetes that has it.
pub fn server_rules() -> impl Iterator<Item = (&'static str, &'static str)> {
    let rules = rules().chain([&POD_BELOW_CONTAINERS]);
    rules.map(|rule| (rule.says, rule.source))
}

/// Words of each rule about jobs and metrics of autoscalers, with its function.
pub fn server_rules_of_objects() -> impl Iterator<Item = (&'static str, &'static str)> {
    let of_jobs = jobs::RULES.iter().map(|rule| (rule.says, rule.source));
    let of_metrics = autoscalers::RULES.iter();
    of_jobs.chain(of_metrics.map(|rule| (rule.says, rule.source)))
}

/// Holds a job to the rules of the API server; `path` is the place of its spec, where messages name it.
///
/// # Errors
/// It breaks one, and no server has admitted it.
pub(super) fn check_job(
    object: ObjectName<'_>,
    job: &raw::Job,
    path: &Path<'_>,
    ctx: &mut Ctx,
) -> Result<(), Problem> {
    hold(jobs::RULES.iter(), job, Place { object, spec: path }, ctx)
}

/// Holds the metrics of a horizontal autoscaler to the rules of the API server.
///
/// # Errors
/// One breaks a rule, and no server has admitted it.
pub(super) fn check_metrics(
    object: ObjectName<'_>,
    metrics: &Vec<raw::MetricManifest>,
    ctx: &mut Ctx,
) -> Result<(), Problem> {
    let path = Path::root("spec");
    hold(
        autoscalers::RULES.iter(),
        metrics,
        Place {
            object,
            spec: &path,
        },
        ctx,
    )
}

/// Holds a pod, or a template of pods, to the rules of the API server.
///
/// # Errors
/// It breaks one, and no server has admitted it.
pub(super) fn check(
    object: ObjectName<'_>,
    spec: &raw::PodSpec,
    ctx: &mut Ctx,
) -> Result<(), Problem> {
    let path = Path::root("spec");
    hold(
        rules(),
        spec,
        Place {
            object,
            spec: &path,
        },
        ctx,
    )
}

/// Effect of a breach in an object that a server has admitted.
pub const ADMITTED: &str = "a server has admitted it all the same; it counts as far as it is read";

/// Where messages find what is held to rules.
struct Place<'a> {
    object: ObjectName<'a>,
    /// The field of its spec.
    spec: &'a Path<'a>,
}

/// Holds an object to rules whose fields begin with `spec`, which stands at this path.
fn hold<T: 'static>(
    rules: impl Iterator<Item = &'static Rule<T>>,
    subject: &T,
    Place { object, spec }: Place<'_>,
    ctx: &mut Ctx,
) -> Result<(), Problem> {
    const OF_ECS: &str = "ECS takes it, and so it stays as it is; Kubernetes would refuse it";
    for rule in rules {
        let mut breaches = Breaches {
            says: rule.says,
            taken_by_ecs: rule.taken_by_ecs,
            found: Vec::new(),
        };
        (rule.look)(subject, &mut breaches);
        for Breach {
            field,
            what,
            is_of_ecs,
        } in breaches.found
        {
            let field = format!("{spec}{}", field.strip_prefix("spec").unwrap_or(&field));
            match rule.relaxed {
                _ if is_of_ecs && ctx.names == ContainerNames::Ecs => {
                    ctx.findings.add(object, &field, what, OF_ECS);
                }
                _ if ctx.origin == Origin::Admitted => {
                    ctx.findings.add(object, &field, what, ADMITTED);
                }
                Some(effect) => ctx.findings.add(object, &field, what, effect),
                None => return Err(Problem(format!("{field}: {what}"))),
            }
        }
    }
    Ok(())
}

/// Shows each container of a pod with its place.
fn each_container<'a>(
    spec: &'a raw::PodSpec,
    mut show: impl FnMut(&Path<'_>, &'a raw::Container, bool),
) {
    let root = Path::root("spec");
    for (list, containers, is_init) in [
        ("containers", &spec.containers, false),
        ("initContainers", &spec.init_containers, true),
    ] {
        let path = root.field(list);
        for (index, container) in containers.iter().enumerate() {
            show(&path.index(index), container, is_init);
        }
    }
}
