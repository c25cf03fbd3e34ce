//! The engine alone: the event queue at several numbers of pending events, and processes driven by
//! the kernel that drives the simulator. `benches/README.md` says how to compare.

#[path = "engine/processes.rs"]
mod processes;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use windtunnel::sim::queue::{EventQueue, QueueEvent};
use windtunnel::units::{ComponentId, Instant};

use processes::{Delays, Processes};

/// Holds the number of pending events while each one that is due makes another.
fn events(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("events");
    for pending in [1_000_u32, 10_000, 100_000, 1_000_000, 10_000_000] {
        let mut queue = EventQueue::default();
        let mut delays = Delays::default();
        for number in 0..pending {
            let wake = QueueEvent::Wake(ComponentId(number % 16));
            queue.push(Instant::ZERO.saturating_add(delays.draw()), wake.of(0));
        }
        group.throughput(Throughput::Elements(1));
        group.bench_function(BenchmarkId::from_parameter(pending), |bencher| {
            bencher.iter(|| {
                if let Some((at, queued)) = queue.pop() {
                    queue.push(at.saturating_add(delays.draw()), queued);
                }
            });
        });
    }
    group.finish();
}

/// Processes that pass a ball, or wait for random times.
fn processes(criterion: &mut Criterion) {
    const EVENTS: u64 = 100_000;
    let mut group = criterion.benchmark_group("processes");
    group.throughput(Throughput::Elements(EVENTS));
    group.bench_function("ping-pong/2", |bencher| {
        let mut world = Processes::ping_pong();
        bencher.iter(|| world.run(EVENTS));
    });
    for count in [1_000, 10_000] {
        group.bench_function(BenchmarkId::new("random-delays", count), |bencher| {
            let mut world = Processes::waiting(count);
            bencher.iter(|| world.run(EVENTS));
        });
    }
    group.finish();
}

criterion_group!(benches, events, processes);
criterion_main!(benches);
