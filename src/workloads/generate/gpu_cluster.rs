//! A GPU cluster and its pods after the published figures of the openb trace (2023; spec:
//! published-results.md 8.2): its node models with their numbers, 6,212 devices and 107,018 cores
//! in all, and 8,152 pods whose shapes have its shares and whose run times have its quantiles.
//! Which processors and memory go with which pod, and all order, are our own. Written in the
//! trace's own format, so the openb readers read it.

use std::io::{self, Write};

use rng::Stream;
use rng::math::{exp, ln};

/// Nodes of one shape.
struct NodeShape {
    model: &'static str,
    count: usize,
    devices: u8,
    cpu_milli: u32,
    memory_mib: u32,
}

const fn nodes(
    model: &'static str,
    count: usize,
    devices: u8,
    cpu_milli: u32,
    memory_mib: u32,
) -> NodeShape {
    NodeShape {
        model,
        count,
        devices,
        cpu_milli,
        memory_mib,
    }
}

/// Numbers of nodes by model, their devices and cores as published in sum.
const NODE_SHAPES: [NodeShape; 15] = [
    nodes("A10", 2, 1, 128_000, 1_048_576),
    nodes("G2", 549, 8, 96_000, 393_216),
    nodes("G3", 39, 8, 128_000, 786_432),
    nodes("P100", 107, 2, 16_000, 122_880),
    nodes("P100", 22, 2, 64_000, 262_144),
    nodes("P100", 3, 1, 8_000, 61_440),
    nodes("P100", 2, 2, 8_000, 61_440),
    nodes("T4", 387, 2, 104_000, 524_288),
    nodes("T4", 17, 4, 96_000, 393_216),
    nodes("V100M16", 28, 4, 32_000, 131_072),
    nodes("V100M16", 19, 1, 8_000, 32_768),
    nodes("V100M16", 7, 8, 64_000, 262_144),
    nodes("V100M16", 1, 8, 82_000, 344_064),
    nodes("V100M32", 21, 8, 96_000, 786_432),
    nodes("V100M32", 9, 4, 48_000, 376_832),
];

/// Pods of one shape.
struct PodShape {
    /// Number of pods of this shape among 8,152.
    count: usize,
    devices: u8,
    gpu_milli: u16,
    cpu_milli: u32,
    memory_mib: u32,
}

const fn pods(
    count: usize,
    devices: u8,
    gpu_milli: u16,
    cpu_milli: u32,
    memory_mib: u32,
) -> PodShape {
    PodShape {
        count,
        devices,
        gpu_milli,
        cpu_milli,
        memory_mib,
    }
}

/// One whole device 48 %, none 13.3 %, 0.81 / 0.47 / 0.32 / 0.65 of one 13.2 / 9.2 / 4.0 / 3.1 %,
/// two, four and eight devices 16, 15 and 44 pods; the rest other parts of one.
const POD_SHAPES: [PodShape; 27] = [
    pods(1_565, 1, 1_000, 12_000, 49_152),
    pods(783, 1, 1_000, 16_000, 65_536),
    pods(587, 1, 1_000, 8_000, 24_576),
    pods(587, 1, 1_000, 4_000, 8_192),
    pods(196, 1, 1_000, 24_000, 98_304),
    pods(195, 1, 1_000, 10_000, 40_960),
    pods(434, 0, 0, 12_000, 57_344),
    pods(325, 0, 0, 32_000, 49_152),
    pods(217, 0, 0, 16_000, 51_200),
    pods(108, 0, 0, 8_000, 30_720),
    pods(1_076, 1, 810, 4_000, 6_144),
    pods(375, 1, 470, 12_000, 47_104),
    pods(375, 1, 470, 8_000, 30_720),
    pods(228, 1, 320, 4_000, 22_528),
    pods(98, 1, 320, 8_000, 30_720),
    pods(240, 1, 650, 12_000, 47_104),
    pods(13, 1, 650, 8_000, 30_720),
    pods(170, 1, 230, 4_000, 30_720),
    pods(101, 1, 590, 4_000, 6_144),
    pods(101, 1, 550, 4_000, 10_240),
    pods(101, 1, 160, 4_000, 15_360),
    pods(68, 1, 370, 4_000, 10_240),
    pods(68, 1, 460, 6_000, 12_288),
    pods(66, 1, 220, 8_000, 30_720),
    pods(16, 2, 1_000, 16_000, 65_536),
    pods(15, 4, 1_000, 48_000, 196_608),
    pods(44, 8, 1_000, 88_000, 327_680),
];

/// Pods by state at the trace's end; pending ones never ran.
const PHASES: [(&str, usize); 4] = [
    ("Running", 5_193),
    ("Failed", 1_870),
    (PENDING, 897),
    ("Succeeded", 192),
];
const PENDING: &str = "Pending";

/// The last creation, in seconds.
const LAST_CREATION: u64 = 12_901_761;

/// Shares and run times in seconds; the ends are our own.
const RUN_TIMES: [(f64, f64); 8] = [
    (0.0, 10.0),
    (0.1, 73.0),
    (0.25, 175.0),
    (0.5, 616.0),
    (0.75, 2_241.0),
    (0.9, 7_764.0),
    (0.99, 114_348.0),
    (1.0, 1_000_000.0),
];

