//! Rules that the API server holds pods to, as a table: each with its words and the function that has it. What the server
//! refuses is refused here, at its field, whichever file the pod comes from. An object that a server has admitted is not refused by rules of another release: what breaks them is a finding.
//!
//! Names and images of containers may be left out, unlike there: nothing is run by them here. Sources are of Kubernetes
//! v1.34, `pkg/apis/core/validation/validation.go` where no other file is named.

mod containers;
mod names;
mod owners;
mod resources;
mod spec;

use std::fmt;

use super::field::{Path, Problem};
use super::findings::ObjectName;
use super::raw;
use super::{ContainerNames, Ctx, Origin};

pub(super) use names::check_name;
pub(super) use owners::check_owner;
pub use resources::takes_amount;
pub(super) use resources::{POD_BELOW_CONTAINERS, check_whole, is_of_pods};

/// A rule of the API server about pods.
pub(super) struct Rule {
    /// The server's words; `{}` is what depends on the pod.
    says: &'static str,
    /// The function that holds the rule, after its file where it is not `validation.go`.
    source: &'static str,
    /// Effect of a breach that a newer release admits; it is a finding then.
    relaxed: Option<&'static str>,
    /// Whether a value that breaks the rule is one that ECS takes all the same.
    taken_by_ecs: Option<fn(&str) -> bool>,
    /// Looks for what breaks the rule.
    look: fn(&raw::PodSpec, &mut Breaches<'_>),
}

impl Rule {
    const fn new(
        says: &'static str,
        source: &'static str,
        look: fn(&raw::PodSpec, &mut Breaches<'_>),
    ) -> Self {
        Self {
            says,
            source,
            relaxed: None,
            taken_by_ecs: None,
            look,
        }
    }

    /// The words, with what depends on the pod in their places.
    fn words(&self, own: &[&dyn fmt::Display]) -> String {
        let mut parts = self.says.split("{}");
        let mut words = parts.next().unwrap_or_default().to_owned();
        for (place, part) in parts.enumerate() {
            if let Some(own) = own.get(place) {
                words.push_str(&own.to_string());
            }
            words.push_str(part);
        }
        words
    }

    /// The problem of a field that breaks the rule.
    pub(super) fn problem(
        &self,
        path: &Path<'_>,
        own: &[&dyn fmt::Display],
        found: &dyn fmt::Display,
    ) -> Problem {
        path.broken(format!("{}, found `{found}`", self.words(own)))
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
struct Breaches<'r> {
    rule: &'r Rule,
    found: Vec<Breach>,
}

impl Breaches<'_> {
    fn add(&mut self, path: &Path<'_>, own: &[&dyn fmt::Display], found: &dyn fmt::Display) {
        let taken = self.rule.taken_by_ecs;
        self.found.push(Breach {
            is_of_ecs: taken.is_some_and(|takes| takes(&found.to_string())),
            field: path.to_string(),
            what: format!("{}, found `{found}`", self.rule.words(own)),
        });
    }
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

/// Holds a pod, or a template of pods, to the rules of the API server.
///
/// # Errors
/// It breaks one, and no server has admitted it.
pub(super) fn check(
    object: ObjectName<'_>,
    spec: &raw::PodSpec,
    ctx: &mut Ctx,
) -> Result<(), Problem> {
    const ADMITTED: &str = "a server has admitted it all the same; it counts as far as it is read";
    const OF_ECS: &str = "ECS takes it, and so it stays as it is; Kubernetes would refuse it";
    for rule in rules() {
        let mut breaches = Breaches {
            rule,
            found: Vec::new(),
        };
        (rule.look)(spec, &mut breaches);
        for Breach {
            field,
            what,
            is_of_ecs,
        } in breaches.found
        {
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
