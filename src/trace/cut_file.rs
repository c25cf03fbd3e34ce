//! Files that are cut off within a line or a compressed block: a download that broke off, or a log that
//! still grows. Readers of lines read them up to the last whole one.

use std::io;

use super::error::TraceError;
use super::format::FormatEntry;
use super::input::Input;

/// Formats of which a file is one JSON text or one database.
pub(super) const WHOLE: [&str; 9] = [
    "azure-packing-2020",
    "batsim",
    "ecs",
    "kubernetes-events",
    "marathon",
    "nomad",
    "philly",
    "simkube",
    "wfformat",
];

/// The first bytes of a Parquet file.
const PARQUET: &[u8] = b"PAR1";

impl Input {
    /// Returns the input as one that may be cut off within a line or a compressed block, as a download that broke
    /// off is, or a log that still grows: its lines are read up to the last whole one.
    pub fn cut_off(mut self) -> Self {
        self.is_cut = true;
        self
    }

    /// Returns whether the input may be cut off.
    pub fn is_cut_off(&self) -> bool {
        self.is_cut
    }

    /// Checks that a file that may be cut off is read line by line in a format.
    ///
    /// # Errors
    /// It is read as a whole, so that nothing of a part can be read; or it can't be read at all.
    pub fn check_cut_off(&self, format: &FormatEntry) -> Result<(), TraceError> {
        let is_whole = self.is_cut
            && (WHOLE.contains(&format.name) || {
                let first = self.first_bytes()?;
                // An answer to a query; samples in the exposition format are lines.
                let is_answer = format.name == "prometheus" && first.starts_with(b"{");
                is_answer || first.starts_with(PARQUET)
            });
        if !is_whole {
            return Ok(());
        }
        Err(TraceError::Format {
            file: self.name.to_string(),
            reason: format!(
                "a file that is cut off is read up to its last whole line, and this one of the format `{}` has no \
                 lines: it is read as a whole; copy all of it, and leave `--cut-off` (`cutOff` in an experiment) out",
                format.name
            ),
        })
    }

    /// Returns the number of lines; of an input that may be cut off, that of the whole ones.
    ///
    /// # Errors
    /// It can't be read.
    pub fn count_lines(&self) -> Result<u64, TraceError> {
        let mut lines = self.lines()?;
        let mut last = 0;
        while let Some((number, _)) = lines.next_line()? {
            last = number;
        }
        Ok(last)
    }

    /// Whether an error is that of a file that is cut off, which may be.
    pub(super) fn ends_early(&self, error: &io::Error) -> bool {
        self.is_cut && error.kind() == io::ErrorKind::UnexpectedEof
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;
    use crate::lines::tests::lines;

    #[test]
    fn a_format_without_lines_refuses_to_be_cut_off() {
        let find = |name| crate::registry::find(name).expect("a format");
        let half = Input::bytes("log.json", &b"[{\"jobid\""[..]);
        assert_eq!(half.check_cut_off(find("philly")), Ok(()));
        let told = half.cut_off().check_cut_off(find("philly"));
        let told = told.expect_err("a whole").to_string();
        assert!(
            told.starts_with("log.json: ") && told.contains("`philly`"),
            "{told}"
        );
        let parquet = Input::bytes("a.parquet", &b"PAR1..."[..]).cut_off();
        assert!(parquet.check_cut_off(find("csv")).is_err());
        let lines = Input::bytes("a.csv", &b"submit\n0\n"[..]).cut_off();
        assert_eq!(lines.check_cut_off(find("csv")), Ok(()));
    }

    #[test]
    fn a_cut_file_is_read_up_to_its_last_whole_line() {
        let text = b"first\nsecond\nthird\n";
        let all = ["first", "second", "third"];
        for cut in 0..=text.len() {
            let half = Input::bytes("log", text[..cut].to_vec()).cut_off();
            let whole = text[..cut].split(|byte| *byte == b'\n').count() - 1;
            let found = lines(&half).expect("readable");
            let found: Vec<&str> = found.iter().map(|(_, line)| &**line).collect();
            assert_eq!(found, all[..whole], "{cut}");
            assert_eq!(half.count_lines(), Ok(whole as u64));
        }
        let mut text = String::new();
        for n in 0..5_000 {
            writeln!(text, "{n}").expect("memory");
        }
        let zstd = zstd::encode_all(text.as_bytes(), 3).expect("memory");
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(text.as_bytes()).expect("memory");
        for bytes in [gzip.finish().expect("memory"), zstd] {
            let half = Input::bytes("log", bytes[..bytes.len() / 2].to_vec());
            assert!(half.count_lines().is_err());
            let count = half.cut_off().count_lines().expect("readable");
            assert!(count < 5_000, "{count}");
        }
    }
}
