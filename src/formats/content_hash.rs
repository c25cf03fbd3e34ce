//! Hashes of traces with their names left out: two traces of equal hashes ask for the same, whatever
//! their jobs, pods and users are called.

use crate::prelude::*;
use intake::table::{Column, Table};

/// The hash over the cells of a file that its format reads, but for those of names
/// ([`FormatEntry::names`]).
///
/// # Errors
/// The file can't be read, or is not of the format.
pub fn hash(format: &FormatEntry, input: &Input) -> Result<String, TraceError> {
    let mut hasher = blake3::Hasher::new();
    (format.cells)(format, input, &mut |bytes| {
        // The length keeps neighbors apart.
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    })?;
    Ok(hasher.finalize().to_hex().to_string())
}

/// Shows the cells of a table with a header: the columns that its format reads, in the format's order,
/// but for those of names.
///
/// # Errors
/// The file can't be read, or is no table.
pub fn cells_of_table(
    format: &FormatEntry,
    input: &Input,
    show: &mut dyn FnMut(&[u8]),
) -> Result<(), TraceError> {
    let mut table = Table::open(input)?;
    let read = format.columns.iter().map(|column| column.name);
    let read = read.filter(|name| !format.names.contains(name));
    let columns: Vec<(&str, Column)> = read
        .filter_map(|name| Some((name, table.column(name)?)))
        .collect();
    // Only those that are there: a column that a format gains changes nothing for tables without it.
    for (name, _) in &columns {
        show(name.as_bytes());
    }
    while let Some(row) = table.next_row()? {
        match row {
            Ok(row) => columns
                .iter()
                .for_each(|(_, column)| show(row.bytes(column))),
            Err(bad) => show(bad.value.as_bytes()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::readers::{csv, swf};
    use crate::registry::FORMATS;

    fn hash_of(format: &FormatEntry, text: &str) -> String {
        let input = Input::bytes("jobs", text.as_bytes().to_vec());
        hash(format, &input).expect("a trace")
    }

    #[test]
    fn every_format_has_columns_of_names() {
        for format in FORMATS {
            assert!(!format.names.is_empty(), "{}", format.name);
            for name in format.names {
                let mut columns = format.columns.iter();
                let is_read = columns.any(|column| column.name == *name);
                assert!(is_read, "{}: {name}", format.name);
            }
        }
    }

    #[test]
    fn names_of_a_job_log_and_its_remarks_make_no_difference() {
        let row = |number: u64, submit: u64, user: &str| {
            format!("{number} {submit} -1 60 4 -1 -1 4 90 -1 1 {user} 2 3 1 1 -1 -1\n")
        };
        let log = |users: [&str; 2], submit: u64| {
            format!(
                "; MaxProcs: 8\n{}{}",
                row(1, 0, users[0]),
                row(2, submit, users[1])
            )
        };
        let plain = hash_of(&swf::ENTRY, &log(["1", "2"], 5));
        let others = log(["7", "8"], 5).replace("; MaxProcs: 8", "; Computer: other");
        let jobs = format!("{}{}", row(11, 0, "1"), row(12, 5, "2"));
        let slurm = jobs.replace(' ', ";");
        for (text, is_same) in [
            (&*others, true),
            (&*jobs, true),
            (&*slurm, true),
            (&*log(["1", "2"], 6), false),
            (&*jobs.replace(" 60 ", " 61 "), false),
            (&*row(1, 0, "1"), false),
        ] {
            assert_eq!(hash_of(&swf::ENTRY, text) == plain, is_same, "{text}");
        }
    }

    #[test]
    fn names_and_unread_columns_make_no_difference() {
        let hash = |text: &str| hash_of(&csv::ENTRY, text);
        let plain = hash("submit,name,cpu\n0,a,1\n1,b,2\n");
        for (text, is_same) in [
            ("submit,name,cpu\n0,x,1\n1,y,2\n", true),
            ("cpu,submit,color\n1,0,red\n2,1,blue\n", true),
            ("submit,name,cpu\n0,a,1\n1,b,3\n", false),
            ("submit,name,cpu\n0,a,1\n", false),
            ("submit,name,cpu,priority\n0,a,1,5\n1,b,2,5\n", false),
        ] {
            assert_eq!(hash(text) == plain, is_same, "{text}");
        }
    }
}
