//! Pipes from a workload to its log.

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Stdio;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::OwnedFd;
use rustix::pipe::{PipeFlags, pipe_with};

use super::super::clock;
use super::super::log::{LogLimits, LogWriter, Stream};

/// Read ends of the workload's pipes, the log, and the notice that a child has ended.
pub(super) struct Streams {
    log: LogWriter,
    ends: UnixStream,
    out: Option<OwnedFd>,
    err: Option<OwnedFd>,
    buffer: Vec<u8>,
}

/// Write ends of a workload's pipes.
pub(super) struct Outputs {
    pub(super) out: Stdio,
    pub(super) err: Stdio,
}

/// Bytes that one reading takes: as many as a pipe holds.
const BUFFER_BYTES: usize = 64 << 10;

/// Opens the log and the notice of children that end.
pub(super) fn prepare(folder: &Path, limits: LogLimits) -> io::Result<Streams> {
    Ok(Streams {
        log: LogWriter::new(folder, limits),
        ends: super::child_ends()?,
        out: None,
        err: None,
        buffer: vec![0; BUFFER_BYTES],
    })
}

impl Streams {
    /// Makes the pipes; all ends are closed on execution, but for the workload's own.
    pub(super) fn outputs(&mut self) -> io::Result<Outputs> {
        let (out_read, out) = pipe_with(PipeFlags::CLOEXEC)?;
        let (err_read, err) = pipe_with(PipeFlags::CLOEXEC)?;
        for end in [&out_read, &err_read] {
            rustix::io::ioctl_fionbio(end, true)?;
        }
        self.out = Some(out_read);
        self.err = Some(err_read);
        Ok(Outputs {
            out: out.into(),
            err: err.into(),
        })
    }

    /// Returns whether the workload's ends of the pipes may still be open.
    pub(super) const fn is_open(&self) -> bool {
        self.out.is_some() || self.err.is_some()
    }

    /// Waits for output or for the end of a child, and writes output to the log.
    pub(super) fn wait(&mut self, limit_ns: Option<i64>) {
        let limit = limit_ns.map(clock::timespec);
        let mut watched = vec![PollFd::new(&self.ends, PollFlags::IN)];
        for end in [&self.out, &self.err].into_iter().flatten() {
            watched.push(PollFd::new(end, PollFlags::IN));
        }
        // An interrupted call reads nothing and is made again by the caller.
        let _ = poll(&mut watched, limit.as_ref());
        drop(watched);
        let mut notices = [0; 64];
        while (&self.ends).read(&mut notices).is_ok_and(|count| count > 0) {}
        Self::copy(&mut self.out, Stream::Out, &mut self.buffer, &mut self.log);
        Self::copy(&mut self.err, Stream::Err, &mut self.buffer, &mut self.log);
    }

    /// Writes the ends of unfinished lines.
    pub(super) fn finish(&mut self) {
        self.log.finish();
    }

    /// Copies once what a pipe holds, and closes it at its end.
    fn copy(end: &mut Option<OwnedFd>, stream: Stream, buffer: &mut [u8], log: &mut LogWriter) {
        let Some(open) = end else { return };
        match rustix::io::read(&*open, &mut *buffer) {
            Ok(0) => *end = None,
            Ok(count) => log.take(stream, &buffer[..count]),
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
            Err(_) => *end = None,
        }
    }
}
