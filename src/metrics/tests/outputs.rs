//! Series, tables and checks of the recorder, with sinks that keep or refuse their rows.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use crate::Resource;
use crate::families::packing::arrived_demand::PUBLISHED_COLUMNS;
use crate::record::pod_table::{PodRow, PodSink};
use crate::record::series::{SeriesRow, SeriesSink};
use crate::record::setup::Setup;
use crate::recorder::{RecordError, Recorder};
use crate::tests::fixture::{Bench, node, spec};
use cluster::{Observer, Store};
use model::{DeviceSet, EndReason, Event, GpuRequest};
use units::{Duration, Instant};

/// Keeps what it is given as text, up to a number of rows.
#[derive(Clone)]
struct TextSink {
    rows: Rc<RefCell<Vec<String>>>,
    room: usize,
}

impl TextSink {
    fn new(room: usize) -> Self {
        Self {
            rows: Rc::default(),
            room,
        }
    }

    fn keep(&self, row: String) -> io::Result<()> {
        if self.rows.borrow().len() >= self.room {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "disk full"));
        }
        self.rows.borrow_mut().push(row);
        Ok(())
    }
}

impl SeriesSink for TextSink {
    fn row(&mut self, row: &SeriesRow) -> io::Result<()> {
        self.keep(format!(
            "{} {}/{} {} {} {} {}",
            row.at,
            row.allocated.of(Resource::Cpu),
            row.capacity.of(Resource::Cpu),
            row.pending,
            row.holding,
            row.running,
            row.nodes_up
        ))
    }
}

impl PodSink for TextSink {
    fn row(&mut self, row: &PodRow<'_>) -> io::Result<()> {
        let nanos = |at: Option<Instant>| at.map_or("-".to_owned(), |at| at.to_string());
        self.keep(format!(
            "{} {} {} {} {} {} [{}] {}",
            row.name,
            row.submit,
            nanos(row.bound),
            nanos(row.started),
            nanos(row.ended),
            row.node.unwrap_or("-"),
            row.gpus,
            row.outcome
        ))
    }
}

/// Two pods in turn on one core, and one that never gets on.
fn drive(bench: &mut Bench<'_>) {
    bench.add_node(0, node("a", 1_000, 100, 2));
    let whole = GpuRequest {
        devices: 1,
        milli_per_device: 1_000,
        models: Vec::new(),
    };
    let one = spec(1_000, 10, whole);
    let pods = [0, 0, 0].map(|secs| bench.submit(secs, &one, None));
    for (pod, secs) in pods.into_iter().zip([0, 10]) {
        bench.bind(secs, pod, 0, DeviceSet::of(1));
        bench.apply(secs + 2, &Event::PodRunning { pod });
        if secs == 0 {
            bench.end(10, pod, EndReason::Completed);
        }
    }
}

#[test]
fn the_series_shows_the_state_after_all_changes_of_a_grid_instant() {
    let kept = TextSink::new(100);
    let recorder = Recorder::new(&Setup::default())
        .with_series(Duration::from_secs(5), Box::new(kept.clone()));
    let mut bench = Bench::new(recorder);
    drive(&mut bench);
    bench.finish(23);
    let expected = [
        "0s 1000/1000 2 1 0 1",
        "5s 1000/1000 2 1 1 1",
        "10s 1000/1000 1 1 0 1",
        "15s 1000/1000 1 1 1 1",
        "20s 1000/1000 1 1 1 1",
        "23s 1000/1000 1 1 1 1",
    ];
    assert_eq!(*kept.rows.borrow(), expected);
}

#[test]
fn the_pod_table_has_every_pod_once() {
    let kept = TextSink::new(100);
    let recorder = Recorder::new(&Setup::default()).with_pods(Box::new(kept.clone()));
    let mut bench = Bench::new(recorder);
    drive(&mut bench);
    bench.finish(20);
    let expected = [
        "job-0 0s 0s 2s 10s a [1] succeeded",
        "job-1 0s 10s 12s - a [1] running",
        "job-2 0s - - - - [] pending",
    ];
    assert_eq!(*kept.rows.borrow(), expected);
}

