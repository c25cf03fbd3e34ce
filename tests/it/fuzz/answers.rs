//! Answers of programs outside, as lines and as frames, at a socket: each is taken or refused in words.
//!
//! Some thousand damaged ones belong to every run of the tests; `WINDTUNNEL_FUZZ_FRAMES=1000000` asks for a million.

use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use external::Foreign;
use windtunnel::control::Question;
use windtunnel::control::exchange::question::{
    ClassState, Greeting, JobState, OrderRequest, Request, StepRequest,
};
use windtunnel::rng::Stream;
use windtunnel::scheduler::external::check_answer;

use super::{Kind, mutate, number, texts};
use crate::scratch::new_folder;

const LINES: &str = "{\"protocol\":1}\n{\"accept\":[true,false,true]}\n{\"points\":[5,-7,9000000000]}\n\
                     {\"keys\":[-0,12]}\n{\"releases\":[1],\"evicts\":[2],\"holds\":[{\"pod\":3,\"node\":0}],\
                     \"binds\":[{\"pod\":4,\"node\":1}],\"wake\":60000000000}\n";

const LONG: Duration = Duration::from_mins(10);

pub(super) fn kinds() -> Vec<Kind> {
    vec![
        kind("answers in lines", texts([LINES])),
        kind("answers in frames", vec![frames()]),
    ]
}

/// The answers of [`LINES`] as frames, behind a greeting that agrees on them.
fn frames() -> Vec<u8> {
    let mut bytes = b"{\"protocol\":1,\"encoding\":\"msgpack\"}\n".to_vec();
    let whole: [&[u8]; 4] = [
        b"\x81\xa6accept\x93\xc3\xc2\xc3",
        b"\x81\xa6points\x93\x05\xf9\xcf\x00\x00\x00\x02\x18\x71\x1a\x00",
        b"\x81\xa4keys\x92\x00\x0c",
        b"\x82\xa8releases\x91\x01\xa5binds\x91\x82\xa3pod\x04\xa4node\x01",
    ];
    for frame in whole {
        bytes.extend_from_slice(&(frame.len() as u32).to_le_bytes());
        bytes.extend_from_slice(frame);
    }
    bytes
}

/// Program at a socket that writes given bytes to each connection, whatever it is asked, and then closes it.
struct Speaker {
    address: PathBuf,
    bytes: Sender<Vec<u8>>,
}

impl Speaker {
    fn new(name: &str) -> Self {
        let folder = new_folder(name);
        fs::create_dir_all(&folder).expect("a folder for the test");
        let address = folder.join("socket");
        let listener = UnixListener::bind(&address).expect("a socket");
        let (bytes, given) = channel::<Vec<u8>>();
        thread::spawn(move || {
            for bytes in given {
                let (mut stream, _) = listener.accept().expect("a connection");
                // In two parts, which may be those of an answer. Whoever asks may have gone.
                let (one, other) = bytes.split_at(bytes.len() / 2);
                let _ = stream.write_all(one).and_then(|()| stream.write_all(other));
                let _ = stream.shutdown(Shutdown::Write);
                let _ = stream.read_to_end(&mut Vec::new());
            }
        });
        Self { address, bytes }
    }

    /// Asks the program that says some bytes until it gives no answer; the number of questions. An answer of a wrong
    /// form, which ends a run, doesn't end this.
    fn ask(&self, bytes: &[u8]) -> u64 {
        self.bytes.send(bytes.to_vec()).expect("a speaker");
        let address = self.address.display().to_string();
        let mut program = Foreign::Socket(address).exchange(PathBuf::new(), LONG);
        let [greeting, rest @ ..] = questions();
        let mut asked = 0;
        for question in std::iter::once(&greeting).chain(rest.iter().cycle()) {
            asked += 1;
            match program.ask(question) {
                Ok(answer) => drop(check_answer(question, &answer)),
                Err(error) => {
                    assert!(!error.0.contains("no answer within"), "a hang: {error}");
                    break;
                }
            }
        }
        asked
    }
}

impl Drop for Speaker {
    fn drop(&mut self) {
        if let Some(folder) = self.address.parent() {
            let _ = fs::remove_dir_all(folder);
        }
    }
}

fn kind(name: &str, samples: Vec<Vec<u8>>) -> Kind {
    let speaker = Speaker::new(&name.replace(' ', "-"));
    Kind::new(name, samples, move |_, bytes| {
        speaker.ask(bytes);
    })
}

/// Pages of memory that this process has, where the system tells.
fn pages() -> u64 {
    let told = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let resident = told.split(' ').nth(1).and_then(|own| own.parse().ok());
    resident.unwrap_or(0)
}

/// Whole answers, a few hundred one after the other, with damage at a few places: there is no panic, no hang, and no
/// memory that grows with their number.
#[test]
fn damaged_frames_are_taken_or_refused() {
    let count = number("WINDTUNNEL_FUZZ_FRAMES", 4_000);
    let seed = number("WINDTUNNEL_FUZZ_SEED", 1);
    let speaker = Speaker::new("fuzz-frames");
    let samples = [LINES.as_bytes().to_vec(), frames()];
    let whole = samples.map(|sample| {
        let greeting = 1 + sample.iter().position(|&own| own == b'\n').expect("a line");
        let (greeting, rest) = sample.split_at(greeting);
        [greeting, &rest.repeat(50)].concat()
    });
    // Undamaged, all are answers.
    assert_eq!(whole.each_ref().map(|own| speaker.ask(own)), [202, 202]);
    let (mut frames, mut run, mut first) = (0, 0, 0);
    while frames < count {
        let mut stream = Stream::new(seed, "frames", run);
        let (own, other) = (&whole[run as usize % 2], &whole[stream.below(2) as usize]);
        frames += speaker.ask(&mutate(own, other, &mut stream));
        run += 1;
        if frames > count / 2 && first == 0 {
            first = pages();
        }
    }
    let grown = pages().saturating_sub(first);
    assert!(grown < 4_096, "{grown} pages more after {frames} frames");
    println!("{frames} frames of {run} programs, {grown} pages more than after half of them");
}

fn questions() -> [Question; 5] {
    let request = || Request {
        now: 0,
        class: ClassState {
            id: 0,
            described: None,
        },
        nodes: Vec::new(),
        gone: Vec::new(),
        candidates: vec![0, 1, 2],
        waiting: 0,
    };
    let job = |id| JobState {
        id,
        described: None,
    };
    [
        Question::Hello(Greeting {
            protocol: 1,
            seed: 1,
            points: vec!["score"],
        }),
        Question::Filter(request()),
        Question::Score(request()),
        Question::Order(OrderRequest {
            now: 0,
            jobs: vec![job(0), job(1)],
        }),
        Question::Step(StepRequest {
            now: 0,
            nodes: Vec::new(),
            gone: Vec::new(),
            pods: Vec::new(),
            bound: Vec::new(),
            ended: Vec::new(),
            refused: Vec::new(),
        }),
    ]
}
