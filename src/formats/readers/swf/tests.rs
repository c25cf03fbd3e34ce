//! Logs of one or a few rows, and what becomes of them.

use super::*;
use crate::tests::prelude::*;

fn input(text: &str) -> Input {
    Input::bytes("log.swf", text.as_bytes().to_vec())
}

fn check(text: &str, options: &ReadOptions) -> Result<Recorded, TraceError> {
    Recorded::collect(&mut *open(&input(text), options)?)
}

/// Job, submit, wait, run, allocated, requested, requested time, memory, status, user.
fn row(values: [i64; 10]) -> String {
    let [
        job,
        submit,
        wait,
        run,
        allocated,
        requested,
        time,
        memory,
        status,
        user,
    ] = values;
    format!(
        "{job} {submit} {wait} {run} {allocated} -1 -1 {requested} {time} {memory} {status} \
         {user} -1 -1 -1 -1 -1 -1\n"
    )
}

#[test]
fn requested_cpu_time_is_no_limit() {
    let remark = "; Note: the requested time (field 9) is average CPU time per processor";
    let text = format!("{remark}\n{}", row([7, 10, 5, 300, 4, -1, 200, -1, 1, 33]));
    for cut in [false, true] {
        let options = options_with(|own| own.kill_at_walltime = cut);
        let recorded = check(&text, &options).expect("a good row");
        let job = &recorded.arrivals[0];
        let run = Some(Duration::from_secs(300));
        assert_eq!((job.run_time, job.time_limit), (run, None));
        let kinds: Vec<String> = { recorded.ledger.entries().iter() }
            .map(|own| own.kind.to_string())
            .collect();
        assert_eq!(
            kinds,
            ["requested time is CPU time by the header; no limit"]
        );
    }
}

#[test]
fn a_job_becomes_an_arrival() {
    let text = format!(
        "; MaxProcs: 8\n{}{}",
        row([7, 10, 5, 90, 4, -1, 100, 2_048, 1, 33]),
        row([8, 10, -1, 60, 4, 2, -1, -1, 1, -1]),
    );
    let options = options_with(|own| own.memory = true);
    let recorded = check(&text, &options).expect("good rows");
    assert_eq!(
        recorded.arrivals[0],
        Arrival {
            members: 4,
            run_time: Some(Duration::from_secs(90)),
            time_limit: Some(Duration::from_secs(100)),
            historic_start: Some(Instant::from_secs(15)),
            ..Arrival::new(Instant::from_secs(10), PodName::Job(7))
        }
    );
    let second = &recorded.arrivals[1];
    assert_eq!((second.class, second.members, second.tenant), (1, 2, 1));
    assert_eq!(second.time_limit, None);
    assert_eq!(second.historic_start, None);
    assert_eq!(recorded.tenants, ["33".into(), "unknown".into()]);
    let requests = recorded.classes[0].requests().expect("small");
    assert_eq!(requests.get("cpu").units_ceil(), Ok(1));
    assert_eq!(requests.get("memory").units_ceil(), Ok(2_048 << 10));
    let plain = check(&text, &ReadOptions::default()).expect("good rows");
    assert_eq!(plain.classes.len(), 1);
}

/// One row for each kind of dirt.
fn dirty() -> String {
    [
        row([1, 0, 0, 0, 1, -1, -1, -1, 1, 1]),
        row([2, 0, 0, -1, 1, -1, -1, -1, 5, 1]),
        row([3, 0, 0, -1, 1, -1, -1, -1, 0, 1]),
        row([4, 0, 0, 9, -1, -1, -1, -1, 1, 1]),
        row([5, 9, 0, 9, 1, -1, 5, -1, 1, 1]),
        row([6, 8, 0, 9, 1, -1, -1, 68_719_476_736, 1, 1]),
        "\n1 2 3\n; a remark\n".to_owned(),
    ]
    .concat()
}

