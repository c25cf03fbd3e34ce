//! Random workloads with whatever a record may say, and texts that are hard to write.

use proptest::prelude::*;

use crate::prelude::*;
use arrivals::header_record::{HeaderEntry, HeaderRecord};
use arrivals::job_fields::JobField;
use arrivals::links::Links;
use arrivals::memory::Recorded;
use model::behaviour::Resize;
use model::resource_list::{CPU, EPHEMERAL_STORAGE, MEMORY};
use model::{
    BATCH_SIZE_LABEL, Container, GpuRequest, JOB_TYPE_LABEL, ONE_PER_NODE, PLACEMENT_LABEL,
};

const TEXTS: [&str; 11] = [
    "",
    "a",
    "7",
    "07",
    " b ",
    "x,y",
    "q\"r",
    "l\nm",
    "t|u",
    "unknown",
    "completed",
];

fn text() -> impl Strategy<Value = Text> {
    prop::sample::select(&TEXTS[..]).prop_map(Text::from)
}

fn span() -> impl Strategy<Value = Duration> {
    prop::sample::select(vec![
        0,
        1,
        400_000_000,
        1_000_000_000,
        90_500_000_000,
        600_000_000_000,
    ])
    .prop_map(Duration::from_nanos)
}

fn requests() -> impl Strategy<Value = ResourceList> {
    let milli = prop::sample::select(vec![0, 1, 500, 1_000, 1_500, 4_000]);
    let bytes = prop::sample::select(vec![
        0,
        1,
        1_500,
        1_024_000,
        1_048_576_000,
        8_589_934_592_000,
    ]);
    let storage = prop::sample::select(vec![0, 1_000]);
    let other = prop::bool::weighted(0.1);
    (milli, bytes, storage, other).prop_map(|(cpu, memory, storage, has_other)| {
        let mut list = ResourceList::default();
        for (name, milli) in [(CPU, cpu), (MEMORY, memory), (EPHEMERAL_STORAGE, storage)] {
            if milli > 0 {
                list.set(name, Quantity::from_milli(milli));
            }
        }
        if has_other {
            list.set("example.com/card", Quantity::from_units(1));
        }
        list
    })
}

fn gpu() -> impl Strategy<Value = GpuRequest> {
    let models = prop::collection::vec(prop::sample::select(vec!["A", "B", "C D"]), 0..3);
    (0_u8..3, any::<bool>(), models).prop_map(|(devices, is_share, models)| {
        if devices == 0 {
            return GpuRequest::default();
        }
        let mut models: Vec<Text> = models.into_iter().map(Text::from).collect();
        models.sort_unstable();
        models.dedup();
        GpuRequest {
            devices,
            milli_per_device: if devices == 1 && is_share { 250 } else { 1_000 },
            models,
        }
    })
}

fn resizes() -> impl Strategy<Value = Vec<Resize>> {
    let gaps = prop::collection::vec((1_i64..9_000_000_000, 1_i64..9_000), 0..3);
    gaps.prop_map(|gaps| {
        let mut after = Duration::ZERO;
        let resize = |(gap, milli)| {
            after = Duration::from_nanos(after.as_nanos() + gap);
            let requests = ResourceList::from_pairs([(CPU, Quantity::from_milli(milli))]);
            Resize { after, requests }
        };
        gaps.into_iter().map(resize).collect()
    })
}

fn spec() -> impl Strategy<Value = PodSpec> {
    let labels = prop::collection::vec((0..=JobField::ALL.len() + 1, text()), 0..5);
    let usage = prop::option::of(prop::sample::select(vec!["60%", "1500m"]));
    (
        requests(),
        gpu(),
        text(),
        labels,
        usage,
        -2..3_i32,
        (
            any::<bool>(),
            prop::option::weighted(0.3, text()),
            resizes(),
        ),
    )
        .prop_map(
            |(list, gpu, namespace, stated, usage, priority, (preempts, second, resizes))| {
                let mut labels = Labels::new();
                for (place, value) in stated {
                    let label = match JobField::ALL.get(place) {
                        Some(own) => own.label,
                        None if place == JobField::ALL.len() => JOB_TYPE_LABEL,
                        None => "app",
                    };
                    // The fields that a reader checks.
                    let value = match label {
                        PLACEMENT_LABEL if !value.is_empty() => ONE_PER_NODE.into(),
                        BATCH_SIZE_LABEL if !value.is_empty() => "64".into(),
                        _ => value,
                    };
                    if !value.is_empty() {
                        labels.insert(label.into(), value);
                    }
                }
                let behaviour = Behaviour {
                    cpu_usage: usage.map(Text::from),
                    resizes,
                    ..Behaviour::default()
                };
                let behaviour = (behaviour != Behaviour::default()).then(|| Arc::new(behaviour));
                let mut containers = PodSpec::with_requests(list).containers;
                containers.extend(second.map(|image| Container {
                    image,
                    limits: containers[0].requests.clone(),
                    requests: containers[0].requests.clone(),
                    ..Container::default()
                }));
                PodSpec {
                    namespace,
                    labels,
                    priority,
                    preempts,
                    gpu,
                    behaviour,
                    containers,
                    ..PodSpec::default()
                }
            },
        )
}

