//! The worked examples of projects (spec: orchestrators-a.md section 3), and properties of the order
//! in which services start and stop.

use proptest::prelude::*;

use super::options::Condition;
use super::project::{Dependency, Project, ProjectError, Sign, Step};
use model::Text;
use units::{Duration, Instant, SortedMap};

fn started(steps: &[Step]) -> Vec<&str> {
    let names = steps.iter().filter_map(|step| match step {
        Step::Start(name) => Some(&**name),
        _ => None,
    });
    names.collect()
}

fn services(own: &[(&str, Vec<Dependency>)]) -> SortedMap<Text, Vec<Dependency>> {
    let own = own.iter().cloned();
    own.map(|(name, depends_on)| (name.into(), depends_on))
        .collect()
}

fn shop() -> Project {
    let services = services(&[
        ("db", vec![]),
        ("redis", vec![]),
        ("migrate", vec![Dependency::on("db", Condition::Healthy)]),
        (
            "web",
            vec![
                Dependency::on("migrate", Condition::Completed),
                Dependency::on("redis", Condition::Started),
            ],
        ),
    ]);
    Project::new(services, Duration::from_millis(500)).expect("a project")
}

#[test]
fn worked_start_and_stop_of_four_services() {
    let mut project = shop();
    let at = |millis: i64| Instant::from_nanos(millis * 1_000_000);
    assert_eq!(started(&project.look(at(0))), ["db", "redis"]);
    project.see("redis", Sign::Running);
    project.see("db", Sign::Running);
    assert!(started(&project.look(at(2_000))).is_empty());
    let waits = project.why_waiting("migrate");
    assert_eq!(
        waits.as_deref(),
        Some("it waits for service \"db\" to be healthy")
    );
    project.see("db", Sign::Healthy);
    assert_eq!(started(&project.look(at(12_000))), ["migrate"]);
    project.see("migrate", Sign::Running);
    assert!(project.look(at(13_000)).is_empty());
    project.see("migrate", Sign::Ended(0));
    assert_eq!(started(&project.look(at(20_000))), ["web"]);
    let stopped = project.stop_order();
    let stopped: Vec<Vec<&str>> = stopped
        .iter()
        .map(|level| level.iter().map(|name| &**name).collect())
        .collect();
    assert_eq!(stopped, [vec!["web"], vec!["migrate", "redis"], vec!["db"]]);
}

#[test]
fn what_is_seen_counts_at_the_next_look_from_the_turn_on() {
    let mut project = shop();
    let at = |millis: i64| Instant::from_nanos(millis * 1_000_000);
    assert_eq!(project.next_look(at(0)), Some(at(0)));
    project.look(at(0));
    assert_eq!(project.next_look(at(1)), None);
    project.see("db", Sign::Running);
    assert_eq!(project.next_look(at(200)), Some(at(200)));
    project.look(at(200));
    assert_eq!(project.next_look(at(200)), None);
    // The turn of `migrate` came at 0.2 s.
    project.see("db", Sign::Healthy);
    assert!(project.look(at(900)).is_empty());
    assert_eq!(project.next_look(at(900)), Some(at(1_200)));
    assert_eq!(started(&project.look(at(1_200))), ["migrate"]);
}

#[test]
fn a_failed_dependency_fails_what_requires_it_and_all_behind() {
    let mut project = shop();
    project.look(Instant::ZERO);
    project.see("db", Sign::Unhealthy);
    assert!(project.look(Instant::ZERO).is_empty());
    let steps = project.look(Instant::from_nanos(500_000_000));
    let failed: Vec<&str> = steps
        .iter()
        .filter_map(|step| match step {
            Step::Fail { service, .. } => Some(&**service),
            _ => None,
        })
        .collect();
    assert_eq!(failed, ["migrate", "web"]);
    let why = project.why_waiting("web").expect("it failed");
    assert!(why.contains("dependency failed to start"), "{why}");
    let optional = Dependency {
        is_required: false,
        ..Dependency::on("none", Condition::Healthy)
    };
    let services = services(&[("web", vec![optional])]);
    let project = Project::new(services, Duration::ZERO);
    let steps = project
        .expect("what is missing is optional")
        .look(Instant::ZERO);
    assert!(
        matches!(&steps[..], [Step::Warn { .. }, Step::Start(_)]),
        "{steps:?}"
    );
}

#[test]
fn the_first_failure_ends_the_start_of_all_that_waits() {
    let on = |name| vec![Dependency::on(name, Condition::Healthy)];
    let services = services(&[
        ("app", on("db")),
        ("bad", vec![]),
        ("db", vec![]),
        ("late", on("bad")),
    ]);
    let mut project = Project::new(services, Duration::ZERO).expect("a project");
    assert_eq!(started(&project.look(Instant::ZERO)), ["bad", "db"]);
    project.see("bad", Sign::Unhealthy);
    let failed = project
        .look(Instant::ZERO)
        .into_iter()
        .map(|step| match step {
            Step::Fail { service, .. } => service.to_string(),
            step => panic!("{step:?}"),
        });
    assert_eq!(failed.collect::<Vec<_>>(), ["late", "app"]);
    project.see("db", Sign::Healthy);
    assert_eq!(project.look(Instant::ZERO), []);
    // Started once more, the project goes on with what is there.
    project.see("bad", Sign::Healthy);
    project.restart("late");
    assert_eq!(started(&project.look(Instant::ZERO)), ["app", "late"]);
}

