//! Logs that arrivals become.

use super::*;
use crate::registry;
use crate::tests::prelude::*;
use crate::writers::Converted;
use crate::writers::lost::Fate;
use arrivals::memory::MemorySource;

fn recorded(arrivals: Vec<Arrival>, specs: Vec<PodSpec>) -> Recorded {
    Recorded {
        arrivals,
        classes: specs.into_iter().map(Arc::new).collect(),
        tenants: vec!["ann".into(), "bob".into()],
        ..Recorded::default()
    }
}

fn job(number: u64, secs: i64) -> Arrival {
    Arrival {
        members: 4,
        tenant: 1,
        run_time: Some(Duration::from_secs(90)),
        time_limit: Some(Duration::from_secs(600)),
        historic_start: Some(Instant::from_secs(secs + 7)),
        ..Arrival::new(Instant::from_secs(secs), PodName::Job(number))
    }
}

fn processor() -> PodSpec {
    PodSpec::with_requests(ResourceList::from_pairs([
        (CPU, Quantity::from_units(1)),
        (MEMORY, Quantity::from_units(2 << 20)),
    ]))
}

fn written(recorded: Recorded) -> (String, Converted) {
    let mut out = Vec::new();
    let converted = ENTRY
        .write(&mut MemorySource::new(recorded), false, &mut out)
        .expect("memory");
    (String::from_utf8(out).expect("text"), converted)
}

#[test]
fn a_log_reads_back_as_it_was() {
    let original = recorded(vec![job(3, 0), job(9, 60)], vec![processor()]);
    let (text, converted) = written(original.clone());
    let lost = { converted.lost.iter() }.map(|own| (&*own.field, own.fate, own.count));
    // The user has a number.
    assert_eq!(lost.collect::<Vec<_>>(), [("tenant", Fate::Changed, 2)]);
    let input = Input::bytes("log.swf", text.clone().into_bytes());
    let Constructor::Workload(open) = registry::find("swf").expect("known").open else {
        panic!("a workload");
    };
    let options = options_with(|own| own.memory = true);
    let read = collected(open(&input, &options));
    let bare = |own: &Recorded| -> Vec<Arrival> {
        let arrivals = own.arrivals.iter().cloned();
        arrivals
            .map(|arrival| Arrival {
                tenant: 0,
                ..arrival
            })
            .collect()
    };
    assert_eq!(bare(&read), bare(&original));
    let requests = |own: &Recorded| own.classes[0].requests().expect("requests").get(MEMORY);
    assert_eq!(requests(&read), requests(&original));
    assert!(text.ends_with("; User: 1 bob\n"), "{text}");
}

#[test]
fn what_the_format_cannot_say_is_counted() {
    let wide = PodSpec::with_requests(ResourceList::from_pairs([(CPU, Quantity::from_units(4))]));
    let of_class = |class| Arrival { class, ..job(1, 0) };
    let cases = [
        of_class(1),
        Arrival {
            name: "web".into(),
            ..of_class(0)
        },
        Arrival {
            run_time: None,
            ..of_class(0)
        },
        Arrival {
            time_limit: None,
            ..of_class(0)
        },
        Arrival {
            submit: Instant::from_nanos(1),
            ..of_class(0)
        },
    ];
    for case in cases {
        let (_, converted) = written(recorded(
            vec![case.clone()],
            vec![processor(), wide.clone()],
        ));
        assert_eq!(converted.reduced, 1, "{case:?}");
        let is_unreadable = case.run_time.is_none();
        assert_eq!(converted.unreadable, u64::from(is_unreadable), "{case:?}");
    }
}

#[test]
fn memory_is_that_of_a_processor() {
    let spec = PodSpec::with_requests(ResourceList::from_pairs([
        (CPU, Quantity::from_units(2)),
        (MEMORY, Quantity::from_units(8 << 30)),
    ]));
    let (text, _) = written(recorded(vec![job(1, 0)], vec![spec]));
    let row = text.lines().find(|line| !line.starts_with(';'));
    let fields: Vec<_> = row.expect("a row").split(' ').collect();
    assert_eq!((fields[7], fields[9]), ("8", "4194304"));
}

#[test]
fn a_short_run_takes_a_second() {
    let short = [0, 400_000_000].map(|nanos| Arrival {
        run_time: Some(Duration::from_nanos(nanos)),
        ..job(1, 0)
    });
    let (text, converted) = written(recorded(short.into(), vec![processor()]));
    assert_eq!((converted.reduced, converted.unreadable), (2, 0));
    let runs = text.lines().filter(|line| !line.starts_with(';'));
    let runs: Vec<_> = runs.map(|line| line.split(' ').nth(3)).collect();
    assert_eq!(runs, [Some("1"); 2]);
}
