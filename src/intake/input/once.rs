//! A stream that is read through only once and never held as a whole.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Mutex;

use super::{BUFFER_BYTES, SNIFF_BYTES};

/// A stream, such as standard input, which is read through only once.
pub(super) struct Once {
    /// First bytes of the input.
    pub(super) head: Vec<u8>,
    /// The bytes behind them; `None` once they are read.
    rest: Mutex<Option<Box<dyn BufRead + Send>>>,
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once").finish_non_exhaustive()
    }
}

impl Once {
    pub(super) fn begin(stream: impl Read + Send + 'static) -> io::Result<Self> {
        let mut head = Vec::with_capacity(SNIFF_BYTES);
        let mut rest = BufReader::with_capacity(BUFFER_BYTES, stream);
        let limit = SNIFF_BYTES as u64;
        rest.by_ref().take(limit).read_to_end(&mut head)?;
        let rest: Box<dyn BufRead + Send> = Box::new(rest);
        Ok(Self {
            head,
            rest: Mutex::new(Some(rest)),
        })
    }

    pub(super) fn open(&self) -> io::Result<Box<dyn BufRead + Send>> {
        let rest = self.rest.lock().ok().and_then(|mut rest| rest.take());
        let rest = rest.ok_or_else(|| io::Error::other("it can be read only once"))?;
        Ok(Box::new(io::Cursor::new(self.head.clone()).chain(rest)))
    }
}

impl PartialEq for Once {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for Once {}
