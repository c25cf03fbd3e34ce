//! Libraries and sockets of the user's own in a run: what they decide, and what they do wrong.

use std::fs;
use std::process::Command;

use crate::external::{digests, folder};
use crate::scratch::Scratch;

/// A library of C in a folder, built from a text; `None` without a compiler.
fn built(folder: &Scratch, name: &str, text: &str) -> Option<()> {
    fs::write(folder.path(&format!("{name}.c")), text).expect("a file");
    let built = Command::new("cc")
        .args(["-O1", "-shared", "-fPIC", "-o"])
        .args([format!("{name}.so"), format!("{name}.c")])
        .current_dir(&folder.0)
        .status();
    let is_built = built.is_ok_and(|status| status.success());
    if !is_built {
        println!("skipped: needs cc");
    }
    is_built.then_some(())
}

#[test]
fn a_library_decides_as_the_policy_that_it_rewrites() {
    let folder = folder("external-library", "  builtin: {}\n");
    let text = folder.printed(&["new", "policy", "--lang", "c", "--library"], 0);
    let Some(()) = built(&folder, "policy", &text) else {
        return;
    };
    let library = [
        "run",
        "own.yaml",
        "--out",
        "out",
        "--policy-library",
        "policy.so",
    ];
    folder.run(&library, 0);
    let both = folder.summary("out").variants;
    assert_eq!(both[0].digest, both[1].digest);
    // The result repeats without the library.
    fs::remove_file(folder.path("policy.so")).expect("it is there");
    folder.run(&["reproduce", "out"], 0);
    let told = folder.run(&["reproduce", "out", "--allow-external"], 101);
    assert!(told.contains("policy.so` can't be loaded"), "{told}");
}

#[test]
fn a_library_orders_and_schedules() {
    let text = "#include <stdint.h>\n#include <string.h>\n\
        int64_t windtunnel_abi(void) { return 1; }\n\
        typedef struct { int64_t now, jobs; const int64_t *column[9]; } view;\n\
        int64_t windtunnel_order(void *s, const view *v, int64_t *keys) {\n\
          for (int64_t j = 0; j < v->jobs; j++) keys[j] = v->column[2][j] < 0 ? INT64_MAX : v->column[2][j];\n\
          return 0; }\n\
        static const char *answer = \"{}\";\n\
        int64_t windtunnel_schedule(void *s, const char *q, int64_t length, const char **a) {\n\
          *a = answer; return strlen(q) == (size_t)length ? 2 : -5; }\n";
    let own = "  sjf: {system: {name: batch, scheduler: {queue: sjf, backfill: none}}}\n  mine: \
        {system: {name: batch, scheduler: {backfill: none, external: {library: own.so, points: [order]}}}}\n  \
        idle: {system.scheduler.external: {library: ./own.so, points: [schedule]}, stop: {at: 1h}}\n";
    let folder = folder("external-order", own);
    let Some(()) = built(&folder, "own", text) else {
        return;
    };
    let all = digests(&folder);
    assert_eq!(all[0], all[1]);
}

#[test]
fn a_library_that_misbehaves_ends_the_run_with_words() {
    let abi = "#include <stdint.h>\nint64_t windtunnel_abi(void) { return 1; }\n";
    let score = "int64_t windtunnel_score(void *s, const int64_t *q, int64_t *points)";
    for (text, points, why) in [
        (
            "int windtunnel_score;\n".to_owned(),
            "score",
            "has no function `windtunnel_abi`",
        ),
        (
            abi.to_owned(),
            "score",
            "has no function `windtunnel_score`",
        ),
        (
            abi.replace("return 1", "return 2"),
            "score",
            "is of version 2 of the interface, expected 1",
        ),
        (
            format!("{abi}{score} {{ return 7; }}\n"),
            "score",
            "answered `score` with the error 7",
        ),
        (
            format!("{abi}{score} {{ points[q[19]] = 1; return 0; }}\n"),
            "score",
            "wrote beyond the 12 items of `score`",
        ),
        (
            format!(
                "{abi}int64_t windtunnel_filter(void *s, const int64_t *q, uint8_t *accept) {{ accept[1] = 2; return 0; }}\n"
            ),
            "filter",
            "answered `filter` with 2 about candidate 1, expected 0 or 1",
        ),
        (
            format!("{abi}{score} {{ for (volatile int i = 0;; i++); }}\n"),
            "score",
            "gave no answer within 20ms",
        ),
        ("no C".to_owned(), "score", ""),
    ] {
        let own = format!(
            "  mine: {{system.scheduler.external: {{library: bad.so, points: [{points}], answerLimit: 20ms}}}}\n"
        );
        let folder = folder("external-bad-library", &own);
        let run = ["run", "own.yaml", "--out", "out", "--allow-external"];
        if why.is_empty() {
            // No library at all.
            fs::write(folder.path("bad.so"), text).expect("a file");
            let told = folder.run(&run, 101);
            assert!(told.contains("bad.so` can't be loaded"), "{told}");
        } else if built(&folder, "bad", &text).is_some() {
            let told = folder.run(&run, 101);
            assert!(told.contains(why), "{why}: {told}");
        }
        assert!(!folder.path("out").exists(), "{why}");
    }
    let two = "  mine: {system.scheduler.external: {library: a.so, command: [b]}}\n";
    let folder = folder("external-two-ways", two);
    let told = folder.run(&["run", "own.yaml", "--out", "out", "--allow-external"], 2);
    let why = "expected exactly one of `command`, `socket` and `library`, found 2";
    assert!(told.contains(why), "{told}");
    let refused = folder.run(&["run", "own.yaml", "--out", "out"], 2);
    assert!(refused.contains(why), "{refused}");
}

