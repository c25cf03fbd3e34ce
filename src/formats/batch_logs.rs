//! Logs of batch systems that no reader takes: what each is, and the command that writes it again as a table.

/// End of each command: the file that it writes, and the mapping that reads it.
const READ: &str = "> jobs.csv` and read that with `--column 'submit=submit as unix-seconds' --column 'start=start as \
                    unix-seconds'` (in a scenario `format: csv, columns: {submit: submit as unix-seconds, start: start \
                    as unix-seconds}`)";

/// Jobs of `HTCondor`, as `jq` writes them.
const OF_CONDOR: &str = r#"jq -r '(["submit","start","run_time","cpu","memory","tenant"], (.[] | select(.JobStartDate) | [.QDate, .JobStartDate, .RemoteWallClockTime, .RequestCpus, "\(.RequestMemory)Mi", .Owner])) | @csv'"#;

/// The words about a log of a batch system that begins with this text; `None` if it is none.
pub(super) fn words(text: &str) -> Option<String> {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let first = lines.clone().next()?;
    let row = lines.find(|line| !line.starts_with('#'))?;
    let has = |words: &[&str]| words.iter().all(|word| text.contains(word));
    let (what, how) = if is_pbs(row) {
        ("is the accounting of PBS or Torque", converted(PBS, "LOG"))
    } else if row.starts_with("\"JOB_") && first.split(' ').count() > 8 {
        (
            "is the accounting of LSF (`lsb.acct`)",
            converted(LSF, "lsb.acct"),
        )
    } else if let Some(unit) = sge_unit(row) {
        let command = SGE.replace("UNIT", unit);
        (
            "is the accounting of Grid Engine",
            converted(&command, "accounting"),
        )
    } else if first.starts_with('[') && has(&["\"ClusterId\"", "\"QDate\""]) {
        ("holds jobs of HTCondor", converted(OF_CONDOR, "FILE"))
    } else if has(&["ClusterId = ", "QDate = "]) || first.starts_with("*** Offset = ") {
        let command = format!("condor_history -file FILE -json | {OF_CONDOR}");
        ("is a history of HTCondor", converted(&command, ""))
    } else if row.starts_with("000 (") && text.contains(" submitted from host") {
        let command = format!("condor_history -json | {OF_CONDOR}");
        ("is a log of events of HTCondor", converted(&command, ""))
    } else if let Some(lacking) = sacct_lacks(row) {
        let how =
            format!("without {lacking}; name them in `sacct --allusers --parsable2 --format …`");
        ("holds jobs of Slurm", how)
    } else if is_slurm(row) {
        let how =
            "without what a run needs of each; print them with `sacct --allusers --parsable2`";
        (
            "holds jobs of Slurm as another command than `sacct` prints them",
            how.to_owned(),
        )
    } else {
        return None;
    };
    Some(format!("{what}, {how}"))
}

fn converted(command: &str, file: &str) -> String {
    let blank = if file.is_empty() { "" } else { " " };
    format!("which no reader takes; write it again as a table by `{command}{blank}{file} {READ}")
}

const PBS: &str = r#"awk -F';' 'BEGIN {print "submit,start,run_time,time_limit,members,cpu,tenant"} $2 == "E" {split("", a); n = split($4, p, " "); for (i = 1; i <= n; i++) {at = index(p[i], "="); a[substr(p[i], 1, at - 1)] = substr(p[i], at + 1)} split(a["Resource_List.walltime"], t, ":"); c = a["total_execution_slots"]; if (!c) c = a["Resource_List.ncpus"]; l = t[1] * 3600 + t[2] * 60 + t[3]; e = a["etime"]; print (e ? e : a["ctime"]) "," a["start"] "," a["end"] - a["start"] "," (l ? l : "") "," (c ? c : 1) ",1," a["user"]}'"#;

const LSF: &str = r#"awk 'BEGIN {print "submit,start,run_time,members,cpu,tenant"} $1 == "\"JOB_FINISH\"" && $11 {gsub(/"/, "", $12); print ($9 > $8 ? $9 : $8) "," $11 "," $3 - $11 "," $7 ",1," $12}'"#;

const SGE: &str = r#"awk -F: 'BEGIN {print "submit,start,run_time,members,cpu,tenant"} !/^#/ && $10 > 0 {print int($9UNIT) "," int($10UNIT) "," int(($11 - $10)UNIT) "," $35 ",1," $4}'"#;

