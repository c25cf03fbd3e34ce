//! The allocator's rules one by one, and that nothing is offered twice.

use proptest::prelude::*;

use super::super::plain::resources::{Kind, Limits, Quantities, Resources};
use super::super::plain::sorter::Fairness;
use super::super::plain::{AgentOrder, Allocator, AllocatorOptions, Capabilities, Quota};
use super::super::roles::{QuotaError, check_quotas, check_weight};
use super::super::section::{MesosAmount, MesosRole};
use model::Text;
use rng::Stream;
use units::{Duration, Instant, Quantity, SortedMap};

fn resources(amounts: &[(&str, i64)]) -> Resources {
    let mut all = Resources::default();
    for &(name, whole) in amounts {
        let (name, role) = name.split_once('@').unwrap_or((name, ""));
        let kind = Kind {
            name: name.into(),
            role: (!role.is_empty()).then(|| role.into()),
            is_revocable: false,
        };
        all.add_one(&kind, whole * 1_000);
    }
    all
}

fn quota(guarantee: &[(&str, i64)], limit: &[(&str, i64)]) -> Quota {
    let thousandths = |amounts: &[(&str, i64)]| {
        let amounts = amounts.iter();
        amounts
            .map(|&(name, whole)| (Text::from(name), whole * 1_000))
            .collect::<Vec<_>>()
    };
    Quota {
        guarantee: Quantities::new(thousandths(guarantee)),
        limit: Limits::new(thousandths(limit)),
    }
}

fn allocator() -> Allocator {
    Allocator::new(AllocatorOptions::default())
}

fn add_agent(allocator: &mut Allocator, id: &str, amounts: &[(&str, i64)]) {
    allocator.add_agent(id.into(), resources(amounts), SortedMap::new());
}

fn add_framework(allocator: &mut Allocator, id: &str, role: &str) {
    allocator.add_framework(id.into(), [role.into()], Capabilities::default());
}

/// The offers of a run, as `framework agent`.
fn run(allocator: &mut Allocator, seconds: i64) -> Vec<String> {
    let offers = allocator.run(Instant::from_secs(seconds));
    let words = offers
        .iter()
        .map(|one| format!("{} {}", one.framework, one.agent));
    words.collect()
}

#[test]
fn agents_go_whole_to_the_role_and_framework_with_the_smallest_share() {
    let mut allocator = allocator();
    add_agent(&mut allocator, "A1", &[("cpus", 2), ("mem", 1024)]);
    add_framework(&mut allocator, "f1", "role1");
    assert_eq!(run(&mut allocator, 0), ["f1 A1"]);
    add_framework(&mut allocator, "f2", "role2");
    for (agent, cpus, mem, expected) in [("A2", 1, 512, "f2 A2"), ("A3", 3, 2048, "f2 A3")] {
        add_agent(&mut allocator, agent, &[("cpus", cpus), ("mem", mem)]);
        assert_eq!(run(&mut allocator, 0), [expected]);
    }
    add_framework(&mut allocator, "f3", "role1");
    add_agent(&mut allocator, "A4", &[("cpus", 4), ("mem", 4096)]);
    assert_eq!(run(&mut allocator, 0), ["f3 A4"]);
    add_framework(&mut allocator, "f4", "role1");
    add_agent(&mut allocator, "A5", &[("cpus", 1), ("mem", 512)]);
    assert_eq!(run(&mut allocator, 0), ["f2 A5"]);
}

#[test]
fn headroom_is_kept_for_a_quota_nobody_uses_yet() {
    let mut allocator = allocator();
    let both = [("cpus", 2), ("mem", 1024)];
    allocator.set_quota("q".into(), quota(&both, &both));
    add_framework(&mut allocator, "f", "other");
    add_agent(&mut allocator, "A1", &both);
    assert!(run(&mut allocator, 0).is_empty());
    add_agent(&mut allocator, "A2", &both);
    allocator.gather_all();
    assert_eq!(run(&mut allocator, 1), ["f A1"]);
}

#[test]
fn a_refusal_covers_no_more_than_what_was_refused() {
    let mut allocator = allocator();
    add_framework(&mut allocator, "f1", "r");
    add_agent(&mut allocator, "A1", &[("cpus", 2), ("mem", 1024)]);
    run(&mut allocator, 0);
    let (framework, agent) = ("f1".into(), "A1".into());
    allocator.release(&framework, &agent, &resources(&[("cpus", 1), ("mem", 512)]));
    let refusal = Some(Duration::from_secs(100));
    allocator.decline(Instant::ZERO, &framework, &agent, refusal);
    // Two cores are more than the one that was refused.
    allocator.gather_all();
    assert_eq!(run(&mut allocator, 1), ["f1 A1"]);
    allocator.decline(Instant::from_secs(1), &framework, &agent, refusal);
    allocator.gather_all();
    assert!(run(&mut allocator, 100).is_empty());
    allocator.update_agent(&agent, resources(&[("cpus", 3), ("mem", 1024)]));
    assert_eq!(run(&mut allocator, 100), ["f1 A1"]);
}

#[test]
fn gpus_small_rests_and_deactivated_agents_are_not_offered() {
    let mut allocator = allocator();
    add_framework(&mut allocator, "plain", "r");
    add_agent(&mut allocator, "gpu", &[("cpus", 2), ("gpus", 1)]);
    add_agent(&mut allocator, "small", &[("mem", 31), ("disk", 9)]);
    add_agent(&mut allocator, "gone", &[("cpus", 2)]);
    allocator.set_agent_active("gone", false);
    assert!(run(&mut allocator, 0).is_empty());
    let capabilities = Capabilities {
        gpu_resources: true,
        ..Capabilities::default()
    };
    allocator.add_framework("gpus".into(), ["r".into()], capabilities);
    assert_eq!(run(&mut allocator, 0), ["gpus gpu"]);
}

