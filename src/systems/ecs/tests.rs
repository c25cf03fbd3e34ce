//! Worked examples (spec: orchestrators-a.md section 7) and properties: the fast form places as the
//! plain one, bounds of healthy percentages hold, and no instance is over-committed.

mod capacity;
mod deployments;

use proptest::prelude::*;
use rng::Stream;
use units::SortedSet;

use super::fast::FastCluster;
use super::placement::{
    Constraint, Field, Gpus, Instance, Packed, Rules, Running, Strategy as Placement, Task, ZONE,
    place, scale_in,
};
use super::query::Query;
use super::service::{HealthyPercent, Moves, Tasks};

fn instance(id: &str, zone: &str, cpu: i64, memory: i64) -> Instance {
    Instance {
        id: id.into(),
        attributes: [(ZONE.into(), zone.into())].into(),
        cpu,
        memory,
        is_active: true,
        ..Instance::default()
    }
}

fn worked() -> Vec<Instance> {
    vec![
        instance("i1", "a", 2_048, 4_096),
        instance("i2", "a", 1_024, 2_048),
        instance("i3", "b", 2_048, 3_072),
    ]
}

fn task() -> Task {
    Task {
        cpu: 256,
        memory: 512,
        group: "service".into(),
        ..Task::default()
    }
}

fn zones() -> Placement {
    Placement::Spread(Field::named("attribute:ecs.availability-zone"))
}

fn placed(mut instances: Vec<Instance>, rules: &Rules, count: usize) -> Vec<String> {
    let (task, mut random) = (task(), Stream::new(1, "ecs.random", 0));
    let mut names = Vec::new();
    for _ in 0..count {
        let chosen = place(&instances, &task, rules, &mut random);
        names.push(chosen.map_or_else(String::new, |index| instances[index].id.to_string()));
        if let Some(index) = chosen {
            instances[index].add(&task);
        }
    }
    names
}

#[test]
fn tasks_go_where_the_worked_example_has_them() {
    let by_memory = Placement::Binpack(Packed::Memory);
    let each = Placement::Spread(Field::Instance);
    for (strategies, expected) in [
        (vec![by_memory.clone()], "i2 i2 i2 i2 i3 i3"),
        (vec![zones(), by_memory], "i2 i3 i2 i3 i2 i3"),
        (vec![zones(), each.clone()], "i1 i3 i2 i3 i1 i3"),
    ] {
        let rules = Rules {
            strategies,
            constraints: Vec::new(),
        };
        assert_eq!(placed(worked(), &rules, 6).join(" "), expected);
    }
    let rules = Rules {
        strategies: vec![each],
        constraints: vec![Constraint::DistinctInstance],
    };
    assert_eq!(placed(worked(), &rules, 4), ["i1", "i2", "i3", ""]);
}

/// The instances that a spread over zones keeps, as a draw among them may find any.
fn kept(instances: &[Instance]) -> Vec<&str> {
    let rules = Rules {
        strategies: vec![zones(), Placement::Random],
        constraints: Vec::new(),
    };
    let mut random = Stream::new(1, "ecs.random", 0);
    let drawn = (0..100).filter_map(|_| place(instances, &task(), &rules, &mut random));
    let drawn: SortedSet<usize> = drawn.collect();
    drawn
        .into_iter()
        .map(|index| &*instances[index].id)
        .collect()
}

#[test]
fn each_step_keeps_the_instances_of_the_worked_table() {
    let mut instances = worked();
    let rules = Rules {
        strategies: vec![zones(), Placement::Binpack(Packed::Memory)],
        constraints: Vec::new(),
    };
    let mut random = Stream::new(1, "ecs.random", 0);
    for (left, expected, chosen) in [
        ([4_096, 2_048, 3_072], &["i1", "i2", "i3"][..], 1),
        ([4_096, 1_536, 3_072], &["i3"], 2),
        ([4_096, 1_536, 2_560], &["i1", "i2", "i3"], 1),
    ] {
        let memory: Vec<i64> = instances.iter().map(|own| own.memory).collect();
        assert_eq!(memory, left);
        assert_eq!(kept(&instances), expected);
        let found = place(&instances, &task(), &rules, &mut random);
        assert_eq!(found, Some(chosen));
        instances[chosen].add(&task());
    }
}

