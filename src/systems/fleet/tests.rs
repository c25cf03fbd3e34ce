//! Worked examples (spec: orchestrators-a.md sections 5 and 11) and properties of the whole.

use proptest::prelude::*;

use super::agent::{Agent, Present, Task};
use super::engine::{DecideError, Engine, Inability, Unit};
use super::options::FleetOptions;
use super::presence::{Leadership, Presence, RECONNECT};
use super::unit::Requirements;
use super::unit::TargetState::{self, Inactive, Launched, Loaded};
use super::unit_file::{UnitFile, UnitFileError, words};
use model::{Labels, Text};
use units::{Duration, Instant, SortedMap};

fn unit(machine: Option<&str>, fleet: &str) -> Unit {
    Unit {
        requirements: requirements("x.service", fleet).expect("a unit"),
        target: TargetState::Launched,
        machine: machine.map(Text::from),
    }
}

fn requirements(name: &str, fleet: &str) -> Result<Requirements, UnitFileError> {
    let text = format!("[Service]\nExecStart=/bin/true\n[X-Fleet]\n{fleet}");
    Requirements::of_file(name, &UnitFile::parse(name, &text)?)
}

fn engine(machines: &[&str], units: &[(&str, Option<&str>, &str)]) -> Engine {
    let mut engine = Engine::default();
    for &machine in machines {
        engine.put_machine(machine.into(), Labels::new());
    }
    for &(name, machine, fleet) in units {
        engine.put_unit(name.into(), unit(machine, fleet));
    }
    engine
}

fn machine_of(engine: &Engine, name: &str) -> Option<Text> {
    engine.unit(name).and_then(|unit| unit.machine.clone())
}

/// Machines on which a round puts units, in its order.
fn machines_of(round: &super::engine::Round) -> Vec<&str> {
    let scheduled = round.scheduled.iter();
    scheduled.map(|(_, machine)| &**machine).collect()
}

#[test]
fn units_go_to_the_least_loaded_machine_one_after_another() {
    let there = [
        ("u0", Some("A"), ""),
        ("u1", Some("A"), ""),
        ("u2", Some("B"), ""),
    ];
    let mut engine = engine(&["A", "B", "C"], &there);
    for name in ["v1", "v2", "v3", "v4", "v5"] {
        engine.put_unit(name.into(), unit(None, ""));
    }
    let round = engine.reconcile();
    assert_eq!(machines_of(&round), ["C", "B", "C", "A", "B"]);
    assert_eq!(engine.reconcile(), super::engine::Round::default());
}

#[test]
fn a_group_that_conflicts_gets_a_machine_each_and_then_none() {
    let there = [
        ("a", Some("m1"), ""),
        ("b", Some("m3"), ""),
        ("c", Some("m3"), ""),
    ];
    let mut engine = engine(&["m1", "m2", "m3"], &there);
    for number in 1..=4 {
        engine.put_unit(format!("w@{number}").into(), unit(None, "Conflicts=w@*"));
    }
    let round = engine.reconcile();
    assert_eq!(machines_of(&round), ["m2", "m1", "m3"]);
    assert_eq!(round.waiting, [("w@4".into(), DecideError::NoneAble)]);
}

#[test]
fn units_of_a_lost_machine_move_and_do_not_come_back() {
    let there = [
        ("a1", Some("A"), ""),
        ("a2", Some("A"), ""),
        ("b1", Some("B"), ""),
    ];
    let mut engine = engine(&["A", "B", "C"], &there);
    engine.remove_machine("A");
    engine.reconcile();
    assert_eq!(machine_of(&engine, "a1"), Some("C".into()));
    assert_eq!(machine_of(&engine, "a2"), Some("B".into()));
    engine.put_machine("A".into(), Labels::new());
    assert!(engine.reconcile().unscheduled.is_empty());
    let mut nobody = super::tests::engine(&[], &[("x", None, "")]);
    assert_eq!(
        nobody.reconcile().waiting,
        [("x".into(), DecideError::NoMachines)]
    );
}

#[test]
fn a_unit_that_is_not_able_any_more_is_moved_and_a_global_one_counts() {
    let mut engine = engine(&["B"], &[]);
    let edge = Labels::from([("role".into(), "edge".into())]);
    engine.put_machine("A".into(), edge);
    engine.put_unit(
        "g".into(),
        unit(None, "Global=no\nGlobal=yes\nMachineMetadata=role=edge"),
    );
    engine.put_unit("b1".into(), unit(Some("B"), ""));
    engine.count();
    assert_eq!(["A", "B"].map(|machine| engine.load(machine)), [1, 1]);
    engine.put_unit("tied".into(), unit(Some("A"), "MachineMetadata=role=edge"));
    engine.put_machine("A".into(), Labels::new());
    let round = engine.reconcile();
    assert_eq!(round.unscheduled, [("tied".into(), "A".into())]);
    assert_eq!(round.waiting, [("tied".into(), DecideError::NoneAble)]);
    // The global unit simply stops to run there.
    assert_eq!(engine.load("A"), 0);
}

