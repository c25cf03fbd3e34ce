//! Plots of a fit: a trace and the jobs of its mix on the same axes.

use std::fmt::Write as _;
use std::fs;

use crate::scratch::Scratch;

/// A trace of three days, whose jobs have one or two cores, and every third a GPU.
fn scratch(name: &str) -> Scratch {
    let mut jobs = "submit,run_time,cpu,memory,gpus\n".to_owned();
    for job in 0..120_u32 {
        let (submit, run) = (job * 2_100 + job % 7 * 60, 60 + job * job % 5_000);
        let (cpu, gpus) = (1 + job % 2, u32::from(job % 3 == 0));
        writeln!(jobs, "{submit},{run},{cpu},{}Gi,{gpus}", 2 * cpu).expect("memory");
    }
    let log = "node,down,up\na,0,5\nb,9,11\n";
    Scratch::new(
        &format!("fit-{name}"),
        &[("jobs.csv", &jobs), ("log.csv", log)],
    )
}

fn names(scratch: &Scratch, folder: &str) -> Vec<String> {
    let entries = fs::read_dir(scratch.path(folder)).into_iter().flatten();
    let names = entries.map(|entry| {
        let name = entry.expect("an entry").file_name();
        name.into_string().expect("text")
    });
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[test]
fn a_fit_is_drawn_completely_and_with_the_same_bytes() {
    let scratch = scratch("drawn");
    let plain = scratch.printed(&["trace", "fit", "jobs.csv"], 0);
    for out in ["one", "other"] {
        let printed = scratch.printed(&["trace", "fit", "jobs.csv", "--out", out], 0);
        assert_eq!(printed, plain);
    }
    let plots = ["amounts", "arrivals", "day", "tail", "times"];
    let mut expected = vec!["fit.html".to_owned()];
    expected.extend(
        plots
            .iter()
            .flat_map(|plot| [format!("{plot}.csv"), format!("{plot}.svg")]),
    );
    expected.sort();
    assert_eq!(names(&scratch, "one"), expected);
    for name in &expected {
        let [one, other] = ["one", "other"].map(|out| scratch.text(&format!("{out}/{name}")));
        assert_eq!(one, other, "{name}");
        for side in ["trace", "generated"] {
            assert!(one.contains(side), "{name}: {side}");
        }
    }
    let amounts = scratch.text("one/amounts.csv");
    for panel in ["cores", "memory", "GPUs"] {
        for side in ["trace", "generated"] {
            let row = format!("\"{panel}, % of all arrivals\",{side},");
            assert!(amounts.contains(&row), "{row} in {amounts}");
        }
    }
    // Forty of 120 jobs of the trace have a GPU.
    assert!(amounts.contains("\"GPUs, % of all arrivals\",trace,0,66.66"));
    let page = scratch.text("one/fit.html");
    assert_eq!(page.matches("<svg").count(), plots.len());
    assert!(page.contains("Fitted to jobs.csv: 120 jobs."), "{page}");
    assert!(!page.contains("http-equiv") && !page.contains("src=\"http"));
}

#[test]
fn plots_that_exist_are_refused_before_anything_is_fitted() {
    let scratch = scratch("exists");
    fs::create_dir(scratch.path("out")).expect("a folder");
    fs::write(scratch.path("out/tail.csv"), "kept").expect("a file");
    let fit = ["trace", "fit", "jobs.csv", "--out", "out"];
    assert_eq!(scratch.printed(&fit, 2), "");
    assert_eq!(names(&scratch, "out"), ["tail.csv"]);
    assert_eq!(scratch.text("out/tail.csv"), "kept");
    scratch.run(&[&fit[..], &["--force"]].concat(), 0);
    assert!(scratch.text("out/tail.csv").starts_with("panel,"));
    // The plots of `trace inspect` are written in the same way.
    fs::remove_file(scratch.path("out/arrivals.svg")).expect("a plot");
    let told = scratch.run(&["trace", "inspect", "jobs.csv", "--out", "out"], 2);
    assert!(told.contains("arrivals.csv: exists"), "{told}");
    assert!(!scratch.path("out/arrivals.svg").exists());
}

#[test]
fn plots_that_fail_leave_nothing() {
    let scratch = scratch("fails");
    fs::create_dir_all(scratch.path("out/times.svg")).expect("a folder");
    let fit = ["trace", "fit", "jobs.csv", "--out", "out", "--force"];
    let told = scratch.run(&fit, 2);
    assert!(told.contains("times.svg: is a link"), "{told}");
    assert_eq!(names(&scratch, "out"), ["times.svg"]);
    fs::write(scratch.path("file"), "kept").expect("a file");
    let output = scratch.command(&["trace", "fit", "jobs.csv", "--out", "file"]);
    let output = { output }.output().expect("the program starts");
    assert_ne!(output.status.code(), Some(0));
    assert_eq!(scratch.text("file"), "kept");
    // Neither a trace of too few jobs nor a log of too few failures makes a folder.
    fs::write(scratch.path("few.csv"), "submit,run_time\n0,1\n").expect("a file");
    for file in ["few.csv", "log.csv"] {
        scratch.run(&["trace", "fit", file, "--out", "new"], 2);
        assert!(!scratch.path("new").exists());
    }
}

/// A log of outages that laws can be fitted to.
fn outages() -> String {
    let mut log = "node,down,up\n".to_owned();
    let mut at = 0;
    for row in 0..20 {
        let up = at + [60, 600, 900, 6_000][row % 4];
        writeln!(log, "a,{at},{up}").expect("memory");
        at = up + 7_200 * (1 + row as i64 % 3);
    }
    log
}

#[test]
fn plots_of_a_former_report_are_removed() {
    let scratch = scratch("former");
    fs::write(scratch.path("outages.csv"), outages()).expect("a file");
    scratch.run(&["trace", "fit", "jobs.csv", "--out", "out"], 0);
    // Tables of the user's own, one of which has the name of a plot's.
    for own in ["notes.csv", "week.csv"] {
        fs::write(scratch.path(&format!("out/{own}")), "kept").expect("a file");
    }
    let again = ["trace", "fit", "outages.csv", "--out", "out", "--force"];
    scratch.run(&again, 0);
    let expected = [
        "between-failures.csv",
        "between-failures.svg",
        "fit.html",
        "notes.csv",
        "repairs.csv",
        "repairs.svg",
        "week.csv",
    ];
    assert_eq!(names(&scratch, "out"), expected);
    // Plots of the page of a trace beside it stay, as do pictures of the user's own.
    scratch.run(&["trace", "inspect", "jobs.csv", "--out", "both"], 0);
    let before = names(&scratch, "both");
    fs::write(scratch.path("both/amounts.svg"), "<svg/>").expect("a file");
    for _ in 0..2 {
        scratch.run(
            &["trace", "fit", "outages.csv", "--out", "both", "--force"],
            0,
        );
    }
    let both = names(&scratch, "both");
    assert!(before.iter().all(|name| both.contains(name)), "{both:?}");
    assert_eq!(scratch.text("both/amounts.svg"), "<svg/>");
    // Without a report there, nothing is one of it.
    fs::create_dir(scratch.path("other")).expect("a folder");
    for name in ["other/week.csv", "other/week.svg"] {
        fs::write(scratch.path(name), "kept").expect("a file");
    }
    let beside = ["trace", "fit", "jobs.csv", "--out", "other", "--force"];
    scratch.run(&beside, 0);
    assert_eq!(scratch.text("other/week.svg"), "kept");
}

#[test]
fn failures_are_drawn_beside_their_laws() {
    let scratch = scratch("failures");
    fs::write(scratch.path("outages.csv"), outages()).expect("a file");
    let fit = ["trace", "fit", "outages.csv", "--out", "out"];
    let printed = scratch.printed(&fit, 0);
    assert_eq!(printed, scratch.printed(&fit[..3], 0));
    let expected = [
        "between-failures.csv",
        "between-failures.svg",
        "fit.html",
        "repairs.csv",
        "repairs.svg",
    ];
    assert_eq!(names(&scratch, "out"), expected);
    let repairs = scratch.text("out/repairs.csv");
    assert!(
        repairs.contains("\"all nodes, % of all times\",log,60,25\n"),
        "{repairs}"
    );
    assert!(repairs.contains("\"all nodes, % of all times\",law,"));
    assert!(
        scratch
            .text("out/fit.html")
            .contains("Fitted to outages.csv")
    );
    assert_eq!(scratch.printed(&fit, 2), "");
}