#[test]
fn documented_dirt_is_handled_as_documented() {
    let dirty = dirty();
    let kept = |options: &ReadOptions| {
        let recorded = check(&dirty, options).expect("documented dirt");
        let arrivals = recorded.arrivals.iter();
        let kept: Vec<(String, String)> = arrivals
            .map(|arrival| {
                let run_time = arrival.run_time.expect("known");
                (arrival.name.to_string(), run_time.to_string())
            })
            .collect();
        (kept, recorded.ledger)
    };
    let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|&(a, b)| (a.to_owned(), b.to_owned()))
            .collect()
    };
    let (jobs, ledger) = kept(&ReadOptions::default());
    assert_eq!(jobs, pairs(&[("job-6", "9s"), ("job-5", "9s")]));
    let found: Vec<(&str, Action)> = ledger
        .entries()
        .iter()
        .map(|entry| (&*entry.kind, entry.action))
        .collect();
    found.are([
        ("run time 0", Action::Drop),
        ("cancelled before it ran", Action::Drop),
        ("run time not known", Action::Drop),
        ("no number of processors", Action::Drop),
        ("ran beyond its requested time", Action::Keep),
        (
            "memory (field 10) that jobs request, not asked of nodes; `memory: true` does",
            Action::Waive,
        ),
        (
            "memory beyond 4 TiB per processor; read as bytes",
            Action::Repair,
        ),
        ("submitted before a row above; moved", Action::Repair),
        ("blank line", Action::Drop),
        ("line of fewer than 18 fields", Action::Drop),
    ]);
    let (jobs, ledger) = kept(&ReadOptions {
        min_runtime: Some(Duration::from_secs(1)),
        kill_at_walltime: true,
        ..ReadOptions::default()
    });
    assert_eq!(
        jobs,
        pairs(&[("job-1", "1s"), ("job-6", "9s"), ("job-5", "5s")])
    );
    assert_eq!(ledger.count("ran beyond its requested time; cut"), 1);
    let strict = ReadOptions {
        rows: RowPolicy {
            strict: true,
            ..RowPolicy::default()
        },
        ..ReadOptions::default()
    };
    let message = check(&dirty, &strict).expect_err("strict").to_string();
    assert_eq!(
        message,
        "log.swf: line 1: run time 0 (strict reading accepts no dirt)"
    );
}

#[test]
fn submit_times_since_1970_become_relative() {
    let text = [
        row([1, 1_356_996_147, 0, 9, 1, -1, -1, -1, 1, 1]),
        row([2, 1_356_996_150, 0, 9, 1, -1, -1, -1, 1, 1]),
    ]
    .concat();
    let recorded = check(&text, &ReadOptions::default()).expect("good rows");
    let submits: Vec<i64> = recorded
        .arrivals
        .iter()
        .map(|arrival| arrival.submit.as_nanos() / 1_000_000_000)
        .collect();
    assert_eq!(submits, [0, 3]);
}

#[test]
fn a_negative_run_time_is_a_bad_row_and_a_text_without_jobs_an_error() {
    let text = row([1, 0, 0, -7, 1, -1, -1, -1, 1, 1]);
    assert_eq!(
        check(&text, &ReadOptions::default())
            .expect_err("negative")
            .to_string(),
        "log.swf:1: column `4 run time`: must not be negative, or -1 if it is not known, \
         found `-7`"
    );
    assert_eq!(
        check("; MaxProcs: 8\nhello\n", &ReadOptions::default())
            .expect_err("no job")
            .to_string(),
        "log.swf: holds no job: a row has 18 fields between blanks or `;`"
    );
    let table = check("submit,name,run_time\n0s,a,5m\n", &ReadOptions::default());
    let told = table.expect_err("a table").to_string();
    assert!(
        told.ends_with("write `format: csv`, or end its name in .csv"),
        "{told}"
    );
}

