//! Programs outside that take part in deciding: started by a command, asked over their standard input,
//! read from their standard output; or servers on this machine, asked over HTTP. What programs print to
//! their standard error goes to the user's.
//!
//! A program is started at its first question and ended with the run. It has a limit of real time for each
//! answer, so a program that hangs ends the run with an error; no decision depends on how long it took.

mod function;
mod http;
mod record;

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use control::{Exchange, ExchangeError};

pub use function::Function;
pub use http::{Servers, is_on_this_machine};
pub use record::{Recorder, Replay};

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
    questions: SyncSender<String>,
    answers: Receiver<Result<String, String>>,
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
        let mut command = Command::new(name);
        // Programs that it starts are of its group, and end with it.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command
            .args(arguments)
            .current_dir(Path::new(".").join(&self.program.folder))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| fail(&error))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(fail(&"it has no standard input or output"));
        };
        let (questions, to_write) = sync_channel(1);
        let (read, answers) = sync_channel(1);
        // A program that doesn't read its input, or prints without end, holds up these two alone.
        thread::spawn(move || write_lines(input, &to_write));
        thread::spawn(move || read_lines(output, &read));
        Ok(Running {
            child,
            questions,
            answers,
        })
    }
}

/// Writes lines until there are no more or the program is gone, which its missing answer tells.
fn write_lines(mut input: ChildStdin, lines: &Receiver<String>) {
    while let Ok(line) = lines.recv() {
        if input.write_all(line.as_bytes()).is_err() {
            return;
        }
    }
}

/// Reads lines until there are no more or nobody wants them.
fn read_lines(output: ChildStdout, lines: &SyncSender<Result<String, String>>) {
    let mut output = BufReader::new(output);
    while let Some(line) = next_line(&mut output) {
        let is_end = line.is_err();
        if lines.send(line).is_err() || is_end {
            return;
        }
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
        let _ = running.questions.send(line);
        let answer = match running.answers.recv_timeout(self.program.answer_limit) {
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
        // It ends by itself once its input ends; one that doesn't is ended, with all that it started.
        #[cfg(unix)]
        let _ = rustix::process::kill_process_group(
            rustix::process::Pid::from_child(&self.child),
            rustix::process::Signal::KILL,
        );
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program that has all the time that a busy machine may take.
    fn shell(script: &str) -> Process {
        limited(script, Duration::from_mins(10))
    }

    fn limited(script: &str, answer_limit: Duration) -> Process {
        Process::new(Program {
            command: ["sh", "-c", script].map(str::to_owned).into(),
            folder: PathBuf::new(),
            answer_limit,
        })
    }

    /// The first error of two questions that no pipe can hold.
    fn error(mut process: Process) -> String {
        let question = "x".repeat(1 << 20);
        let error = (0..2).find_map(|_| process.ask(&question).err());
        error.expect("it doesn't answer twice").to_string()
    }

    #[test]
    fn a_program_answers_line_by_line_and_another_begins_anew() {
        let mut counter = shell("n=0; while read -r line; do n=$((n+1)); echo \"$n $line\"; done");
        assert_eq!(counter.ask("a"), Ok("1 a".to_owned()));
        assert_eq!(counter.ask("b"), Ok("2 b".to_owned()));
        let mut again = counter.again();
        assert_eq!(again.ask("c"), Ok("1 c".to_owned()));
        assert_eq!(counter.ask("d"), Ok("3 d".to_owned()));
    }

    #[test]
    fn whatever_a_program_does_there_is_an_answer_or_an_error() {
        for (script, why) in [
            ("exit 3", "ended (exit status: 3) before its first answer"),
            ("read a; echo 1", "ended (exit status: 0) after 1 answer"),
            ("printf abc", "ended in the middle of an answer"),
            ("printf '\\377\\n'", "gave an answer that is no UTF-8"),
            ("kill -KILL $$", "ended (signal: 9 (SIGKILL))"),
        ] {
            let error = error(shell(script));
            assert!(error.contains(why), "{script}: {error}");
        }
        for script in [
            "exec sleep 600",
            "kill -STOP $$",
            "while read a; do :; done",
        ] {
            let error = error(limited(script, Duration::from_millis(1)));
            assert!(
                error.contains("gave no answer within 1ms"),
                "{script}: {error}"
            );
        }
        // What is printed without end is held by its pipe.
        assert_eq!(shell("exec yes").ask("a"), Ok("y".to_owned()));
    }

    #[test]
    fn programs_that_a_program_starts_end_with_it() {
        let mut parent = shell("sleep 600 >/dev/null 2>&1 & echo $!; read -r line; wait");
        let child = parent.ask("a").expect("a number");
        drop(parent);
        // One that has ended may wait for its new parent to take note.
        let script = "for i in $(seq 600); do kill -0 $0 2>/dev/null || exit 0; \
                      grep -q ') Z' /proc/$0/stat 2>/dev/null && exit 0; sleep 0.1; done; exit 1";
        let status = Command::new("sh").args(["-c", script, &child]).status();
        assert!(status.expect("sh").success());
    }

    #[test]
    fn a_program_that_is_not_there_is_told() {
        let mut absent = shell("");
        absent.program.command = vec!["./no-such-program".to_owned()];
        let error = error(absent);
        assert!(
            error.contains("`./no-such-program` can't be started"),
            "{error}"
        );
    }
}
