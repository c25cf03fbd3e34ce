//! The tables of a trace that lie side by side in a folder or an archive, told apart by their first rows. A format
//! reads its own, and those that say more about what is in them; every other file is listed with what its absence
//! changes, so that none is passed over in silence.

use crate::parts::cells::{show_rows, show_text};
use crate::prelude::*;
use intake::archive::{beginning, is_about, parts};
use intake::rows::{EMPTY, is_empty};

/// A table of a trace.
pub(crate) struct TraceTable {
    /// The name that its publisher gives the file.
    pub(crate) name: &'static str,
    /// The test whether a text that begins with these bytes is the table.
    pub(crate) sniff: fn(&[u8]) -> Confidence,
    /// The note of a format that does not read it: what it is, and what changes without it.
    pub(crate) unread: &'static str,
}

/// Declares the tables of a trace, each with its name, its test and the note of a format that does not read it.
macro_rules! trace_tables {
    ($vis:vis $tables:ident; $($name:literal: $sniff:expr, $unread:expr;)+) => {
        $vis const $tables: &[$crate::parts::side_by_side::TraceTable] =
            &[$($crate::parts::side_by_side::TraceTable {
                name: $name,
                sniff: $sniff,
                unread: $unread,
            }),+];
    };
}

pub(crate) use trace_tables;

/// The note about a file that is no table.
const ABOUT: &str = "file about the trace, not read";

/// The note about a file of addresses.
pub(crate) const LINKS: &str = "list of links, not read: name the files that it points to";

/// The files of the tables that a format reads, by their places in its list, and the others.
pub(crate) struct Tables<const N: usize> {
    pub(crate) read: [Vec<Input>; N],
    unread: Vec<(Arc<str>, &'static str)>,
}

impl<const N: usize> Tables<N> {
    /// The tables of a trace, of which these are read. A file that is none of them counts as one of the first, so that
    /// its rows are refused one by one.
    pub(crate) fn of(
        input: &Input,
        all: &[TraceTable],
        names: [&str; N],
    ) -> Result<Self, TraceError> {
        let mut tables = Self {
            read: [const { Vec::new() }; N],
            unread: Vec::new(),
        };
        let parts = parts(input)?;
        let is_alone = parts.len() == 1;
        for part in parts {
            if !is_alone && is_about(&part.name) {
                tables.unread.push((part.name, ABOUT));
                continue;
            }
            let first = beginning(&part)?;
            if !is_alone && is_empty(&first) {
                tables.unread.push((part.name, EMPTY));
                continue;
            }
            if !is_alone && is_list_of_links(&first) {
                tables.unread.push((part.name, LINKS));
                continue;
            }
            let table = most_like(all, &names, &part.name, &first);
            let place = names
                .iter()
                .position(|name| table.is_none_or(|own| own.name == *name));
            match (place, table) {
                (Some(place), _) => tables.read[place].push(part),
                (None, Some(table)) => tables.unread.push((part.name, table.unread)),
                (None, None) => {}
            }
        }
        Ok(tables)
    }

    /// The tables without those of a place.
    pub(crate) fn without(mut self, place: usize) -> Self {
        self.read[place].clear();
        self
    }

    /// The tables of a trace, of which these are read, if the first of them is among them.
    pub(crate) fn with_first(
        input: &Input,
        all: &[TraceTable],
        names: [&str; N],
    ) -> Result<Self, TraceError> {
        let tables = Self::of(input, all, names)?;
        if !tables.read[0].is_empty() {
            return Ok(tables);
        }
        Err(TraceError::Format {
            file: input.name.to_string(),
            reason: format!(
                "has no `{}`; name the folder or archive that has it beside the other tables",
                names[0]
            ),
        })
    }

    /// A journal of the trace that lists the files that are not read.
    pub(crate) fn journal(
        &self,
        input: &Input,
        options: &ReadOptions,
    ) -> Result<Journal, TraceError> {
        let mut journal = Journal::new(input.name.clone(), options.rows);
        for (file, kind) in &self.unread {
            journal.file = file.clone();
            journal.dirt(kind, Action::Keep, 1)?;
        }
        Ok(journal)
    }