#[test]
fn examples_and_new_policies_conform() {
    let folder = folder("external-conformance", "  builtin: {}\n");
    let has = |command: &str| {
        let tried = Command::new(command).arg("--version").output();
        let is_there = tried.is_ok();
        if !is_there {
            println!("skipped: needs {command}");
        }
        is_there
    };
    let root = crate::tidy::root().join("python/examples");
    let example = |name: &str| root.join(name).display().to_string();
    let tries = |points: &str, command: &[&str], exit: i32| {
        let all = [&["conformance", "--points", points, "--"], command].concat();
        folder.printed(&all, exit)
    };

    if has("python3") {
        for (points, file) in [
            ("score", "best_fit.py"),
            ("order", "shortest_first.py"),
            ("schedule", "first_fit.py"),
        ] {
            let said = tries(points, &["python3", &example(file)], 0);
            assert!(said.contains("it conforms"), "{said}");
        }
        // It answers a filter with points.
        let said = tries("filter", &["python3", &example("best_fit.py")], 100);
        assert!(said.contains("FAIL  filter: one node: "), "{said}");
        assert!(said.contains("      < {\"points\""), "{said}");
    }
    let told = tries("score", &["./no-such-program"], 100);
    assert!(told.contains("can't be started"), "{told}");
    let text = folder.printed(&["new", "policy", "--lang", "c", "--library"], 0);
    if built(&folder, "policy", &text).is_some() {
        folder.printed(&["conformance", "--library", "policy.so"], 0);
    }
}

/// A program at a socket that speaks `MessagePack` decides as the same over its standard input, and two runs
/// at once have a connection each.
#[test]
fn a_program_at_a_socket_decides_as_over_its_input() {
    let own = "  input: {system.scheduler.external: {command: [python3, socket_fit.py]}}\n  \
               line: {system.scheduler.external: {socket: own.socket}}\n  \
               packed: {system.scheduler.external: {socket: packed.socket}}\n";
    let folder = folder("external-socket", own);
    fs::write(folder.path("socket_fit.py"), SOCKET_FIT).expect("a file");
    let server = Command::new("python3")
        .args(["socket_fit.py", "own.socket", "packed.socket"])
        .current_dir(&folder.0)
        .stdout(std::process::Stdio::piped())
        .spawn();
    let Ok(mut server) = server else {
        println!("skipped: needs python3");
        return;
    };
    // It says that it listens.
    let mut ready = [0; 1];
    let output = server.stdout.as_mut().expect("a pipe");
    std::io::Read::read_exact(output, &mut ready).expect("it listens");
    let all = digests(&folder);
    server.kill().and_then(|()| server.wait()).expect("it ends");
    assert_eq!(all[0], all[1]);
    assert_eq!(all[0], all[2]);
    folder.run(&["reproduce", "out"], 0);
    let told = folder.run(&["reproduce", "out", "--allow-external"], 101);
    assert!(
        told.contains("at the socket `own.socket` can't be reached"),
        "{told}"
    );
}

/// Points by number over standard input, or at sockets, of which the second speaks `MessagePack`.
const SOCKET_FIT: &str = r#"
import json, socket, struct, sys, threading

def answer(candidates):
    return [-(7 * own % 5) for own in candidates]

def lines(source, sink, packed):
    hello = json.loads(source.readline())
    reply = {"protocol": hello["protocol"]} | ({"encoding": "msgpack"} if packed else {})
    sink.write((json.dumps(reply) + "\n").encode()); sink.flush()
    while True:
        if packed:
            head = source.read(4)
            if len(head) < 4: return
            body = source.read(struct.unpack("<I", head)[0])
            # The candidates are the last field, here an array of at most fifteen small numbers.
            at = body.rindex(b"\xaacandidates") + 11
            count = body[at] - 0x90
            points = answer(list(body[at + 1:at + 1 + count]))
            frame = b"\x81\xa6points" + bytes([0x90 + count]) + b"".join(struct.pack("b", own) for own in points)
            sink.write(struct.pack("<I", len(frame)) + frame)
        else:
            line = source.readline()
            if not line: return
            sink.write((json.dumps({"points": answer(json.loads(line)["candidates"])}) + "\n").encode())
        sink.flush()

def serve(listener, packed):
    while True:
        stream, _ = listener.accept()
        file = stream.makefile("rwb")
        threading.Thread(target=lines, args=(file, file, packed), daemon=True).start()

if len(sys.argv) == 1:
    lines(sys.stdin.buffer, sys.stdout.buffer, False)
else:
    threads = []
    for path in sys.argv[1:]:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path); listener.listen()
        threads.append(threading.Thread(target=serve, args=(listener, path.startswith("packed")), daemon=True))
    print("y", end="", flush=True)
    for own in threads: own.start()
    for own in threads: own.join()
"#;