#[test]
fn a_sink_that_fails_is_told_at_the_end() {
    for (room, with_pods, message) in [
        (3, false, "can't write the time series: disk full"),
        (0, true, "can't write the table of pods: disk full"),
        (1, true, "can't write the table of pods: disk full"),
    ] {
        let kept = TextSink::new(room);
        let recorder = Recorder::new(&Setup::default());
        let recorder = if with_pods {
            recorder.with_pods(Box::new(kept.clone()))
        } else {
            recorder.with_series(Duration::from_secs(1), Box::new(kept.clone()))
        };
        let mut bench = Bench::new(recorder);
        drive(&mut bench);
        let end = bench.recorder.finish(Instant::from_secs(20), &bench.store);
        assert_eq!(
            end.map(|_| ()).map_err(|why| why.to_string()),
            Err(message.to_owned())
        );
        assert_eq!(kept.rows.borrow().len(), room);
    }
}

#[test]
fn a_change_that_the_recorder_missed_is_found() {
    for missed in ["created", "ended"] {
        let mut bench = Bench::new(Recorder::new(&Setup::default()));
        drive(&mut bench);
        let store_only = |store: &mut Store, event: Event| {
            store
                .apply(Instant::from_secs(20), event)
                .expect("a change");
        };
        let running = bench.store.pods().iter().find(|pod| pod.node().is_some());
        let running = running.expect("one runs").pod;
        if missed == "ended" {
            let reason = EndReason::Completed;
            store_only(
                &mut bench.store,
                Event::PodEnded {
                    pod: running,
                    reason,
                },
            );
        } else {
            let mut other = Bench::new(Recorder::new(&Setup::default()));
            other.store = bench.store.clone();
            let spec = spec(1, 1, GpuRequest::default());
            other.submit(20, &spec, None);
            bench.store = other.store;
        }
        let end = bench.recorder.finish(Instant::from_secs(30), &bench.store);
        assert!(
            matches!(end, Err(RecordError::Inconsistent(_))),
            "{missed}: {end:?}"
        );
    }
}

#[test]
fn arrived_demand_counts_each_pod_at_its_first_decision() {
    let recorder = Recorder::new(&Setup::default()).with_arrived(PUBLISHED_COLUMNS);
    let mut bench = Bench::new(recorder);
    bench.add_node(0, node("a", 64_000, 100, 2));
    let part = GpuRequest {
        devices: 1,
        milli_per_device: 900,
        models: Vec::new(),
    };
    let one = spec(1_000, 1, part);
    let pods = [0, 0, 0].map(|secs| bench.submit(secs, &one, None));
    // 45 %: bound. 90 %: refused at first, then bound (no event of its own). 135 %: beyond.
    bench.bind(1, pods[0], 0, DeviceSet::of(0));
    bench.apply(2, &Event::PodUnschedulable { pod: pods[1] });
    bench.bind(3, pods[1], 0, DeviceSet::of(1));
    bench.end(4, pods[2], EndReason::Rejected);
    let tables = bench.finish(10).arrived.expect("asked for");
    let found: Vec<(usize, f64)> = (0..)
        .zip(&tables.allocation)
        .filter_map(|(column, value)| Some((column, (*value)?)))
        .collect();
    // Columns beside an event borrow it.
    let expected = [
        (44, 45.0),
        (45, 45.0),
        (46, 45.0),
        (89, 45.0),
        (90, 45.0),
        (91, 45.0),
    ];
    assert_eq!(found, expected);
    assert!(tables.fragmented.iter().all(Option::is_none));
    assert_eq!(tables.allocation.len(), PUBLISHED_COLUMNS);
}

#[test]
fn changes_within_an_instant_may_come_in_any_order() {
    let run = |swapped: bool| {
        let mut bench = Bench::new(Recorder::new(&Setup::default()));
        bench.add_node(0, node("a", 4_000, 100, 0));
        let one = spec(1_000, 10, GpuRequest::default());
        let pods = [0, 0].map(|secs| bench.submit(secs, &one, None));
        let order = if swapped { [1, 0] } else { [0, 1] };
        for index in order {
            bench.start(5, pods[index], 0);
        }
        for index in order {
            bench.end(9, pods[index], EndReason::Completed);
        }
        bench.recorder.settled(Instant::from_secs(9), &bench.store);
        bench.finish(20).values
    };
    assert_eq!(run(false), run(true));
}
