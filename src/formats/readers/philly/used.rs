//! GPUs of machines by the log of jobs and by the list of machines, which contradict each other: the list has two of a
//! machine on which jobs ran on eight (msr-fiddle/philly-traces, issue 8).

use serde_json::Value;
use units::SortedMap;

use crate::readers::prelude::*;
use intake::json::{each_element, each_line, is_json};
use intake::ledger::RowPolicy;

/// GPUs by machine.
pub(super) type Gpus = SortedMap<String, i64>;

/// The machines of an attempt, with the GPUs that each must have for it.
fn of_attempt(attempt: &Value) -> impl Iterator<Item = (&str, i64)> {
    let machines = attempt.get("detail").and_then(Value::as_array);
    machines.into_iter().flatten().filter_map(|machine| {
        let gpus = machine.get("gpus")?.as_array()?;
        // They count from 0: who has `gpu7` has eight.
        let numbers = gpus
            .iter()
            .filter_map(|gpu| gpu.as_str()?.strip_prefix("gpu")?.parse().ok());
        let last = numbers.max().map_or(0, |last: i32| i64::from(last) + 1);
        Some((machine.get("ip")?.as_str()?, last.max(gpus.len() as i64)))
    })
}

/// Takes every job of a log.
pub(super) fn each_job(
    log: &Input,
    journal: &mut Journal,
    mut take: impl FnMut(&mut Journal, &Element) -> Result<(), Refused>,
) -> Result<(), TraceError> {
    if is_json(&log.first_bytes()?) {
        return each_line(log, journal, take);
    }
    each_element(log, &[], |job| heed(journal, |journal| take(journal, &job)))?;
    Ok(())
}

/// The GPUs that machines must have had for the attempts of logs. Faults of these are told by who reads them.
pub(super) fn used(logs: &[Input]) -> Result<Gpus, TraceError> {
    let mut used = Gpus::new();
    for log in logs {
        let mut unheard = Journal::new(log.name.clone(), RowPolicy::REPORT);
        each_job(log, &mut unheard, |_, job| {
            let attempts = job.value.get("attempts").and_then(Value::as_array);
            for (machine, gpus) in attempts.into_iter().flatten().flat_map(of_attempt) {
                let most = used.entry(machine.to_owned()).or_default();
                *most = gpus.max(*most);
            }
            Ok(())
        })?;
    }
    Ok(used)
}

/// Tells of a job that ran on GPUs which a list of machines does not state.
pub(super) fn tell(
    journal: &mut Journal,
    job: &Element,
    attempts: &[Value],
    listed: &Gpus,
) -> Result<(), TraceError> {
    if listed.is_empty() {
        return Ok(());
    }
    let machines = || attempts.iter().flat_map(of_attempt);
    let is_unknown = |(machine, _)| !listed.contains_key(machine);
    let kind = "job on a machine that `cluster_machine_list` lacks";
    journal.keep_if(machines().any(is_unknown), kind, job.line)?;
    let is_short = |(machine, gpus)| listed.get(machine).is_some_and(|&all| gpus > all);
    let kind = "job on more GPUs of a machine than `cluster_machine_list` states";
    journal.keep_if(machines().any(is_short), kind, job.line)
}

#[cfg(test)]
mod tests {
    use super::super::{log, machines};
    use crate::tests::prelude::*;

    const LIST: &str = "machineId, number of GPUs, single GPU mem\nm51,2, 12GB\nm1,8, 24GB\n";
    const LOG: &str = r#"[{"status": "Pass", "vc": "a", "jobid": "1", "submitted_time": "2017-10-06 14:00:00", "attempts":
[{"start_time": "2017-10-06 14:40:02", "end_time": "2017-10-09 05:19:16", "detail":
[{"ip": "m51", "gpus": ["gpu0", "gpu7"]}, {"ip": "m1", "gpus": ["gpu0"]}, {"ip": "m2", "gpus": ["gpu0"]}]}]}]"#;

    #[test]
    fn a_list_of_machines_and_a_log_of_jobs_are_compared() {
        let files = [("cluster_job_log", LOG), ("cluster_machine_list", LIST)];
        let both = || file("philly.tar", archive(&files));
        let options = ReadOptions::default();
        let Constructor::Nodes(read) = machines::ENTRY.open else {
            panic!("machines are nodes");
        };
        let nodes = read(&both(), &options).expect("good rows");
        let seen: Vec<_> = { nodes.nodes.iter() }
            .map(|node| (&*node.name, node.gpu.as_ref().map_or(0, |gpu| gpu.devices)))
            .collect();
        assert_eq!(seen, [("m51", 8), ("m1", 8)]);
        let kind = "machine of which a job used more GPUs than the list states; has as many";
        assert_eq!(nodes.ledger.count(kind), 1);
        let jobs = collected(opener(&log::ENTRY)(&both(), &options));
        jobs.ledger.has_once([
            "job on a machine that `cluster_machine_list` lacks",
            "job on more GPUs of a machine than `cluster_machine_list` states",
        ]);
    }
}