#[test]
fn the_fullest_group_loses_its_newest_task_first() {
    let (task, rules) = (task(), Rules::default());
    let mut instances = worked();
    let mut running = Vec::new();
    for (number, instance) in [(1, 0), (2, 2), (3, 1), (4, 0)] {
        instances[instance].add(&task);
        running.push(Running { instance, number });
    }
    // Zone a has three tasks, and i1 two of them.
    assert_eq!(scale_in(&instances, &task, &rules, &running), Some(3));
    let packed = Rules {
        strategies: vec![Placement::Binpack(Packed::Memory)],
        constraints: Vec::new(),
    };
    assert_eq!(scale_in(&instances, &task, &packed, &running), Some(3));
    assert_eq!(scale_in(&instances, &task, &packed, &[]), None);
}

#[test]
fn queries_join_comparisons_and_name_their_faults() {
    let attributes = [
        ("ecs.instance-type", "t2.micro"),
        ("stack", "prod"),
        ("disks", "4"),
    ];
    let attributes = attributes
        .into_iter()
        .map(|(key, value)| (key.into(), value.into()))
        .collect();
    for (text, expected) in [
        ("attribute:stack == prod", true),
        ("attribute:stack != prod", false),
        ("attribute:ecs.instance-type =~ t2.*", true),
        ("attribute:ecs.instance-type =~ micro", false),
        ("attribute:ecs.instance-type !~ t2.*", false),
        ("attribute:stack in [dev, prod]", true),
        ("attribute:stack !in [dev,prod]", false),
        ("attribute:gpu exists", false),
        ("attribute:gpu !exists", true),
        ("attribute:gpu != large", true),
        ("attribute:disks >= 4 and attribute:disks < 5", true),
        ("attribute:disks > 4 or attribute:disks <= 3", false),
        ("not (attribute:stack == dev)", true),
        (
            "(attribute:stack == dev or attribute:disks == 4) and not attribute:gpu exists",
            true,
        ),
    ] {
        let query = Query::parse(text).expect("a query");
        assert_eq!(query.holds(&attributes), expected, "{text}");
    }
    for (text, expected) in [
        ("", "expected an expression at the end"),
        ("(stack == a", "a `(` has no `)`"),
        ("stack == a)", "a `)` has no `(`"),
        ("stack", "expected an operator after `stack`"),
        ("stack == ", "expected a value after `stack ==`"),
        ("stack in a", "expected a list such as `[a,b]`, found `a`"),
        ("stack > a", "expected a number, found `a`"),
        ("stack =~ (", "expected a value after `stack =~`"),
        ("stack == a b", "expected `and` or `or`, found `b`"),
        ("stack like a", "`like` is no operator; "),
        ("stack in []", "expected a list such as `[a,b]`, found `[]`"),
        ("task:group == a", "`task:group` is no attribute"),
        (
            "runningTasksCount < 2",
            "`runningTasksCount` is no attribute",
        ),
    ] {
        let error = Query::parse(text).expect_err("no query").to_string();
        let found = error
            .split_once(" is no cluster query: ")
            .map(|(_, why)| why);
        assert!(
            found.is_some_and(|why| why.starts_with(expected)),
            "{error}"
        );
    }
    let deep = format!("{}a exists{}", "(".repeat(100), ")".repeat(100));
    assert!(Query::parse(&deep).is_err());
}

#[test]
fn bounds_allow_the_moves_of_the_worked_table() {
    for (desired, minimum, maximum, bounds, moves) in [
        (4, 50, 200, (2, 8), (2, 4)),
        (2, 75, 200, (2, 4), (0, 2)),
        (3, 100, 125, (3, 3), (0, 0)),
        (10, 50, 150, (5, 15), (5, 5)),
        (5, 100, 100, (5, 5), (0, 0)),
    ] {
        let percent = HealthyPercent { minimum, maximum };
        let found = percent.bounds(desired);
        assert_eq!((found.min_running, found.max_total), bounds);
        let tasks = Tasks {
            old_healthy: desired,
            ..Tasks::default()
        };
        let (stop, start) = moves;
        assert_eq!(found.moves(desired, tasks), Moves { stop, start });
        assert_eq!(found.is_stuck(desired), moves == (0, 0));
    }
}

const fn units(units: i64) -> Gpus {
    Gpus { devices: 0, units }
}

