//! Tests of `intake::headerless` on real formats.

use crate::content_hash::hash;
use crate::registry::{find, recognize};
use crate::tests::prelude::*;

const TASKS: &str = "M1,1,j_1,1,Terminated,100,160,50,0.39\n";
const NAMES: &str =
    "task_name,instance_num,job_name,task_type,status,start_time,end_time,plan_cpu,plan_mem\n";

#[test]
fn a_line_with_the_names_of_columns_is_noted_and_changes_nothing() {
    for (format, names, rows) in [
        ("alibaba-2018-tasks", NAMES, TASKS),
        (
            "google-2011-machines",
            "\"time\",\"machine ID\",\"event type\",\"platform ID\",\"CPUs\",\"Memory\"\r\n",
            "0,5,0,p,0.5,0.2\r\n",
        ),
        (
            "alibaba-gpu-2020-machines",
            "machine,gpu_type,cap_cpu,cap_mem,cap_gpu\n",
            "7c3a,T4,96,512,2\n",
        ),
    ] {
        let plain = Input::bytes("t.csv", rows.as_bytes());
        let named = Input::bytes("t.csv", format!("{names}{rows}").into_bytes());
        let entry = find(format).expect("known");
        assert_eq!(recognize(&named).expect("known").name, format);
        let found = validate(&named, entry, &ReadOptions::default(), 9);
        assert_eq!((found.accepted, found.bad_rows.len()), (1, 0), "{format}");
        assert_eq!(found.ledger.count(intake::headerless::NOTE), 1, "{format}");
        let hash = |input| hash(entry, input).expect("good rows");
        assert_eq!(hash(&named), hash(&plain), "{format}");
    }
}

#[test]
fn columns_in_another_order_are_refused_and_rows_are_no_names() {
    let entry = find("alibaba-2018-tasks").expect("known");
    let names = NAMES.replace("start_time,end_time", "end_time,start_time");
    let input = Input::bytes("t.csv", format!("{names}{TASKS}").into_bytes());
    let found = validate(&input, entry, &ReadOptions::default(), 9);
    let told = found.stopped.expect("refused").to_string();
    let place = "`end_time` as column 6, where the format has `start_time`; the columns are";
    assert!(told.contains(place), "{told}");
    let rows = format!("M1,x,j_1,1,Terminated,y,z,v,w\n{TASKS}");
    let found = faults(entry, "t.csv", rows);
    assert_eq!((found.accepted, found.bad_rows.len()), (1, 1));
}