#[test]
fn reservations_go_to_their_role_and_below() {
    let mut allocator = allocator();
    add_framework(&mut allocator, "f1", "eng/a");
    add_framework(&mut allocator, "f2", "ops");
    let total = [("cpus@eng", 1), ("mem@ops", 64)];
    add_agent(&mut allocator, "A1", &total);
    assert_eq!(run(&mut allocator, 0), ["f1 A1", "f2 A1"]);
}

#[test]
fn impossible_quotas_and_weights_are_refused() {
    let cores = |milli: Option<i64>| MesosAmount {
        cpu: milli.map(Quantity::from_milli),
        ..MesosAmount::default()
    };
    let check = |quotas: &[(&str, i64, Option<i64>)]| {
        let quotas = quotas.iter().map(|&(role, guarantee, limit)| {
            let quota = MesosRole {
                guarantee: cores(Some(guarantee)),
                limit: cores(limit),
                ..MesosRole::default()
            };
            (role.to_owned(), quota)
        });
        check_quotas(&quotas.collect(), &cores(Some(4_000)))
    };
    let above = check(&[("p", 3_000, None), ("q", 2_000, None)]).expect_err("too much");
    let told = above.to_string();
    assert!(
        &**above.role() == "q" && told.contains("5 of `cpus`") && told.contains("has 4"),
        "{told}"
    );
    let below = check(&[("q", 1_000, Some(0))]);
    assert!(matches!(below, Err(QuotaError::BelowGuarantee { .. })));
    assert_eq!(check(&[("p", 4_000, None)]), Ok(()));
    for weight in [0.0, -1.0, f64::NAN] {
        assert!(check_weight("q", weight).is_err(), "{weight}");
    }
}

#[test]
fn first_come_takes_everything_in_the_order_of_registration() {
    let mut allocator = Allocator::new(AllocatorOptions {
        fairness: Fairness::FirstCome,
        ..AllocatorOptions::default()
    });
    add_framework(&mut allocator, "late-name", "z");
    add_framework(&mut allocator, "early-name", "a");
    for agent in ["A1", "A2"] {
        add_agent(&mut allocator, agent, &[("cpus", 1)]);
    }
    assert_eq!(run(&mut allocator, 0), ["late-name A1", "late-name A2"]);
}

#[test]
fn what_is_gone_is_not_held_any_more() {
    let mut allocator = allocator();
    add_framework(&mut allocator, "f1", "r");
    add_agent(&mut allocator, "A1", &[("cpus", 2)]);
    run(&mut allocator, 0);
    assert_eq!(allocator.held_agents("f1"), [Text::from("A1")]);
    allocator.remove_framework(&"f1".into());
    assert!(allocator.held_of("A1").is_empty());
    add_framework(&mut allocator, "f2", "r");
    assert_eq!(run(&mut allocator, 1), ["f2 A1"]);
    allocator.remove_agent("A1");
    allocator.gather_all();
    assert!(run(&mut allocator, 2).is_empty());
}

proptest! {
    #[test]
    fn nothing_is_offered_to_two_frameworks(
        agents in prop::collection::vec((1_i64..8, 32_i64..256, any::<bool>()), 1..8),
        frameworks in prop::collection::vec(0_u8..4, 1..6),
        answers in prop::collection::vec((0_usize..6, 0_usize..8, 0_u8..3), 0..40),
        guarantee in 0_i64..8,
        is_shuffled in any::<bool>(),
    ) {
        let order = AgentOrder::Shuffled(Box::new(Stream::new(3, "mesos.agents", 0)));
        let mut allocator = Allocator::new(AllocatorOptions {
            agent_order: if is_shuffled { order } else { AgentOrder::ById },
            ..AllocatorOptions::default()
        });
        let roles = ["r0", "r1", "r0/x", "r2"];
        allocator.set_quota("r1".into(), quota(&[("cpus", guarantee)], &[("cpus", guarantee + 2)]));
        for (number, &role) in frameworks.iter().enumerate() {
            add_framework(&mut allocator, &format!("f{number}"), roles[usize::from(role)]);
        }
        let mut totals = SortedMap::new();
        for (number, &(cpus, mem, is_reserved)) in agents.iter().enumerate() {
            let id = format!("A{number}");
            let mut amounts = vec![("cpus", cpus), ("mem", mem)];
            if is_reserved {
                amounts.push(("cpus@r0", 1));
            }
            add_agent(&mut allocator, &id, &amounts);
            totals.insert(Text::from(id), resources(&amounts));
        }
        let mut now = 0;
        for (framework, agent, answer) in answers {
            now += 1;
            allocator.gather_all();
            for offer in allocator.run(Instant::from_secs(now)) {
                prop_assert!(!offer.resources.is_empty());
                let role = offer.role.clone();
                let is_own = |(kind, _): (&Kind, i64)| {
                    kind.role.as_ref().is_none_or(|owner| role.starts_with(&**owner))
                };
                prop_assert!(offer.resources.iter().all(is_own));
            }
            // Whatever is held of an agent is there.
            for (id, total) in &totals {
                prop_assert!(total.contains(&allocator.held_of(id)));
            }
            let framework = format!("f{}", framework % frameworks.len()).into();
            let agent = format!("A{}", agent % agents.len()).into();
            match answer {
                0 => allocator.decline(Instant::from_secs(now), &framework, &agent, None),
                1 => {
                    let span = Some(Duration::from_secs(3));
                    allocator.decline(Instant::from_secs(now), &framework, &agent, span);
                }
                _ => allocator.release(&framework, &agent, &resources(&[("cpus", 1)])),
            }
        }
    }
}