#[test]
fn a_fork_goes_on_where_its_origin_stands() {
    let rows: String = (0..50)
        .map(|n| row([n, n, 0, 9, 1, -1, -1, -1, 1, n]))
        .collect();
    let mut source = SwfSource::open(&input(&rows), &ReadOptions::default()).expect("a log");
    for _ in 0..20 {
        source.next().expect("good rows");
    }
    let mut fork = source.fork().expect("memory");
    while let Some(arrival) = source.next().expect("good rows") {
        assert_eq!(fork.next(), Ok(Some(arrival)));
    }
    assert_eq!(fork.next(), Ok(None));
    assert_eq!(fork.tenants(), source.tenants());
}

#[test]
fn usage_is_what_was_used_of_each_processor() {
    // Average CPU time of 45 s in 90 s, 3,000 KB; more than there is; none known.
    let text = "1 0 0 90 4 45 3000 4 100 -1 1 1 -1 -1 -1 -1 -1 -1\n\
                2 1 0 90 4 99 -1 4 100 -1 1 1 -1 -1 -1 -1 -1 -1\n\
                3 2 0 90 4 -1 -1 4 100 -1 1 1 -1 -1 -1 -1 -1 -1\n";
    let options = options_with(|own| own.usage = true);
    let recorded = check(text, &options).expect("good rows");
    let stated: Vec<Option<(Option<Text>, Option<Text>)>> = { recorded.arrivals.iter() }
        .map(|arrival| {
            let behaviour = recorded.classes[arrival.class as usize].behaviour.clone()?;
            Some((behaviour.cpu_usage.clone(), behaviour.memory_usage.clone()))
        })
        .collect();
    let expected = [
        Some((Some("500m".into()), Some("3Mi".into()))),
        Some((Some("1000m".into()), None)),
        None,
    ];
    assert_eq!(stated, expected);
    let ledger = &recorded.ledger;
    ledger.has_once(["more CPU time than run time; counted as a whole processor"]);
    assert_eq!(ledger.count("no average CPU time; usage unknown"), 1);
    let plain = check(text, &ReadOptions::default()).expect("good rows");
    assert_eq!(plain.classes.len(), 1);
}

#[test]
fn a_job_of_several_rows_comes_once() {
    let part = |job, submit, run, status| row([job, submit, 10, run, 4, -1, -1, -1, status, 1]);
    let runs = |text: &str| {
        let recorded = check(text, &ReadOptions::default()).expect("good rows");
        let arrivals = recorded.arrivals.iter();
        let runs = arrivals.map(|one| (one.name.to_string(), one.run_time.expect("known")));
        let kinds = recorded
            .ledger
            .entries()
            .iter()
            .map(|entry| entry.kind.to_string());
        (
            runs.map(|(name, run)| format!("{name} {run}"))
                .collect::<Vec<_>>(),
            kinds.collect::<Vec<_>>().join(", "),
        )
    };
    let parts = [part(1, 0, 40, 2), part(1, -1, 40, 2), part(1, -1, 20, 3)].concat();
    let other = part(2, 5, 60, 1);
    let summary = part(1, 0, 100, 1);
    let expected = ["job-1 1m40s".to_owned(), "job-2 1m".to_owned()];
    for (text, kind) in [
        (
            format!("{summary}{parts}{other}"),
            "partial execution; the summary is taken",
        ),
        (
            format!("{parts}{summary}{other}"),
            "partial executions before their summary; the summary is taken",
        ),
        (
            format!("{parts}{other}"),
            "partial executions without a summary; joined into one job",
        ),
    ] {
        let (jobs, kinds) = runs(&text);
        assert_eq!(jobs, expected, "{text}");
        assert!(kinds.contains(kind), "{kinds}");
    }
}

#[test]
fn outcomes_alone_are_kept_without_the_other_fields() {
    let status = |job: i64, status| row([job, job, 5, 90, 4, 4, 100, -1, status, 33]);
    let text: String = [(1, 1), (2, 0), (3, 5), (4, -1)]
        .map(|(job, own)| status(job, own))
        .concat();
    let options = options_with(|own| own.outcomes = true);
    let recorded = check(&text, &options).expect("good rows");
    let expected = ["completed", "failed", "cancelled", ""];
    assert_eq!(crate::tests::outcomes(&recorded), expected);
    assert!(recorded.ledger.is_empty());
    assert_eq!(recorded.header.fields.len(), 1);
}

