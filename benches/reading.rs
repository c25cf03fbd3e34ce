//! Reading traces: raw byte records of the `csv` crate as the measure, then each of our readers on
//! plain text in memory, and the same text compressed. `benches/README.md` says how to compare.

use std::fmt::Write as _;
use std::hint::black_box;
use std::io::{Read, Write as _};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use windtunnel::trace::format::Constructor;
use windtunnel::trace::registry::find;
use windtunnel::trace::{Input, ReadOptions};

/// Bytes of each text, about.
const TEXT_BYTES: usize = 32 << 20;

/// A small generator: what is read need not be good random numbers.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// Pods as the openb trace writes them.
fn openb() -> String {
    let mut dice = Dice(88_172_645_463_325_252);
    let mut text = String::from(
        "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,\
         deletion_time,scheduled_time\n",
    );
    let mut number = 0;
    while text.len() < TEXT_BYTES {
        let cpu = 1_000 * (1 + dice.below(24));
        let created = number / 7;
        let _ = writeln!(
            text,
            "openb-pod-{number:04},{cpu},{},1,{},,LS,Running,{created},{},{created}",
            cpu * 4,
            100 * (1 + dice.below(10)),
            created + dice.below(100_000),
        );
        number += 1;
    }
    text
}

/// windtunnel's own table, pods without names.
fn own() -> String {
    let mut dice = Dice(88_172_645_463_325_252);
    let mut text = String::from("submit,run_time,cpu,memory,tenant\n");
    let mut submit = 0;
    while text.len() < TEXT_BYTES {
        submit += dice.below(3);
        let _ = writeln!(
            text,
            "{submit},{},{}m,{}Mi,user-{}",
            10 + dice.below(100_000),
            250 * (1 + dice.below(16)),
            512 * (1 + dice.below(16)),
            dice.below(40),
        );
    }
    text
}

/// A job log.
fn swf() -> String {
    let mut dice = Dice(88_172_645_463_325_252);
    let mut text = String::from("; MaxProcs: 1024\n");
    let (mut number, mut submit) = (0, 0);
    while text.len() < TEXT_BYTES {
        number += 1;
        submit += dice.below(10);
        let (run, size) = (1 + dice.below(40_000), 1 + dice.below(64));
        let _ = writeln!(
            text,
            "{number} {submit} {} {run} {size} -1 -1 {size} {} -1 1 {} 1 1 1 1 -1 -1",
            dice.below(1_000),
            run + 60,
            dice.below(200),
        );
    }
    text
}

/// Reads a text to its end as arrivals.
fn arrivals(format: &str, input: &Input) -> u64 {
    let entry = find(format).expect("a format of the project");
    let Constructor::Workload(open) = entry.open else {
        panic!("a format of workloads");
    };
    let mut source = open(input, &ReadOptions::default()).expect("a good text");
    let mut arrivals = 0;
    while source.next().expect("a good text").is_some() {
        arrivals += 1;
    }
    arrivals
}

/// What reading comes down to: every field of every record, in one buffer used again and again.
fn byte_records(text: &[u8]) -> usize {
    let mut reader = csv::ReaderBuilder::new().from_reader(text);
    let mut record = csv::ByteRecord::new();
    let mut fields = 0;
    while reader.read_byte_record(&mut record).expect("a good text") {
        fields += record.len();
    }
    fields
}

fn reading(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("reading");
    group.sample_size(10);
    for (format, text) in [("openb-pods", openb()), ("csv", own()), ("swf", swf())] {
        group.throughput(Throughput::Bytes(text.len() as u64));
        let id = |what: &str| BenchmarkId::new(format, what);
        let text = text.into_bytes();
        if format != "swf" {
            group.bench_function(id("byte-records"), |bencher| {
                bencher.iter(|| black_box(byte_records(&text)));
            });
        }
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(&text).expect("memory");
        let gzip = gzip.finish().expect("memory");
        let zstd = zstd::encode_all(&text[..], 3).expect("memory");
        group.bench_function(id("gunzip-only"), |bencher| {
            let mut all = vec![0; 1 << 18];
            bencher.iter(|| {
                let mut decoder = flate2::bufread::MultiGzDecoder::new(&gzip[..]);
                while decoder.read(&mut all).expect("good bytes") > 0 {}
            });
        });
        group.bench_function(id("unzstd-only"), |bencher| {
            let mut all = vec![0; 1 << 18];
            bencher.iter(|| {
                let decoder = zstd::stream::read::Decoder::with_buffer(&zstd[..]);
                let mut decoder = decoder.expect("memory");
                while decoder.read(&mut all).expect("good bytes") > 0 {}
            });
        });
        for (how, bytes) in [("plain", text), ("gz", gzip), ("zst", zstd)] {
            let input = Input::bytes("text", bytes);
            group.bench_function(id(how), |bencher| {
                bencher.iter(|| black_box(arrivals(format, &input)));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, reading);
criterion_main!(benches);