    /// Shows the cells of the first table but for those of names, and the text of the others that are read.
    pub(crate) fn show(
        &self,
        format: &FormatEntry,
        layout: &Layout,
        show: &mut dyn FnMut(&[u8]),
    ) -> Result<(), TraceError> {
        for (place, parts) in self.read.iter().enumerate() {
            for part in parts {
                if place == 0 {
                    show_rows(format, layout, part, show)?;
                } else {
                    show_text(format, part, show)?;
                }
            }
        }
        Ok(())
    }
}

/// The table that a text is of by its first bytes; of equally likely ones that of the file's name, else one of these names.
/// A name stands where the content allows it; without one, a table of which the content is certain goes before others.
fn most_like<'t>(
    all: &'t [TraceTable],
    names: &[&str],
    file: &str,
    first: &[u8],
) -> Option<&'t TraceTable> {
    let found = |confidence| {
        let mut like = all.iter().filter(|own| (own.sniff)(first) == confidence);
        let read = like.clone().find(|own| names.contains(&own.name));
        read.or_else(|| like.next())
    };
    let certain = || found(Confidence::Certain);
    let named = all.iter().find(|own| is_named(file, own.name));
    match named {
        Some(own) if (own.sniff)(first) != Confidence::No => Some(own),
        named => certain().or(named).or_else(|| found(Confidence::Maybe)),
    }
}

/// Whether a file has the name of a table, by itself or within an archive of that name.
fn is_named(file: &str, table: &str) -> bool {
    let name = file.rsplit(['/', ' ']).next().unwrap_or_default();
    let after = name.strip_prefix(table);
    after.is_some_and(|after| !after.starts_with(|next: char| next.is_ascii_alphanumeric()))
}

/// Whether a text is a list of addresses, as some publishers have it for those who download their files.
pub(crate) fn is_list_of_links(first: &[u8]) -> bool {
    let lines = first.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    let mut lines = lines.filter(|line| !line.is_empty()).peekable();
    let is_link = |line: &[u8]| line.starts_with(b"http://") || line.starts_with(b"https://");
    lines.peek().is_some() && lines.take(LINKS_SHOWN).all(is_link)
}

/// The most lines by which a list of links is known.
const LINKS_SHOWN: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packed::archive;
    use crate::tests::prelude::*;
    use intake::ledger::RowPolicy;

    trace_tables! { TABLES;
        "letters": |first| Confidence::certain_if(first.starts_with(b"a")), "letters";
        "digits": |first| Confidence::certain_if(first.starts_with(b"1")), "digits, not read; nothing counts";
    }

    #[test]
    fn every_file_is_read_or_listed() {
        let bytes = archive(&[
            ("Links.txt", "https://a/b.gz\nhttps://a/c.gz"),
            ("README.md", "words"),
            ("w", ""),
            ("x", "1\n"),
            ("y", "a\n"),
            ("z", "?\n"),
        ]);
        let input = Input::bytes("t.tar", bytes);
        let tables = Tables::of(&input, TABLES, ["letters"]).expect("an archive");
        let names: Vec<&str> = tables.read[0].iter().map(|part| &*part.name).collect();
        assert_eq!(names, ["t.tar: y", "t.tar: z"]);
        let options = crate::tests::prelude::options_with(|own| own.rows = RowPolicy::REPORT);
        let journal = tables.journal(&input, &options).expect("not strict");
        let listed: Vec<String> = { journal.ledger.entries().iter() }
            .map(ToString::to_string)
            .collect();
        listed.are([
                "keep 1 row: list of links, not read: name the files that it points to (first t.tar: Links.txt:1)",
                "keep 1 row: file about the trace, not read (first t.tar: README.md:1)",
                "keep 1 row: file without a row (first t.tar: w:1)",
                "keep 1 row: digits, not read; nothing counts (first t.tar: x:1)",
            ]);
    }

    #[test]
    fn names_of_files_tell_tables_that_their_rows_do_not() {
        trace_tables! { ALIKE;
            "tasks": |first| Confidence::certain_if(first.starts_with(b"a")), "tasks";
            "tags": |first| Confidence::certain_if(first.starts_with(b"a1")), "tags";
        }
        for (file, first, expected) in [
            ("x/tags.csv", "a1", "tags"),
            ("tags.tar: tags.csv", "?", "tags"),
            ("tags-0.csv", "a1", "tags"),
            ("tags.csv", "a2", "tasks"),
            ("tagsets.csv", "a1", "tasks"),
            ("part-0.csv", "a1", "tasks"),
        ] {
            let found = most_like(ALIKE, &["tasks"], file, first.as_bytes());
            assert_eq!(found.map(|own| own.name), Some(expected), "{file}");
        }
        assert!(most_like(ALIKE, &["tasks"], "part-0.csv", b"?").is_none());
    }

    #[test]
    fn a_trace_without_its_own_table_is_refused() {
        let input = Input::bytes("digits.csv", &b"1\n"[..]);
        let tables = Tables::with_first(&input, TABLES, ["letters"]);
        let error = tables.err().expect("no letters");
        assert_eq!(
            error.to_string(),
            "digits.csv: has no `letters`; name the folder or archive that has it beside the other tables"
        );
    }
}
