//! Reading traces, as a table: raw byte records of the `csv` crate and the decompressors alone as the measure,
//! and beside them each of several readers on plain text in memory and on the same text compressed; and a second
//! table of plain text in formats that state more than amounts. All of a format's measurements take turns, so that other work on the machine slows down all of them alike; the
//! processor time tells what they cost where it does.

#[path = "support/more_rows.rs"]
mod more_rows;
#[path = "support/processor_time.rs"]
mod processor_time;

use std::fmt::Write as _;
use std::hint::black_box;
use std::io::{Read, Write as _};
use std::time::Duration;

use more_rows::{MORE, MoreRows};
use windtunnel::arrivals::format::Constructor;
use windtunnel::arrivals::{ArrivalSource, ReadOptions};
use windtunnel::formats::registry::find;
use windtunnel::intake::Input;

/// Bytes of each text, about.
const TEXT_BYTES: usize = 64 << 20;

/// Bytes of each text of the second table, about.
const MORE_BYTES: usize = 16 << 20;

/// Turns of each measurement.
const TURNS: usize = 5;

/// Megabytes a second beyond which a text was not read to its end.
const FASTEST: f64 = 3_000.0;

/// The columns, one for each measurement.
const COLUMNS: [&str; 8] = [
    "records of `csv`",
    "reader, plain",
    "gunzip",
    "opened, gz",
    "reader, gz",
    "unzstd",
    "opened, zst",
    "reader, zst",
];

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

/// Machines of the Azure trace, with the hashes that it names them by.
fn azure_vm() -> String {
    let mut dice = Dice(88_172_645_463_325_252);
    let mut text = String::new();
    let mut created = 0;
    while text.len() < TEXT_BYTES {
        created += 300 * dice.below(2);
        let (name, deployment) = (dice.below(u64::MAX), dice.below(u64::MAX));
        let _ = writeln!(
            text,
            "{name:032x},{:032x},{deployment:032x},{created},{},{}.5,{}.25,{}.125,Interactive,{},{}",
            dice.below(500),
            created + 300 * dice.below(9),
            60 + dice.below(39),
            dice.below(60),
            dice.below(90),
            1 << dice.below(5),
            1 << dice.below(7),
        );
    }
    text
}

/// Tasks of Google's trace of 2011: each is submitted, scheduled and finished.
fn google_tasks() -> String {
    let mut dice = Dice(88_172_645_463_325_252);
    let mut text = String::new();
    let (mut job, mut time) = (6_000_000_000_u64, 600_000_000_u64);
    while text.len() < TEXT_BYTES {
        job += 1;
        let user = dice.below(300);
        let (cpu, memory) = (625 * (1 + dice.below(8)), 155 * (1 + dice.below(40)));
        for event in [0, 1, 4] {
            time += dice.below(20_000);
            let machine = if event == 0 {
                String::new()
            } else {
                dice.below(12_500).to_string()
            };
            let _ = writeln!(
                text,
                "{time},,{job},0,{machine},{event},user{user:028x}=,1,2,0.0{cpu:04},0.0{memory:04},0.0001,0"
            );
        }
    }
    text
}

/// Opens a text as a source of arrivals. A reader that sorts reads all of it for that; the others read the first rows.
fn opened(format: &str, input: &Input) -> Box<dyn ArrivalSource> {
    let entry = find(format).expect("a format of the project");
    let Constructor::Workload(open) = entry.open else {
        panic!("a format of workloads");
    };
    open(input, &ReadOptions::default()).expect("a good text")
}

/// Reads a text to its end as arrivals.
fn arrivals(format: &str, input: &Input) -> usize {
    let mut source = opened(format, input);
    let mut arrivals = 0;
    while source.next().expect("a good text").is_some() {
        arrivals += 1;
    }
    arrivals
}

/// The work that no reader can do without: every field of every record, in one buffer used again and again.
fn byte_records(text: &[u8], separator: u8) -> usize {
    let mut reader = csv::ReaderBuilder::new();
    let mut reader = reader
        .has_headers(false)
        .flexible(true)
        .delimiter(separator)
        .from_reader(text);
    let mut record = csv::ByteRecord::new();
    let mut fields = 0;
    while reader.read_byte_record(&mut record).expect("a good text") {
        fields += record.len();
    }
    fields
}

/// Reads all bytes of a decoder.
fn drained(mut decoder: impl Read) -> usize {
    let mut all = vec![0; 1 << 18];
    let mut bytes = 0;
    loop {
        match decoder.read(&mut all).expect("good bytes") {
            0 => return bytes,
            length => bytes += length,
        }
    }
}

/// A measurement: its times.
#[derive(Default)]
struct Times {
    wall: Vec<Duration>,
    processor: Duration,
}

