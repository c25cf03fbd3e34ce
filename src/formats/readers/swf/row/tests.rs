use super::*;

fn parse(text: &str) -> Result<Parsed, BadRow> {
    RowParser::default().parse(7, text.as_bytes())
}

fn job(text: &str) -> SwfJob {
    match parse(text) {
        Ok(Parsed::Job { job, .. }) => job,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_row_has_eighteen_fields() {
    let job =
        job("   12   342343  5.5    553   40 552.21 -1   39  43200    -1  1   4   3  2 6  1 -1 -1");
    assert_eq!((job.line, job.number, job.user, job.queue), (7, 12, 4, 6));
    assert_eq!(job.submit, Duration::from_secs(342_343));
    assert_eq!(job.wait, Duration::from_millis(5_500));
    assert_eq!(job.cpu_time, Duration::from_millis(552_210));
    assert_eq!(
        (job.allocated_processors, job.requested_processors),
        (40, 39)
    );
    assert_eq!((job.requested_memory_kb, job.think_time), (-1, MISSING));
    assert_eq!(parse("1 0 -1 5"), Ok(Parsed::Short));
}

#[test]
fn semicolons_give_empty_fields_and_names() {
    let mut parser = RowParser::default();
    let row = b"1001;0;-1;15;12;-1;-1;-1;420;-1;-1;user5;account2;-1;normal;normal;;-1;";
    let Ok(Parsed::Job {
        job, extra_fields, ..
    }) = parser.parse(1, row)
    else {
        panic!("a job");
    };
    assert!(!extra_fields);
    assert_eq!(
        (job.user, job.group, job.executable, job.queue),
        (0, 1, -1, 2)
    );
    assert_eq!(parser.name(job.user).map(|name| &**name), Some("user5"));
    assert_eq!((parser.name(-1), job.preceding_job), (None, -1));
}

#[test]
fn extra_fields_and_several_preceding_jobs_are_told() {
    let text = "6\t0\t0\t2400\t4\t-1\t1\t4\t2400\t1\t1\t1\t1\t1\t1\t1\t1&2&3\t0\tDAG-1\t6";
    let Ok(Parsed::Job {
        job,
        extra_fields,
        several_preceding,
    }) = parse(text)
    else {
        panic!("a job");
    };
    assert!(extra_fields);
    assert_eq!(several_preceding, [1, 2, 3]);
    assert_eq!(job.preceding_job, -1);
}

#[test]
fn numbers_may_have_an_exponent() {
    let row = |submit: &str, run: &str| {
        job(&format!(
            "1 {submit} 5 {run} 2 -1 -1 2 200 -1 1 1 1 -1 -1 -1 -1 -1"
        ))
    };
    assert_eq!(row("1e+05", "1.25e1"), row("100000", "12.5"));
}

#[test]
fn wrong_values_name_their_field() {
    let row = |index: usize, value: &str| {
        let mut fields = ["1"; FIELDS];
        fields[index] = value;
        parse(&fields.join(" ")).expect_err(value)
    };
    for (index, value, column, rule) in [
        (
            3,
            "-7",
            "4 run time",
            "must not be negative, or -1 if it is not known",
        ),
        (1, "-1", "2 submit time", "must be at least 0"),
        (
            1,
            "1000000000000",
            "2 submit time",
            "must be at most 3200000000 s, and not in milliseconds",
        ),
        (3, "99999999999", "4 run time", "must be within 292 years"),
        (7, "1.5", "8 requested processors", "must be a whole number"),
        (11, "bob", "12 user", "must be a number"),
        (0, "1e", "1 job number", "must be a number"),
        (0, "-", "1 job number", "must be a number"),
        (
            0,
            "99999999999999999999",
            "1 job number",
            "must be a number",
        ),
    ] {
        let bad = row(index, value);
        assert_eq!((bad.column.as_str(), bad.rule.as_str()), (column, rule));
        assert_eq!((bad.line, bad.value.as_str()), (7, value));
    }
}
