//! Rules between the fields of `system:`: options of one system mean nothing to another.

use super::diagnostic::{Code, Finding, Findings};
use super::names::Names;
use super::schema::{NodeLife, Scenario, System, Usage, WorkloadSource};
use super::silent::has_manifests;
use super::tree::Tree;
use options::{
    Arguments, Around, Breach, BreachKind, DecodeError, Home, Machines, Place, Plain, Section,
    SystemSection,
};

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
        let stated = system.section(section);
        let place = if system.races_with(section.system) {
            Place::Schedulers
        } else {
            Place::System
        };
        let around = Around { place, ..around };
        let breaches = stated.map(|own| section.breaches(own, around));
        let place = [section.home.path(), &[section.field]].concat();
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
fn around(scenario: &Scenario) -> Around<'_> {
    let scheduler = &scenario.system.scheduler;
    let workload = &scenario.workload;
    let mut operations = scenario.operations.iter();
    let may_state_use = has_manifests(scenario) || !scenario.operations.is_empty();
    Around {
        has_usage: scenario.models.usage != Usage::None || may_state_use,
        has_controllers: scenario.system.controllers.is_some(),
        has_relocations: operations.any(|own| own.migrate.is_some() || own.resize.is_some()),
        queue: scheduler.queue.as_deref().unwrap_or_default(),
        backfill: scheduler.backfill.name(),
        observes_nodes: scenario.node_life() != NodeLife::Declared,
        without_users: workload.iter().position(|own| !own.names_users()),
        without_partitions: { workload.iter() }
            .position(|own| matches!(own, WorkloadSource::Units { .. })),
        ..Around::default()
    }
}

/// Reports broken rules of the options in one place.
pub(super) fn report(place: &[&str], breaches: Vec<Breach>, tree: &Tree, findings: &mut Findings) {
    for breach in breaches {
        let place = if breach.is_outside { &[][..] } else { place };
        let path = breach.path.iter().map(String::as_str);
        let span = tree.locate(place.iter().copied().chain(path));
        let code = match breach.kind {
            BreachKind::Conflict => Code::Conflict,
            BreachKind::Impossible => Code::Impossible,
            BreachKind::DuplicateName => Code::DuplicateName,
            BreachKind::UnknownName => Code::UnknownName,
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
        for home in [Home::System, Home::Scheduler] {
            let stated = &mut self.home_mut(home).0;
            stated.retain(|(_, stated)| *stated != Plain::Null);
            for (field, stated) in stated {
                let mut own = sections.iter().filter(|own| own.home == home);
                if let Some(section) = own.find(|own| own.field == *field) {
                    let path = home.path().iter().rev();
                    let complete = section.complete(stated).map_err(|error| {
                        path.fold(error.inside(&**field), |error, &step| error.inside(step))
                    });
                    *stated = complete?;
                }
            }
        }
        Ok(())
    }

    const fn home(&self, home: Home) -> &Arguments {
        match home {
            Home::System => &self.sections,
            Home::Scheduler => &self.scheduler.sections,
        }
    }

    const fn home_mut(&mut self, home: Home) -> &mut Arguments {
        match home {
            Home::System => &mut self.sections,
            Home::Scheduler => &mut self.scheduler.sections,
        }
    }

    /// Stated options of a section.
    pub fn section(&self, section: &Section) -> Option<&Plain> {
        self.home(section.home).get(section.field)
    }

    /// Options of a system; its defaults if none are stated.
    pub fn own<T: SystemSection>(&self) -> T {
        self.stated().unwrap_or_default()
    }

    /// States the options of a system, in place of those that were.
    pub fn state<T: SystemSection>(&mut self, own: &T) {
        let stated = &mut self.home_mut(T::HOME).0;
        stated.retain(|(field, _)| field != T::FIELD);
        stated.push((T::FIELD.to_owned(), Plain::of(own)));
    }

    /// Options of a system; `None` if none are stated.
    pub fn stated<T: SystemSection>(&self) -> Option<T> {
        self.home(T::HOME).get(T::FIELD)?.decode().ok()
    }

    /// The systems whose own options are given, and the fields of these.
    fn with_options(&self, sections: &[Section]) -> Vec<(&'static str, &'static str)> {
        let sections = sections.iter().filter(|own| own.home == Home::System);
        let stated = sections.filter(|own| self.section(own).is_some());
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
        let own = section.and_then(|own| own.placement(self.section(own)));
        own.unwrap_or(&self.scheduler.profile).to_owned()
    }
}
