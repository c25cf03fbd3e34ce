//! Who may ask, and for what: tokens, names, origins, paths, sizes and numbers of requests.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

use serde_json::json;

use super::site::{Folder, LOG, SUMMARY, Site};

fn own() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_windtunnel-serve"))
}

#[test]
fn the_token_opens_the_page_and_nothing_else_does() {
    let folder = Folder::new("token");
    let site = Site::start(&own(), &folder.root(), &[]);
    for path in ["/", "/app.js", "/api/state", "/api/log?run=x", "/gone"] {
        assert_eq!(site.request("GET", path, &[], "").status, 403, "{path}");
    }
    let wrong = format!(
        "/?token={}",
        site.token.replace(|own: char| own.is_ascii_digit(), "a")
    );
    assert_eq!(site.request("GET", &wrong, &[], "").status, 403);
    let short = format!("/?token={}", &site.token[..8]);
    assert_eq!(site.request("GET", &short, &[], "").status, 403);
    // The token in an address opens the page alone.
    let query = format!("/api/state?token={}", site.token);
    assert_eq!(site.request("GET", &query, &[], "").status, 403);
    let page = site.request("GET", &format!("/?token={}", site.token), &[], "");
    assert_eq!(page.status, 200, "{page:?}");
    let cookie = format!(
        "set-cookie: windtunnel-{}={}; path=/; httponly; samesite=strict",
        site.port, site.token
    );
    assert!(page.head.contains(&cookie), "{}", page.head);
    for header in [
        "content-security-policy: default-src 'self';",
        "frame-ancestors 'none'",
        "x-content-type-options: nosniff",
        "referrer-policy: no-referrer",
        "cross-origin-resource-policy: same-origin",
    ] {
        assert!(page.head.contains(header), "{header}: {}", page.head);
    }
    assert_eq!(site.get("/api/state").status, 200);
    let bearer = format!("Authorization: Bearer {}", site.token);
    assert_eq!(
        site.request("GET", "/api/state", &[&bearer], "").status,
        200
    );
    assert_eq!(site.get("/gone").status, 404);
}

