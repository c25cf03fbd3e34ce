//! Workloads of Batsim: jobs and profiles in a JSON object. A job is a gang of pods of one core, on a host each. The
//! run time follows from the profile without a network: delays hold exactly, work counts at 1 Gflop/s a
//! processor, communication and storage take no time. It ends at the job's walltime at the latest, also where the run
//! time is not known. A profile's exit code (`ret`) other than 0 fails the job at the end of its run time. Format: `traces.md`, section 9.

mod profile;

use serde_json::Value;

use crate::readers::prelude::*;
use intake::archive::parts;
use intake::json::{each_element, each_scalar};
use intake::rows::MAX_SECONDS;
use intake::unknown_columns::note_keys;
use model::{PodLife, RestartPolicy};

use profile::{Profiles, Remark};

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "batsim",
    summary: "jobs and profiles of Batsim (JSON)",
    columns: columns! {
        required("id", "job; becomes the name"),
        required("subtime", "submission, s"),
        required("res", "processors, which are hosts; each is a pod of the gang on a host of its own"),
        required("profile", "profile, which gives the run time"),
        optional("walltime", "limit of the run time, s; absent, negative or above a hundred years: none"),
        optional("extra_data", "data for schedulers; not used"),
        optional("description", "remark; read, not used"),
    },
    relations: &[
        Relation::held(
            &["walltime", "profile"],
            "stopped at its walltime",
            "Batsim kills the job then (docs/input-workload.rst)",
        ),
        Relation::held(
            &["res", "profile"],
            "amounts",
            "Batsim stops: the resources do not match those of the profile (v4.1.0, workload.cpp)",
        ),
        Relation::held(
            &["res", "nb_res"],
            "more processors than the platform has",
            "Batsim submits it; its scheduler rejects it (batsched, add_reject_job)",
        ),
    ],
    names: &["id"],
    cells: show_text,
    // Jobs always end at their walltimes, so the option changes nothing.
    options: &["kill-at-walltime"],
    sniff,
    open: Constructor::Workload(open),
};

fn sniff(first: &[u8]) -> Confidence {
    let text = String::from_utf8_lossy(first);
    let has = |key: &str| text.contains(key);
    let begins = text.trim_start().starts_with('{');
    Confidence::certain_if(begins && has("\"jobs\"") && has("\"subtime\"") && has("\"profile\""))
}

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let mut journal = Journal::new(input.name.clone(), options.rows);
    let mut gather = Gather::default();
    gather.header.fields.push(&PLACEMENT);
    for part in parts(input)? {
        journal.file = part.name.clone();
        let mut profiles = Profiles::default();
        let mut platform = None;
        each_scalar(&part, &[], |key, value| {
            platform = value.as_f64().filter(|_| key == "nb_res").or(platform);
            Ok(())
        })?;
        each_element(&part, &["profiles"], |profile| {
            profiles.add(&profile.key, &profile.value)
        })?;
        let is_found = each_element(&part, &["jobs"], |job| {
            match take(&mut gather, &mut journal, &job, &profiles, platform) {
                Ok(()) => Ok(()),
                Err(Refused::Row(bad)) => journal.bad_row(bad),
                Err(Refused::Trace(error)) => Err(error),
            }
        })?;
        if !is_found {
            return Err(TraceError::Format {
                file: part.name.to_string(),
                reason: "has no list `jobs`".to_owned(),
            });
        }
    }
    gather.finish(journal)
}

/// The note about a run time that is not exact, and what is done about it.
fn note(remark: Remark) -> (&'static str, Action) {
    match remark {
        Remark::Work => ("work counted at 1 Gflop/s a processor", Action::Repair),
        Remark::Network => ("communication takes no time", Action::Repair),
        Remark::Storage => ("storage takes no time", Action::Repair),
        Remark::Replay => ("recorded program; run time not known", Action::Keep),
        Remark::Messages => (
            "messages to the scheduler and its answers take no time",
            Action::Repair,
        ),
        Remark::Utilization => ("`util` of a profile, not used", Action::Keep),
    }
}

