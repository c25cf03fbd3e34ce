//! Several files of one format as one workload: the shards of a table, or the logs of several machines, in a folder or an
//! archive. All of them are read, sorted by submission, and spilled where they are many.

use crate::content_hash::cells_of_table;
use crate::parts::gangs::Gangs;
use crate::parts::side_by_side::{LINKS, is_list_of_links};
use crate::parts::sorting::Gather;
use crate::prelude::*;
use crate::registry::most_like;
use arrivals::header_record::HeaderRecord;
use arrivals::spill::Order;
use intake::archive::{beginning, is_about, parts};
use intake::rows::{EMPTY, is_empty, one_of_several};

/// The note about a gang whose members are submitted at several times.
pub(crate) const LATER: &str = "submitted after another row of its gang; submitted with that";

/// The note about a file that is no table.
const ABOUT: &str = "file about the trace, not read";

/// The range of the names of tasks that others wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    /// Those of all files.
    OfAll,
    /// Those of a file, which others may have as well.
    OfEach,
}

/// The files of a trace: those that a format reads, and others with a note each.
pub(crate) struct Shards {
    pub(crate) read: Vec<Input>,
    unread: Vec<(Arc<str>, String)>,
}

impl Shards {
    /// The files of a trace in a format. A file that no format recognizes counts as one of this, so that its rows are
    /// refused one by one.
    ///
    /// # Errors
    /// The trace can't be read, or has no file of the format.
    pub(crate) fn of(input: &Input, entry: &FormatEntry) -> Result<Self, TraceError> {
        let mut shards = Self {
            read: Vec::new(),
            unread: Vec::new(),
        };
        let parts = parts(input)?;
        if parts.len() == 1 {
            shards.read = parts;
            return Ok(shards);
        }
        for part in parts {
            if is_about(&part.name) {
                shards.unread.push((part.name, ABOUT.to_owned()));
                continue;
            }
            let first = beginning(&part)?;
            if is_empty(&first) {
                shards.unread.push((part.name, EMPTY.to_owned()));
                continue;
            }
            if is_list_of_links(&first) {
                shards.unread.push((part.name, LINKS.to_owned()));
                continue;
            }
            let is_own = (entry.sniff)(&first) != Confidence::No;
            match most_like(&first).filter(|_| !is_own) {
                Some(other) => {
                    let kind = format!("file of the format `{}`, not read", other.name);
                    shards.unread.push((part.name, kind));
                }
                None => shards.read.push(part),
            }
        }
        if shards.read.is_empty() {
            return Err(TraceError::Format {
                file: input.name.to_string(),
                reason: format!("has no file of the format `{}`", entry.name),
            });
        }
        Ok(shards)
    }

    /// The only file, if there is no other.
    pub(crate) fn alone(&self) -> Option<&Input> {
        match &*self.read {
            [one] if self.unread.is_empty() => Some(one),
            _ => None,
        }
    }

    /// The arrivals of all files. Each file is opened after those before it have been read; the last one of these is
    /// there for what goes on from one to the next.
    ///
    /// # Errors
    /// A file can't be read.
    pub(crate) fn open<S: ArrivalSource + ?Sized>(
        self,
        input: &Input,
        options: &ReadOptions,
        names: Names,
        mut open: impl FnMut(&Input, Option<&S>) -> Result<Box<S>, TraceError>,
    ) -> Result<Box<dyn ArrivalSource>, TraceError> {
        let mut journal = Journal::new(input.name.clone(), options.rows);
        for (file, kind) in &self.unread {
            journal.file = Arc::clone(file);
            journal.dirt(kind, Action::Keep, 1)?;
        }
        let mut all = All {
            gather: Gather::default().in_order(Order::Place),
            gangs: Gangs::new(LATER),
            journal,
        };
        let mut headers: Vec<HeaderRecord> = Vec::new();
        let mut last: Option<Box<S>> = None;
        let has_others = self.read.len() + self.unread.len() > 1;
        for (place, file) in self.read.iter().enumerate() {
            all.journal.file = Arc::clone(&file.name);
            let opened = open(file, last.as_deref());
            let mut source = if has_others {
                opened.map_err(one_of_several)?
            } else {
                opened?
            };
            let part = match names {
                Names::OfAll => 0,
                Names::OfEach => place.min(usize::from(u16::MAX)) as u16,
            };
            all.take(&mut *source, part)?;
            headers.push(source.header().clone());
            last = Some(source);
        }
        let headers: Vec<&HeaderRecord> = headers.iter().collect();
        all.gather.header = HeaderRecord::merged(&headers);
        all.finish()
    }
}

