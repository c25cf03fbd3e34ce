//! Answers of programs outside, as lines and as frames, at a socket: each is taken or refused in words.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use external::Foreign;
use windtunnel::control::Question;
use windtunnel::control::exchange::question::{
    ClassState, Greeting, JobState, OrderRequest, Request, StepRequest,
};
use windtunnel::scheduler::external::check_answer;

use super::{Kind, texts};

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

/// Kind whose bytes are what a program at a socket writes, whatever it is asked, before it closes the connection.
fn kind(name: &str, samples: Vec<Vec<u8>>) -> Kind {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
    let address = listener.local_addr().expect("its address").to_string();
    Kind::new(name, samples, move |_, bytes| {
        let foreign = Foreign::Socket(address.clone());
        let mut program = foreign.exchange(PathBuf::new(), LONG);
        thread::scope(|scope| {
            scope.spawn(|| {
                let (mut stream, _) = listener.accept().expect("a connection");
                // Whoever asks may have gone.
                let _ = stream.write_all(bytes);
                let _ = stream.shutdown(Shutdown::Write);
                let _ = stream.read_to_end(&mut Vec::new());
            });
            for question in questions() {
                let Ok(answer) = program.ask(&question) else {
                    break;
                };
                if check_answer(&question, &answer).is_err() {
                    break;
                }
            }
            drop(program);
        });
    })
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