#[test]
fn five_words_are_true() {
    for (value, is_global) in [
        ("true", true),
        ("Yes", true),
        ("1", true),
        ("on", true),
        ("t", true),
        ("y", false),
        ("2", false),
        ("", false),
    ] {
        let own = unit(None, &format!("Global={value}"));
        assert_eq!(own.requirements.is_global, is_global, "{value}");
    }
}

#[test]
fn replaced_units_move_in_a_later_round_unless_both_replace_each_other() {
    let there = [
        ("old", Some("A"), ""),
        ("b1", Some("B"), ""),
        ("b2", Some("B"), ""),
    ];
    let mut engine = engine(&["A", "B"], &there);
    engine.put_unit("new".into(), unit(None, "Replaces=old"));
    assert_eq!(engine.reconcile().scheduled, [("new".into(), "A".into())]);
    assert_eq!(machine_of(&engine, "old"), Some("A".into()));
    engine.reconcile();
    assert_eq!(machine_of(&engine, "old"), Some("B".into()));
    let both = [
        ("x", Some("A"), "Replaces=y"),
        ("y", Some("A"), "Replaces=x"),
    ];
    let mut engine = super::tests::engine(&["A", "B"], &both);
    assert_eq!(engine.reconcile(), super::engine::Round::default());
}

#[test]
fn each_requirement_says_no_by_its_name() {
    let mut engine = engine(&["A"], &[("db", Some("A"), "Conflicts=web*")]);
    engine.count();
    for (fleet, expected) in [
        ("MachineID=B\nMachineID=A", Some(Inability::MachineId)),
        ("MachineMetadata=disk=ssd", Some(Inability::Metadata)),
        ("MachineMetadata==ssd\nMachineMetadata=disk=", None),
        ("MachineOf=cache", Some(Inability::Peer)),
        ("MachineOf=db", None),
        ("X-ConditionMachineID=A", None),
    ] {
        let asked = requirements("front.service", fleet).expect("a unit");
        assert_eq!(
            engine.inability("front.service", &asked, "A"),
            expected,
            "{fleet}"
        );
    }
    let asked = Requirements::default();
    let found = engine.inability("web.service", &asked, "A");
    assert_eq!(found, Some(Inability::Conflict));
}

#[test]
fn unit_files_that_cannot_be_submitted_say_why() {
    for (name, text, expected) in [
        (
            "a.service",
            "[Service]\nType=simple\n",
            "needs `ExecStart=`",
        ),
        (
            "a.service",
            "ExecStart=/bin/true\n",
            "a.service:1: `ExecStart=/bin/true` stands outside",
        ),
        (
            "a.service",
            "[Service]\n# note\nnonsense\n",
            "a.service:3: `nonsense` is not an option",
        ),
        (
            "a.timer",
            "[X-Fleet]\nMachine=x\n",
            "a.timer:2: unrecognized option",
        ),
        (
            "a.timer",
            "[X-Fleet]\nMachineID=x\nGlobal=true\n",
            "MachineID cannot be used with Global",
        ),
        (
            "a.timer",
            "[X-Fleet]\nMachineID=x\nConflicts=y\n",
            "MachineID cannot be used with Conflicts",
        ),
        (
            "a.timer",
            "[X-Fleet]\nGlobal=1\nMachineOf=y\n",
            "Global cannot be used with MachineOf",
        ),
        (
            "a.timer",
            "[X-Fleet]\nConflicts=z\nReplaces=y\n",
            "Conflicts cannot be used with Replaces",
        ),
        (
            "a.timer",
            "[X-Fleet]\nMachineOf=db\nConflicts=d*\n",
            "peer `db` matches Conflicts `d*`",
        ),
    ] {
        let file = UnitFile::parse(name, text);
        let told = file.and_then(|file| Requirements::of_file(name, &file).map(|_| ()));
        let told = told.expect_err("a unit that is refused").to_string();
        assert!(told.contains(expected), "{told}");
    }
}

#[test]
fn unit_files_are_read_as_systemd_reads_them() {
    let text = "; note\n[Service]\nExecStart=/bin/a \\\n  --b\n[X-Fleet]\n\
                Conflicts=\"%p@*.service\" other-%i\nMachineMetadata=\"a=1\" \"b=x y\"\n";
    let file = UnitFile::parse("web@2.service", text).expect("a unit file");
    let start = file
        .section("Service")
        .next()
        .map(|option| option.value.clone());
    assert_eq!(start.as_deref(), Some("/bin/a --b"));
    let asked = Requirements::of_file("web@2.service", &file).expect("a unit");
    let conflicts: Vec<&str> = asked.conflicts.iter().map(|one| &**one).collect();
    assert_eq!(conflicts, ["other-2", "web@*.service"]);
    assert!(asked.metadata["b"].contains("x y"));
    assert_eq!(words(" a  'b c' \"\" "), ["a", "b c", ""]);
}