#[test]
fn tasks_need_whole_devices_and_free_ports() {
    let rules = Rules {
        strategies: vec![Placement::Binpack(Packed::Memory)],
        ..Rules::default()
    };
    let with_devices = || {
        let mut instances = worked();
        (instances[0].gpus, instances[2].gpus) = (units(2), units(1));
        instances
    };
    let names = |asked: Task, count| {
        let (mut instances, mut random) = (with_devices(), Stream::new(1, "ecs.random", 0));
        let mut names = Vec::new();
        for _ in 0..count {
            let chosen = place(&instances, &asked, &rules, &mut random);
            names.push(chosen.map_or_else(String::new, |index| instances[index].id.to_string()));
            if let Some(index) = chosen {
                instances[index].add(&asked);
            }
        }
        names
    };
    // i2 has the least memory, but no device: i3 has one, then i1 two.
    let gpu = Task {
        gpus: units(1),
        ..task()
    };
    assert_eq!(names(gpu, 4), ["i3", "i1", "i1", ""]);
    let both = Task {
        gpus: units(2),
        ..task()
    };
    assert_eq!(names(both, 2), ["i1", ""]);
    // A fixed port is free once on each instance.
    let port = Task {
        ports: vec!["80/TCP".into()],
        ..task()
    };
    assert_eq!(names(port, 4), ["i2", "i3", "i1", ""]);
    // What leaves gives both back.
    let mut instances = with_devices();
    let asked = Task {
        gpus: units(2),
        ports: vec!["80/TCP".into()],
        ..task()
    };
    instances[0].add(&asked);
    instances[0].remove(&asked);
    assert_eq!(instances, with_devices());
}

#[derive(Clone, Debug)]
enum Step {
    Place(usize, usize, u8),
    End(usize),
    Active(usize, bool),
    Join(u8),
    Relabel(usize, u8),
}

fn step() -> impl proptest::strategy::Strategy<Value = Step> {
    prop_oneof![
        8 => (0..3_usize, 0..4_usize, 0..6_u8)
            .prop_map(|(group, rules, more)| Step::Place(group, rules, more)),
        2 => (0..40_usize).prop_map(Step::End),
        1 => (0..6_usize, any::<bool>()).prop_map(|(index, is)| Step::Active(index, is)),
        1 => (0..3_u8).prop_map(Step::Join),
        1 => (0..6_usize, 0..4_u8).prop_map(|(index, zone)| Step::Relabel(index, zone)),
    ]
}

fn rule_sets() -> Vec<Rules> {
    let query = Query::parse("ecs.availability-zone in [a,b]").expect("a query");
    vec![
        Rules::default(),
        Rules {
            strategies: vec![zones(), Placement::Binpack(Packed::Memory)],
            constraints: vec![Constraint::MemberOf(query)],
        },
        Rules {
            strategies: vec![Placement::Binpack(Packed::Cpu), Placement::Random],
            constraints: vec![Constraint::DistinctInstance],
        },
        Rules {
            strategies: vec![Placement::Random],
            constraints: Vec::new(),
        },
    ]
}

