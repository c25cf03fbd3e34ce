//! Files that are cut off within a line or a compressed block: a download that broke off, or a log that
//! still grows. They are read up to the last whole line.

use std::io;

use super::Input;
use crate::error::TraceError;

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
