//! Programs that wait at a socket of this machine, which get a connection for each run.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use control::{Answer, Exchange, ExchangeError, Question};

use super::line::Line;

/// A program at a socket, which is connected to once it is asked something.
pub(crate) struct Socket {
    address: String,
    folder: PathBuf,
    answer_limit: Duration,
    line: Option<Line>,
}

impl Socket {
    /// A program at `address`: the path of a socket, from `folder` where it is relative, or the host and
    /// port of TCP on this machine, such as `127.0.0.1:9000`.
    pub(crate) const fn new(address: String, folder: PathBuf, answer_limit: Duration) -> Self {
        Self {
            address,
            folder,
            answer_limit,
            line: None,
        }
    }

    fn failure(&self, what: &str) -> ExchangeError {
        ExchangeError(format!("{} {what}", self.name()))
    }

    fn connect(&self) -> io::Result<Line> {
        let Some(port) = port(&self.address) else {
            return self.connect_path();
        };
        // Names of this machine have addresses of two kinds.
        let all: Vec<SocketAddr> = port.to_socket_addrs()?.collect();
        if !all.iter().all(|own| own.ip().is_loopback()) {
            return Err(io::Error::other("it is on another machine"));
        }
        let stream = TcpStream::connect(&*all)?;
        stream.set_nodelay(true)?;
        Line::new(stream.try_clone()?, stream)
    }

    fn connect_path(&self) -> io::Result<Line> {
        let stream = UnixStream::connect(self.folder.join(&self.address))?;
        Line::new(stream.try_clone()?, stream)
    }
}

/// The host and port that an address is; `None` for a path.
fn port(address: &str) -> Option<&str> {
    let (host, port) = address.rsplit_once(':')?;
    let is_port = port.parse::<u16>().is_ok() && !host.contains('/');
    is_port.then_some(address)
}

impl Exchange for Socket {
    fn ask(&mut self, question: &Question) -> Result<Answer, ExchangeError> {
        let mut line = match self.line.take() {
            Some(line) => line,
            None => (self.connect())
                .map_err(|error| self.failure(&format!("can't be reached: {error}")))?,
        };
        let limit = self.answer_limit;
        let answer = line.ask(question, limit).map_err(|trouble| {
            self.failure(&trouble.words(limit, || "closed the connection".to_owned()))
        })?;
        self.line = Some(line);
        Ok(answer)
    }

    fn name(&self) -> String {
        format!("the external program at the socket `{}`", self.address)
    }

    fn again(&self) -> Box<dyn Exchange> {
        let (address, folder) = (self.address.clone(), self.folder.clone());
        Box::new(Self::new(address, folder, self.answer_limit))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpListener;
    use std::thread;

    use control::exchange::question::{ClassState, Greeting, Request};

    use super::*;

    const LONG: Duration = Duration::from_mins(10);

    fn hello() -> Question {
        Question::Hello(Greeting {
            protocol: 1,
            seed: 0,
            points: vec!["score"],
        })
    }

    fn score() -> Question {
        Question::Score(Request {
            now: 0,
            class: ClassState {
                id: 0,
                described: None,
            },
            nodes: vec![],
            gone: vec![],
            candidates: vec![3, 300],
            waiting: 0,
        })
    }

    /// A server that takes one connection, answers its greeting with a text, and what follows with bytes.
    fn server(greeting: &'static str, answer: &'static [u8]) -> Socket {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound").to_string();
        thread::spawn(move || {
            let (stream, _) = listener.accept().expect("a connection");
            let mut input = BufReader::new(stream.try_clone().expect("a copy"));
            let mut output = stream;
            let mut line = String::new();
            input.read_line(&mut line).expect("a greeting");
            writeln!(output, "{greeting}").expect("it is read");
            // Whatever is asked, its first byte is answered.
            input.read_exact(&mut [0]).expect("a question");
            output.write_all(answer).expect("it is read");
        });
        Socket::new(address, PathBuf::new(), LONG)
    }

    #[test]
    fn a_program_agrees_on_message_pack() {
        // {"points": [1, -2]}
        const FRAME: &[u8] = b"\x0b\0\0\0\x81\xa6points\x92\x01\xfe";
        let mut socket = server("{\"protocol\": 1, \"encoding\": \"msgpack\"}", FRAME);
        let greeted = socket.ask(&hello());
        let text = "{\"protocol\": 1, \"encoding\": \"msgpack\"}";
        assert_eq!(greeted, Ok(Answer::Text(text.to_owned())));
        assert_eq!(socket.ask(&score()), Ok(Answer::Numbers(vec![1, -2])));
        let closed = socket.ask(&score()).expect_err("it is gone").to_string();
        assert!(closed.contains("closed the connection"), "{closed}");
    }

    #[test]
    fn what_is_no_answer_is_told() {
        for (greeting, answer, why) in [
            (
                "{\"encoding\": \"bson\"}",
                &b""[..],
                "with the encoding \"bson\", expected `json` or `msgpack`",
            ),
            (
                "{\"encoding\": \"msgpack\"}",
                b"\x02\0\0\0\xc1\xc1",
                "is no MessagePack",
            ),
            (
                "{\"encoding\": \"msgpack\"}",
                b"\x09\0\0\0\x81",
                "in the middle of an answer",
            ),
            (
                "{\"encoding\": \"msgpack\"}",
                b"\xff\xff\xff\xff\x81",
                "more than 64 MiB",
            ),
            ("{}", b"", "closed the connection"),
        ] {
            let mut socket = server(greeting, answer);
            let error = socket.ask(&hello()).and_then(|_| socket.ask(&score()));
            let error = error.expect_err(why).to_string();
            assert!(error.contains(why), "{greeting}: {error}");
        }
    }

    #[test]
    fn only_this_machine_is_reached() {
        for (address, why) in [
            ("192.0.2.1:80", "on another machine"),
            ("no-such-folder/socket", "can't be reached"),
        ] {
            let mut socket = Socket::new(address.to_owned(), PathBuf::new(), LONG);
            let error = socket.ask(&hello()).expect_err(why).to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
