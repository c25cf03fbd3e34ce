//! A compressed log that may still be written: what is there so far, and later the rest.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use zstd::stream::raw::{Decoder, InBuffer, Operation as _, OutBuffer};

/// Bytes of the file that are read at once.
const PIECE: usize = 1 << 14;
/// Most bytes of a line; what is longer is no event.
const MOST_LINE: usize = 1 << 22;

/// Reading of a log that may grow.
pub(crate) struct Tail {
    file: File,
    decoder: Decoder<'static>,
    /// Bytes of the file that were read.
    read: u64,
    /// Number of the file, by which another one under the same name is known.
    inode: u64,
    /// What follows the last whole line.
    rest: Vec<u8>,
    piece: Vec<u8>,
    text: Vec<u8>,
}

impl Tail {
    /// Opens a log.
    ///
    /// # Errors
    /// If there is none, or it can't be read.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let inode = file.metadata()?.ino();
        Ok(Self {
            file,
            decoder: Decoder::new()?,
            read: 0,
            inode,
            rest: Vec::new(),
            piece: vec![0; PIECE],
            text: vec![0; 1 << 17],
        })
    }

    /// Bytes that were read so far.
    pub(crate) const fn bytes(&self) -> u64 {
        self.read
    }

    /// Whether the file of a name is still this one, at least as long as what was read.
    pub(crate) fn is_of(&self, path: &Path) -> bool {
        let found = path.metadata();
        found.is_ok_and(|own| own.ino() == self.inode && own.len() >= self.read)
    }

    /// Whether the file is longer than what was read.
    pub(crate) fn has_more(&self) -> bool {
        self.file.metadata().is_ok_and(|own| own.len() > self.read)
    }

    /// Reads a piece and gives its whole lines away; `false` where there is no more for now.
    ///
    /// # Errors
    /// If the file can't be read, or is damaged.
    pub(crate) fn piece(&mut self, take: &mut dyn FnMut(&[u8])) -> io::Result<bool> {
        let count = self.file.read(&mut self.piece)?;
        self.read += count as u64;
        let mut input = InBuffer::around(&self.piece[..count]);
        loop {
            let mut output = OutBuffer::around(self.text.as_mut_slice());
            self.decoder.run(&mut input, &mut output)?;
            let made = output.pos();
            lines(&self.text[..made], &mut self.rest, take);
            // A full buffer may hold back more.
            if made < self.text.len() && input.pos() >= count {
                break;
            }
        }
        Ok(count > 0)
    }
}

/// Gives whole lines away and keeps what follows the last of them.
fn lines(text: &[u8], rest: &mut Vec<u8>, take: &mut dyn FnMut(&[u8])) {
    let mut text = text;
    while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
        let (line, after) = (&text[..end], &text[end + 1..]);
        if rest.is_empty() {
            take(line);
        } else {
            rest.extend_from_slice(line);
            take(rest);
            rest.clear();
        }
        text = after;
    }
    if rest.len() + text.len() <= MOST_LINE {
        rest.extend_from_slice(text);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;

    use super::*;

    #[test]
    fn what_is_written_later_is_read_later() {
        let path = std::env::temp_dir().join(format!("windtunnel-tail-{}", std::process::id()));
        let mut writer = zstd::stream::write::Encoder::new(File::create(&path).expect("a file"), 1)
            .expect("an encoder");
        writer.write_all(b"one\ntwo\nthr").expect("it is written");
        writer.flush().expect("it is flushed");
        let mut tail = Tail::open(&path).expect("it opens");
        let mut found = Vec::new();
        let mut read = |tail: &mut Tail| {
            while tail
                .piece(&mut |line| found.push(String::from_utf8_lossy(line).into_owned()))
                .expect("it is whole so far")
            {}
            found.len()
        };
        assert_eq!(read(&mut tail), 2);
        assert!(!tail.has_more());
        writer.write_all(b"ee\n").expect("it is written");
        writer.finish().expect("it is finished");
        assert!(tail.has_more());
        assert_eq!(read(&mut tail), 3);
        assert_eq!(found, ["one", "two", "three"]);
        assert!(tail.is_of(&path));
        fs::write(&path, "x").expect("another file");
        assert!(!tail.is_of(&path));
        let _ = fs::remove_file(path);
    }
}