/// A stand-in for the desktop's opener copies the file that it is given: the token is in no argument.
#[test]
fn the_browser_gets_a_file_that_leads_to_the_page() {
    let folder = Folder::new("open");
    let root = folder.root();
    let script = |name: &str, text: String| {
        let path = root.join(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("a script");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it may run");
        path
    };
    let kept = root.join("kept.html");
    let copy = format!(
        "stat -c %a \"$(dirname \"$1\")\" > mode; cp \"$1\" new.html; mv new.html {kept:?}"
    );
    script("xdg-open", copy);
    let server = format!("PATH={root:?}:$PATH exec {:?} \"$@\" --open", own());
    let server = script("server", server);
    let site = Site::start(&server, &root, &[]);
    let mut page = String::new();
    for _ in 0..200 {
        page = fs::read_to_string(&kept).unwrap_or_default();
        if !page.is_empty() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert!(page.contains(&format!("url={}\"", site.address)), "{page}");
    let mode = fs::read_to_string(root.join("mode")).expect("the mode");
    assert_eq!(mode.trim(), "700");
}

#[test]
fn other_names_and_other_pages_are_refused() {
    let folder = Folder::new("origin");
    let site = Site::start(&own(), &folder.root(), &[]);
    let (cookie, port) = (site.cookie(), site.port);
    let host = format!("Host: evil.example:{port}");
    for (headers, status) in [
        (vec![cookie.as_str(), host.as_str()], 403),
        (vec![&cookie, "Host: 127.0.0.1:1"], 403),
        (vec![&cookie, "Origin: http://evil.example"], 403),
        (vec![&cookie, "Origin: null"], 403),
        (vec![&cookie], 200),
    ] {
        let told = site.request("GET", "/api/state", &headers, "");
        assert_eq!(told.status, status, "{headers:?}");
    }
    // A change is asked for by the page itself.
    let body = json!({"id": 1}).to_string();
    let origin = format!("Origin: http://127.0.0.1:{port}");
    for (headers, status) in [
        (vec![cookie.as_str()], 403),
        (vec![&cookie, "Sec-Fetch-Site: cross-site"], 403),
        (vec![&cookie, &origin, "Sec-Fetch-Site: same-site"], 403),
        (vec![&cookie, "Origin: http://localhost:1"], 403),
        (vec![&origin], 403),
        (vec![&cookie, &origin, "Sec-Fetch-Site: same-origin"], 404),
    ] {
        let told = site.request("POST", "/api/stop", &headers, &body);
        assert_eq!(told.status, status, "{headers:?}: {told:?}");
    }
    let answer = site.get("/api/state");
    assert!(!answer.head.contains("access-control-allow-origin"));
}

/// A folder outside of what is shown, and links to it from within.
fn outside(folder: &Folder) -> PathBuf {
    let secret = folder.0.join("secret");
    fs::create_dir_all(&secret).expect("a folder");
    fs::write(secret.join("summary.json"), SUMMARY).expect("a file");
    fs::write(secret.join("report.html"), "secret").expect("a file");
    fs::write(secret.join("mine.yaml"), "windtunnel: v1 # secret").expect("a file");
    folder.log("good", LOG);
    folder.file("results/good/summary.json", SUMMARY);
    folder.file("mine.yaml", "windtunnel: v1\n");
    let root = folder.root();
    symlink(&secret, root.join("results/link")).expect("a link");
    symlink(
        secret.join("report.html"),
        root.join("results/good/report.html"),
    )
    .expect("a link");
    let scenario = root.join("results/good/scenario.yaml");
    symlink(secret.join("mine.yaml"), scenario).expect("a link");
    symlink(secret.join("mine.yaml"), root.join("linked.yaml")).expect("a link");
    symlink(&secret, root.join("folder")).expect("a link");
    secret
}

#[test]
fn paths_that_lead_outside_are_refused() {
    let folder = Folder::new("outside");
    let secret = outside(&folder);
    let site = Site::start(&own(), &folder.root(), &[]);
    let absolute = secret.display().to_string();
    for run in [
        "link",
        "../../secret",
        "good/../../../secret",
        absolute.as_str(),
        "",
    ] {
        for path in ["log", "report", "experiment"] {
            let told = site.get(&format!("/api/{path}?run={run}"));
            let is_refused = told.status == 404 || (run.is_empty() && told.status == 400);
            assert!(
                is_refused && !told.body.contains("secret\""),
                "{path} {run}: {told:?}"
            );
        }
    }
    let told = site.get("/api/experiment?run=good");
    assert_eq!(
        told.status, 404,
        "a link out of the result folder: {told:?}"
    );
    let told = site.post("/api/reproduce", &json!({"run": "good"}));
    assert_eq!(
        told.status, 404,
        "a link out of the result folder: {told:?}"
    );
    let told = site.get("/api/report?run=good");
    assert_eq!(
        told.status, 404,
        "a link out of the result folder: {told:?}"
    );
    for name in [
        "linked.yaml",
        "folder/mine.yaml",
        "../secret/mine.yaml",
        "results/good/summary.json%00.yaml",
        "/etc/passwd",
    ] {
        let told = site.get(&format!("/api/experiment?name={name}"));
        assert!(
            matches!(told.status, 400 | 404) && !told.body.contains("# secret"),
            "{name}: {told:?}"
        );
    }
    let state = site.get("/api/state").json();
    let listed: Vec<&str> = { state["results"].as_array().expect("a list") }
        .iter()
        .filter_map(|own| own["path"].as_str())
        .collect();
    assert_eq!(listed, ["good"]);
}

#[test]
fn nothing_is_written_outside() {
    let folder = Folder::new("written");
    let secret = outside(&folder);
    let site = Site::start(&own(), &folder.root(), &[]);
    for (path, status) in [
        ("../out.yaml", 400),
        ("/tmp/out.yaml", 400),
        ("folder/out.yaml", 403),
        ("linked.yaml", 403),
        (".hidden.yaml", 400),
        ("out.sh", 400),
        ("gone/out.yaml", 404),
    ] {
        let told = site.post("/api/experiment", &json!({"path": path, "text": "x"}));
        assert_eq!(told.status, status, "{path}: {told:?}");
    }
    let text = fs::read_to_string(secret.join("mine.yaml")).expect("it is there");
    assert!(text.ends_with("# secret"));
    for result in ["../out", "a/b", "-x", ".x", "good"] {
        let told = site.post("/api/run", &json!({"path": "mine.yaml", "result": result}));
        assert!(matches!(told.status, 400 | 409), "{result}: {told:?}");
    }
}

#[test]
fn an_experiment_is_written_whole_and_over_nothing_else() {
    let folder = Folder::new("write");
    folder.file("mine.yaml", "windtunnel: v1\n");
    let site = Site::start(&own(), &folder.root(), &[]);
    let write = |path: &str, text: &str, known: Option<&str>| {
        site.post(
            "/api/experiment",
            &json!({"path": path, "text": text, "known": known}),
        )
        .status
    };
    assert_eq!(write("new.yaml", "windtunnel: v1 # new\n", None), 200);
    assert_eq!(write("mine.yaml", "lost", None), 409);
    assert_eq!(
        write(
            "mine.yaml",
            "windtunnel: v1 # 2\n",
            Some("windtunnel: v1\n")
        ),
        200
    );
    assert_eq!(write("mine.yaml", "lost", Some("windtunnel: v1\n")), 409);
    let text = site.get("/api/experiment?name=mine.yaml").json();
    assert_eq!(text["text"], "windtunnel: v1 # 2\n");
    let long = "x".repeat((1 << 20) + 1);
    assert_eq!(write("long.yaml", &long, None), 400);
    assert_eq!(write("longer.yaml", &"x".repeat(5 << 20), None), 413);
    let names = fs::read_dir(folder.root()).expect("a folder").flatten();
    assert!(
        !names
            .map(|own| own.file_name())
            .any(|own| own.to_string_lossy().contains("draft"))
    );
}

/// Bytes in memory of a process.
fn memory(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1_024
}

#[test]
fn a_hundred_thousand_requests_leave_it_as_it_was() {
    let folder = Folder::new("many");
    folder.log("good", LOG);
    let site = Site::start(&own(), &folder.root(), &[]);
    site.until("/api/log?run=good", |own| own["variant"]["events"] == 11);
    let one = |line: &str, cookie: &str| {
        format!(
            "GET {line} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n{cookie}\r\n",
            site.port
        )
    };
    let known = format!("{}\r\n", site.cookie());
    let kinds = [
        one("/", ""),
        one("/api/at?run=good&variant=v&t=2000000&resource=cpu", &known),
        one("/api/at?run=good&variant=v&t=99999999999999999999", &known),
        one("/api/log?run=..%2F..", &known),
    ];
    let before = memory(site.child.id());
    let (threads, rounds, each) = (4, 250, 100);
    std::thread::scope(|scope| {
        for kind in kinds.iter().take(threads) {
            let port = site.port;
            scope.spawn(move || {
                let batch = kind.repeat(each);
                for _ in 0..rounds {
                    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
                    let mut reader = stream.try_clone().expect("a handle");
                    let answers = std::thread::spawn(move || {
                        let (mut bytes, mut found) = (vec![0; 1 << 16], 0);
                        let mut rest = Vec::new();
                        while found < each {
                            let count = reader.read(&mut bytes).expect("an answer");
                            assert!(count > 0, "the connection holds");
                            rest.extend_from_slice(&bytes[..count]);
                            found += rest.windows(9).filter(|own| own == b"HTTP/1.1 ").count();
                            let keep = rest.len().saturating_sub(8);
                            rest.drain(..keep);
                        }
                    });
                    stream.write_all(batch.as_bytes()).expect("it is sent");
                    answers.join().expect("they are answered");
                }
            });
        }
    });
    let after = memory(site.child.id());
    assert!(
        after < before + (32 << 20),
        "{before} B before, {after} B after"
    );
    assert_eq!(site.get("/api/state").status, 200);
}

#[test]
fn nonsense_is_answered_in_words() {
    let folder = Folder::new("nonsense");
    folder.log("good", LOG);
    let site = Site::start(&own(), &folder.root(), &[]);
    site.until("/api/log?run=good", |own| own["variant"]["events"] == 11);
    for (path, status) in [
        ("/api/at?run=good&variant=v&t=soon", 400),
        ("/api/at?run=good&variant=gone&t=0", 404),
        ("/api/node?run=good&variant=v&t=0&name=gone", 404),
        ("/api/object?run=good&variant=v&t=0&name=Pod%2Fgone", 404),
        ("/api/log?run=%40live", 404),
        ("/api/metrics", 400),
        (
            "/api/at?run=good&variant=v&t=-9223372036854775808&resource=cpu",
            200,
        ),
        (
            "/api/at?run=good&variant=v&t=9223372036854775807&resource=gone",
            200,
        ),
    ] {
        let told = site.get(path);
        assert_eq!(told.status, status, "{path}: {told:?}");
        assert!(
            told.status == 200 || told.json()["error"].is_string(),
            "{told:?}"
        );
    }
    let told = site.post("/api/run", &json!({"path": 1}));
    assert_eq!(told.status, 422, "{told:?}");
    let many = vec!["a=1"; 65];
    folder.file("mine.yaml", "windtunnel: v1\n");
    let told = site.post("/api/run", &json!({"path": "mine.yaml", "sets": many}));
    assert_eq!(told.status, 400, "{told:?}");
    assert_eq!(site.send("nonsense\r\n\r\n").status, 400);
}