/// An arrival as it is drawn.
#[derive(Clone, Debug)]
struct Drawn {
    gap: Duration,
    name: Text,
    class: prop::sample::Index,
    tenant: prop::sample::Index,
    members: u32,
    run_time: Option<Duration>,
    time_limit: Option<Duration>,
    wait: Option<Duration>,
    /// How many places before it stands what it waits for.
    after: Vec<usize>,
    delay: Duration,
    /// Whether it is a member of the gang of the one before it.
    is_mate: bool,
}

prop_compose! {
    fn drawn()(
        gap in span(),
        name in text(),
        class in any::<prop::sample::Index>(),
        tenant in any::<prop::sample::Index>(),
        members in 1_u32..5,
        run_time in prop::option::weighted(0.9, span()),
        time_limit in prop::option::of(span()),
        wait in prop::option::of(span()),
        after in prop::collection::vec(1_usize..4, 0..3),
        delay in span(),
        is_mate in prop::bool::weighted(0.3),
    ) -> Drawn {
        Drawn { gap, name, class, tenant, members, run_time, time_limit, wait, after, delay, is_mate }
    }
}

/// Workloads; in those with numbers as names arrivals wait for others.
pub(super) fn recorded(has_numbers: bool) -> impl Strategy<Value = Recorded> {
    let classes = prop::collection::vec(spec(), 1..4);
    let tenants = prop::collection::vec(text(), 1..4);
    let arrivals = prop::collection::vec(drawn(), 1..8);
    (classes, tenants, arrivals).prop_map(move |(classes, tenants, drawn)| {
        let mut at = Instant::ZERO;
        let mut arrivals: Vec<Arrival> = Vec::new();
        for own in drawn {
            let place = arrivals.len();
            let mut gang = None;
            if let Some(last) = arrivals.last_mut().filter(|_| own.is_mate) {
                if last.gang().is_none() {
                    last.join(format!("{place}-{}", own.name).into());
                }
                gang = last.gang().cloned();
            } else {
                at = at.saturating_add(own.gap);
            }
            let mut after: Vec<PodName> = { own.after.iter() }
                .filter_map(|back| Some(arrivals[place.checked_sub(*back)?].name.clone()))
                .collect();
            after.sort_unstable();
            after.dedup();
            let mut links = Links::of(None, after).filter(|_| has_numbers);
            if let Some(links) = &mut links {
                links.delay = own.delay;
            }
            arrivals.push(Arrival {
                class: own.class.index(classes.len()) as u32,
                members: own.members,
                tenant: own.tenant.index(tenants.len()) as u32,
                run_time: own.run_time,
                time_limit: own.time_limit,
                historic_start: own.wait.map(|wait| at.saturating_add(wait)),
                links,
                ..Arrival::new(
                    at,
                    if has_numbers {
                        PodName::Job(3 * place as u64)
                    } else {
                        PodName::Text(own.name.to_string().into())
                    },
                )
            });
            if let (Some(gang), Some(own)) = (gang, arrivals.last_mut()) {
                own.join(gang);
            }
        }
        Recorded {
            arrivals,
            classes: classes.into_iter().map(Arc::new).collect(),
            tenants,
            header: HeaderRecord {
                entries: Vec::<HeaderEntry>::new(),
                fields: JobField::ALL.to_vec(),
                left_out: 0,
            },
            ..Recorded::default()
        }
    })
}
