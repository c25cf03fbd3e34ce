//! Faults 32 and 33 with containers of an engine: it is killed, started again and absent, and an image is
//! missing. The engine is one of the test's own, without networks of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use live::wire::request::Request;
use rustix::process::{Pid, Signal, kill_process};

use crate::agent::PROGRAM;
use crate::cluster::{Cluster, Shape};
use crate::image_registry;
use crate::table::Test;
use crate::wait::{millis, seconds, wait_calmly, wait_until};

/// Features that an engine of the test's own needs.
const ENGINE: &[&str] = &["root", "dockerd", "docker", "busybox", "cgroup-memory"];

pub(crate) const TESTS: &[Test] = &[
    Test {
        fault: "32, 33",
        name: "engine killed and back: containers adopted, codes kept",
        needs: ENGINE,
        run: kept_alive,
    },
    Test {
        fault: "32",
        name: "engine killed without live restore, and absent",
        needs: ENGINE,
        run: not_kept_alive,
    },
    Test {
        fault: "P",
        name: "probes in containers of an engine",
        needs: ENGINE,
        run: probed,
    },
    Test {
        fault: "I",
        name: "images of a registry: pulls are events, and calibrated",
        needs: ENGINE,
        run: pulled,
    },
];

/// Name of the image with a shell in it.
const IMAGE: &str = "wt/busybox:1";

/// An engine of a test.
struct Engine {
    folder: PathBuf,
    group: String,
    keeps_alive: bool,
    child: Option<Child>,
}

