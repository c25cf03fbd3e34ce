//! Synthetic months: whole placements, from arrival to end, on thousands of equal hosts, and what
//! the digest costs. `benches/README.md` says how to compare.

#[path = "synthetic/mod.rs"]
mod synthetic;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

use synthetic::{Nobody, Synthetic};

fn placements(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("placements");
    group.sample_size(10);
    for profile in ["first-fit", "best-fit", "least-allocated"] {
        for (hosts, classes) in [(1_000, 4), (10_000, 4), (10_000, 100)] {
            let run = Synthetic {
                hosts,
                classes,
                pods: 100_000,
                percent: 80,
            };
            group.throughput(Throughput::Elements(u64::from(run.pods)));
            let id = BenchmarkId::new(profile, format!("{hosts}-hosts-{classes}-classes"));
            group.bench_function(id, |bencher| {
                bencher.iter(|| run.run(profile, &mut Nobody).changes);
            });
        }
    }
    group.finish();
}

criterion_group!(benches, placements);
criterion_main!(benches);
