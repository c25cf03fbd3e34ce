//! Tiresias against figures of its authors' simulator.

use std::fmt::Write as _;

use crate::gpu_sharing::{equal, variant};

#[test]
fn tiresias_decides_as_the_simulator_of_its_authors() {
    // Forty jobs on eight GPUs; mean times to the end and the last one by the rules of simulator/run_sim.py
    // (SymbioticLab/Tiresias b0ef8449, scheme `count`): dlas-gpu, dlas-gpu-gittins with these past services,
    // shortest, shortest-gpu.
    let gittins = "tiresias-gittins, thresholds: [3250s, 7200s], services: [300s, 950s, 1000s, 2000s, 3100s, 9100s, \
                   18000s, 20100s, 40000s, 80000s]";
    let mut state = 12_345_i64;
    let mut draw = |most: i64| {
        state = (1_103_515_245 * state + 12_345) % (1 << 31);
        (state >> 8) % most
    };
    let mut submit = 0;
    let mut jobs =
        "job_id,num_gpu,submit_time,iterations,model_name,duration,interval\n".to_owned();
    for number in 0..40 {
        let gpus = [1, 1, 1, 2, 4][draw(5) as usize];
        let run = [200, 900, 3_000, 9_000, 20_000][draw(5) as usize] + draw(300);
        let _ = writeln!(jobs, "{number},{gpus},{submit},1,m,{run},0");
        submit += 200 + draw(1_000);
    }
    for (rule, turnaround, makespan) in [
        ("tiresias, thresholds: [3250s, 7200s]", 7_024.925, 52_179.0),
        (gittins, 6_921.35, 47_750.0),
        ("shortest", 5_847.625, 56_678.0),
        ("shortest-gpu", 5_822.85, 54_371.0),
    ] {
        let text = equal(1, 8, &format!("rule: {rule}"), "");
        let text = text.replace("round: 100s", "round: 0s");
        let text = text.replace("format: csv", "format: tiresias-jobs");
        let text = text.replace(
            "cpu: 8, memory: 8Gi, pods: 9",
            "cpu: 80, memory: 8Gi, pods: 99",
        );
        let run = variant(&text, &jobs);
        let value = |id: &str| run.metrics.get(id).and_then(|own| own.value);
        assert_eq!(value("turnaround.mean"), Some(turnaround), "{rule}");
        assert_eq!(value("makespan.total"), Some(makespan), "{rule}");
    }
}