/// Shows the cells of the tables of a format with a header, but for those of names.
///
/// # Errors
/// A file can't be read, or is no table.
pub(crate) fn cells_of_tables(
    format: &FormatEntry,
    input: &Input,
    show: &mut dyn FnMut(&[u8]),
) -> Result<(), TraceError> {
    for file in Shards::of(input, format)?.read {
        cells_of_table(format, &file, show)?;
    }
    Ok(())
}

/// The arrivals of the files up to now.
struct All {
    gather: Gather,
    gangs: Gangs,
    journal: Journal,
}

impl All {
    /// Takes the arrivals of a file.
    fn take<S: ArrivalSource + ?Sized>(
        &mut self,
        source: &mut S,
        part: u16,
    ) -> Result<(), TraceError> {
        let mut classes: Vec<u32> = Vec::new();
        let mut tenants: Vec<u32> = Vec::new();
        while let Some(arrival) = source.next()? {
            for spec in source.classes().since(classes.len()) {
                classes.push(self.gather.class_of_shared(&spec?));
            }
            for tenant in &source.tenants()[tenants.len()..] {
                tenants.push(self.gather.tenant(tenant));
            }
            let line = u64::from(arrival.origin.line);
            let own = Arrival {
                class: classes[arrival.class as usize],
                tenant: tenants[arrival.tenant as usize],
                part,
                origin: self.journal.origin(line),
                ..arrival
            };
            if own.gang().is_some() {
                self.gangs.push(&(&own).into());
            } else {
                self.gather.add(&own);
            }
        }
        self.journal.ledger.merge(source.ledger());
        Ok(())
    }

