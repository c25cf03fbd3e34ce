//! The place of a record in its trace: the file and the line that an arrival was read from. It takes
//! eight bytes of each arrival; the names of the files stand once, beside the arrivals.

use std::sync::Arc;

/// The place of a record: a file, by its number among those of its source
/// (`arrivals::ArrivalSource::files`), and a line.
///
/// Any two places are equal: where a record stands is no part of what it says.
#[derive(Clone, Copy, Debug, Default)]
pub struct Origin {
    /// The number of the file; 0 is the trace itself where the source names no files.
    pub file: u16,
    /// The line, row or element, counted from 1; 0 if it is not known.
    pub line: u32,
}

impl PartialEq for Origin {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Origin {}

impl Origin {
    /// The place of what no file states.
    pub const NONE: Self = Self { file: 0, line: 0 };

    /// The line of a trace of one file.
    pub fn line(line: u64) -> Self {
        Self {
            file: 0,
            line: u32::try_from(line).unwrap_or(0),
        }
    }

    /// The file and the line of a record among the files of its source; `file` names those of a source
    /// without files.
    pub fn place(self, files: &[Arc<str>], file: &Arc<str>) -> (Arc<str>, u64) {
        let own = files.get(usize::from(self.file)).unwrap_or(file);
        (own.clone(), self.line.into())
    }

    /// The place as one number, of which later lines of a file are larger ones.
    pub fn number(self) -> u64 {
        u64::from(self.file) << 32 | u64::from(self.line)
    }

    /// The place of a number.
    pub fn of_number(number: u64) -> Self {
        Self {
            file: (number >> 32) as u16,
            line: number as u32,
        }
    }
}

/// The files of a trace in the order in which they are first read.
#[derive(Clone, Debug, Default)]
pub struct Files {
    names: Vec<Arc<str>>,
}

impl Files {
    /// The place of a line of a file; files beyond the first 65,536 have none.
    pub fn origin(&mut self, file: &Arc<str>, line: u64) -> Origin {
        let is_own = |name: &Arc<str>| Arc::ptr_eq(name, file) || name == file;
        // The rows of a file follow each other.
        let known = self.names.iter().rposition(is_own);
        let place = known.unwrap_or_else(|| {
            self.names.push(file.clone());
            self.names.len() - 1
        });
        match u16::try_from(place) {
            Ok(file) => Origin {
                file,
                ..Origin::line(line)
            },
            Err(_) => Origin::NONE,
        }
    }

    /// The names of the files up to now.
    pub fn names(&self) -> &[Arc<str>] {
        &self.names
    }

    /// The names of the files.
    pub fn into_names(self) -> Vec<Arc<str>> {
        self.names
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn files_are_numbered_as_they_are_met() {
        let mut files = Files::default();
        let names: [Arc<str>; 2] = ["a".into(), "b".into()];
        let found = [(0, 3), (1, 4), (0, 5_000_000_000)].map(|(file, line)| {
            let origin = files.origin(&names[file], line);
            (origin.file, origin.line)
        });
        assert_eq!(found, [(0, 3), (1, 4), (0, 0)]);
        assert_eq!(files.into_names(), names);
    }

    proptest! {
        #[test]
        fn numbers_read_back(file in any::<u16>(), line in any::<u32>()) {
            let origin = Origin { file, line };
            let again = Origin::of_number(origin.number());
            prop_assert_eq!((again.file, again.line), (file, line));
        }
    }
}