impl Engine {
    /// An engine that runs, with an image.
    fn new(keeps_alive: bool) -> Self {
        // A path of a socket has at most 107 bytes.
        let folder = std::env::temp_dir().join(format!("wtd-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("daemon.json"), "{}").expect("a file");
        let mut engine = Self {
            group: format!("/wtd-{}", std::process::id()),
            folder,
            keeps_alive,
            child: None,
        };
        engine.start();
        engine.import();
        engine
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("docker.sock")
    }

    fn start(&mut self) {
        let at = |name: &str| self.folder.join(name).display().to_string();
        let _ = fs::remove_file(at("docker.pid"));
        let notes = fs::File::options()
            .append(true)
            .create(true)
            .open(at("notes"));
        let mut command = Command::new("dockerd");
        command
            .args([
                "--config-file",
                &at("daemon.json"),
                "--data-root",
                &at("data"),
            ])
            .args(["--exec-root", &at("exec"), "--pidfile", &at("docker.pid")])
            .arg("-H")
            .arg(format!("unix://{}", self.socket().display()))
            .args([
                "--storage-driver",
                "vfs",
                "--iptables=false",
                "--ip6tables=false",
            ])
            .args(["--bridge=none", "--cgroup-parent", &self.group])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(notes.expect("a file"));
        if self.keeps_alive {
            command.arg("--live-restore");
        }
        self.child = Some(command.spawn().expect("dockerd"));
        wait_until("the engine answers", seconds(9), || {
            self.docker(&["version"]).is_some()
        });
    }

    fn docker(&self, words: &[&str]) -> Option<String> {
        let mut command = Command::new("docker");
        command
            .arg("-H")
            .arg(format!("unix://{}", self.socket().display()));
        let output = command.args(words).stdin(Stdio::null()).output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        output.status.success().then_some(text)
    }

    /// Makes an image of one program.
    fn import(&self) {
        let root = self.folder.join("root");
        fs::create_dir_all(root.join("bin")).expect("a folder");
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut found = std::env::split_paths(&path).map(|folder| folder.join("busybox"));
        let busybox = found.find(|file| file.is_file()).expect("busybox");
        fs::copy(busybox, root.join("bin/busybox")).expect("a copy");
        for name in ["sh", "sleep", "touch", "rm", "test", "httpd"] {
            std::os::unix::fs::symlink("busybox", root.join("bin").join(name)).expect("a link");
        }
        let image = self.folder.join("image.tar");
        let packed = Command::new("tar")
            .arg("-C")
            .arg(&root)
            .args(["-cf", image.to_str().expect("a path"), "."])
            .status();
        assert!(packed.is_ok_and(|status| status.success()), "an archive");
        let image = image.to_str().expect("a path");
        self.docker(&["import", image, IMAGE]).expect("an image");
    }

    /// Runs a command in every container that runs.
    fn in_containers(&self, words: &[&str]) {
        let running = self.docker(&["ps", "-q"]).expect("containers");
        for id in running.lines() {
            let done = self.docker(&[&["exec", id], words].concat());
            done.expect("a command in a container");
        }
    }

    /// Kills the engine, as a crash would.
    fn kill(&mut self) {
        let mut child = self.child.take().expect("an engine");
        child.kill().expect("a process of this test");
        child.wait().expect("a process of this test");
    }

    /// Containers that the engine knows, running or not.
    fn containers(&self) -> Vec<String> {
        let text = self
            .docker(&["ps", "-aq", "--no-trunc"])
            .unwrap_or_default();
        let mut ids: Vec<String> = text.lines().map(str::to_owned).collect();
        ids.sort();
        ids
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if self.child.is_none() {
            self.start();
        }
        for id in self.containers() {
            let _ = self.docker(&["rm", "-f", &id]);
        }
        if let Some(mut child) = self.child.take() {
            let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
            let _ = pid.map(|pid| kill_process(pid, Signal::TERM));
            let _ = child.wait();
        }
        if std::thread::panicking() {
            let notes = fs::read_to_string(self.folder.join("notes")).unwrap_or_default();
            let last: Vec<&str> = notes.lines().rev().take(20).collect();
            eprintln!("notes of the engine, last first:\n{}", last.join("\n"));
        }
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let own = self.folder.display().to_string();
        let mut own: Vec<&str> = mounts
            .lines()
            .filter_map(|line| line.split(' ').nth(1))
            .filter(|place| place.starts_with(&own))
            .collect();
        own.reverse();
        for place in own {
            let _ = Command::new("umount").args(["-l", place]).status();
        }
        for mount in live::runtime::cgroup::mounts(None) {
            let name = self.group.trim_start_matches('/');
            let mut root = mount.own.clone();
            // The engine's groups stand at the top, wherever the test itself is.
            while !root.join(name).exists() && root.pop() {}
            let _ = fs::remove_dir(root.join(name));
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn cluster(name: &'static str, engine: &Engine) -> Cluster {
    let mut cluster = Cluster::without_agents(Shape {
        name,
        node_count: 1,
        pace: 5,
        is_networked: false,
    });
    start_agent(&mut cluster, engine);
    cluster.await_nodes();
    cluster
}

fn start_agent(cluster: &mut Cluster, engine: &Engine) {
    let socket = engine.socket();
    let words = ["--runtime", "docker", "--docker-socket"];
    let socket = socket.to_str().expect("a path");
    cluster.start_agent_of(Path::new(PROGRAM), 0, &[&words[..], &[socket]].concat());
}

fn deployment() -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  replicas: 2\n  \
         selector: {{matchLabels: {{app: web}}}}\n  template:\n    \
         metadata: {{labels: {{app: web}}}}\n    spec:\n      terminationGracePeriodSeconds: 1\n      \
         containers:\n      - name: web\n        image: {IMAGE}\n        \
         command: [sh, -c, \"echo started; trap 'exit 3' TERM; while :; do sleep 0.1; done\"]\n        \
         resources: {{requests: {{cpu: 10m, memory: 8Mi}}, limits: {{memory: 32Mi}}}}\n"
    )
}

fn pod(name: &str, image: &str, script: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec:\n  restartPolicy: Never\n  \
         containers:\n  - {{name: main, image: \"{image}\", command: [sh, -c, \"{script}\"]}}\n"
    )
}

fn apply(cluster: &Cluster, text: &str) {
    let outcome = cluster.ask(&Request::Apply {
        file: "web.yaml".to_owned(),
        text: text.to_owned(),
    });
    assert_eq!(outcome.refused, Vec::<String>::new());
}

fn await_ready(cluster: &Cluster, wanted: usize, restarts: u32) {
    wait_calmly("the pods are ready", seconds(9), || {
        let pods = cluster.pods();
        let of_web = |name: &str| name.starts_with("web-");
        let ready = pods.iter().filter(|pod| pod.ready && of_web(&pod.name));
        let again: u32 = pods.iter().map(|pod| pod.restarts).sum();
        (ready.count() != wanted || again < restarts).then_some(pods)
    });
}

fn await_event(cluster: &Cluster, reason: &str, words: &str) {
    wait_calmly(words, seconds(9), || {
        let events = cluster.events(reason);
        let is_there = events
            .iter()
            .any(|event| event.object.contains(words) || event.message.contains(words));
        (!is_there).then_some(events)
    });
}

fn kept_alive() {
    let mut engine = Engine::new(true);
    let mut cluster = cluster("docker", &engine);
    let brief = pod("brief", IMAGE, "sleep 2; exit 7");
    apply(&cluster, &format!("{}{brief}", deployment()));
    await_ready(&cluster, 2, 0);
    let pods = cluster.pods();
    let web = pods.iter().find(|pod| pod.name.starts_with("web-"));
    let name = web.expect("a pod").name.clone();
    let log = cluster.log(&name).expect("a log");
    assert!(log.contains("started"), "{log}");
    let before = engine.containers();
    engine.kill();
    await_event(&cluster, "NotReady", "Node/n0");
    // Meanwhile one of the containers ends, and the agent is replaced.
    cluster.kill_agent(0);
    wait_until("the brief one ends", seconds(4), || {
        std::thread::sleep(millis(2_200));
        true
    });
    engine.start();
    start_agent(&mut cluster, &engine);
    cluster.await_nodes();
    await_ready(&cluster, 2, 0);
    await_event(&cluster, "Ended", "brief");
    let ends = cluster.events("Ended");
    assert!(
        ends.iter().any(|end| end.message.contains("error")),
        "{ends:?}"
    );
    let kept = engine.containers();
    let is_kept = kept.iter().all(|id| before.contains(id));
    assert!(is_kept && kept.len() >= 2, "{before:?} {kept:?}");
    // An image that can't be had: an end with words, and no loop.
    apply(
        &cluster,
        &pod("missing", "nowhere.invalid/nothing:1", "true"),
    );
    await_event(&cluster, "Ended", "missing");
    let object = "Deployment/default/web".to_owned();
    cluster.ask(&Request::Delete { object });
    // The container of a pod that ended stays for its logs.
    wait_calmly("one container is left", seconds(9), || {
        let left = engine.containers();
        (left.len() != 1).then_some(left)
    });
}

fn not_kept_alive() {
    let mut engine = Engine::new(false);
    let cluster = cluster("absent", &engine);
    apply(&cluster, &deployment());
    await_ready(&cluster, 2, 0);
    engine.kill();
    await_event(&cluster, "NotReady", "Node/n0");
    engine.start();
    // The engine ends what it finds; the agent starts it again.
    cluster.await_nodes();
    await_ready(&cluster, 2, 2);
}

fn pulled() {
    let engine = Engine::new(false);
    let cluster = cluster("pulled", &engine);
    let wait = millis(600);
    let image = image_registry::serve(&engine.folder, &engine.folder.join("image.tar"), wait);
    apply(&cluster, &deployment().replace(IMAGE, &image));
    await_ready(&cluster, 2, 0);
    let at = |reason: &str| {
        let events = cluster.events(reason);
        let first = events.iter().find(|event| event.message.contains(&image));
        first
            .unwrap_or_else(|| panic!("no {reason} of {image}: {events:?}"))
            .at_ns
    };
    let took_ns = at("Pulled") - at("Pulling");
    assert!(took_ns >= 600_000_000, "{took_ns}");
    cluster.run(&["record", "--out", "run.log", "--state", "state"]);
    let calibrated = cluster.run(&["calibrate", "run.log", "walk.yaml"]);
    assert!(
        calibrated.contains(&format!("\"{image}\":[\"{image}\"]")),
        "{calibrated}"
    );
    // Before and after the fitting: the recorded pulls, and those of the simulation.
    let row = calibrated.lines().find(|line| line.starts_with("pull"));
    let words: Vec<&str> = row.expect("pulls").split_whitespace().collect();
    let seconds = |text: &str| -> f64 { text.parse().expect("seconds") };
    let (real, fitted_off) = (seconds(words[3]), seconds(words[words.len() - 1]));
    assert!(real >= 2.0 && fitted_off.abs() < real / 2.0, "{calibrated}");
}

/// A pod of two containers: one is ready while a file is there and dead while another is, one serves HTTP.
fn probed_pod() -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: probed}}\nspec:\n  \
         terminationGracePeriodSeconds: 1\n  containers:\n  - name: files\n    image: {IMAGE}\n    \
         command: [sleep, \"600000\"]\n    \
         readinessProbe: {{exec: {{command: [test, -e, /ready]}}, periodSeconds: 1}}\n    \
         livenessProbe: {{exec: {{command: [test, \"!\", -e, /sick]}}, periodSeconds: 1, \
         failureThreshold: 2}}\n  - name: web\n    image: {IMAGE}\n    \
         command: [sh, -c, \"echo fine > /index.html; exec httpd -f -h / -p $PORT_HTTP\"]\n    \
         ports: [{{containerPort: 8080, name: http}}]\n    \
         startupProbe: {{tcpSocket: {{port: http}}, periodSeconds: 1, failureThreshold: 60}}\n    \
         readinessProbe: {{httpGet: {{path: /index.html, port: http}}, periodSeconds: 1}}\n"
    )
}

fn probed() {
    let engine = Engine::new(false);
    let cluster = cluster("probed", &engine);
    apply(&cluster, &probed_pod());
    let is_ready = || cluster.pods().iter().any(|pod| pod.ready);
    let restarts = || cluster.pods().iter().map(|pod| pod.restarts).sum::<u32>();
    await_event(
        &cluster,
        "Unhealthy",
        "readiness probe of container `files`",
    );
    assert!(!is_ready());
    engine.in_containers(&["touch", "/ready"]);
    wait_until("it is ready", seconds(9), is_ready);
    // The page is gone from the server, and comes back.
    engine.in_containers(&["rm", "-f", "/index.html"]);
    await_event(&cluster, "Unhealthy", "readiness probe of container `web`");
    wait_until("it is not ready any more", seconds(9), || !is_ready());
    engine.in_containers(&["touch", "/index.html"]);
    wait_until("it is ready again", seconds(9), is_ready);
    assert_eq!(restarts(), 0);
    engine.in_containers(&["touch", "/sick"]);
    await_event(&cluster, "Unhealthy", "liveness probe of container `files`");
    wait_until("it is started again", seconds(9), || restarts() == 1);
}
