//! Words about a file that no format recognizes: how it begins, and the format that comes nearest.

use std::fmt::Write as _;

use units::nearest::nearest;
use units::plural;

use crate::foreign_files;
use crate::prelude::*;

/// The most characters of a file's beginning that are shown.
const SHOWN: usize = 60;
/// The most names that are listed.
const LISTED: usize = 4;

/// Why a file that begins with these bytes is of no format, and what to do.
pub(super) fn words(first: &[u8], formats: &[FormatEntry]) -> String {
    if first.starts_with(&[0xff, 0xfe]) || first.starts_with(&[0xfe, 0xff]) {
        return "is a text in UTF-16; convert it to UTF-8 (`iconv -f UTF-16 -t UTF-8`)".to_owned();
    }
    if let Some(words) = foreign_files::words(first) {
        return words;
    }
    let text = String::from_utf8_lossy(first);
    let Some(line) = text.lines().map(str::trim).find(|line| !line.is_empty()) else {
        return "is empty: there is nothing by which its format could be recognized; copy or export it again".to_owned();
    };
    let shown: String = line.chars().take(SHOWN).collect();
    let dots = if shown.len() < line.len() { "…" } else { "" };
    let mut words = format!(
        "the format is not recognized by the names of a header, the fields of the first rows or the keys of JSON: it \
         begins with `{shown}{dots}`"
    );
    if let Some(near) = near(&text, line, formats) {
        let _ = write!(words, "; {near}");
    }
    words.push_str("; name the format with --trace-format (`windtunnel systems` lists them)");
    words.push_str(own_table(line));
    words
}

/// Advice for reading a file with this first line as a table by `--column`; empty if it is no table.
fn own_table(line: &str) -> &'static str {
    let (_, fields) = fields(line);
    let is_number = |field: &&str| field.parse::<f64>().is_ok();
    if line.starts_with(['{', '[']) {
        ""
    } else if fields.len() == 1 && line.split_whitespace().count() > 2 {
        "; for a table of your own, put commas in place of the blanks, with the names of the columns in the first line, \
         and say which are which, as in `--column submit=COLUMN`"
    } else if fields.len() > 1 && fields.iter().any(is_number) {
        "; for a table of your own, put the names of the columns above it, and say which are which, as in \
         `--column submit=COLUMN`"
    } else if fields.len() > 1 {
        "; for a table of your own, say which columns are which, as in `--column submit=COLUMN`"
    } else {
        ""
    }
}

/// The format that comes nearest, and what it lacks.
fn near(text: &str, line: &str, formats: &[FormatEntry]) -> Option<String> {
    let (separator, fields) = fields(line);
    let is_json = line.starts_with(['{', '[']);
    if fields.len() == 1 && !is_json {
        return of_blanks(line, formats);
    }
    let has = |name: &str| {
        if is_json {
            let key = name.split('.').next().unwrap_or(name);
            text.contains(&format!("\"{key}\""))
        } else {
            fields.iter().any(|field| field.eq_ignore_ascii_case(name))
        }
    };
    // Many objects have an `id`: one key alone names no format.
    let least = if is_json { 2 } else { 1 };
    let mut best: Option<(usize, usize, &FormatEntry)> = None;
    for entry in formats {
        let needed = entry.columns.iter().filter(|column| column.required);
        let found = needed.clone().filter(|column| has(column.name)).count();
        let needed = needed.count();
        // Of equal shares the first stands.
        let is_better = |(other, of, _): (usize, usize, _)| found * of > other * needed;
        // A few that many tables have name no format.
        let are_most = found >= least && 2 * found > needed;
        if are_most && best.is_none_or(is_better) {
            best = Some((found, needed, entry));
        }
    }
    let Some((_, _, entry)) = best else {
        return of_equal_width(fields.len(), formats);
    };
    let needed = entry.columns.iter().filter(|column| column.required);
    let lacking = needed.map(|column| column.name).filter(|name| !has(name));
    let lacking: Vec<String> = lacking
        .map(|name| {
            let like = nearest(name, fields.iter().copied()).filter(|_| !is_json);
            like.map_or_else(
                || format!("`{name}`"),
                |like| format!("`{name}` (is it `{like}`?)"),
            )
        })
        .collect();
    let kind = if is_json { "keys" } else { "columns" };
    Some(if lacking.is_empty() {
        let name = entry.name;
        let how = arrangement(entry, separator, &fields).filter(|_| !is_json);
        let how = how.unwrap_or_else(|| "in another arrangement".to_owned());
        format!("the nearest format is `{name}`, whose {kind} it has {how}")
    } else {
        let listed = lacking[..lacking.len().min(LISTED)].join(", ");
        let more = if lacking.len() > LISTED {
            " and more"
        } else {
            ""
        };
        let name = entry.name;
        format!("the nearest format is `{name}`, of which it lacks the {kind} {listed}{more}")
    })
}

/// The format whose columns a table names that has blanks between them, as commands print tables for people. (One word or
/// two are those of many a text.)
fn of_blanks(line: &str, formats: &[FormatEntry]) -> Option<String> {
    let named = |entry: &FormatEntry| {
        let words = line.split_whitespace();
        let is_there = |name: &str| { words.clone() }.any(|word| word.eq_ignore_ascii_case(name));
        let columns = entry.columns.iter();
        columns.filter(|column| is_there(column.name)).count()
    };
    let best = formats.iter().rev().max_by_key(|entry| named(entry))?;
    let (name, summary) = (best.name, best.summary);
    (named(best) > 2).then(|| {
        format!("its columns stand between blanks, and resemble those of `{name}`: {summary}")
    })
}

