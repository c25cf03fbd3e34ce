//! Bytes read in a thread of their own: decompressing costs more than the parsing of what comes
//! out, so the two go side by side. What is delivered is what the reader delivers, its error after
//! the last byte before it. Dropping the pipe stops the thread.

use std::io::{self, BufRead, Read};
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{Builder, JoinHandle};

/// Bytes handed over at once: small enough to be found in the second-level cache.
const BLOCK_BYTES: usize = 1 << 18;
/// Blocks that wait at most.
const BLOCKS_WAITING: usize = 2;

/// A reader whose reading is done elsewhere.
pub(super) struct Pipe {
    blocks: Option<Receiver<io::Result<Block>>>,
    /// Emptied blocks go back to be filled again.
    spent: Sender<Vec<u8>>,
    thread: Option<JoinHandle<()>>,
    block: Block,
    taken: usize,
}

/// Bytes of which so many are filled.
#[derive(Default)]
struct Block {
    bytes: Vec<u8>,
    filled: usize,
}

impl Pipe {
    /// Starts to read.
    pub(super) fn new(reader: Box<dyn BufRead + Send>) -> io::Result<Self> {
        let (sender, blocks) = sync_channel(BLOCKS_WAITING);
        let (spent, buffers) = channel();
        let thread = Builder::new()
            .name("decompressor".to_owned())
            .spawn(move || read(reader, &sender, &buffers))?;
        Ok(Self {
            blocks: Some(blocks),
            spent,
            thread: Some(thread),
            block: Block::default(),
            taken: 0,
        })
    }

    /// The thread has ended: at the end of the bytes, or in a panic that goes on here.
    fn end(&mut self) {
        self.blocks = None;
        if let Some(thread) = self.thread.take()
            && let Err(panic) = thread.join()
        {
            resume_unwind(panic);
        }
    }
}

impl BufRead for Pipe {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.taken == self.block.filled
            && let Some(blocks) = &self.blocks
        {
            let spent = std::mem::take(&mut self.block).bytes;
            let _ = self.spent.send(spent);
            self.taken = 0;
            match blocks.recv() {
                Ok(block) => self.block = block?,
                Err(_) => self.end(),
            }
        }
        Ok(&self.block.bytes[self.taken..self.block.filled])
    }

    fn consume(&mut self, amount: usize) {
        self.taken += amount;
    }
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.fill_buf()?.read(buffer)?;
        self.consume(length);
        Ok(length)
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        // Without a receiver the thread's next sending fails, and it ends.
        self.blocks = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Reads to the end or an error, or until nobody listens any more.
fn read(
    mut reader: Box<dyn BufRead + Send>,
    blocks: &SyncSender<io::Result<Block>>,
    buffers: &Receiver<Vec<u8>>,
) {
    loop {
        let mut bytes = buffers.try_recv().unwrap_or_default();
        bytes.resize(BLOCK_BYTES, 0);
        let mut filled = 0;
        let mut wrong = None;
        while filled < BLOCK_BYTES {
            match reader.read(&mut bytes[filled..]) {
                Ok(0) => break,
                Ok(length) => filled += length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    wrong = Some(error);
                    break;
                }
            }
        }
        let is_last = filled < BLOCK_BYTES;
        if filled > 0 && blocks.send(Ok(Block { bytes, filled })).is_err() {
            return;
        }
        if let Some(error) = wrong {
            let _ = blocks.send(Err(error));
            return;
        }
        if is_last {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Delivers its parts one by one, then fails.
    struct Failing(Vec<Vec<u8>>);

    impl Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Err(io::Error::other("broken"));
            }
            let part = self.0.remove(0);
            buffer[..part.len()].copy_from_slice(&part);
            Ok(part.len())
        }
    }

    fn all(reader: impl Read + Send + 'static) -> (Vec<u8>, Option<String>) {
        let mut pipe = Pipe::new(Box::new(io::BufReader::new(reader))).expect("a thread");
        let mut bytes = Vec::new();
        let wrong = pipe.read_to_end(&mut bytes).err();
        (bytes, wrong.map(|error| error.to_string()))
    }

    #[test]
    fn everything_arrives_in_order() {
        for length in [0, 1, BLOCK_BYTES, 9 * BLOCK_BYTES + 17] {
            let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            assert_eq!(all(io::Cursor::new(bytes.clone())), (bytes, None));
        }
    }

    #[test]
    fn an_error_comes_after_what_was_read_before_it() {
        let parts = vec![b"one".to_vec(), b"two".to_vec()];
        let expected = (b"onetwo".to_vec(), Some("broken".to_owned()));
        assert_eq!(all(Failing(parts)), expected);
    }

    #[test]
    fn a_pipe_that_is_dropped_stops() {
        let mut pipe = Pipe::new(Box::new(io::BufReader::new(io::repeat(7)))).expect("a thread");
        assert_eq!(pipe.fill_buf().expect("endless")[0], 7);
    }
}