#[test]
fn remarks_may_stand_behind_rows_and_blanks_before_them() {
    let one = row([1, 0, 0, 9, 1, -1, -1, -1, 1, 1]);
    let two = row([2, 5, 0, 9, 1, -1, -1, -1, 1, 1]);
    let text = format!(
        "  ; MaxProcs: 8\n{} ; first; of all\n{} # second\n\t; a remark\n",
        one.trim(),
        two.trim()
    );
    let recorded = check(&text, &ReadOptions::default()).expect("good rows");
    let names = recorded.names();
    assert_eq!(names, ["job-1", "job-2"]);
    let source = SwfSource::open(&input(&text), &ReadOptions::default()).expect("a log");
    assert_eq!(source.header().processors(), Some(8));
    let entries = recorded.ledger.entries();
    assert_eq!(entries.len(), 1, "{entries:?}");
    assert_eq!(recorded.ledger.count("fields beyond the 18th, not used"), 2);
}

/// A row of the Grid Workload Format; the fields behind the user's are those of a job of one site.
fn grid_row(fields: [i64; 11], user: &str) -> String {
    let fields = fields.map(|field| field.to_string()).join("\t");
    let unknown = ["-1"; 11].join("\t");
    format!("{fields}\t{user}\tG1\tapp2\tq3\tp4\tsite5\tsite6\t{unknown}\n")
}

#[test]
fn logs_of_grids_have_names_and_sites() {
    let rows = [
        grid_row(
            [0, 1_146_218_400, 5, 20, 4, -1, 2_048, 4, 900, -1, 1],
            "ann",
        ),
        grid_row([1, 1_146_218_410, -1, 30, 1, -1, -1, -1, -1, -1, 0], "U2"),
        grid_row([2, 1_146_218_420, 0, 30, 1, -1, -1, -1, -1, -1, 1], "-1"),
    ];
    let names = format!("JobID\tSubmitTime{}\n", "\tName".repeat(27));
    let text = format!("# Grid: B\u{fc}rger\n#\n{names}{}", rows.concat());
    let input = Input::bytes("g.gwf", text.clone().into_bytes());
    assert_eq!(
        crate::registry::recognize(&input).expect("known").name,
        "swf"
    );
    let options = options_with(|own| own.recorded = true);
    let recorded = check(&text, &options).expect("good rows");
    let tenants = recorded.arrivals.iter();
    let tenants = tenants.map(|one| &*recorded.tenants[one.tenant as usize]);
    assert_eq!(tenants.collect::<Vec<_>>(), ["ann", "U2", UNKNOWN_USER]);
    let first = &recorded.arrivals[0];
    assert_eq!(first.submit, Instant::ZERO);
    assert_eq!(first.members, 4);
    assert_eq!(first.time_limit, Some(Duration::from_secs(900)));
    assert_eq!(first.historic_start, Some(Instant::from_secs(5)));
    assert!(recorded.arrivals.iter().all(|one| one.links.is_none()));
    let labels = &recorded.classes[first.class as usize].labels;
    let values: Vec<&str> = labels.iter().map(|(_, value)| &**value).collect();
    for name in ["G1", "app2", "q3", "p4"] {
        assert!(values.contains(&name), "{name}: {values:?}");
    }
    let kind = "fields beyond the 16th (sites, structure, network, disk), not used";
    assert_eq!(recorded.ledger.count(kind), 3);
    assert_eq!(recorded.ledger.count("column names without `;`"), 1);
    assert!(recorded.ledger.bad_rows().is_empty());
    let refused = crate::registry::find("gwf").expect("known");
    let refused = arrivals::inspect::validate(&input, refused, &options, 9);
    let refused = format!("{refused:?}");
    assert!(refused.contains("name the format `swf`"), "{refused}");
}