    fn finish(mut self) -> Result<Box<dyn ArrivalSource>, TraceError> {
        let gather = &mut self.gather;
        self.gangs
            .finish(&mut self.journal, |gang| gather.add_gang(gang))?;
        self.gather.finish(self.journal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::recognize;
    use crate::tests::prelude::*;

    #[test]
    fn names_in_shards_make_no_difference() {
        let hash = |files: &[(&str, &str)]| {
            let input = Input::bytes("t.tar", archive(files));
            let entry = recognize(&input).expect("known");
            crate::content_hash::hash(entry, &input).expect("good files")
        };
        let tables = |name: &str| {
            let table = format!("submit,name\n1,{name}\n");
            hash(&[("a.csv", &table), ("b.csv", &table)])
        };
        assert_eq!(tables("one"), tables("other"));
        let logs = |user: i64, submit: i64| {
            let log = format!("1 {submit} 0 60 1 -1 -1 1 60 -1 1 {user} -1 -1 -1 -1 -1 -1\n");
            hash(&[("a.swf", &log), ("b.swf", &log)])
        };
        assert_eq!(logs(1, 5), logs(2, 5));
        assert_ne!(logs(1, 5), logs(1, 6));
    }

    fn read(files: &[(&str, &str)]) -> (&'static str, Recorded) {
        let input = Input::bytes("t.tar", archive(files));
        let entry = recognize(&input).expect("known");
        let open = opener(entry);
        let recorded = collected(open(&input, &ReadOptions::default()));
        (entry.name, recorded)
    }

    fn names(recorded: &Recorded) -> Vec<String> {
        let all = recorded.arrivals.iter();
        all.map(|own| own.name.to_string()).collect()
    }

    fn notes(recorded: &Recorded) -> Vec<String> {
        let entries = recorded.ledger.entries().iter();
        entries.map(ToString::to_string).collect()
    }

    #[test]
    fn shards_of_a_table_are_one_table() {
        let (format, recorded) = read(&[
            ("README.md", "words"),
            ("jobs/part-0.csv", "submit,cpu,after,gang\n1,1,,\n9,2,,g\n"),
            (
                "jobs/part-1.csv",
                "submit,gang,after,cpu\n0,,job-1,2\n5,g,,1\n",
            ),
            ("jobs/part-2.csv", ""),
            (
                "nodes.csv",
                "sn,cpu_milli,memory_mib,gpu,model\nn0,1,1,0,\n",
            ),
        ]);
        assert_eq!(format, "csv");
        assert_eq!(names(&recorded), ["job-3", "job-1", "job-2", "job-4"]);
        let secs = |own: &Arrival| own.submit.as_nanos() / 1_000_000_000;
        let submits: Vec<i64> = recorded.arrivals.iter().map(secs).collect();
        assert_eq!(submits, [0, 1, 5, 5]);
        assert_eq!(recorded.arrivals[0].after(), [model::PodName::Job(1)]);
        let classes: Vec<u32> = recorded.arrivals.iter().map(|own| own.class).collect();
        assert_eq!(classes, [0, 1, 0, 1]);
        notes(&recorded).are([
                "keep 1 row: file about the trace, not read (first t.tar: README.md:1)",
                "keep 1 row: file without a row (first t.tar: jobs/part-2.csv:1)",
                "keep 1 row: file of the format `openb-nodes`, not read (first t.tar: nodes.csv:1)",
                "repair 1 row: submitted after another row of its gang; submitted with that (first t.tar: \
                 jobs/part-0.csv:3)",
            ]);
        let place = recorded.arrivals[0]
            .origin
            .place(&recorded.files, &"t".into());
        assert_eq!((&*place.0, place.1), ("t.tar: jobs/part-1.csv", 2));
    }

    #[test]
    fn jobs_of_several_logs_wait_for_those_of_their_own() {
        let log = |zero: i64| {
            let row = |job: i64, at: i64, after: i64| {
                format!("{job} {at} 0 60 1 -1 -1 1 60 -1 1 7 -1 -1 -1 -1 {after} -1\n")
            };
            row(1, zero, -1) + &row(2, zero + 10, 1)
        };
        let (first, second) = (log(1_000_000_005), log(1_000_000_000));
        let (format, recorded) = read(&[("a.swf", &first), ("b.swf", &second)]);
        assert_eq!(format, "swf");
        let seen = recorded.arrivals.iter();
        let seen = seen.map(|own| {
            let after: Vec<String> = own.after().iter().map(ToString::to_string).collect();
            let secs = own.submit.as_nanos() / 1_000_000_000;
            (secs, own.part, own.name.to_string(), after.concat())
        });
        let expected = [
            (0, 1, "job-1", ""),
            (5, 0, "job-1", ""),
            (10, 1, "job-2", "job-1"),
            (15, 0, "job-2", "job-1"),
        ];
        let expected =
            expected.map(|(at, part, name, after)| (at, part, name.to_owned(), after.to_owned()));
        assert_eq!(seen.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn pods_of_several_lists_are_one_workload() {
        let header = "name,cpu_milli,memory_mib,num_gpu,gpu_milli,creation_time\n";
        let (one, other) = (
            format!("{header}a,1,1,0,0,7\n"),
            format!("{header}b,1,1,0,0,3\n"),
        );
        let (format, recorded) = read(&[("one.csv", &one), ("other.csv", &other)]);
        assert_eq!(
            (format, names(&recorded)),
            ("openb-pods", vec!["b".into(), "a".into()])
        );
    }

    #[test]
    fn files_about_a_trace_are_left_out_and_others_named_with_what_to_do() {
        let table = "submit,cpu\n1,1\n";
        let (_, recorded) = read(&[
            ("NOTICE", "Copyright"),
            ("a.csv", table),
            ("a.csv.sha256", "12ab  a.csv"),
            ("links.txt", "https://a/a.csv\n"),
            ("plot.py", "import this"),
        ]);
        notes(&recorded).are([
                "keep 3 rows: file about the trace, not read (first t.tar: NOTICE:1)",
                "keep 1 row: list of links, not read: name the files that it points to (first t.tar: links.txt:1)",
            ]);
        let files = [("a.csv", table), ("notes.txt", "what is this\n")];
        let input = Input::bytes("t.tar", archive(&files));
        let entry = crate::registry::find("csv").expect("known");
        let open = opener(entry);
        let error = open(&input, &ReadOptions::default())
            .err()
            .expect("no table");
        let error = error.to_string();
        assert!(
            error.starts_with("t.tar: notes.txt: the header has no column `submit`"),
            "{error}"
        );
        assert!(
            error.contains("keep this one elsewhere if it is none"),
            "{error}"
        );
    }

    #[test]
    fn a_folder_without_a_table_of_the_format_is_refused() {
        let table = "sn,cpu_milli,memory_mib,gpu,model\n";
        let input = Input::bytes("t.tar", archive(&[("a", table), ("b", table)]));
        let entry = crate::registry::find("csv").expect("known");
        let error = Shards::of(&input, entry).err().expect("no table");
        assert_eq!(error.to_string(), "t.tar: has no file of the format `csv`");
    }
}
