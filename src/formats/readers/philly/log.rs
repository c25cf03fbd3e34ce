//! The log of Philly's jobs (`cluster_job_log`): a JSON list, or an object a line. The run time of a job is the sum of its
//! attempts, the GPUs those of its last attempt.

use serde_json::Value;

use super::machines::listed;
use super::used::{self, Gpus, each_job};
use crate::parts::sorting::gang;
use crate::readers::prelude::*;
use intake::calendar::{Zone, is_absent};
use intake::unknown_columns::note_keys;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "philly",
    summary: "jobs of Microsoft's Philly clusters (`cluster_job_log`, JSON)",
    columns: columns! {
        required("jobid", "job; becomes the name"),
        required("submitted_time", "date, Pacific local time"),
        required("attempts", "attempts, with start, end, and GPUs by machine; their times add up, on the GPUs of the last"),
        optional("status", "Pass, Killed or Failed; written again as the outcome, and not used by runs"),
        optional("vc", "virtual cluster; becomes the tenant"),
        optional("user", "user; read, not used"),
    },
    relations: &[
        Relation::recorded(
            &["submitted_time", "attempts.start_time"],
            "start before the submission",
        ),
        Relation::recorded(
            &["attempts.start_time", "attempts.end_time"],
            "attempt that ends before its start",
        ),
    ],
    names: &["jobid"],
    cells: |format, input, show| {
        let [logs, _] = tables(input)?.read;
        { logs.iter() }.try_for_each(|part| show_text(format, part, show))
    },
    options: &["recorded"],
    sniff,
    open: Constructor::Workload(open),
};

fn sniff(first: &[u8]) -> Confidence {
    is_log(first).max(super::is_use(first))
}

fn tables(input: &Input) -> Result<Tables<2>, TraceError> {
    let names = ["cluster_job_log", "cluster_machine_list"];
    Tables::with_first(input, super::TABLES, names)
}

/// Whether a text that begins with these bytes is a log of jobs.
pub(super) fn is_log(first: &[u8]) -> Confidence {
    let text = String::from_utf8_lossy(first);
    let begins = text.trim_start().starts_with(['[', '{']);
    Confidence::certain_if(
        begins && text.contains("\"attempts\"") && text.contains("\"submitted_time\""),
    )
}

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let mut gather = Gather::default();
    gather.header.fields = outcome_alone(options);
    let zone = super::zone();
    let tables = tables(input)?;
    let mut journal = tables.journal(input, options)?;
    let listed = listed(&tables.read[1])?;
    for part in &tables.read[0] {
        journal.file = part.name.clone();
        each_job(part, &mut journal, |journal, job| {
            let labels = Outcome::labels(outcome(&job.text("status")), options);
            take(&mut gather, journal, job, &zone, &listed, labels)
        })?;
    }
    gather.finish_from_first(journal)
}

/// The outcome of a status.
fn outcome(status: &str) -> Option<Outcome> {
    match status {
        "Pass" => Some(Outcome::Completed),
        "Killed" => Some(Outcome::Cancelled),
        "Failed" => Some(Outcome::Failed),
        _ => None,
    }
}

fn take(
    gather: &mut Gather,
    journal: &mut Journal,
    job: &Element,
    zone: &Zone,
    listed: &Gpus,
    labels: Labels,
) -> Result<(), Refused> {
    let name = job.text("jobid");
    if name.is_empty() {
        return Err(job.bad("jobid", "the name of a job").into());
    }
    let submit = zone.instant(&job.text("submitted_time"));
    let submit =
        submit.ok_or_else(|| job.bad("submitted_time", "a date such as `2017-10-09 07:01:55`"))?;
    let Some(Value::Array(attempts)) = job.value.get("attempts") else {
        return Err(job.bad("attempts", "a list of attempts").into());
    };
    let mut ran = Ran::default();
    for number in 0..attempts.len() {
        ran.add(journal, job, attempts, number, zone)?;
    }
    used::tell(journal, job, attempts, listed)?;
    let Ran {
        sum,
        first,
        gpus,
        has_others,
        goes_on,
    } = ran;
    let Some(first) = first else {
        return Ok(journal.dirt("job never ran", Action::Drop, job.line)?);
    };
    if gpus == 0 || gpus > MEMBERS {
        return Ok(journal.dirt("job without a GPU", Action::Drop, job.line)?);
    }
    let kind = "attempts on other numbers of GPUs than the last; all count as if on its";
    journal.repair_if(has_others, kind, job.line)?;
    let kind = "runs at the end of the log; run time not known";
    journal.keep_if(goes_on, kind, job.line)?;
    journal.keep_if(first < submit, "start before the submission", job.line)?;
    let status = job.text("status");
    if !status.is_empty() && outcome(&status).is_none() {
        let kind = "status other than Pass, Killed and Failed; how the job ended is not known";
        journal.dirt(kind, Action::Keep, job.line)?;
    }
    note_keys(journal, job, ENTRY.columns)?;
    let mut demand = gang(gpus);
    demand.spec.labels = labels;
    gather.met.meet(journal, job.line, &name);
    gather.push(
        journal.origin(job.line),
        Demand {
            submit,
            name: PodName::Text(name.into()),
            tenant: job.text("vc").into(),
            run_time: (!goes_on).then_some(sum),
            historic_start: Some(first),
            ..demand
        },
    );
    Ok(())
}