impl Times {
    #[expect(clippy::disallowed_types, reason = "a benchmark reads the clock")]
    fn measure(&mut self, work: &dyn Fn() -> usize) {
        let (begin, used) = (std::time::Instant::now(), processor_time::used());
        black_box(work());
        self.wall.push(begin.elapsed());
        self.processor += processor_time::used().saturating_sub(used);
    }

    /// Megabytes a second, by the middle of the turns, and by the processor time of all.
    fn speeds(&mut self, bytes: usize) -> [f64; 2] {
        self.wall.sort_unstable();
        let bytes = bytes as f64 / 1e6;
        let wall = self.wall[self.wall.len() / 2].as_secs_f64();
        [
            bytes / wall,
            bytes * TURNS as f64 / self.processor.as_secs_f64().max(0.01),
        ]
    }

    /// The speeds as a cell of the table; a dash for the opening of a text that is read later.
    fn cell(mut self, bytes: usize) -> String {
        let [wall, processor] = self.speeds(bytes);
        if wall > FASTEST {
            return "–".to_owned();
        }
        format!("{wall:.0} / {processor:.0}")
    }
}

/// The rows of a format as a text.
fn text_of(more: &MoreRows) -> String {
    let mut text = more.header.to_owned();
    let mut number = 0;
    while text.len() < MORE_BYTES {
        text += &(more.rows)(number);
        number += 1;
    }
    text
}

fn main() {
    let only = std::env::args()
        .nth(1)
        .filter(|name| !name.starts_with('-'));
    let is_wanted =
        |format: &str| { only.as_ref() }.is_none_or(|only| format.contains(only.as_str()));
    let mut out = std::io::stdout().lock();
    let _ = writeln!(
        out,
        "MB of uncompressed text a second / a second of processor time\n\n| format | {} |\n|---|{}",
        COLUMNS.join(" | "),
        "---:|".repeat(COLUMNS.len())
    );
    for (format, text, separator) in [
        ("csv", own as fn() -> String, b','),
        ("openb-pods", openb, b','),
        ("azure-vm", azure_vm, b','),
        ("google-2011-tasks", google_tasks, b','),
        ("swf", swf, b' '),
    ] {
        if !is_wanted(format) {
            continue;
        }
        let text = text().into_bytes();
        let bytes = text.len();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(&text).expect("memory");
        let gzip = gzip.finish().expect("memory");
        let zstd = zstd::encode_all(&text[..], 3).expect("memory");
        let input = |name: &str, bytes: &[u8]| Input::bytes(name, bytes.to_vec());
        let [plain, packed, packed_zstd] =
            [("text", &text), ("text.gz", &gzip), ("text.zst", &zstd)]
                .map(|own| input(own.0, own.1));
        let unzstd = || zstd::stream::read::Decoder::with_buffer(&zstd[..]).expect("memory");
        let measured: [&dyn Fn() -> usize; COLUMNS.len()] = [
            &|| byte_records(&text, separator),
            &|| arrivals(format, &plain),
            &|| drained(flate2::bufread::MultiGzDecoder::new(&gzip[..])),
            &|| opened(format, &packed).tenants().len(),
            &|| arrivals(format, &packed),
            &|| drained(unzstd()),
            &|| opened(format, &packed_zstd).tenants().len(),
            &|| arrivals(format, &packed_zstd),
        ];
        let mut times: [Times; COLUMNS.len()] = std::array::from_fn(|_| Times::default());
        for _ in 0..TURNS {
            for (own, work) in times.iter_mut().zip(measured) {
                own.measure(work);
            }
        }
        let cells = times.map(|own| own.cell(bytes));
        let _ = writeln!(out, "| {format} | {} |", cells.join(" | "));
    }
    write_more(&mut out, &is_wanted);
}

/// Writes the table of formats that state more than amounts.
fn write_more(out: &mut dyn std::io::Write, is_wanted: &dyn Fn(&str) -> bool) {
    let _ = writeln!(
        out,
        "\n| format | records of `csv` | reader, plain |\n|---|---:|---:|"
    );
    for more in MORE.iter().filter(|more| is_wanted(more.format)) {
        let text = text_of(more).into_bytes();
        let input = Input::bytes("text", text.clone());
        let measured: [&dyn Fn() -> usize; 2] = [&|| byte_records(&text, more.separator), &|| {
            arrivals(more.format, &input)
        }];
        let mut times: [Times; 2] = std::array::from_fn(|_| Times::default());
        for _ in 0..TURNS {
            for (own, work) in times.iter_mut().zip(measured) {
                own.measure(work);
            }
        }
        let cells = times.map(|own| own.cell(text.len()));
        let _ = writeln!(out, "| {} | {} |", more.format, cells.join(" | "));
    }
}
