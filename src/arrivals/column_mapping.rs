//! Columns of anybody's table as those of the project's own: which stands for which, and in what unit.

use std::fmt;

use units::SortedMap;
use units::nearest::nearest;

/// Columns of another table by the name of the own column that each stands for, as users write them:
/// `time_submit as unix-seconds`, or of two times their difference, `end - start as unix-seconds`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ColumnMapping(SortedMap<String, String>);

/// Column of the own table that another stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingEntry {
    /// Name of the own column.
    pub own: String,
    /// Name in the other table, or two with ` - ` between them.
    pub other: String,
    /// Unit of the other's values; none where they are written as the own table's.
    pub unit: Option<ColumnUnit>,
}

/// Unit of the values of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnUnit {
    /// Times or spans that are numbers, by their nanoseconds.
    Time(i64),
    /// Spans such as `1-02:30:00` or `02:30:00`.
    Clock,
    /// Instants that are numbers since 1970, by their nanoseconds.
    Unix(i64),
    /// Dates with a time, of UTC where they name no zone.
    DateTime,
    /// Processors, by their thousandths.
    Cores(i64),
    /// Memory, by its bytes.
    Bytes(i64),
}

/// Kind of an own column, by the units that others may have in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Instant,
    Span,
    Cores,
    Bytes,
}

const SECOND: i64 = 1_000_000_000;

/// Units by their names.
const UNITS: [(&str, ColumnUnit); 24] = [
    ("seconds", ColumnUnit::Time(SECOND)),
    ("milliseconds", ColumnUnit::Time(1_000_000)),
    ("microseconds", ColumnUnit::Time(1_000)),
    ("nanoseconds", ColumnUnit::Time(1)),
    ("minutes", ColumnUnit::Time(60 * SECOND)),
    ("hours", ColumnUnit::Time(3_600 * SECOND)),
    ("days", ColumnUnit::Time(86_400 * SECOND)),
    ("clock", ColumnUnit::Clock),
    ("unix-seconds", ColumnUnit::Unix(SECOND)),
    ("unix-milliseconds", ColumnUnit::Unix(1_000_000)),
    ("unix-microseconds", ColumnUnit::Unix(1_000)),
    ("unix-nanoseconds", ColumnUnit::Unix(1)),
    ("date-time", ColumnUnit::DateTime),
    ("cores", ColumnUnit::Cores(1_000)),
    ("millicores", ColumnUnit::Cores(1)),
    ("percent", ColumnUnit::Cores(10)),
    ("bytes", ColumnUnit::Bytes(1)),
    ("KB", ColumnUnit::Bytes(1_000)),
    ("MB", ColumnUnit::Bytes(1_000_000)),
    ("GB", ColumnUnit::Bytes(1_000_000_000)),
    ("KiB", ColumnUnit::Bytes(1 << 10)),
    ("MiB", ColumnUnit::Bytes(1 << 20)),
    ("GiB", ColumnUnit::Bytes(1 << 30)),
    ("TiB", ColumnUnit::Bytes(1 << 40)),
];

/// Own columns whose values have units.
const KINDS: [(&str, Kind); 8] = [
    ("submit", Kind::Instant),
    ("start", Kind::Instant),
    ("run_time", Kind::Span),
    ("time_limit", Kind::Span),
    ("think_time", Kind::Span),
    ("cpu", Kind::Cores),
    ("memory", Kind::Bytes),
    ("ephemeral_storage", Kind::Bytes),
];

impl ColumnUnit {
    /// Whether values are instants since a zero that is no trace's.
    pub const fn is_absolute(self) -> bool {
        matches!(self, Self::Unix(_) | Self::DateTime)
    }

    fn fits(self, kind: Kind, is_difference: bool) -> bool {
        match kind {
            Kind::Instant => matches!(self, Self::Time(_) | Self::Unix(_) | Self::DateTime),
            Kind::Span if is_difference => {
                matches!(self, Self::Time(_) | Self::Unix(_) | Self::DateTime)
            }
            Kind::Span => matches!(self, Self::Time(_) | Self::Clock),
            Kind::Cores => matches!(self, Self::Cores(_)),
            Kind::Bytes => matches!(self, Self::Bytes(_)),
        }
    }
}

impl fmt::Display for ColumnUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = UNITS.iter().find(|(_, unit)| unit == self);
        f.write_str(name.map_or("", |(name, _)| name))
    }
}

impl MappingEntry {
    /// Whether the own column has spans.
    pub fn is_span(&self) -> bool {
        KINDS.contains(&(&*self.own, Kind::Span))
    }

    /// The two names of a difference.
    pub fn difference(&self) -> Option<(&str, &str)> {
        let (end, start) = self.other.split_once(" - ")?;
        Some((end.trim(), start.trim()))
    }
}

impl From<SortedMap<String, String>> for ColumnMapping {
    fn from(columns: SortedMap<String, String>) -> Self {
        Self(columns)
    }
}

