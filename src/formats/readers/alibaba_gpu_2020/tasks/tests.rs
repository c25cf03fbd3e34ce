//! Tasks as gangs, alone and with the tables beside them.

use super::*;
use crate::tests::prelude::*;

const ROWS: &str = "j1,tensorflow,2.0,Terminated,1000.5,1060.5,600,29.3,50,MISC\n\
                    j2,worker,1,Running,1010,,600,,250,V100\nj3,ps,1,Waiting,,,600,10,,\n";

#[test]
fn instances_are_a_gang() {
    let recorded = collected_of(open, "t.csv", ROWS);
    let seen = recorded.each(|one| {
        let gpu = &recorded.classes[one.class as usize].gpu;
        (one.submit, one.members, one.run_time, gpu.total_milli())
    });
    let at = |millis| Instant::ZERO + Duration::from_millis(millis);
    seen.are([
        (at(0), 2, Some(Duration::from_secs(60)), 500),
        (at(9_500), 1, None, 3_000),
    ]);
    recorded.ledger.has_once([
        "task never began",
        "no request; counted as 0",
        "GPUs that are no whole number above one; rounded up",
        "no end after a start; run time not known",
    ]);
    let is_alone = recorded.arrivals.iter().all(|own| own.links.is_none());
    assert!(is_alone && recorded.ledger.count(LATER) == 0);
    let rows = "j,t,1,Done,1,2,1,1,1,\nj,t,1,Failed,-1,2,1,1,1,\nj,t,1,Failed,1,2,1,1,9000,\n";
    faults(&ENTRY, "t.csv", rows).has_bad_rows([
        "t.csv:1: column `status`: must be one of Running, Terminated, Failed, Waiting, \
             Interrupted, found `Done`",
        "t.csv:2: column `start_time`: must be at least 0, found `-1`",
        "t.csv:3: column `plan_gpu`: must be at most 6400, found `9000`",
    ]);
}

#[test]
fn tasks_of_a_job_are_a_gang_and_arrive_with_the_first() {
    let rows = "j,ps,1,Failed,3,9,1,1,0,\nk,ps,1,Failed,2,9,1,1,1,\nj,w,1,Waiting,,,1,1,1,\n\
                j,worker,3,Failed,2,9,1,1,1,\nk,chief,1,Failed,1,2,1,1,1,\nj,chief,1,Failed,4,9,1,1,1,\n\
                l,a,1,Failed,2,9,1,1,1,\n";
    let input = Input::bytes("t.csv", rows.as_bytes());
    let mut source = open(&input, &ReadOptions::default()).expect("good rows");
    assert!(source.has_gangs() && !source.may_wait());
    let recorded = Recorded::collect(&mut *source).expect("good rows");
    let seen = recorded.each(|own| {
        let gang = own.gang().map(ToString::to_string);
        let submit = own.submit.as_nanos() / 1_000_000_000;
        (own.name.to_string(), submit, gang)
    });
    let member =
        |name: &str, submit, gang: Option<&str>| (name.to_owned(), submit, gang.map(str::to_owned));
    seen.are([
        member("k-ps", 0, Some("k")),
        member("k-chief", 0, Some("k")),
        member("j-ps", 1, Some("j")),
        member("j-worker", 1, Some("j")),
        member("j-chief", 1, Some("j")),
        member("l-a", 1, None),
    ]);
    let later = recorded.ledger.entries().iter();
    let later = later.filter(|entry| &*entry.kind == LATER);
    let later: Vec<_> = later.map(|own| (own.count, own.line, own.action)).collect();
    assert_eq!(later, [(3, 1, Action::Repair)]);
}

#[test]
fn states_are_outcomes_where_they_are_asked_for() {
    let options = options_with(|own| own.recorded = true);
    let rows = "j,a,1,Terminated,1,2,1,1,1,\nj,b,1,Failed,2,3,1,1,1,\nj,c,1,Running,3,,1,1,1,\n";
    let recorded = collected(open(&file("t.csv", rows), &options));
    assert_eq!(
        crate::tests::outcomes(&recorded),
        ["completed", "failed", ""]
    );
}

#[test]
fn tables_beside_tasks_say_when_and_by_whom_they_were_submitted() {
    let jobs = "j1,i1,ann,Terminated,900,1060.5\nj2,i2,bob,Running,1020,\nj1,i9,eve,Failed,1,2\n\
         j8,i8,eve,Failed,3,4\n";
    let tags = "i1,u1,T4,g1,bert\ni2,u2,,g2,\n";
    let sensors = "j1,tensorflow,w1,i1,m1,/dev/nvidia0,100,1,2,3,1,1,0,0,0,0\n\
                   j1,tensorflow,w2,i1,m1,/dev/nvidia0,201,1,4,3,1,1,0,0,0,0\n";
    let instances = "j1,tensorflow,x,w1,i1,Terminated,1000.5,1060.5,m1\n";
    let metrics = "w1,m1,1000.5,1060.5,1,2,3,4,5,6,7,8\n";
    let machines = "m1,T4,96,512,2\n";
    let tasks = format!("{ROWS}j9,ps,1,Terminated,1030,1040,600,10,,\n");
    let files = [
        ("pai_group_tag_table.csv", tags),
        ("pai_group_tag_table.header", "inst_id,user"),
        ("pai_instance_table.csv", instances),
        ("pai_job_table.csv", jobs),
        ("pai_machine_metric.csv", metrics),
        ("pai_machine_spec.csv", machines),
        ("pai_sensor_table.csv", sensors),
        ("pai_task_table.csv", &tasks),
    ];
    let input = file_of(&ENTRY, "t.tar", archive(&files));
    let options = options_with(|own| own.usage = true);
    let recorded = collected(open(&input, &options));
    let seen = recorded.each(|one| {
        let spec = &recorded.classes[one.class as usize];
        let tenant = &*recorded.tenants[one.tenant as usize];
        let second = |at: Instant| at.as_nanos() as f64 / 1e9;
        let start = one.historic_start.map(second);
        (second(one.submit), start, tenant, &spec.gpu.models[..])
    });
    seen.are([
        (0.0, Some(100.5), "ann", &["T4".into()][..]),
        (110.0, Some(110.0), "bob", &[]),
        (130.0, Some(130.0), "ps", &[]),
    ]);
    let first = &recorded.classes[0];
    assert_eq!(
        first.labels.get(JOB_TYPE_LABEL).map(|own| &**own),
        Some("bert")
    );
    let used = first.behaviour.as_ref().expect("measured");
    assert_eq!(used.cpu_usage.as_deref(), Some("1505m"));
    assert_eq!(used.memory_usage.as_deref(), Some("3221225472"));
    recorded.ledger.has_once([
        "job listed again; its first row stands",
        "job without a task; makes no demand",
        "start before the job's submission; arrives at its start",
        "task of a job that is not listed; arrives at its start",
        "instances, not read; a task is a gang, which begins and ends as its task did",
        "machines, read by `alibaba-gpu-2020-machines`",
        "usage of machines, not read; a run's nodes use what their pods do",
        "file about the trace, not read",
    ]);
    let without = open(&input, &ReadOptions::default()).expect("good rows");
    assert_eq!(without.ledger().count(USAGE_NOT_READ), 1);
}

#[test]
fn a_task_without_a_number_of_instances_has_one() {
    let rows = "j,w,,Terminated,100.0,190.0,600,29.3,50,MISC\n";
    let recorded = collected_of(open, "t.csv", rows);
    assert_eq!(recorded.arrivals[0].members, 1);
    recorded
        .ledger
        .has_once(["no number of instances; counted as 1"]);
}