/// The attempts of a job up to one of them.
#[derive(Default)]
struct Ran {
    /// Their times together.
    sum: Duration,
    /// The start of the first.
    first: Option<Instant>,
    /// The GPUs of the last that had any.
    gpus: i64,
    /// Whether another had a different number of GPUs.
    has_others: bool,
    /// Whether the last has no end.
    goes_on: bool,
}

impl Ran {
    fn add(
        &mut self,
        journal: &mut Journal,
        job: &Element,
        attempts: &[Value],
        number: usize,
        zone: &Zone,
    ) -> Result<(), Refused> {
        let (attempt, is_last) = (&attempts[number], number + 1 == attempts.len());
        let [start, end] = ["start_time", "end_time"]
            .map(|member| date(job, &format!("/attempts/{number}/{member}"), zone));
        let (start, end) = (start?, end?);
        let Some(start) = start else {
            return Ok(journal.dirt("attempt without a start", Action::Drop, job.line)?);
        };
        let own = devices(attempt);
        if own > 0 {
            self.has_others |= self.gpus > 0 && own != self.gpus;
            self.gpus = own;
        }
        self.first = self.first.or(Some(start));
        let Some(end) = end else {
            self.goes_on = is_last;
            journal.repair_if(!is_last, "attempt without an end; counted as 0 s", job.line)?;
            return Ok(());
        };
        let mut end = Some(end).filter(|&end| end >= start);
        if end.is_none() {
            // Dates are local: the hour at the end of summer time comes twice.
            let text = attempt.get("end_time").and_then(Value::as_str);
            let again = text.and_then(|text| zone.second_instant(text));
            end = again.filter(|&end| end >= start);
            let kind = match end {
                Some(_) => {
                    "attempt that ends in the hour that comes twice at the end of summer time; the second one"
                }
                None => "attempt that ends before its start; counted as 0 s",
            };
            journal.dirt(kind, Action::Repair, job.line)?;
        }
        let own = end.map_or(Duration::ZERO, |end| end.since(start));
        let sum = self.sum.checked_add(own);
        self.sum = sum.ok_or_else(|| job.bad("attempts", "292 years in all at most"))?;
        Ok(())
    }
}

/// The date of an attempt at a path of keys; `None` if it is absent.
fn date(job: &Element, path: &str, zone: &Zone) -> Result<Option<Instant>, BadRow> {
    match job.at(path) {
        None => Ok(None),
        Some(Value::String(text)) if is_absent(text) => Ok(None),
        Some(Value::String(text)) if zone.instant(text).is_some() => Ok(zone.instant(text)),
        Some(_) => Err(job.bad_at(path, "a date such as `2017-10-09 07:01:55`")),
    }
}