#[test]
fn one_success_makes_a_dependency_healthy_again() {
    let on = |condition| vec![Dependency::on("db", condition)];
    let late = ("late", on(Condition::Healthy));
    let once = ("once", on(Condition::Completed));
    let services = services(&[("db", vec![]), late, once]);
    let mut project = Project::new(services, Duration::ZERO).expect("a project");
    project.look(Instant::ZERO);
    for sign in [Sign::Running, Sign::Unhealthy, Sign::Running, Sign::Healthy] {
        project.see("db", sign);
    }
    assert_eq!(started(&project.look(Instant::ZERO)), ["late"]);
    // A container that is to complete may be unhealthy before.
    project.see("db", Sign::Unhealthy);
    assert!(project.look(Instant::ZERO).is_empty());
    project.see("db", Sign::Ended(0));
    assert_eq!(started(&project.look(Instant::ZERO)), ["once"]);
}

#[test]
fn nobody_waits_for_a_service_without_containers() {
    let on = |condition| vec![Dependency::on("none", condition)];
    let services = services(&[
        ("a", on(Condition::Started)),
        ("b", on(Condition::Healthy)),
        ("c", on(Condition::Completed)),
        ("none", vec![]),
    ]);
    let mut project = Project::new(services, Duration::ZERO).expect("a project");
    project.scale("none", false);
    assert_eq!(
        started(&project.look(Instant::ZERO)),
        ["none", "a", "b", "c"]
    );
}

#[test]
fn circles_and_missing_services_are_refused() {
    let on = |name| vec![Dependency::on(name, Condition::Started)];
    let circle = services(&[("a", on("b")), ("b", on("c")), ("c", on("a"))]);
    let error = Project::new(circle, Duration::ZERO).err();
    let error = error.map(|error| error.to_string());
    let expected = "dependency cycle detected: a -> b -> c -> a";
    assert_eq!(error.as_deref(), Some(expected));
    let missing = services(&[("a", on("b"))]);
    let error = Project::new(missing, Duration::ZERO).err();
    assert!(
        matches!(error, Some(ProjectError::Undefined { .. })),
        "{error:?}"
    );
}

proptest! {
    /// Whatever depends on whatever before it: all start, none before what it depends on, and they
    /// stop in the reverse order. Services with odd numbers end, others are to be healthy: what has ended is not.
    #[test]
    fn services_start_after_what_they_depend_on(
        edges in prop::collection::vec(
            prop::collection::vec((0_usize..9, prop::bool::ANY), 0..4),
            1..9,
        ),
    ) {
        let name = |number: usize| format!("s{number}");
        let depends_on = |own: usize, edges: &[(usize, bool)]| -> Vec<Dependency> {
            let before = edges.iter().filter(|(other, _)| *other < own);
            let each = before.map(|&(other, is_plain)| {
                let condition = match other % 2 {
                    _ if is_plain => Condition::Started,
                    0 => Condition::Healthy,
                    _ => Condition::Completed,
                };
                Dependency::on(&name(other), condition)
            });
            each.collect()
        };
        let ends: Vec<Text> = (1..9).step_by(2).map(|number| name(number).into()).collect();
        let services: SortedMap<Text, Vec<Dependency>> = edges
            .iter()
            .enumerate()
            .map(|(own, edges)| (name(own).into(), depends_on(own, edges)))
            .collect();
        let mut project = Project::new(services.clone(), Duration::ZERO).expect("a project");
        let mut done: Vec<Text> = Vec::new();
        loop {
            let steps = project.look(Instant::ZERO);
            if steps.is_empty() {
                break;
            }
            let mut called = Vec::new();
            for step in steps {
                let Step::Start(service) = step else {
                    return Err(TestCaseError::fail(format!("{step:?}")));
                };
                for own in &services[&service] {
                    prop_assert!(done.contains(&own.service), "{service} before {}", own.service);
                }
                called.push(service);
            }
            for service in called {
                project.see(&service, Sign::Healthy);
                if ends.contains(&service) {
                    project.see(&service, Sign::Ended(0));
                }
                done.push(service);
            }
        }
        prop_assert_eq!(done.len(), services.len());
        let order: Vec<Text> = project.stop_order().into_iter().flatten().collect();
        for (position, service) in order.iter().enumerate() {
            for own in &services[service] {
                prop_assert!(!order[..position].contains(&own.service));
            }
        }
        prop_assert_eq!(order.len(), services.len());
    }
}