proptest! {
    #[test]
    fn the_fast_form_places_as_the_plain_one(steps in prop::collection::vec(step(), 1..80)) {
        let sets = rule_sets();
        let mut fast = FastCluster::default();
        let (mut draws, mut fast_draws) =
            (Stream::new(1, "ecs.random", 0), Stream::new(1, "ecs.random", 0));
        let mut plain = Vec::new();
        for number in 0..4_u8 {
            let zone = if number % 2 == 0 { "a" } else { "b" };
            let cpu = 1_024 * (1 + i64::from(number));
            let own = Instance {
                gpus: Gpus { devices: i64::from(number % 2), units: i64::from(number) },
                ..instance(&format!("i{number}"), zone, cpu, 3_000)
            };
            plain.push(own.clone());
            fast.add_instance(own);
        }
        let numbers: Vec<usize> = sets.iter().map(|rules| fast.register(rules.clone())).collect();
        let mut running: Vec<(usize, Task)> = Vec::new();
        for step in steps {
            match step {
                Step::Place(group, rules, more) => {
                    let task = Task {
                        group: format!("g{group}").into(),
                        gpus: Gpus { devices: i64::from(more % 2), units: i64::from(more % 3) },
                        ports: (more > 3).then(|| "80/TCP".into()).into_iter().collect(),
                        ..task()
                    };
                    let chosen = place(&plain, &task, &sets[rules], &mut draws);
                    let by_fast = fast.place(&task, numbers[rules], &mut fast_draws);
                    prop_assert_eq!(chosen, by_fast);
                    if let Some(index) = chosen {
                        plain[index].add(&task);
                        fast.add(index, &task);
                        running.push((index, task));
                    }
                }
                Step::End(index) if !running.is_empty() => {
                    let (index, task) = running.remove(index % running.len());
                    plain[index].remove(&task);
                    fast.remove(index, &task);
                }
                Step::End(_) => {}
                Step::Active(index, is_active) => {
                    let index = index % plain.len();
                    plain[index].is_active = is_active;
                    fast.set_active(index, is_active);
                }
                Step::Relabel(index, zone) => {
                    let index = index % plain.len();
                    let zone = ["a", "b", "c", "d"][usize::from(zone)];
                    let attributes = instance("", zone, 0, 0).attributes;
                    plain[index].attributes = attributes.clone();
                    fast.set_attributes(index, attributes);
                }
                Step::Join(zone) => {
                    let id = format!("i{}", plain.len() + 4);
                    let own = instance(&id, ["a", "b", "c"][usize::from(zone)], 2_048, 4_096);
                    plain.push(own.clone());
                    fast.add_instance(own);
                }
            }
            prop_assert_eq!(&plain[..], fast.instances());
            prop_assert!(plain.iter().all(|own| own.cpu >= 0 && own.memory >= 0 && own.gpus.units >= 0));
            prop_assert!(plain.iter().all(|own| own.ports.values().all(|tasks| *tasks == 1)));
        }
    }

    #[test]
    fn deployments_keep_their_bounds(
        desired in 0..30_u64,
        minimum in 0..=100_u64,
        maximum in 100..=300_u64,
        choices in prop::collection::vec((0..4_u8, 1..6_u64), 1..80),
    ) {
        let bounds = HealthyPercent { minimum, maximum }.bounds(desired);
        let mut tasks = Tasks { old_healthy: desired, ..Tasks::default() };
        for (choice, count) in choices {
            let moves = bounds.moves(desired, tasks);
            let unhealthy = moves.stop.min(tasks.old_unhealthy);
            tasks.old_unhealthy -= unhealthy;
            tasks.old_healthy -= moves.stop - unhealthy;
            tasks.stopping += moves.stop;
            tasks.new_unhealthy += moves.start;
            let healthy = tasks.old_healthy + tasks.new_healthy;
            let total = healthy + tasks.old_unhealthy + tasks.new_unhealthy + tasks.stopping;
            if moves.stop > unhealthy {
                prop_assert!(healthy >= bounds.min_running);
            }
            prop_assert!(total <= bounds.max_total.max(desired));
            match choice {
                0 => tasks.stopping -= tasks.stopping.min(count),
                1 => {
                    let more = tasks.new_unhealthy.min(count);
                    tasks.new_unhealthy -= more;
                    tasks.new_healthy += more;
                }
                2 => {
                    let less = tasks.new_healthy.min(count);
                    tasks.new_healthy -= less;
                }
                _ => {
                    let less = tasks.old_healthy.min(count);
                    tasks.old_healthy -= less;
                    tasks.old_unhealthy += less;
                }
            }
        }
    }
}

proptest! {
    /// Whatever fails when, a deployment stops no healthy task below the minimum and starts none above the
    /// maximum.
    #[test]
    fn healthy_percent_is_kept_under_random_failures(
        desired in 1_u64..30,
        minimum in 0_u64..=100,
        maximum in 100_u64..=300,
        course in prop::collection::vec((0_u64..4, 0_u64..4, 0_u64..4, any::<bool>()), 1..80),
    ) {
        let bounds = HealthyPercent { minimum, maximum }.bounds(desired);
        let mut tasks = Tasks { old_healthy: desired, ..Tasks::default() };
        for (old_fails, new_fails, ready, stopped) in course {
            // Tasks fail, of which the old ones are replaced by new ones, and others become healthy.
            tasks.old_healthy -= old_fails.min(tasks.old_healthy);
            let failed = new_fails.min(tasks.new_healthy);
            (tasks.new_healthy, tasks.new_unhealthy) =
                (tasks.new_healthy - failed, tasks.new_unhealthy + failed);
            let healthy = ready.min(tasks.new_unhealthy);
            (tasks.new_healthy, tasks.new_unhealthy) =
                (tasks.new_healthy + healthy, tasks.new_unhealthy - healthy);
            if stopped {
                tasks.stopping = 0;
            }
            let before = tasks.old_healthy + tasks.new_healthy;
            let moves = bounds.moves(desired, tasks);
            let stops_healthy = moves.stop - tasks.old_unhealthy;
            prop_assert!(stops_healthy <= tasks.old_healthy);
            let after = before - stops_healthy;
            prop_assert!(stops_healthy == 0 || after >= bounds.min_running, "{tasks:?} {moves:?}");
            tasks.old_healthy -= stops_healthy;
            tasks.stopping += moves.stop;
            tasks.old_unhealthy = 0;
            tasks.new_unhealthy += moves.start;
            let total = tasks.old_healthy + tasks.new_healthy + tasks.new_unhealthy + tasks.stopping;
            prop_assert!(moves.start == 0 || total <= bounds.max_total, "{tasks:?} {moves:?}");
            prop_assert!(tasks.new_healthy + tasks.new_unhealthy <= desired);
        }
    }
}