/// Writes the table of nodes.
pub fn write_gpu_cluster_nodes(seed: u64, mut out: impl Write) -> io::Result<()> {
    let mut shapes: Vec<&NodeShape> = NODE_SHAPES
        .iter()
        .flat_map(|shape| std::iter::repeat_n(shape, shape.count))
        .collect();
    Stream::new(seed, "generate/gpu-cluster/nodes", 0).shuffle(&mut shapes);
    writeln!(out, "sn,cpu_milli,memory_mib,gpu,model")?;
    for (number, shape) in shapes.iter().enumerate() {
        writeln!(
            out,
            "gpu-node-{number:04},{},{},{},{}",
            shape.cpu_milli, shape.memory_mib, shape.devices, shape.model
        )?;
    }
    Ok(())
}

/// Writes the table of pods.
pub fn write_gpu_cluster_pods(seed: u64, mut out: impl Write) -> io::Result<()> {
    let stream = |purpose| Stream::new(seed, purpose, 0);
    let mut shapes: Vec<&PodShape> = POD_SHAPES
        .iter()
        .flat_map(|shape| std::iter::repeat_n(shape, shape.count))
        .collect();
    stream("generate/gpu-cluster/shapes").shuffle(&mut shapes);
    let mut phases: Vec<&str> = PHASES
        .iter()
        .flat_map(|&(phase, count)| std::iter::repeat_n(phase, count))
        .collect();
    stream("generate/gpu-cluster/phases").shuffle(&mut phases);
    let mut run_times: Vec<u64> = (0..shapes.len())
        .map(|rank| run_time((rank as f64 + 0.5) / shapes.len() as f64))
        .collect();
    stream("generate/gpu-cluster/run-times").shuffle(&mut run_times);
    let mut creations = stream("generate/gpu-cluster/creations");
    let mut creations: Vec<u64> = shapes
        .iter()
        .map(|_| creations.below(LAST_CREATION + 1))
        .collect();
    creations.sort_unstable();

    writeln!(
        out,
        "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,\
         deletion_time,scheduled_time"
    )?;
    for (number, shape) in shapes.iter().enumerate() {
        let (phase, creation) = (phases[number], creations[number]);
        let scheduled = match phase {
            PENDING => String::new(),
            _ => creation.to_string(),
        };
        writeln!(
            out,
            "gpu-pod-{number:04},{},{},{},{},,LS,{phase},{creation},{},{scheduled}",
            shape.cpu_milli,
            shape.memory_mib,
            shape.devices,
            shape.gpu_milli,
            creation + run_times[number],
        )?;
    }
    Ok(())
}

/// The run time that this share of pods doesn't exceed: between the known quantiles on a
/// logarithmic scale.
fn run_time(share: f64) -> u64 {
    let above = RUN_TIMES
        .iter()
        .position(|&(known, _)| share < known)
        .unwrap_or(RUN_TIMES.len() - 1);
    let ((low, short), (high, long)) = (RUN_TIMES[above - 1], RUN_TIMES[above]);
    let part = (share - low) / (high - low);
    libm::rint(exp(ln(short) + part * (ln(long) - ln(short)))) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrivals::inspect::{summarize_nodes, summarize_workload};
    use arrivals::read_options::ReadOptions;
    use formats::readers::{openb_nodes, openb_pods};
    use intake::Input;

    #[test]
    fn nodes_have_the_published_totals() {
        let mut text = Vec::new();
        write_gpu_cluster_nodes(1, &mut text).expect("memory");
        let input = Input::bytes("nodes.csv", text);
        let list = openb_nodes::read(&input, &ReadOptions::default()).expect("good rows");
        let summary = summarize_nodes(&list.nodes);
        assert_eq!((summary.nodes, summary.gpus), (1_213, 6_212));
        assert_eq!(summary.cpu_milli, 107_018_000);
        for (model, count) in [
            ("A10", 2),
            ("G2", 549),
            ("G3", 39),
            ("P100", 134),
            ("T4", 404),
            ("V100M16", 55),
            ("V100M32", 30),
        ] {
            let groups = summary.groups.iter().filter(|group| *group.model == *model);
            assert_eq!(
                groups.map(|group| group.count).sum::<u64>(),
                count,
                "{model}"
            );
        }
    }

    #[test]
    fn pods_have_the_published_shares_and_quantiles() {
        let mut text = Vec::new();
        write_gpu_cluster_pods(1, &mut text).expect("memory");
        let input = Input::bytes("pods.csv", text);
        let pods = openb_pods::read_openb_pods(&input).expect("good rows");
        assert_eq!(pods.len(), 8_152);
        for (devices, gpu_milli, percent) in [
            (1, 1_000, 48.0),
            (0, 0, 13.3),
            (1, 810, 13.2),
            (1, 470, 9.2),
            (1, 320, 4.0),
            (1, 650, 3.1),
        ] {
            let count = pods
                .iter()
                .filter(|pod| (pod.num_gpu, pod.gpu_milli) == (devices, gpu_milli))
                .count();
            let share = 100.0 * count as f64 / 8_152.0;
            assert!(
                (share - percent).abs() < 0.05,
                "{devices} × {gpu_milli}: {share}"
            );
        }
        let ran_only = ReadOptions {
            ran_only: true,
            ..ReadOptions::default()
        };
        let mut source = openb_pods::open(&input, &ran_only).expect("good rows");
        let summary = summarize_workload(&mut *source).expect("good rows");
        assert_eq!(summary.arrivals, 8_152 - 897);
        let run_time = summary.run_time.expect("all known");
        for (own, published) in [
            (run_time.p10, 73),
            (run_time.p25, 175),
            (run_time.p50, 616),
            (run_time.p75, 2_241),
            (run_time.p90, 7_764),
            (run_time.p99, 114_348),
        ] {
            let ratio = own as f64 / 1e9 / f64::from(published);
            assert!((0.85..1.15).contains(&ratio), "{published}: {ratio}");
        }
    }
}
