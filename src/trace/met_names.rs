//! Names of records that are there twice. Both are kept, as a run counts them apart; what waits for the name, or looks
//! for it, finds either. Names are kept as hashes, which are sorted on disk where there are many, so they are told at the
//! end of a trace.

use super::error::TraceError;
use super::ledger::{Action, Journal};
use super::origin::Origin;
use super::spill::{FixedSort, key_of};

/// The note about a record whose name another has.
pub(crate) const TWICE: &str = "name that a record above has; both are kept";

/// The names of the records up to now: the hash of each, and its place.
#[derive(Debug, Default)]
pub(crate) struct MetNames(FixedSort<3>);

impl MetNames {
    /// Meets the record of a line.
    pub(crate) fn meet(&mut self, journal: &mut Journal, line: u64, name: &str) {
        self.meet_at(journal.origin(line), name);
    }

    /// Meets the record of a place.
    pub(crate) fn meet_at(&mut self, place: Origin, name: &str) {
        let [first, second] = key(name.as_bytes());
        self.0.push([first, second, place.number()]);
    }

    /// Tells of the records whose name one above them has.
    ///
    /// # Errors
    /// There is one and the policy is strict, or the temporary file of the names can't be read.
    pub(crate) fn tell(self, journal: &mut Journal) -> Result<(), TraceError> {
        self.each_twice(|place| journal.dirt_at(TWICE, Action::Keep, place))
    }

    /// Takes the places of the records whose name one above them has, in the order of places.
    ///
    /// # Errors
    /// The temporary file of the names can't be read, or `take` fails.
    pub(crate) fn each_twice(
        self,
        mut take: impl FnMut(Origin) -> Result<(), TraceError>,
    ) -> Result<(), TraceError> {
        let mut twice = FixedSort::default();
        let mut names = self.0.sorted();
        let mut above: Option<[u64; 3]> = None;
        while let Some(own) = names.next()? {
            if above.is_some_and(|above| above[..2] == own[..2]) {
                twice.push([own[2]]);
            }
            above = Some(own);
        }
        let mut twice = twice.sorted();
        while let Some([place]) = twice.next()? {
            take(Origin::of_number(place))?;
        }
        Ok(())
    }
}

/// Bytes of a name that is its own key.
const SHORT: usize = 15;

/// The key of a name: a short one itself, behind its length, so that names that are counted up come in order and need no
/// sorting; a hash of any other.
fn key(name: &[u8]) -> [u64; 2] {
    let mut bytes = [0; 16];
    if name.len() > SHORT {
        let [first, second] = key_of(name);
        // No name is as long as that.
        return [first | LONG, second];
    }
    bytes[0] = name.len() as u8;
    bytes[1..=name.len()].copy_from_slice(name);
    let [first, second] = [0, 8].map(|at| {
        let word = bytes[at..].first_chunk().copied();
        u64::from_be_bytes(word.unwrap_or_default())
    });
    [first, second]
}

