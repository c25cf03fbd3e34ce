//! Programs outside that take part in deciding: started by a command, asked over their standard input,
//! read from their standard output. What they print to their standard error goes to the user's.
//!
//! A program is started at its first question and ended with the run. It has a limit of real time for each
//! answer, so a program that hangs ends the run with an error; no decision depends on how long it took.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use control::{Exchange, ExchangeError};

/// Length of the longest answer, in bytes.
const ANSWER_MAX: u64 = 64 << 20;

/// Command of a program outside.
#[derive(Clone, Debug)]
pub struct Program {
    /// Program, and its arguments.
    pub command: Vec<String>,
    /// Folder that it runs in.
    pub folder: PathBuf,
    /// Real time that an answer may take.
    pub answer_limit: Duration,
}

/// A program that runs as a process of its own, once it is asked something.
pub struct Process {
    program: Program,
    running: Option<Running>,
    /// Number of answers so far.
    answers: u64,
}

struct Running {
    child: Child,
    input: ChildStdin,
    lines: Receiver<Result<String, String>>,
}

impl Process {
    /// A program that isn't started yet.
    pub const fn new(program: Program) -> Self {
        Self {
            program,
            running: None,
            answers: 0,
        }
    }

    fn failure(&self, what: &str) -> ExchangeError {
        let command = self.program.command.join(" ");
        let answers = match self.answers {
            0 => "before its first answer".to_owned(),
            1 => "after 1 answer".to_owned(),
            count => format!("after {count} answers"),
        };
        ExchangeError(format!("the external program `{command}` {what} {answers}"))
    }

    fn start(&self) -> Result<Running, ExchangeError> {
        let command = self.program.command.join(" ");
        let fail = |why: &dyn std::fmt::Display| {
            ExchangeError(format!(
                "the external program `{command}` can't be started: {why}"
            ))
        };
        let [name, arguments @ ..] = self.program.command.as_slice() else {
            return Err(fail(&"the command is empty"));
        };
        let mut child = Command::new(name)
            .args(arguments)
            .current_dir(Path::new(".").join(&self.program.folder))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| fail(&error))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(fail(&"it has no standard input or output"));
        };
        // A line that nobody waits for makes the reader wait, so a program that prints without end is
        // held by its pipe.
        let (send, lines) = sync_channel(1);
        thread::spawn(move || {
            let mut output = BufReader::new(output);
            while let Some(line) = next_line(&mut output) {
                let is_end = line.is_err();
                if send.send(line).is_err() || is_end {
                    return;
                }
            }
        });
        Ok(Running {
            child,
            input,
            lines,
        })
    }
}

/// The next line without its end, or why it is none; `None` at the end of the output.
fn next_line(output: &mut BufReader<ChildStdout>) -> Option<Result<String, String>> {
    let mut line = Vec::new();
    match output.take(ANSWER_MAX).read_until(b'\n', &mut line) {
        Ok(0) => None,
        Err(error) => Some(Err(error.to_string())),
        Ok(_) if line.pop_if(|byte| *byte == b'\n').is_none() => {
            let is_long = line.len() as u64 == ANSWER_MAX;
            let why = if is_long {
                "gave an answer of more than 64 MiB"
            } else {
                "ended in the middle of an answer"
            };
            Some(Err(why.to_owned()))
        }
        Ok(_) => {
            let text = String::from_utf8(line);
            Some(text.map_err(|_| "gave an answer that is no UTF-8".to_owned()))
        }
    }
}

impl Exchange for Process {
    fn ask(&mut self, question: &str) -> Result<String, ExchangeError> {
        let mut running = match self.running.take() {
            Some(running) => running,
            None => self.start()?,
        };
        let mut line = String::with_capacity(question.len() + 1);
        line.push_str(question);
        line.push('\n');
        // A program that ended is told by its missing answer.
        let _ = running.input.write_all(line.as_bytes());
        let answer = match running.lines.recv_timeout(self.program.answer_limit) {
            Ok(Ok(answer)) => answer,
            Ok(Err(why)) => return Err(self.failure(&why)),
            Err(RecvTimeoutError::Timeout) => {
                let limit = self.program.answer_limit;
                return Err(self.failure(&format!("gave no answer within {limit:?}")));
            }
            Err(RecvTimeoutError::Disconnected) => {
                let end = running.child.wait();
                let end = end.map_or_else(|error| error.to_string(), |status| status.to_string());
                return Err(self.failure(&format!("ended ({end})")));
            }
        };
        self.answers += 1;
        self.running = Some(running);
        Ok(answer)
    }

    fn again(&self) -> Box<dyn Exchange> {
        Box::new(Self::new(self.program.clone()))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It ends by itself once its input ends; one that doesn't is ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