fn take(
    gather: &mut Gather,
    journal: &mut Journal,
    job: &Element,
    profiles: &Profiles,
    platform: Option<f64>,
) -> Result<(), Refused> {
    let name = job.text("id");
    if name.is_empty() {
        return Err(job.bad("id", "a text or a number").into());
    }
    let submit = job.decimal("subtime", MAX_SECONDS)?;
    let submit = submit.and_then(Duration::checked_from_secs_f64);
    let submit = submit.ok_or_else(|| job.bad("subtime", "a number of seconds"))?;
    let processors = job.decimal("res", MEMBERS as f64)?.unwrap_or_default();
    if processors < 1.0 || processors.fract() > 0.0 {
        return Err(job.bad("res", "a whole number of at least 1").into());
    }
    if platform.is_some_and(|most| processors > most) {
        let kind = "more processors than the platform has (`nb_res`); rejected";
        return Ok(journal.dirt(kind, Action::Drop, job.line)?);
    }
    let limit = match job.value.get("walltime").and_then(Value::as_f64) {
        // No run reaches the limits that stand for none.
        Some(walltime) if !(0.0..=MAX_SECONDS).contains(&walltime) => None,
        _ => job.decimal("walltime", MAX_SECONDS)?,
    };
    let limit = limit.and_then(Duration::checked_from_secs_f64);
    let profile = job.text("profile");
    let found = profiles.time(&profile, processors);
    let time = found.map_err(|why| why.of(job))?;
    for remark in time.remarks {
        let (kind, action) = note(remark);
        journal.dirt(kind, action, job.line)?;
    }
    note_keys(journal, job, ENTRY.columns)?;
    if job.value.get("extra_data").is_some() {
        journal.dirt("`extra_data`, not used", Action::Keep, job.line)?;
    }
    if time.seconds.is_some_and(|seconds| seconds > MAX_SECONDS) {
        let expected = format!("a profile that takes at most {MAX_SECONDS} s");
        return Err(job.bad("profile", &expected).into());
    }
    let run_time = time.seconds.and_then(Duration::checked_from_secs_f64);
    // Batsim stops a job that does not end before its walltime (`COMPLETED_WALLTIME_REACHED`; `do_delay_task` of
    // jobs_execution.cpp).
    let cut = limit.filter(|limit| run_time.is_none_or(|run_time| run_time >= *limit));
    journal.repair_if(cut.is_some(), "stopped at its walltime", job.line)?;
    // A job that is cut off does not come to its exit code.
    let exit_code = if cut.is_some() { 0 } else { time.exit_code };
    let behaviour = (exit_code != 0).then(|| Behaviour {
        exit_code,
        ..Behaviour::default()
    });
    let mut labels = Labels::new();
    state_one_per_node(&mut labels);
    gather.met.meet(journal, job.line, &name);
    gather.push(
        journal.origin(job.line),
        Demand {
            submit: Instant::ZERO + submit,
            name: PodName::Text(name.into()),
            spec: PodSpec {
                labels,
                // A job that fails is not started again.
                life: behaviour.is_some().then(|| {
                    let life = PodLife {
                        restart: RestartPolicy::Never,
                        ..PodLife::default()
                    };
                    life.into()
                }),
                behaviour: behaviour.map(Into::into),
                ..PodSpec::with_requests(requests(Some(1_000), None))
            },
            members: processors as u32,
            run_time: cut.or(run_time),
            time_limit: limit,
            ..Demand::default()
        },
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::prelude::*;

    const TEXT: &str = r#"{"nb_res": 4, "jobs": [
{"id": "b", "subtime": 5.5, "walltime": 10, "res": 2, "profile": "seq", "extra_data": {}},
{"id": 1, "subtime": 0, "res": 1, "profile": "d", "walltime": -1},
{"id": "w", "subtime": 6, "res": 4, "profile": "spread"},
{"id": "r", "subtime": 7, "res": 4, "profile": "smpi"}],
"profiles": {
 "d": {"type": "delay", "delay": 20.2, "ret": 3},
 "w": {"type": "ParallelTaskHomogeneousProfile", "cpu": 1e10, "com": 1e6},
 "spread": {"type": "ParallelTaskHomogeneousProfile", "cpu": 8e9, "com": 0,
  "generation_strategy": "DefinedAmountsSpreadUniformly"},
 "seq": {"type": "composed", "repeat": 2, "seq": ["d", "w"]},
 "smpi": {"type": "TraceReplayProfile", "filename": "x"},
 "loop": {"type": "composed", "seq": ["loop"]}}}"#;

    fn read(text: &str) -> Recorded {
        let input = Input::bytes("w.json", text.as_bytes());
        collected(open(&input, &ReadOptions::default()))
    }

    #[test]
    fn oldest_workloads_are_read_and_wrong_parts_are_named() {
        let text = r#"{"nb_res": 4, "jobs": [
{"id": 1, "subtime": 0, "res": 2, "profile": "1"}, {"id": 2, "subtime": 0, "res": 2, "profile": "2"},
{"id": 3, "subtime": 0, "res": 2, "profile": "3"}],
"profiles": {"1": {"type": "composed", "nb": 4, "seq": ["d", "t"]}, "2": {"type": "composed", "seq": ["x"]},
"3": {"type": "composed", "seq": ["2"]}, "d": {"type": "delay", "delay": 2.5},
"t": {"type": "msg_par_hg_tot", "cpu": 2e9, "com": 0}, "x": {"type": "delay", "delay": "5"}}}"#;
        let input = Input::bytes("w.json", text.as_bytes());
        let found = validate(&input, &ENTRY, &ReadOptions::default(), 9);
        let bad: Vec<String> = found.bad_rows.iter().map(ToString::to_string).collect();
        let rule = "must be a profile with a `delay` of at least 0 (of the sequence's part `x`)";
        let expected = [
            format!("w.json:2: column `1.profile`: {rule}, found `\"2\"`"),
            format!("w.json:3: column `profile`: {rule}, found `\"3\"`"),
        ];
        assert_eq!(bad, expected);
        let options = options_with(|own| own.rows = intake::RowPolicy::REPORT);
        let recorded = Recorded::collect(&mut *open(&input, &options).expect("jobs"));
        let run = recorded.expect("jobs").arrivals[0].run_time;
        assert_eq!(run, Some(Duration::from_secs(14)));
    }

    #[test]
    fn profiles_of_old_versions_are_read_and_unknown_ones_named() {
        let text = r#"{"jobs": [
{"id": 1, "subtime": 0, "res": 2, "profile": "all"}, {"id": 2, "subtime": 1, "res": 2, "profile": "high"},
{"id": 3, "subtime": 2, "res": 2, "profile": "odd"}, {"id": 4, "subtime": 2, "res": 2, "profile": "none"}],
"profiles": {"all": {"type": "composed", "seq": ["pfs0", "tier", "s", "r"]},
"pfs0": {"type": "msg_par_hg_pfs0", "size": 1e7}, "tier": {"type": "msg_par_hg_tier", "size": 1e7, "storage": "pfs0"},
"s": {"type": "send", "msg": {"type": "accept"}, "sleeptime": 2}, "r": {"type": "recv", "regex": "a", "success": "d",
"failure": "odd"}, "d": {"type": "delay", "delay": 3}, "high": {"type": "parallel_homogeneous", "cpu": 1e9, "com": 0,
"util": 0.5}, "odd": {"type": "teleport"}, "none": {"cpu": 1}}}"#;
        let input = Input::bytes("w.json", text.as_bytes());
        let options = options_with(|own| own.rows = intake::RowPolicy::REPORT);
        let recorded = Recorded::collect(&mut *open(&input, &options).expect("jobs"));
        let recorded = recorded.expect("jobs");
        let runs = recorded.each(|one| one.run_time);
        assert_eq!(
            runs,
            [5, 1].map(|seconds| Some(Duration::from_secs(seconds)))
        );
        recorded.ledger.has_once([
            "messages to the scheduler and its answers take no time",
            "storage takes no time",
            "`util` of a profile, not used",
        ]);
        let bad = recorded.ledger.bad_rows().iter().map(ToString::to_string);
        bad.collect::<Vec<_>>().are([
                "w.json:3: column `profile`: must be a profile of a known `type`, and not `teleport`, found `\"odd\"`",
                "w.json:3: column `3.profile`: must be a profile with a `type`, found `\"none\"`",
            ]);
    }

    #[test]
    fn profiles_give_run_times() {
        let recorded = read(TEXT);
        let seen = recorded.each(|one| (one.name.to_string(), one.members, one.run_time));
        let run = |millis| Some(Duration::from_millis(millis));
        seen.are([
            ("1".to_owned(), 1, run(20_200)),
            ("b".to_owned(), 2, run(10_000)),
            ("w".to_owned(), 4, run(2_000)),
            ("r".to_owned(), 4, None),
        ]);
        assert_eq!(recorded.arrivals[0].time_limit, None);
        assert_eq!(
            recorded.arrivals[1].time_limit,
            Some(Duration::from_secs(10))
        );
        recorded.ledger.has_counts([
            ("work counted at 1 Gflop/s a processor", 2),
            ("communication takes no time", 1),
            ("recorded program; run time not known", 1),
            ("`extra_data`, not used", 1),
            ("stopped at its walltime", 1),
        ]);
        // A job that is stopped does not come to its exit code; otherwise a sequence fails with its first part that
        // does.
        assert_eq!(exit_codes(&recorded), [3, 0, 0, 0]);
        let patient = read(&TEXT.replace("\"walltime\": 10,", "\"walltime\": 1000,"));
        assert_eq!(patient.arrivals[1].run_time, run(60_400));
        // A program whose run time is not known does not go on beyond its walltime.
        let replay = "\"profile\": \"smpi\"";
        let limited = read(&TEXT.replace(replay, &format!("\"walltime\": 9, {replay}")));
        assert_eq!(limited.arrivals[3].run_time, run(9_000));
        assert_eq!(exit_codes(&patient), [3, 3, 0, 0]);
    }

    fn exit_codes(recorded: &Recorded) -> Vec<i32> {
        let classes = { recorded.arrivals.iter() }.map(|one| &recorded.classes[one.class as usize]);
        classes.map(|spec| spec.exit_code(0)).collect()
    }

    #[test]
    fn dirty_jobs_are_named() {
        let text = TEXT
            .replace("\"profile\": \"d\"", "\"profile\": \"none\"")
            .replace("\"subtime\": 6", "\"subtime\": -6")
            .replace("\"profile\": \"smpi\"", "\"profile\": \"loop\"")
            .replace("\"profile\": \"seq\"", "\"profile\": \"w\"")
            .replace("\"cpu\": 1e10", "\"ret\": 0.5, \"cpu\": 1e10");
        faults(&ENTRY, "w.json", text).has_bad_rows([
            "w.json:2: column `profile`: must be a profile whose `ret` is an exit code, a whole \
                 number, found `\"w\"`",
            "w.json:3: column `profile`: must be the name of a profile, found `\"none\"`",
            "w.json:4: column `subtime`: must be a number from 0 to 3200000000, found `-6`",
            "w.json:5: column `profile`: must be free of a profile that contains itself \
             (of the sequence's part `loop`), found \
                 `\"loop\"`",
        ]);
        let stopped = faults(&ENTRY, "w.json", "{\"nb_res\": 1}").stopped;
        assert_eq!(
            stopped.map(|error| error.to_string()),
            Some("w.json: has no list `jobs`".to_owned())
        );
    }

    #[test]
    fn profiles_without_amounts_take_no_time_for_granted() {
        for (profile, expected) in [
            (r#"{"type": "parallel", "cpu": [1e9, 2e9]}"#, ""),
            (r#"{"type": "parallel", "com": [5, 0, 0, 5]}"#, ""),
            (
                r#"{"type": "parallel", "cpu": [1e9]}"#,
                "2 amounts, one for each of the job's 2 processors, and not 1",
            ),
            (
                r#"{"type": "parallel", "com": [5, 0]}"#,
                "4 amounts, one for each pair of the job's 2 processors, and not 2",
            ),
            (r#"{"type": "parallel", "cpu": [1e9, "x"]}"#, "at least 0"),
            (r#"{"type": "parallel", "cpu": [1e9, -1]}"#, "at least 0"),
            (r#"{"type": "parallel", "cpu": 1e9}"#, "at least 0"),
            (r#"{"type": "parallel_homogeneous", "com": 1}"#, ""),
            (
                r#"{"type": "parallel_homogeneous", "cpu": -1}"#,
                "at least 0",
            ),
            (r#"{"type": "parallel_homogeneous"}"#, "with `cpu` or `com`"),
            (
                r#"{"type": "delay", "delay": 1e300}"#,
                "takes at most 3200000000 s",
            ),
        ] {
            let text = format!(
                r#"{{"jobs": [{{"id": 1, "subtime": 0, "res": 2, "profile": "p"}}],
"profiles": {{"p": {profile}}}}}"#
            );
            let found = faults(&ENTRY, "w.json", text);
            let bad = found.bad_rows.first().map(ToString::to_string);
            let bad = bad.unwrap_or_default();
            assert_eq!(bad.is_empty(), expected.is_empty(), "{profile}: {bad}");
            assert!(bad.contains(expected), "{bad}");
        }
    }
}