/// The bits by which the key of a long name differs from that of any short one.
const LONG: u64 = 0xff << 56;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::inspect::validate;
    use crate::{Input, ReadOptions, registry};

    /// Formats with a row whose name is `7`, and what stands above and around it.
    const ROWS: [(&str, &str, &str, &str); 14] = [
        (
            "helios",
            "job_id,user,vc,gpu_num,cpu_num,node_num,state,submit_time,start_time,end_time,duration,queue\n",
            "7,u,v,1,1,1,FAILED,2020-04-01 00:00:10,2020-04-01 00:00:10,2020-04-01 00:00:20,10,0\n",
            "",
        ),
        (
            "alibaba-spot-gpu-2026-jobs",
            "job_name,organization,gpu_model,cpu_request,gpu_request,worker_num,submit_time,duration,job_type\n",
            "7,1,A10,1,1,1,5,4,HP\n",
            "",
        ),
        (
            "alibaba-dlrm-2025",
            "instance_sn,role,app_name,cpu_request,cpu_limit,gpu_request,gpu_limit,rdma_request,rdma_limit,\
             memory_request,memory_limit,disk_request,disk_limit,max_instance_per_node,creation_time,scheduled_time,\
             deletion_time\n",
            "7,CN,x,1,1,0,0,0,0,1,1,1,1,-1,5,6,7\n",
            "",
        ),
        (
            "tiresias-jobs",
            "job_id,num_gpu,submit_time,iterations,model_name,duration,interval\n",
            "7,1,5,1,x,1,1\n",
            "",
        ),
        (
            "chronus",
            "job_id,user,num_gpu,submit_time,iterations,model_name,duration,interval,expect_time_list,\
             expect_value_list,best_effort,job_type\n",
            "7,u,1,5,1,x,1,1,,,1,best\n",
            "",
        ),
        (
            "gwf",
            "WorkflowID,JobID,SubmitTime,RunTime,NProcs,ReqNProcs,Dependencies\n",
            "0,7,5,1,1,1,\n",
            "",
        ),
        (
            "alibaba-2017-tasks",
            "",
            "100,190,1,7,1,Terminated,50,0.25\n",
            "",
        ),
        (
            "alibaba-2018-tasks",
            "",
            "M1,1,j_7,1,Terminated,100,200,100,0.5\n",
            "",
        ),
        (
            "alibaba-gpu-2020-tasks",
            "",
            "j7,worker,1,Failed,1,2,1,1,1,\n",
            "",
        ),
        (
            "openb-pods",
            "name,cpu_milli,memory_mib,num_gpu,gpu_milli,creation_time,deletion_time\n",
            "7,1,1,0,0,5,6\n",
            "8,1,1,0,0,9,9\n",
        ),
        (
            "azure-vm",
            "",
            "7,s,d,0,300,9,3,9,Unknown,1,1\n",
            "8,s,d,0,300,9,3,9,Unknown,1,1\n",
        ),
        ("swf", "", "7 5 1 9 2 -1 -1 2 9 -1 1 1 1 1 1 1 -1 -1\n", ""),
        (
            "batsim",
            "{\"profiles\": {\"d\": {\"type\": \"delay\", \"delay\": 1}}, \"jobs\": [\n",
            "{\"id\": 7, \"subtime\": 0, \"res\": 1, \"profile\": \"d\"},",
            "\n{\"id\": \"8\", \"subtime\": 0, \"res\": 1, \"profile\": \"d\"}]}",
        ),
        (
            "philly",
            "[",
            "{\"jobid\": \"7\", \"submitted_time\": \"2017-10-09 07:00:00\", \"attempts\": [{\"start_time\": \
             \"2017-10-09 07:01:00\", \"end_time\": \"2017-10-09 07:02:00\", \"detail\": [{\"gpus\": [\"a\"]}]}]},",
            "{\"jobid\": \"8\", \"submitted_time\": \"2017-10-09 07:00:00\", \"attempts\": []}]",
        ),
    ];

    #[test]
    fn a_name_that_is_there_twice_is_told() {
        for (format, before, row, behind) in ROWS {
            let entry = registry::find(format).expect("known");
            for (times, expected) in [(1, 0), (2, 1), (3, 2)] {
                let text = format!("{before}{}{behind}", row.repeat(times));
                let input = Input::bytes("t", text.into_bytes());
                let found = validate(&input, entry, &ReadOptions::default(), 9);
                assert!(found.is_valid(), "{format}: {found:?}");
                assert_eq!(found.ledger.count(super::TWICE), expected, "{format}");
                assert!(found.accepted >= times as u64, "{format}");
            }
        }
    }

    proptest! {
        #[test]
        fn keys_of_names_differ_and_those_that_are_counted_up_grow(
            one in "[a\0-]{0,17}",
            other in "[a\0-]{0,17}",
            number in 0_u64..1_000_000,
        ) {
            let [first, second] = [&one, &other].map(|name| super::key(name.as_bytes()));
            prop_assert_eq!(first == second, one == other);
            let [first, second] = [number, number + 1].map(|own| super::key(format!("job-{own}").as_bytes()));
            prop_assert!(first < second);
        }
    }
}
