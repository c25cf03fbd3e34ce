//! A registry of container images on loopback, with one image: what an engine needs to pull it, by the
//! specification of OCI's distribution.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::json;

/// Name of the image within the registry.
const NAME: &str = "web";

/// Something that the registry hands out.
#[derive(Clone)]
struct Blob {
    digest: String,
    kind: &'static str,
    bytes: Vec<u8>,
}

impl Blob {
    /// A blob, whose digest is that of a file with its bytes.
    fn new(file: &Path, kind: &'static str, bytes: Vec<u8>) -> Self {
        fs::write(file, &bytes).expect("a file");
        let summed = Command::new("sha256sum").arg(file).output();
        let text = String::from_utf8(summed.expect("sha256sum").stdout).expect("text");
        let digest = text.split(' ').next().expect("a digest");
        Self {
            digest: format!("sha256:{digest}"),
            kind,
            bytes,
        }
    }
}

/// Serves an image with the files of an archive from now on; returns the image's name. Whoever asks what
/// it consists of waits for a while first.
pub(crate) fn serve(folder: &Path, archive: &Path, wait: Duration) -> String {
    let layer = Blob::new(
        &folder.join("layer"),
        "application/vnd.oci.image.layer.v1.tar",
        fs::read(archive).expect("an archive"),
    );
    let config = json!({
        "architecture": "amd64",
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [layer.digest]},
    });
    let config = Blob::new(
        &folder.join("config"),
        "application/vnd.oci.image.config.v1+json",
        config.to_string().into_bytes(),
    );
    let described = |blob: &Blob| json!({"mediaType": blob.kind, "digest": blob.digest, "size": blob.bytes.len()});
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": kind,
        "config": described(&config),
        "layers": [described(&layer)],
    });
    let manifest = Blob::new(
        &folder.join("manifest"),
        kind,
        manifest.to_string().into_bytes(),
    );
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    // It serves until the tests end.
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (manifest, blobs) = (manifest.clone(), [config.clone(), layer.clone()]);
            std::thread::spawn(move || answer(stream, &manifest, &blobs, wait));
        }
    });
    format!("{address}/{NAME}:1")
}

/// Answers the requests of a connection.
fn answer(stream: TcpStream, manifest: &Blob, blobs: &[Blob; 2], wait: Duration) {
    let mut writer = stream.try_clone().expect("a socket");
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    while let Some(request) = lines.next() {
        // Headers end with an empty line; no request has a body.
        lines
            .by_ref()
            .take_while(|line| !line.is_empty())
            .for_each(drop);
        let mut words = request.split(' ');
        let is_head = words.next() == Some("HEAD");
        let path = words.next().unwrap_or_default();
        let last = path.rsplit('/').next().unwrap_or_default();
        let found = if path.contains("/manifests/") {
            Some(manifest)
        } else {
            blobs.iter().find(|blob| blob.digest == last)
        };
        if path.contains("/manifests/") {
            std::thread::sleep(wait);
        }
        let (status, head, body): (_, _, &[u8]) = match found {
            Some(blob) => {
                let head = format!(
                    "Content-Type: {}\r\nDocker-Content-Digest: {}\r\n",
                    blob.kind, blob.digest
                );
                ("200 OK", head, &blob.bytes)
            }
            None if path == "/v2/" => ("200 OK", String::new(), b"{}"),
            None => ("404 Not Found", String::new(), b"{}"),
        };
        let head = format!(
            "HTTP/1.1 {status}\r\n{head}Content-Length: {}\r\n\r\n",
            body.len()
        );
        let body = if is_head { &[] } else { body };
        if writer.write_all(head.as_bytes()).is_err() || writer.write_all(body).is_err() {
            return;
        }
    }
}
