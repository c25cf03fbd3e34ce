use super::evaluate::Facts;
use super::*;
use arrivals::stream::Arrival;
use model::resource_list::{CPU, MEMORY};
use model::{PodSpec, ResourceList};
use std::sync::Arc;
use units::{Duration, Instant, Quantity};

fn assigned() -> Assigned {
    let requests = ResourceList::from_pairs([
        (CPU, Quantity::from_milli(4_500)),
        (MEMORY, Quantity::from_units(3 << 30)),
    ]);
    Assigned {
        arrival: Arrival {
            members: 2,
            run_time: Some(Duration::from_secs(600)),
            ..Arrival::new(Instant::from_secs(90), "train-7".into())
        },
        spec: Arc::new(PodSpec::with_requests(requests)),
        tenant: "team-a".into(),
    }
}

fn facts(own: &Assigned) -> Facts<'_> {
    Facts {
        arrival: &own.arrival,
        spec: &own.spec,
        tenant: &own.tenant,
    }
}

#[test]
fn conditions_hold_as_written() {
    let own = assigned();
    for (text, expected) in [
        ("cpu > 4 && tenant == \"team-a\"", true),
        ("cpu == 4500m", true),
        ("run_time == 10m && run_time / 1m == 10", true),
        ("run_time >= 600 && !(run_time > 600)", true),
        ("memory * 1.5 < 4.5Gi || gpus > 0", false),
        ("time_limit == none && time_limit < 1h", false),
        ("time_limit == none || time_limit < 1h", true),
        ("name ~ \"train-*\" && tenant ~ '*a'", true),
        ("name ~ \"train\"", false),
        ("namespace == none", true),
        ("submit % 60 == 30", true),
        (
            "min(cpu, 2) == 2 && ceil(cpu) == 5 && round(cpu) == 5 && floor(cpu) == 4",
            true,
        ),
        ("members * cpu >= 9", true),
        ("-priority <= 0 && priority == 0", true),
        ("cpu / 3 * 3 == cpu", true),
    ] {
        let condition = Condition::parse(text).expect(text);
        assert_eq!(condition.holds(facts(&own)), Ok(expected), "{text}");
    }
}

#[test]
fn assignments_are_exact_and_follow_each_other() {
    let mut own = assigned();
    let texts = [
        "memory = memory * 1.2",
        "cpu = max(cpu / 3, 500m)",
        "run_time = run_time / 7",
        "time_limit = run_time * 2",
        "members = members + 1",
        "tenant = \"team-b\"",
        "priority = -5",
        "gpus = 1",
        "gpu_milli = 250",
    ];
    let all: Vec<_> = texts
        .map(|text| Assignment::parse(text).expect(text))
        .into();
    apply(&all, &mut own).expect("numbers that fit");
    let requests = own.spec.requests().expect("small");
    assert_eq!(requests.get(CPU).milli_ceil(), Ok(1_500));
    assert_eq!(requests.get(MEMORY).units_ceil(), Ok(3_865_470_566));
    let nanos = |time: Option<Duration>| time.map(Duration::as_nanos);
    assert_eq!(nanos(own.arrival.run_time), Some(85_714_285_714));
    assert_eq!(nanos(own.arrival.time_limit), Some(171_428_571_428));
    assert_eq!((own.arrival.members, &*own.tenant), (3, "team-b"));
    assert_eq!(
        (own.spec.priority, own.spec.gpu.milli_per_device),
        (-5, 250)
    );
    let gone = [Assignment::parse("run_time = none").expect("an assignment")];
    apply(&gone, &mut own).expect("nothing");
    assert_eq!(own.arrival.run_time, None);
}

#[test]
fn faults_are_named_by_their_place() {
    for (text, expected) in [
        (
            "cpu >",
            "character 6: expected a field, a number, a text or `(`, found the end",
        ),
        ("cpus > 4", "character 1: there is no field `cpus`"),
        (
            "cpu > 4 tenant",
            "character 9: expected an operator or the end, found `tenant`",
        ),
        (
            "cpu > 4 && memory",
            "character 12: expected a condition such as `cpu > 4`, found an amount",
        ),
        ("(cpu > 4", "character 9: expected `)`, found the end"),
        (
            "tenant == \"a",
            "character 11: the text has no end; write \" behind it",
        ),
        (
            "tenant > \"a\"",
            "character 8: a text has no order; compare by `==` or `!=`",
        ),
        (
            "cpu == run_time",
            "character 5: an amount and a time can't meet here",
        ),
        ("cpu > 4x", "character 7: `4x` is neither a number"),
        ("500m == 500m", "character 1: may be minutes or thousandths"),
        ("cpu & 4", "character 5: `&` has no meaning here"),
        ("1 < cpu < 4", "character 9: `<` after a comparison"),
        ("cpu + 4", "character 5: expected a condition"),
        (
            "run_time * run_time > 4",
            "character 10: a time times a time",
        ),
    ] {
        let error = Condition::parse(text).expect_err(text).to_string();
        assert!(error.starts_with(expected), "{text}: {error}");
    }
    for (text, expected) in [
        ("memory == 4", "character 8: expected `=`, found `==`"),
        ("name = \"a\"", "character 1: `name` can't be assigned"),
        (
            "cpu = 5h",
            "character 7: `cpu` is an amount, and this is a time",
        ),
        (
            "run_time = 5Gi",
            "character 12: `run_time` is a time, and this is an amount",
        ),
        (
            "submit = submit + 2k",
            "character 17: a time and an amount can't meet here",
        ),
        (
            "tenant = 5",
            "character 10: `tenant` is a text, and this is a number",
        ),
    ] {
        let error = Assignment::parse(text).expect_err(text).to_string();
        assert!(error.starts_with(expected), "{text}: {error}");
    }
    let deep = format!("{}cpu{} > 1", "(".repeat(70), ")".repeat(70));
    assert!(Condition::parse(&deep).is_err());
}

#[test]
fn values_that_fit_no_field_name_the_arrival() {
    for (text, expected) in [
        (
            "cpu = cpu - 5",
            "`cpu = cpu - 5`: the value is below 0, for `train-7`",
        ),
        ("members = 0", "`members = 0`: the value is not from 1 to"),
        (
            "submit = time_limit",
            "`submit = time_limit`: a submission can't be `none`, for `train-7`",
        ),
        (
            "cpu = cpu / gpus",
            "`cpu = cpu / gpus`, character 11: a division by zero, for `train-7`",
        ),
        (
            "gpu_milli = 500",
            "`gpu_milli = 500`: a share of a device is one of a single device",
        ),
    ] {
        let all = [Assignment::parse(text).expect(text)];
        let error = apply(&all, &mut assigned()).expect_err(text);
        assert!(error.starts_with(expected), "{text}: {error}");
    }
}
