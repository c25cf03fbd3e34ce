//! A first line with the names of columns, which copies of tables have that are published without one.

use super::format::ColumnDoc;
use intake::Input;
use intake::TraceError;

/// The note about such a line.
pub(crate) const NOTE: &str = "line with the names of columns, not read";

/// As many names of the format's columns tell that a line has names: those of a copy may be other words for the rest.
const TOLD_BY: usize = 2;

/// Whether a table without a header begins with the names of its columns: fields that are no numbers, of which some are
/// called as the format calls them.
///
/// # Errors
/// The table can't be read, or a column of the format has another place.
pub(crate) fn begins_with_names(
    part: &Input,
    columns: &[ColumnDoc],
    separator: u8,
) -> Result<bool, TraceError> {
    let first = part.first_bytes()?;
    let Some(names) = names(&first, separator).filter(|names| names.len() == columns.len()) else {
        return Ok(false);
    };
    let own: Vec<String> = { columns.iter() }
        .map(|column| plain(column.name))
        .collect();
    let places = names
        .iter()
        .map(|name| own.iter().position(|own| own == name));
    let places: Vec<Option<usize>> = places.collect();
    if places.iter().flatten().count() < TOLD_BY {
        return Ok(false);
    }
    let mut moved = (0..)
        .zip(&places)
        .filter_map(|(at, place)| Some((at, (*place)?)));
    if let Some((at, place)) = moved.find(|&(at, place)| at != place) {
        let columns: Vec<&str> = columns.iter().map(|column| column.name).collect();
        return Err(TraceError::Format {
            file: part.name.to_string(),
            reason: format!(
                "the first line has `{}` as column {}, where the format has `{}`; the columns are, in this order: {}",
                columns[place],
                at + 1,
                columns[at],
                columns.join(", ")
            ),
        });
    }
    Ok(true)
}

/// The fields of the first line as plain names, if none is a number.
fn names(first: &[u8], separator: u8) -> Option<Vec<String>> {
    let mut lines = first.split(|&byte| byte == b'\n');
    let line = lines.find(|line| !line.trim_ascii().is_empty() && line.first() != Some(&b'#'))?;
    let line = str::from_utf8(line).ok()?;
    let mut fields = line.split(char::from(separator)).map(str::trim);
    let names = fields.clone().map(plain);
    let has_number = fields.any(|field| field.parse::<f64>().is_ok());
    (!has_number).then(|| names.collect())
}

/// A name by its letters and digits alone, all of them small: `machine id`, `machine_id` and `machineID` are one.
fn plain(name: &str) -> String {
    let letters = name.chars().filter(|char| char.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use crate::inspect::validate;
    use crate::nameless::hash;
    use crate::registry::{find, recognize};
    use crate::{Input, ReadOptions};

    const TASKS: &str = "M1,1,j_1,1,Terminated,100,160,50,0.39\n";
    const NAMES: &str =
        "task_name,instance_num,job_name,task_type,status,start_time,end_time,plan_cpu,plan_mem\n";

    #[test]
    fn a_line_with_the_names_of_columns_is_noted_and_changes_nothing() {
        for (format, names, rows) in [
            ("alibaba-2018-tasks", NAMES, TASKS),
            (
                "google-2011-machines",
                "\"time\",\"machine ID\",\"event type\",\"platform ID\",\"CPUs\",\"Memory\"\r\n",
                "0,5,0,p,0.5,0.2\r\n",
            ),
            (
                "alibaba-gpu-2020-machines",
                "machine,gpu_type,cap_cpu,cap_mem,cap_gpu\n",
                "7c3a,T4,96,512,2\n",
            ),
        ] {
            let plain = Input::bytes("t.csv", rows.as_bytes());
            let named = Input::bytes("t.csv", format!("{names}{rows}").into_bytes());
            let entry = find(format).expect("known");
            assert_eq!(recognize(&named).expect("known").name, format);
            let found = validate(&named, entry, &ReadOptions::default(), 9);
            assert_eq!((found.accepted, found.bad_rows.len()), (1, 0), "{format}");
            assert_eq!(found.ledger.count(super::NOTE), 1, "{format}");
            let hash = |input| hash(entry, input).expect("good rows");
            assert_eq!(hash(&named), hash(&plain), "{format}");
        }
    }

    #[test]
    fn columns_in_another_order_are_refused_and_rows_are_no_names() {
        let entry = find("alibaba-2018-tasks").expect("known");
        let names = NAMES.replace("start_time,end_time", "end_time,start_time");
        let input = Input::bytes("t.csv", format!("{names}{TASKS}").into_bytes());
        let found = validate(&input, entry, &ReadOptions::default(), 9);
        let told = found.stopped.expect("refused").to_string();
        let place = "`end_time` as column 6, where the format has `start_time`; the columns are";
        assert!(told.contains(place), "{told}");
        let rows = format!("M1,x,j_1,1,Terminated,y,z,v,w\n{TASKS}");
        let input = Input::bytes("t.csv", rows.into_bytes());
        let found = validate(&input, entry, &ReadOptions::default(), 9);
        assert_eq!((found.accepted, found.bad_rows.len()), (1, 1));
    }
}
