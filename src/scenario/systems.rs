//! Rules between the fields of `system:`: options of one system mean nothing to another.

use super::diagnostic::{Code, Finding, Findings};
use super::names::Names;
use super::schema::{Scenario, System, Usage};
use super::silent::has_manifests;
use super::tree::Tree;
use options::{Around, Breach, DecodeError, Machines, Place, Plain, Section, SystemSection};

/// Systems with control loops of their own, without `controllers`.
const OWN_LOOPS: [&str; 9] = [
    "swarm", "swarmkit", "fleet", "mesos", "dcos", "nova", "ecs", "borg", "compose",
];

/// Reports every broken rule of `system:`.
pub(super) fn check(scenario: &Scenario, tree: &Tree, names: &dyn Names, findings: &mut Findings) {
    let system = &scenario.system;
    if let Some(misfit) = names.profile_conflict(&system.name, &system.scheduler.profile) {
        let is_stated = tree.get("system").and_then(|own| own.get("scheduler"));
        let is_stated = is_stated.and_then(|own| own.get("profile")).is_some();
        let path: &[&str] = if is_stated {
            &["system", "scheduler", "profile"]
        } else {
            &["system", "name"]
        };
        let span = tree.locate(path.iter().copied());
        findings.push(Finding::new(Code::Conflict, misfit.what, span).help(misfit.fix));
    }
    for (owner, field) in system.with_options(names.sections()) {
        if owner == system.name || system.races_with(owner) {
            continue;
        }
        let message = format!(
            "these are options of the system `{owner}`, and this one is `{}`",
            system.name
        );
        findings.push(
            Finding::new(Code::Conflict, message, tree.locate(["system", field]))
                .label(format!("leave them out, or write `name: {owner}`")),
        );
    }
    let provider = scenario.cluster.provider.as_ref();
    let groups = provider.iter().flat_map(|own| &own.groups);
    let groups: Vec<&str> = groups.map(|own| own.name.as_str()).collect();
    let machines = provider.map(|own| Machines {
        groups: &groups,
        has_spot_price: own.spot.as_ref().is_some_and(|own| own.price.is_some()),
    });
    let around = Around {
        machines,
        ..around(scenario)
    };
    for section in names.sections() {
        let stated = system.sections.get(section.field);
        let place = if system.races_with(section.system) {
            Place::Schedulers
        } else {
            Place::System
        };
        let around = Around { place, ..around };
        let breaches = stated.map(|own| section.breaches(own, around));
        let place = ["system", section.field];
        report(&place, breaches.unwrap_or_default(), tree, findings);
    }
    super::federation::check(scenario, tree, findings);
    super::relocations::check(scenario, tree, findings);
    if let Some(own) = provider.and_then(|own| own.nova.as_ref()) {
        let around = Around {
            place: Place::Provider,
            ..Around::default()
        };
        let section = names.sections().iter().find(|own| own.field == "nova");
        let found = section.map(|section| section.breaches(&own.options, around));
        report(
            &["cluster", "provider", "nova", "options"],
            found.unwrap_or_default(),
            tree,
            findings,
        );
    }
}

/// Rest of an experiment beside the options of its system.
fn around(scenario: &Scenario) -> Around<'static> {
    let mut operations = scenario.operations.iter();
    let may_state_use = has_manifests(scenario) || !scenario.operations.is_empty();
    Around {
        has_usage: scenario.models.usage != Usage::None || may_state_use,
        has_controllers: scenario.system.controllers.is_some(),
        has_relocations: operations.any(|own| own.migrate.is_some() || own.resize.is_some()),
        ..Around::default()
    }
}

/// Reports broken rules of the options in one place.
pub(super) fn report(place: &[&str], breaches: Vec<Breach>, tree: &Tree, findings: &mut Findings) {
    for breach in breaches {
        let path = breach.path.iter().map(String::as_str);
        let span = tree.locate(place.iter().copied().chain(path));
        let code = if breach.is_impossible {
            Code::Impossible
        } else {
            Code::Conflict
        };
        let finding = Finding::new(code, breach.message, span).label(breach.label);
        findings.push(match breach.help {
            Some(help) => finding.help(help),
            None => finding,
        });
    }
}

impl Scenario {
    /// Fills in the defaults of the options of systems, wherever they are stated.
    pub(super) fn complete(&mut self, sections: &[Section]) -> Result<(), DecodeError> {
        self.system.complete(sections)?;
        let provider = self.cluster.provider.as_mut();
        let nova = provider.and_then(|own| own.nova.as_mut());
        let section = sections.iter().find(|own| own.field == "nova");
        if let (Some(own), Some(section)) = (nova, section) {
            if own.options == Plain::Null {
                own.options = Plain::Map(Vec::new());
            }
            let complete = section.complete(&own.options);
            let place = ["options", "nova", "provider", "cluster"];
            own.options =
                complete.map_err(|error| place.into_iter().fold(error, DecodeError::inside))?;
        }
        Ok(())
    }
}

impl System {
    /// Fills in the defaults of the options of systems, and leaves out those that are null.
    fn complete(&mut self, sections: &[Section]) -> Result<(), DecodeError> {
        self.sections.0.retain(|(_, stated)| *stated != Plain::Null);
        for (field, stated) in &mut self.sections.0 {
            if let Some(section) = sections.iter().find(|own| own.field == *field) {
                let complete = section.complete(stated);
                *stated = complete.map_err(|error| error.inside(&**field).inside("system"))?;
            }
        }
        Ok(())
    }

    /// Options of a system; its defaults if none are stated.
    pub fn own<T: SystemSection>(&self) -> T {
        self.stated().unwrap_or_default()
    }

    /// States the options of a system, in place of those that were.
    pub fn state<T: SystemSection>(&mut self, own: &T) {
        self.sections.0.retain(|(field, _)| field != T::FIELD);
        self.sections.0.push((T::FIELD.to_owned(), Plain::of(own)));
    }

    /// Options of a system; `None` if none are stated.
    pub fn stated<T: SystemSection>(&self) -> Option<T> {
        self.sections.get(T::FIELD)?.decode().ok()
    }

    /// The systems whose own options are given, and the fields of these.
    fn with_options(&self, sections: &[Section]) -> Vec<(&'static str, &'static str)> {
        let sections = sections.iter();
        let stated = sections.filter(|own| self.sections.get(own.field).is_some());
        stated.map(|own| (own.system, own.field)).collect()
    }

    /// Returns whether the system has its own control loops, without `controllers`.
    pub fn has_own_loops(&self) -> bool {
        OWN_LOOPS.contains(&self.name.as_str())
    }

    /// Returns whether a scheduler with the options of a system is among those that race on the cluster.
    pub fn races_with(&self, system: &str) -> bool {
        let mut kinds = self.schedulers.iter().map(|own| own.kind);
        self.name == "kubernetes" && kinds.any(|kind| kind.system() == system)
    }

    /// Returns whether frameworks share the system.
    pub fn has_frameworks(&self) -> bool {
        matches!(self.name.as_str(), "mesos" | "dcos")
    }

    /// Placement rule in a word or two: the scheduler's profile, or a summary of the system's own
    /// options.
    pub fn placement(&self, sections: &[Section]) -> String {
        let section = sections.iter().find(|own| own.system == self.name);
        let own = section.and_then(|own| own.placement(self.sections.get(own.field)));
        own.unwrap_or(&self.scheduler.profile).to_owned()
    }
}