/// Whether a line is a record such as `11/30/2025 00:05:12;E;101.head;user=ann …`.
fn is_pbs(line: &str) -> bool {
    let mut fields = line.split(';');
    let date = fields.next().unwrap_or_default();
    let digits = date.bytes().filter(u8::is_ascii_digit).count();
    let kind = fields.next().unwrap_or_default();
    let is_kind = kind.len() == 1 && kind.bytes().all(|letter| letter.is_ascii_uppercase());
    digits == 14 && date.len() == 19 && is_kind && fields.next().is_some()
}

/// Divisor of the times of a row of Grid Engine: later releases count milliseconds.
fn sge_unit(line: &str) -> Option<&'static str> {
    let fields: Vec<&str> = line.split(':').collect();
    let is_number = |place: usize| {
        let field = fields.get(place).filter(|field| !field.is_empty());
        field.is_some_and(|field| field.bytes().all(|letter| letter.is_ascii_digit()))
    };
    let is_row = fields.len() > 40 && [5, 8, 9, 10].into_iter().all(is_number);
    let is_long = fields.get(8).is_some_and(|submit| submit.len() > 11);
    is_row.then_some(if is_long { " / 1000" } else { "" })
}

/// The columns that a header of `sacct` lacks; `None` of another line.
fn sacct_lacks(line: &str) -> Option<String> {
    let names: Vec<&str> = line.split(['|', ',', ';', '\t']).map(str::trim).collect();
    let has = |name: &str| names.contains(&name);
    let is_own = ["Elapsed", "State", "NodeList", "AllocCPUS", "Timelimit"]
        .into_iter()
        .any(has);
    if !(has("JobID") || has("JobIDRaw")) || !is_own {
        return None;
    }
    let needed = ["Submit", "Start"].into_iter().filter(|name| !has(name));
    let mut lacking: Vec<String> = needed.map(|name| format!("`{name}`")).collect();
    if !["End", "Elapsed", "ElapsedRaw"].into_iter().any(has) {
        lacking.push("`Elapsed`".to_owned());
    }
    (!lacking.is_empty()).then(|| lacking.join(", "))
}

/// Whether a line is of `sstat`, `squeue`, `scontrol show job` or a log of ended jobs.
fn is_slurm(line: &str) -> bool {
    let fields = || line.split(|letter: char| letter == '|' || letter.is_whitespace());
    let has = |name: &str| fields().any(|field| field == name);
    let is_queue = has("JOBID") && has("ST");
    let is_steps =
        has("JobID") && (has("AveCPU") || has("MaxRSS")) && !has("Submit") && !has("Elapsed");
    line.starts_with("JobId=") || is_queue || is_steps
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn logs_of_batch_systems_are_named_with_their_way_in() {
        let sge = |time: &str| {
            let tail = ":0".repeat(30);
            format!(
                "# Version: 8\nall.q:n1:staff:ann:a:101:sge:0:{time}:{time}:{time}:0:0:1800{tail}\n"
            )
        };
        for (text, expected) in [
            (
                "11/30/2025 00:05:12;Q;101.head;queue=batch\n".to_owned(),
                "PBS or Torque, which no reader takes; write it again as a table by `awk -F';'",
            ),
            (
                "\"JOB_FINISH\" \"10.1\" 1764462913 101 1000 33554434 4 1764461112 0 0 1764461113 \"ann\"\n".to_owned(),
                "(`lsb.acct`), which no reader takes",
            ),
            (sge("1764461112"), "int($9) "),
            (sge("1764461112000"), "int($9 / 1000) "),
            ("[\n{\"ClusterId\":101,\"QDate\":1}\n]\n".to_owned(), "jobs of HTCondor"),
            ("*** Offset = 0 ClusterId = 101\n".to_owned(), "condor_history -file FILE -json | jq"),
            (
                "000 (101.000.000) 2025-11-30 00:05:12 Job submitted from host: <10.0.0.1>\n".to_owned(),
                "events of HTCondor",
            ),
            ("JobID|MaxVMSize|MaxRSS|AveCPU|NTasks\n".to_owned(), "than `sacct` prints them"),
            ("JobID|JobName|MaxRSS|Elapsed|ReqMem|\n".to_owned(), "without `Submit`, `Start`; name"),
            ("JobID|State|ExitCode|NodeList\n".to_owned(), "`Submit`, `Start`, `Elapsed`; name"),
            ("JobId=101 UserId=ann(1000)\n".to_owned(), "than `sacct` prints them"),
            ("  JOBID PARTITION NAME USER ST TIME\n".to_owned(), "than `sacct` prints them"),
        ] {
            let found = words(&text).unwrap_or_default();
            assert!(found.contains(expected), "{text}: {found}");
        }
        for text in [
            "submit;a;b\n",
            "a:b:c\n",
            "JobID|Submit|Start\n",
            "1 2 3\n",
            "",
        ] {
            assert_eq!(words(text), None, "{text}");
        }
    }
}