/// Formats whose fields no commas stand between.
const WITHOUT_COMMAS: [&str; 5] = ["bitbrains", "gavel", "sacct", "swf", "swf-machines"];

/// The way in which a header has all columns of a format that does not take it.
fn arrangement(entry: &FormatEntry, separator: char, fields: &[&str]) -> Option<String> {
    if separator != ',' && !WITHOUT_COMMAS.contains(&entry.name) {
        let between = match separator {
            '\t' => "tabs".to_owned(),
            other => format!("`{other}`"),
        };
        return Some(format!("with {between} between them; write `,` there"));
    }
    let needed = entry.columns.iter().filter(|column| column.required);
    let mut other = needed.filter(|column| !fields.contains(&column.name));
    let name = other.next()?.name;
    let found = fields
        .iter()
        .find(|field| field.eq_ignore_ascii_case(name))?;
    Some(format!(
        "in other letters; write `{name}` where it has `{found}`"
    ))
}

/// The fields of a line by the separator that makes most of them, without quotes.
fn fields(line: &str) -> (char, Vec<&str>) {
    let by = |separator: char| {
        line.split(separator)
            .map(|field| field.trim().trim_matches('"'))
    };
    let all = [',', ';', '\t', '|'].map(|separator| (separator, by(separator).collect::<Vec<_>>()));
    all.into_iter()
        .rev()
        .max_by_key(|(_, fields)| fields.len())
        .unwrap_or((',', Vec::new()))
}

/// The formats whose rows have this number of fields at least.
fn of_equal_width(count: usize, formats: &[FormatEntry]) -> Option<String> {
    let required = |entry: &FormatEntry| entry.columns.iter().filter(|own| own.required).count();
    let equal = formats.iter().filter(|entry| required(entry) == count);
    let names: Vec<String> = equal.map(|entry| format!("`{}`", entry.name)).collect();
    (count > 1 && !names.is_empty()).then(|| {
        let names = names.join(", ");
        let fields = plural::count(count, "field");
        format!("rows of {fields} are those of {names}, but their fields are of other kinds")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::FORMATS;

    #[test]
    fn a_text_in_another_encoding_is_named() {
        let found = words(b"\xff\xfea\0,\0b\0", FORMATS);
        assert!(found.contains("iconv -f UTF-16 -t UTF-8"), "{found}");
    }

    #[test]
    fn objects_of_kubernetes_are_told_from_traces() {
        for text in [
            "{\"kind\": \"List\", \"apiVersion\": \"v1\", \"items\": [",
            "apiVersion: v1\nkind: Pod\n",
        ] {
            let found = words(text.as_bytes(), FORMATS);
            assert!(
                found.starts_with("holds objects of Kubernetes, but no events"),
                "{found}"
            );
        }
    }

    #[test]
    fn the_nearest_format_is_named_with_what_is_missing() {
        for (text, part) in [
            (
                "name,cpu_mili,memory_mib,num_gpu\n",
                "begins with `name,cpu_mili,memory_mib,num_gpu`; the nearest format is `openb-pods`, of which it lacks \
                 the columns `cpu_milli` (is it `cpu_mili`?), `gpu_milli`",
            ),
            (
                "{\"nb_res\": 4, \"job\": [{\"id\": 1, \"subtime\": 0, \"res\": 1}]}",
                "the nearest format is `batsim`, of which it lacks the keys `profile`;",
            ),
            (
                "{\n\"nb_res\": 4, \"job\": [{\"id\": 1, \"subtime\": 0, \"res\": 1}]}",
                "the nearest format is `batsim`, of which it lacks the keys `profile`;",
            ),
            (
                "submit;run_time;cpu\n0;1;1\n",
                "the nearest format is `csv`, whose columns it has with `;` between them; write `,` there",
            ),
            (
                "submit\trun_time\tcpu\n0\t1\t1\n",
                "the nearest format is `csv`, whose columns it has with tabs between them; write `,` there",
            ),
            (
                "Submit,Run_Time,CPU\n0,1,1\n",
                "the nearest format is `csv`, whose columns it has in other letters; write `submit` where it has `Submit`",
            ),
            ("\n\n", "is empty"),
            (
                "0,j_1,M1,53,100,0.39,2\n",
                "`0,j_1,M1,53,100,0.39,2`; rows of 7 fields are those of",
            ),
            (
                "0,j_1,M1,53,100,0.39,2\n",
                "; for a table of your own, put the names of the columns above it, and say which",
            ),
            (
                "a,b,c,d,e,f,g,h,i\n",
                "rows of 9 fields are those of `alibaba-2018-tasks`",
            ),
            (
                "       JobID    JobName  AllocCPUS      State\n------------ ----------\n",
                "resemble those of `sacct`: jobs of a Slurm cluster (`sacct --parsable2`",
            ),
            (
                "ID    NAME      MODE         REPLICAS   IMAGE    PORTS\n",
                "resemble those of `docker-services`: services of Docker Swarm (`docker service ls`, also as JSON",
            ),
            (
                "what is this\n",
                "begins with `what is this`; name the format with --trace-format (`windtunnel systems` lists them); for a \
                 table of your own, put commas in place of the blanks",
            ),
        ] {
            let found = words(text.as_bytes(), FORMATS);
            assert!(found.contains(part), "{found}");
        }
    }
}