/// The GPUs of an attempt on all machines.
fn devices(attempt: &Value) -> i64 {
    let details = attempt.get("detail").and_then(Value::as_array);
    let machines = details.into_iter().flatten();
    let gpus = machines.filter_map(|machine| machine.get("gpus")?.as_array());
    gpus.map(|gpus| gpus.len() as i64).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::prelude::*;

    #[test]
    fn a_status_that_is_not_known_is_told() {
        let job = |status: &str, number: u32| {
            format!(
                "{{\"status\": \"{status}\", \"jobid\": \"{number}\", \"submitted_time\": \"2017-10-09 07:00:00\", \
                 \"attempts\": [{{\"start_time\": \"2017-10-09 07:01:00\", \"end_time\": \"2017-10-09 07:02:00\", \
                 \"detail\": [{{\"gpus\": [\"a\"]}}]}}]}}"
            )
        };
        let jobs = [job("Pass", 1), job("Lost", 2), job("", 3)].join(",\n");
        let recorded = collected_of(open, "l.json", format!("[{jobs}]"));
        assert_eq!(recorded.arrivals.len(), 3);
        let kind = "status other than Pass, Killed and Failed; how the job ended is not known";
        assert_eq!(recorded.ledger.count(kind), 1);
        assert_eq!(recorded.ledger.total(), 1);
    }

    const LOG: &str = r#"[
{"status": "Pass", "vc": "a", "jobid": "j1", "user": "u", "submitted_time": "2017-10-09 07:00:00",
 "attempts": [
  {"start_time": "2017-10-09 07:01:00", "end_time": "2017-10-09 07:02:00",
   "detail": [{"ip": "m1", "gpus": ["gpu0"]}]},
  {"start_time": "2017-10-09 07:10:00", "end_time": "2017-10-09 07:10:30",
   "detail": [{"ip": "m1", "gpus": ["gpu0", "gpu1"]}, {"ip": "m2", "gpus": ["gpu3"]}]}]},
{"status": "Killed", "vc": "a", "jobid": "j2", "submitted_time": "2017-10-09 07:00:00", "attempts": []},
{"status": "Pass", "vc": "b", "jobid": "j3", "submitted_time": "2017-10-09 06:59:00",
 "attempts": [{"start_time": "None", "end_time": null, "detail": []},
  {"start_time": "2017-10-09 07:01:00", "end_time": null, "detail": [{"ip": "m1", "gpus": ["gpu0"]}]}]}
]"#;

    #[test]
    fn attempts_are_added_up() {
        let recorded = collected(open(
            &Input::bytes("log.json", LOG.as_bytes()),
            &ReadOptions::default(),
        ));
        let seen =
            recorded.each(|one| (one.name.to_string(), one.submit, one.members, one.run_time));
        seen.are([
            ("j3".to_owned(), Instant::ZERO, 1, None),
            (
                "j1".to_owned(),
                Instant::from_secs(60),
                3,
                Some(Duration::from_secs(90)),
            ),
        ]);
        recorded.ledger.has_once([
            "job never ran",
            "attempt without a start",
            "attempts on other numbers of GPUs than the last; all count as if on its",
            "runs at the end of the log; run time not known",
        ]);
    }

    #[test]
    fn a_log_may_have_an_object_a_line() {
        let jobs: Vec<Value> = serde_json::from_str(LOG).expect("JSON");
        let lines: Vec<String> = jobs.iter().map(ToString::to_string).collect();
        let input = file_of(&ENTRY, "log.json", lines.join("\r\n"));
        let found = validate(&input, &ENTRY, &ReadOptions::default(), 9);
        let of_list = faults(&ENTRY, "log.json", LOG);
        let kinds = |found: &arrivals::inspect::Validation| {
            let entries = found.ledger.entries().iter();
            let kinds = entries.map(|own| (own.kind.to_string(), own.count));
            kinds.collect::<Vec<_>>()
        };
        assert_eq!((found.accepted, kinds(&found)), (2, kinds(&of_list)));
        let bad = format!("{}\n{{\"jobid\": \n{}\n", lines[0], lines[2]);
        let found = faults(&ENTRY, "log.json", bad);
        assert_eq!((found.accepted, found.bad_row_count), (2, 1));
        let expected = "log.json:2: column `record`: must be a JSON object; its byte 10 is not, found `{\"jobid\": `";
        assert_eq!(found.bad_rows[0].to_string(), expected);
    }

    #[test]
    fn a_status_is_an_outcome_where_it_is_asked_for() {
        let log = LOG.replace(
            "\"status\": \"Pass\", \"vc\": \"b\"",
            "\"status\": \"Killed\", \"vc\": \"b\"",
        );
        let input = Input::bytes("log.json", log.into_bytes());
        let options = options_with(|own| own.outcomes = true);
        let recorded = collected(open(&input, &options));
        assert_eq!(
            crate::tests::outcomes(&recorded),
            ["cancelled", "completed"]
        );
        let words =
            ["Pass", "Killed", "Failed", "Other"].map(|status| outcome(status).map(Outcome::word));
        assert_eq!(
            words,
            [Some("completed"), Some("cancelled"), Some("failed"), None]
        );
    }

    /// On 5 November 2017 summer time ended at 2:00: from 1:50 to 1:10 are 20 min.
    #[test]
    fn the_hour_that_comes_twice_has_two_instants() {
        let log = LOG
            .replace("2017-10-09 07:10:00", "2017-11-05 01:50:00")
            .replace("2017-10-09 07:10:30", "2017-11-05 01:10:00");
        let recorded = collected_of(open, "log.json", log);
        let run = recorded.arrivals[1].run_time;
        assert_eq!(run, Some(Duration::from_secs(60 + 1_200)));
        let kind = "attempt that ends in the hour that comes twice at the end of summer time; the second one";
        assert_eq!(recorded.ledger.count(kind), 1);
    }

    #[test]
    fn dirty_jobs_are_named() {
        let log = LOG
            .replace("2017-10-09 07:02:00", "noon")
            .replace("\"jobid\": \"j2\", ", "");
        faults(&ENTRY, "log.json", log).has_bad_rows([
            "log.json:2: column `attempts.0.end_time`: must be a date such as `2017-10-09 \
                 07:01:55`, found `\"noon\"`",
            "log.json:8: column `jobid`: must be the name of a job, found ``",
        ]);
        let cut = Input::bytes("log.json", LOG.as_bytes()[..300].to_vec());
        let stopped = validate(&cut, &ENTRY, &ReadOptions::default(), 9).stopped;
        let stopped = stopped.expect("cut").to_string();
        assert!(
            stopped.starts_with("log.json: the JSON text ends too early (EOF"),
            "{stopped}"
        );
    }
}