impl ColumnMapping {
    /// The mapping of arguments such as `submit=time_submit as unix-seconds`.
    ///
    /// # Errors
    /// An argument without `=`, or a column twice.
    pub fn of_arguments(arguments: &[String]) -> Result<Self, String> {
        let mut columns = SortedMap::new();
        for argument in arguments {
            let Some((own, other)) = argument.split_once('=') else {
                return Err(format!(
                    "expected OWN=OTHER, such as `submit=time_submit as unix-seconds`, found `{argument}`"
                ));
            };
            let own = own.trim().to_owned();
            if columns
                .insert(own.clone(), other.trim().to_owned())
                .is_some()
            {
                return Err(format!("`{own}` stands twice; keep one of them"));
            }
        }
        Ok(Self(columns))
    }

    /// Whether the mapping names no column.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Checks that a table has times of submission, by the mapping or in a column of the own name.
    ///
    /// # Errors
    /// It has none.
    pub fn check_submit(&self, header: &str) -> Result<(), String> {
        let has = |name: &&str| self.0.contains_key(*name) || has_column(header, name);
        if ["submit", "submit_ns"].iter().any(has) {
            return Ok(());
        }
        Err("`submit` is lacking: say which column has the times of submission".to_owned())
    }

    /// Entries of the mapping, for a table whose own columns are `known`.
    ///
    /// # Errors
    /// A column that the own table hasn't, or a unit that it can't have.
    pub fn entries<'a>(
        &self,
        known: &(impl Iterator<Item = &'a str> + Clone),
    ) -> Result<Vec<MappingEntry>, String> {
        let entries = self.0.iter().map(|(own, written)| {
            if !known.clone().any(|name| name == own) {
                let near = nearest(own, known.clone());
                let near = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
                return Err(format!("the table `csv` has no column `{own}`{near}"));
            }
            entry(own, written)
        });
        entries.collect()
    }
}

/// Whether a header has a column, whatever separates its fields.
fn has_column(header: &str, name: &str) -> bool {
    let mut fields = header.split([',', ';', '\t', '|']);
    fields.any(|field| field.trim().trim_matches('"') == name)
}

fn entry(own: &str, written: &str) -> Result<MappingEntry, String> {
    let (other, unit) = match written.rsplit_once(" as ") {
        Some((other, unit)) => (other.trim(), Some(unit.trim())),
        None => (written.trim(), None),
    };
    if other.is_empty() {
        return Err(format!("`{own}` names no column"));
    }
    let kind = KINDS
        .iter()
        .find(|(name, _)| *name == own)
        .map(|&(_, kind)| kind);
    let mut entry = MappingEntry {
        own: own.to_owned(),
        other: other.to_owned(),
        unit: None,
    };
    let Some(unit) = unit else {
        return Ok(entry);
    };
    let is_difference = entry.difference().is_some();
    let fits = |found: ColumnUnit| kind.is_some_and(|kind| found.fits(kind, is_difference));
    let named = UNITS.iter().find(|(name, _)| *name == unit);
    if let Some(unit) = named.map(|&(_, unit)| unit).filter(|&unit| fits(unit)) {
        entry.unit = Some(unit);
        return Ok(entry);
    }
    let all = UNITS.iter().filter(|&&(_, unit)| fits(unit));
    let all: Vec<&str> = all.map(|&(name, _)| name).collect();
    if all.is_empty() {
        return Err(format!("`{own}` has no unit; leave ` as {unit}` out"));
    }
    let all = all.join(", ");
    Err(format!("`{own}`: expected a unit of {all}, found `{unit}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: [&str; 4] = ["submit", "run_time", "cpu", "name"];

    fn entries(arguments: &[&str]) -> Result<Vec<MappingEntry>, String> {
        let arguments: Vec<String> = arguments.iter().map(|&own| own.to_owned()).collect();
        ColumnMapping::of_arguments(&arguments)?.entries(&OWN.into_iter())
    }

    #[test]
    fn a_mapping_is_read_as_it_is_written() {
        let found = entries(&[
            "submit = time as of day as unix-seconds",
            "run_time=end - start as date-time",
        ]);
        let found = found.expect("a mapping");
        assert_eq!(found[0].difference(), Some(("end", "start")));
        assert_eq!(found[0].unit, Some(ColumnUnit::DateTime));
        assert_eq!(
            (&*found[1].other, found[1].unit),
            ("time as of day", Some(ColumnUnit::Unix(SECOND)))
        );
        for (name, unit) in UNITS {
            assert_eq!(unit.to_string(), name);
        }
    }

    #[test]
    fn mistakes_name_what_was_expected() {
        for (arguments, words) in [
            (&["submit"][..], "expected OWN=OTHER"),
            (&["submit=a", "submit=b"], "`submit` stands twice"),
            (
                &["submit=a", "cpus=b"],
                "no column `cpus`; did you mean `cpu`?",
            ),
            (
                &["submit=a as MiB"],
                "expected a unit of seconds, milliseconds",
            ),
            (
                &["submit=a", "run_time=b as unix-seconds"],
                "found `unix-seconds`",
            ),
            (
                &["submit=a", "name=b as seconds"],
                "`name` has no unit; leave ` as seconds` out",
            ),
            (&["submit="], "names no column"),
        ] {
            let error = entries(arguments).expect_err("a mistake");
            assert!(error.contains(words), "{error}");
        }
    }
}
