//! Tests of `arrivals::precedence` on real formats.

use crate::prelude::*;
use crate::registry;
use crate::registry::find;
use crate::tests::prelude::*;
use arrivals::inspect::validate;
use arrivals::precedence::*;

fn told_of(input: &Input, format: &str) -> Vec<(String, u64, u64)> {
    let entry = find(format).expect("a format");
    let found = validate(input, entry, &ReadOptions::default(), 9);
    assert_eq!(found.bad_row_count, 0);
    let entries = found.ledger.entries().iter();
    let own = entries.map(|own| (own.kind.to_string(), own.count, own.line));
    own.collect()
}

#[test]
fn circles_and_edges_to_nothing_are_told_with_their_first_line() {
    let table = "name,submit,run_time,after\na,0,1,\nb,0,1,a|d\nc,0,1,b\nd,0,1,c\ne,0,1,d\n\
                 f,0,1,f\ng,0,1,x|a\nh,0,1,a|g\n";
    let input = Input::bytes("jobs.csv", table.as_bytes());
    told_of(&input, "csv").are([
        (WaitFault::ForUnknown.kind().to_owned(), 1, 8),
        (WaitFault::InCircle.kind().to_owned(), 3, 3),
        (WaitFault::ForItself.kind().to_owned(), 1, 7),
    ]);
    let table = "WorkflowID, JobID, SubmitTime, RunTime, NProcs, ReqNProcs, Dependencies\n\
                 1, 1, 0, 5, 1, 1, \n1, 2, 0, 5, 1, 1, 3\n1, 3, 0, 5, 1, 1, 1 2\n";
    let input = Input::bytes("w.gwf", table.as_bytes());
    let entry = registry::recognize(&input).expect("a format");
    assert_eq!(
        told_of(&input, entry.name),
        [(WaitFault::InCircle.kind().to_owned(), 2, 3)]
    );
}
