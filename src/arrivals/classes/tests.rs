//! Classes on disk beside those in memory.

use proptest::prelude::*;

use super::*;
use crate::intern::ClassTable;
use model::{Behaviour, GpuRequest, ResourceList, Toleration};
use units::{Duration, Quantity};

/// A spec by its number; those of other numbers are others.
fn spec(number: u32) -> PodSpec {
    let requests = ResourceList::from_pairs([
        ("cpu", Quantity::from_milli(1 + i64::from(number))),
        ("memory", Quantity::from_units(1 << 30)),
    ]);
    let mut spec = PodSpec::with_requests(requests.clone());
    spec.namespace = format!("team-{}", number % 3).into();
    spec.priority = 5 - number as i32;
    match number % 6 {
        0 => {}
        1 => spec.containers.clear(),
        2 => spec.containers[0].limits = requests,
        3 => {
            let outcome = format!("failed {number}");
            spec.labels
                .insert("outcome".into(), outcome.as_str().into());
            spec.gpu = GpuRequest {
                devices: 2,
                milli_per_device: 500,
                models: vec!["T4".into(), "A10".into()],
            };
        }
        4 => {
            spec.behaviour = Some(Arc::new(Behaviour {
                cpu_usage: Some("0s=1,5s=250m".into()),
                grace: Duration::from_secs(number.into()),
                ..Behaviour::default()
            }));
        }
        _ => {
            spec.tolerations.push(Toleration {
                key: Some(format!("key-{number}").as_str().into()),
                value: None,
                effect: None,
                tolerates_for: Some(Duration::from_secs(number.into())),
            });
            spec.scheduling_gates.push("wait".into());
        }
    }
    spec
}

fn log_of(classes: &Classes) -> &Log {
    classes.log.as_deref().expect("more than are held")
}

/// The numbers that a table gives to specs, and the specs that it gives back.
fn told(table: &mut ClassTable, numbers: &[u32]) -> (Vec<u32>, Vec<Arc<PodSpec>>) {
    let of = |&number: &u32| {
        if number % 2 == 0 {
            return table.class_of(spec(number));
        }
        table.class_of_shared(&Arc::new(spec(number)))
    };
    let classes = numbers.iter().map(of).collect();
    if table.classes().len() > table.classes().held().len() {
        log_of(table.classes()).flush();
    }
    (classes, table.classes().to_vec().expect("a temporary file"))
}

proptest! {
    #[test]
    fn a_table_on_disk_numbers_and_gives_back_as_one_in_memory(
        numbers in prop::collection::vec(0_u32..60, 0..200),
        most_held in 0_usize..9,
    ) {
        let mut on_disk = ClassTable::holding(most_held);
        let mut in_memory = ClassTable::holding(usize::MAX);
        prop_assert_eq!(told(&mut on_disk, &numbers), told(&mut in_memory, &numbers));
        // What was written is found again, too.
        prop_assert_eq!(told(&mut on_disk, &numbers), told(&mut in_memory, &numbers));
        for (class, expected) in in_memory.classes().held().iter().enumerate().rev() {
            prop_assert_eq!(on_disk.classes().get(class as u32), Ok(Arc::clone(expected)));
        }
    }

    #[test]
    fn copies_go_on_by_themselves(
        shared in 0_u32..9,
        own in prop::collection::vec(0_u32..9, 0..9),
        other in prop::collection::vec(0_u32..9, 0..9),
        most_held in 0_usize..6,
    ) {
        let mut one = Classes::holding(most_held);
        for number in 0..shared {
            one.push(Arc::new(spec(number)));
        }
        let mut two = one.clone();
        let all = |own: &[u32]| -> Vec<Arc<PodSpec>> {
            let numbers = (0..shared).chain(own.iter().copied());
            numbers.map(|number| Arc::new(spec(number))).collect()
        };
        for place in 0..own.len().max(other.len()) {
            for (classes, numbers) in [(&mut one, &own), (&mut two, &other)] {
                if let Some(&number) = numbers.get(place) {
                    classes.push(Arc::new(spec(number)));
                }
            }
        }
        prop_assert_eq!(one.to_vec(), Ok(all(&own)));
        prop_assert_eq!(two.to_vec(), Ok(all(&other)));
    }
}

#[test]
fn copies_that_go_on_alike_share_what_is_on_disk() {
    let mut one = Classes::holding(1);
    one.push(Arc::new(spec(0)));
    one.push(Arc::new(spec(1)));
    let mut two = one.clone();
    for number in 2..5 {
        one.push(Arc::new(spec(number)));
        two.push(Arc::new(spec(number)));
    }
    assert!(std::ptr::eq(log_of(&one), log_of(&two)));
    two.push(Arc::new(spec(5)));
    one.push(Arc::new(spec(6)));
    assert!(!std::ptr::eq(log_of(&one), log_of(&two)));
}

#[test]
fn copies_find_in_memory_what_a_run_holds() {
    let mut classes = Classes::holding(1);
    for number in 0..4 {
        classes.push(Arc::new(spec(number)));
    }
    let copy = classes.clone();
    log_of(&classes).flush();
    let held = classes.hold_all().expect("a temporary file");
    log_of(&classes).break_file(true);
    for (class, expected) in (0..).zip(&held) {
        let found = copy.get(class).expect("in memory");
        assert!(Arc::ptr_eq(&found, expected));
    }
}

#[test]
fn what_is_not_on_disk_stays_in_memory() {
    let mut classes = Classes::holding(2);
    classes.push(Arc::new(spec(0)));
    classes.push(Arc::new(spec(1)));
    classes.push(Arc::new(spec(2)));
    log_of(&classes).break_file(false);
    for number in 3..3_000 {
        classes.push(Arc::new(spec(number)));
    }
    let expected: Vec<Arc<PodSpec>> = (0..3_000).map(|number| Arc::new(spec(number))).collect();
    assert_eq!(classes.to_vec(), Ok(expected));
}

#[test]
fn a_file_that_lost_its_bytes_is_an_error_from_then_on() {
    let mut table = ClassTable::holding(1);
    for number in 0..4 {
        table.class_of(spec(number));
    }
    log_of(table.classes()).break_file(true);
    // It can't be compared, and is told to whoever reads.
    assert_eq!(table.class_of(spec(2)), 4);
    for class in 1..4 {
        let error = table.classes().get(class).expect_err("no bytes");
        let text = error.to_string();
        assert!(
            text.contains("can't be read back") && text.contains("TMPDIR"),
            "{text}"
        );
    }
    assert!(table.classes().get(0).is_ok() && table.classes().to_vec().is_err());
}
