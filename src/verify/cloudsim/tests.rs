use super::*;

#[test]
fn experiments_without_moves_agree_in_every_digit() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let table = shared.join("vectors/cloudsim/results_20110303.csv");
    if !table.exists() {
        println!("skipped: needs ../shared/vectors/cloudsim");
        return;
    }
    for (case, rows) in [("npa", 2), ("dvfs", 2)] {
        let options = VerifyOptions {
            traces: vec![shared.join("traces")],
            case: Some(case.to_owned()),
            ..VerifyOptions::default()
        };
        let report = judge(std::slice::from_ref(&table), &options).expect("a table");
        assert_eq!(
            (report.passed, report.failed),
            (rows, 0),
            "{:#?}",
            report.disagreements
        );
    }
}

/// `CloudSim`'s experiment as an experiment of this program.
fn experiment(day: &Path, rules: &str) -> String {
    use std::fmt::Write as _;

    let mut text = "windtunnel: v1\nname: planetlab\ncluster:\n  nodes:\n".to_owned();
    for index in 0..HOSTS {
        let (machine, core_mips) = HOST_KINDS[index % 2];
        let _ = writeln!(
            text,
            "    - {{name: h{index}, count: 1, template: {{allocatable: {{cpu: {}m, memory: 4Gi, \
             pods: 500}}, power: {{machine: {machine}}}}}}}",
            2.0 * core_mips
        );
    }
    let path = serde_json::Value::from(day.display().to_string());
    // Energy counts from the first decision on, and up to the last one before midnight.
    let _ = write!(
        text,
        "workload:\n- trace: {{format: planetlab, path: {path}, \
         endWhenIdle: true}}\nsystem: {{name: \
         consolidation, consolidation: {{cores: 2, {rules}}}}}\nmodels: {{usage: trace}}\n\
         stop: {{at: 86100s}}\nmetrics: {{warmup: 5m}}\n"
    );
    text
}

#[test]
fn runs_of_a_scenario_come_to_the_table() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let day = shared.join("traces/planetlab/20110303.tar.gz");
    if !day.exists() {
        println!("skipped: needs ../shared/traces/planetlab");
        return;
    }
    // Energy, moves, violation, degradation and overload in percent, as the table has them.
    let table = [
        ("detection: never", [802.75, 0.0, 0.0, 0.0, 0.0]),
        (
            "detection: local-regression",
            [163.48, 27_859.0, 0.00464, 0.08, 5.86],
        ),
        (
            "detection: threshold",
            [192.62, 26_711.0, 0.00318, 0.06, 4.91],
        ),
        (
            "detection: interquartile-range",
            [189.98, 26_282.0, 0.00301, 0.06, 4.82],
        ),
        (
            "detection: threshold, selection: minimum-utilization",
            [207.79, 30_653.0, 0.00494, 0.07, 7.38],
        ),
    ];
    table.par_iter().for_each(|(rules, expected)| {
        let text = experiment(&day, rules);
        let outcome = super::super::published::simulate(&text, 0, None).expect(rules);
        let value = |id: &str, factor: f64| {
            let found = outcome.metrics.get(id).and_then(|own| own.value);
            found.map_or(0.0, |value| value * factor)
        };
        let found = [
            value("energy.total", 1.0),
            value("migrations.started", 1.0),
            value("migrations.violation", 100.0),
            value("migrations.degradation", 100.0),
            value("migrations.overload_time", 100.0),
        ];
        // Close decisions go another way, on which violations hang (the next test); of the
        // degradation the table prints one digit.
        let tolerances = [0.02, 0.02, 0.08, 0.15, 0.02];
        for ((found, expected), tolerance) in found.iter().zip(expected).zip(tolerances) {
            let apart = (found - expected).abs();
            assert!(
                apart <= tolerance * expected,
                "{rules}: {found}, expected {expected}"
            );
        }
    });
}

#[test]
fn violations_hang_on_the_last_digits_of_use() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let path = shared.join("traces/planetlab/20110303.tar.gz");
    if !path.exists() {
        println!("skipped: needs ../shared/traces/planetlab");
        return;
    }
    let day = machines(&path).expect("a day");
    let experiment = Experiment::parse("20110303_thr_mmt_0.8").expect("an experiment");
    // To a hundred-millionth of a processor, which is less than any unit of a run.
    let used = |vm: VmId, now: f64| (day[vm.index()].share_at(now) * 1e8).ceil() / 1e8;
    let totals = experiment
        .run_with(day.len(), &used)
        .expect("room for the machines");
    let apart = |found: f64, exact: f64| (found / exact - 1.0).abs();
    assert!(apart(totals.energy_kwh, 192.62) < 0.01);
    assert!(apart(totals.moves as f64, 26_711.0) < 0.01);
    let violation = apart(totals.violation * 100.0, 0.003_176);
    assert!((0.02..0.1).contains(&violation), "{violation}");
}

#[test]
fn experiments_are_known_by_their_names() {
    for name in ["planetlab_npa", "20110303_dvfs", "20110303_lrr_mc_1.2"] {
        assert!(Experiment::parse(name).is_ok(), "{name}");
    }
    for name in [
        "20110303_thr_rs_0.8",
        "20110303_thr_mmt_x",
        "thr_mmt_0.8_1",
        "x",
    ] {
        assert!(Experiment::parse(name).is_err(), "{name}");
    }
}
