//! Options of Compose, from the experiment file to what its project is made from.

use scenario::schema::{Compose, ComposeCondition};
use systems::compose::project::{Condition, Dependency, Project};
use systems::compose::restart::RestartPolicy;
use systems::compose::{ComposeOptions, ServiceOptions};
use units::{Duration, SortedMap};

use super::BuildError;

/// The options of an experiment's `system.compose`.
pub(super) fn compose_options(written: &Compose) -> Result<ComposeOptions, BuildError> {
    let mut services = SortedMap::new();
    for (name, own) in &written.services {
        let restart = own.restart.as_ref().map(|text| {
            text.parse::<RestartPolicy>().map_err(|why| {
                let place = format!("system.compose.services.{name}.restart");
                BuildError::Experiment(format!("{place}: {why}"))
            })
        });
        let depends_on = own.depends_on.iter().map(|(service, own)| Dependency {
            service: service.as_str().into(),
            condition: match own.condition {
                ComposeCondition::Started => Condition::Started,
                ComposeCondition::Healthy => Condition::Healthy,
                ComposeCondition::Completed => Condition::Completed,
            },
            is_required: own.required,
            restarts: own.restart,
        });
        let own = ServiceOptions {
            restart: restart.transpose()?,
            depends_on: depends_on.collect(),
        };
        services.insert(name.clone(), own);
    }
    check_circles(&services)?;
    Ok(ComposeOptions {
        services,
        poll: written.poll_interval,
    })
}

/// Refuses services that wait for each other. Those without options depend on nothing.
fn check_circles(services: &SortedMap<String, ServiceOptions>) -> Result<(), BuildError> {
    let mut all = SortedMap::new();
    for (name, own) in services {
        for other in &own.depends_on {
            all.entry(other.service.clone()).or_insert_with(Vec::new);
        }
        all.insert(name.as_str().into(), own.depends_on.clone());
    }
    let project = Project::new(all, Duration::ZERO);
    let wrong = |why| BuildError::Experiment(format!("system.compose.services: {why}"));
    project.map(|_| ()).map_err(wrong)
}
