//! Programs that run as processes of their own. What they print to their standard error goes to the
//! user's.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use control::{Answer, Exchange, ExchangeError, Question};
use rustix::event::{Timespec, poll};

use super::line::Line;

/// Command of a program outside.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    /// Program, and its arguments.
    pub(crate) command: Vec<String>,
    /// Folder that it runs in.
    pub(crate) folder: PathBuf,
    /// Real time that an answer may take.
    pub(crate) answer_limit: Duration,
}

/// A program that runs as a process of its own, once it is asked something.
pub(crate) struct Process {
    program: Program,
    running: Option<Running>,
    /// Number of answers so far.
    answers: u64,
}

struct Running {
    child: Child,
    line: Line,
}

impl Process {
    /// A program that isn't started yet.
    pub(crate) const fn new(program: Program) -> Self {
        Self {
            program,
            running: None,
            answers: 0,
        }
    }

    fn failure(&self, what: &str) -> ExchangeError {
        let answers = match self.answers {
            0 => "before its first answer".to_owned(),
            1 => "after 1 answer".to_owned(),
            count => format!("after {count} answers"),
        };
        ExchangeError(format!("{} {what} {answers}", self.name()))
    }

    fn start(&self) -> Result<Running, ExchangeError> {
        let fail = |why: &dyn std::fmt::Display| {
            ExchangeError(format!("{} can't be started: {why}", self.name()))
        };
        let [name, arguments @ ..] = self.program.command.as_slice() else {
            return Err(fail(&"the command is empty"));
        };
        let mut command = Command::new(name);
        // Programs that it starts are of its group, and end with it.
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
        let line = Line::new(input, output).map_err(|error| fail(&error))?;
        Ok(Running { child, line })
    }
}

impl Exchange for Process {
    fn ask(&mut self, question: &Question) -> Result<Answer, ExchangeError> {
        let mut running = match self.running.take() {
            Some(running) => running,
            None => self.start()?,
        };
        let limit = self.program.answer_limit;
        let answer = running
            .line
            .ask(question, limit)
            .map_err(|trouble| self.failure(&trouble.words(limit, || running.ended())))?;
        self.answers += 1;
        self.running = Some(running);
        Ok(answer)
    }

    fn name(&self) -> String {
        format!("the external program `{}`", self.program.command.join(" "))
    }

    fn again(&self) -> Box<dyn Exchange> {
        Box::new(Self::new(self.program.clone()))
    }
}

/// Time that a program without an output has to end, in steps of [`LOOK`].
const LOOKS: u32 = 200;
const LOOK: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 5_000_000,
};

impl Running {
    /// How the program ended, whose output is over; one may close it and go on.
    fn ended(&mut self) -> String {
        for _ in 0..LOOKS {
            match self.child.try_wait() {
                Ok(Some(status)) => return format!("ended ({status})"),
                Ok(None) => {
                    let _ = poll(&mut [], Some(&LOOK));
                }
                Err(error) => return format!("ended ({error})"),
            }
        }
        "closed its standard output".to_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It ends by itself once its input ends; one that doesn't is ended, with all that it started.
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
    use control::exchange::question::Post;

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

    /// A question of a length.
    fn question(word: &str) -> Question {
        Question::Post(Post {
            url: word.to_owned(),
            timeout_nanos: 0,
            body: serde_json::Value::Null,
        })
    }

    /// The text that answers a question with a word.
    fn text(process: &mut Process, word: &str) -> String {
        let question = question(word);
        let answer = process.ask(&question).expect("an answer");
        answer.text(&question).into_owned()
    }

    /// The first error of two questions that no pipe can hold.
    fn error(mut process: Process) -> String {
        let question = question(&"x".repeat(1 << 20));
        let error = (0..2).find_map(|_| process.ask(&question).err());
        error.expect("it doesn't answer twice").to_string()
    }

    #[test]
    fn a_program_answers_line_by_line_and_another_begins_anew() {
        let mut counter = shell("n=0; while read -r line; do n=$((n+1)); echo \"$n $line\"; done");
        let line = r#"{"url":"a","timeout_nanos":0,"body":null}"#;
        assert_eq!(text(&mut counter, "a"), format!("1 {line}"));
        assert!(text(&mut counter, "b").starts_with("2 "));
        let mut again = counter.again();
        let first = again.ask(&question("a"));
        assert_eq!(first, Ok(Answer::Text(format!("1 {line}"))));
        assert!(text(&mut counter, "d").starts_with("3 "));
    }

    #[test]
    fn whatever_a_program_does_there_is_an_answer_or_an_error() {
        for (script, why) in [
            ("exit 3", "ended (exit status: 3) before its first answer"),
            ("read a; echo 1", "ended (exit status: 0) after 1 answer"),
            ("printf abc", "ended in the middle of an answer"),
            ("printf '\\377\\n'", "gave an answer that is no UTF-8"),
            ("kill -KILL $$", "ended (signal: 9 (SIGKILL))"),
            (
                "exec >&-; exec sleep 600",
                "closed its standard output before",
            ),
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
        // What is printed without end is held by its pipe, and questions that nobody reads are not waited for.
        let mut endless = limited("exec yes", Duration::from_secs(1));
        assert_eq!(text(&mut endless, "a"), "y");
        let long = question(&"x".repeat(1 << 20));
        for _ in 0..3 {
            assert_eq!(endless.ask(&long), Ok(Answer::Text("y".to_owned())));
        }
    }

    #[test]
    fn programs_that_a_program_starts_end_with_it() {
        let mut parent = shell("sleep 600 >/dev/null 2>&1 & echo $!; read -r line; wait");
        let child = text(&mut parent, "a");
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