#[test]
fn agents_unload_load_stop_and_start_in_this_order() {
    let desired = |units: &[(&str, u64, TargetState)]| -> SortedMap<Text, Present> {
        let units = units.iter();
        units
            .map(|&(name, content, state)| (name.into(), Present { content, state }))
            .collect()
    };
    let mut agent = Agent::default();
    let first = agent.reconcile(&desired(&[
        ("a", 1, Launched),
        ("b", 1, Launched),
        ("c", 1, Launched),
    ]));
    assert_eq!(first.len(), 7);
    let tasks = agent.reconcile(&desired(&[
        ("a", 2, Launched),
        ("b", 1, Loaded),
        ("c", 1, Inactive),
    ]));
    let expected = [
        Task::Unload("a".into()),
        Task::Unload("c".into()),
        Task::Load("a".into()),
        Task::ReloadUnitFiles,
        Task::Stop("b".into()),
        Task::Start("a".into()),
    ];
    assert_eq!(tasks, expected);
    // Cut off, it keeps what it has; back, it unloads what is elsewhere now.
    agent.set_cut_off(true);
    assert!(agent.reconcile(&desired(&[])).is_empty() && agent.present().len() == 2);
    agent.set_cut_off(false);
    assert_eq!(agent.reconcile(&desired(&[])).len(), 3);
}

#[test]
fn a_service_behind_a_socket_starts_at_the_first_connection() {
    let unit = |state| Present { content: 1, state };
    let desired = SortedMap::from([
        ("web.socket".into(), unit(TargetState::Launched)),
        ("web.service".into(), unit(TargetState::Loaded)),
    ]);
    let mut agent = Agent::default();
    assert_eq!(agent.connected("web.socket"), None);
    agent.reconcile(&desired);
    let start = agent.connected("web.socket");
    assert_eq!(start, Some(Task::Start("web.service".into())));
    assert_eq!(agent.connected("web.socket"), None);
    assert!(agent.reconcile(&desired).is_empty());
}

#[test]
fn machines_are_there_while_they_beat_and_one_engine_acts() {
    let at = Instant::from_secs;
    let options = FleetOptions::default();
    let mut presence = Presence::new(options);
    assert_eq!(presence.beat(at(30), "A".into()), at(45));
    assert!(presence.expire(at(59)).is_empty());
    assert_eq!(presence.next_expiry(), Some(at(60)));
    assert_eq!(presence.expire(at(60)), [Text::from("A")]);
    let mut leadership = Leadership::new(&options);
    assert!(leadership.claim(at(0), 0, 1) && !leadership.claim(at(2), 1, 1));
    assert!(leadership.claim(at(2), 0, 1));
    // The lease ends ten seconds after its last renewal.
    assert!(!leadership.claim(at(11), 1, 1) && leadership.claim(at(12), 1, 1));
    // An engine of a newer version steals it and waits out the rest.
    assert!(!leadership.claim(at(13), 2, 2));
    assert!(!leadership.claim(at(21), 2, 2) && leadership.claim(at(22), 2, 2));
    let grpc = FleetOptions {
        grpc_registry: true,
        ..options
    };
    assert_eq!(grpc.lease_ttl(), Duration::from_secs(1_000_000));
    assert_eq!(RECONNECT.after(10), Duration::from_secs(60));
}

proptest! {
    #[test]
    fn every_requirement_is_respected(
        zones in prop::collection::vec(0_u8..3, 1..6),
        units in prop::collection::vec((0_u8..4, 0_u8..3, any::<bool>()), 0..24),
    ) {
        let mut engine = Engine::default();
        for (number, zone) in zones.iter().enumerate() {
            let metadata = Labels::from([("zone".into(), format!("z{zone}").into())]);
            engine.put_machine(format!("m{number}").into(), metadata);
        }
        for (number, (zone, group, conflicts)) in units.into_iter().enumerate() {
            let mut fleet = Vec::new();
            if zone < 3 {
                fleet.push(format!("MachineMetadata=zone=z{zone}"));
            }
            if conflicts {
                fleet.push(format!("Conflicts=g{group}@*"));
            }
            let fleet = fleet.join("\n");
            engine.put_unit(format!("g{group}@{number}").into(), unit(None, &fleet));
        }
        let round = engine.reconcile();
        for (name, machine) in &round.scheduled {
            let asked = &engine.unit(name).expect("a unit").requirements;
            prop_assert_eq!(engine.inability(name, asked, machine), None);
        }
        // Nothing moves again by itself, and whoever waits fits nowhere.
        let again = engine.reconcile();
        prop_assert!(again.scheduled.is_empty() && again.unscheduled.is_empty());
        prop_assert_eq!(again.waiting, round.waiting);
    }
}
