//! Compressions, cut files, folders and faults of inputs.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::lines::tests::lines;

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).expect("memory");
    encoder.finish().expect("memory")
}

#[test]
fn xz_is_read_like_the_others() {
    const PACKED: [u8; 64] = [
        0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0x00, 0x04, 0xe6, 0xd6, 0xb4, 0x46, 0x02, 0x00, 0x21,
        0x01, 0x16, 0x00, 0x00, 0x00, 0x74, 0x2f, 0xe5, 0xa3, 0x01, 0x00, 0x05, 0x68, 0x65, 0x6c,
        0x6c, 0x6f, 0x0a, 0x00, 0x00, 0x00, 0xa5, 0x60, 0x97, 0xf1, 0x94, 0xf6, 0xfd, 0xe0, 0x00,
        0x01, 0x1e, 0x06, 0xc1, 0x2f, 0xa4, 0x1d, 0x1f, 0xb6, 0xf3, 0x7d, 0x01, 0x00, 0x00, 0x00,
        0x00, 0x04, 0x59, 0x5a,
    ];
    let once = Input::bytes("hello.xz", PACKED.to_vec());
    assert_eq!(once.read_to_string(), Ok("hello\n".to_owned()));
    let twice = Input::bytes("hello.xz", [PACKED, PACKED].concat());
    assert_eq!(twice.read_to_string(), Ok("hello\nhello\n".to_owned()));
    let cut = Input::bytes("hello.xz", PACKED[..40].to_vec());
    assert!(cut.read_to_string().is_err());
}

#[test]
fn every_compression_and_line_end_gives_the_same_lines() {
    let text = b"\xef\xbb\xbffirst\r\nsecond\n\nlast".to_vec();
    let two_members = [gzip(&text[..9]), gzip(&text[9..])].concat();
    let zstd = zstd::encode_all(text.as_slice(), 3).expect("memory");
    let expected: Vec<(u64, String)> = [(1, "first"), (2, "second"), (3, ""), (4, "last")]
        .map(|(number, line)| (number, line.to_owned()))
        .to_vec();
    for (kind, bytes) in [
        ("plain", text.clone()),
        ("gzip", gzip(&text)),
        ("two members", two_members),
        ("zstd", zstd),
    ] {
        assert_eq!(
            lines(&Input::bytes("memory", bytes)).as_ref(),
            Ok(&expected),
            "{kind}"
        );
    }
    assert_eq!(lines(&Input::bytes("empty", Vec::new())), Ok(Vec::new()));
}

#[test]
fn a_truncated_file_says_so() {
    let text: Vec<u8> = (0..5_000_u32)
        .flat_map(|n| n.to_string().into_bytes())
        .collect();
    let zstd = zstd::encode_all(text.as_slice(), 3).expect("memory");
    for bytes in [gzip(&text), zstd] {
        let half = Input::bytes("log.swf", bytes[..bytes.len() / 2].to_vec());
        assert_eq!(
            lines(&half).expect_err("half a file").to_string(),
            "log.swf: the compressed data ends too early: the file is truncated; download or \
             copy it again"
        );
    }
}

#[test]
fn missing_files_and_directories_are_named() {
    for (path, part) in [
        ("/nowhere/log.swf", "/nowhere/log.swf: no such file"),
        (
            env!("CARGO_MANIFEST_DIR"),
            "is a directory; name the file in it",
        ),
    ] {
        let message = lines(&Input::path(path)).expect_err(path).to_string();
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn hashes_are_of_the_stored_bytes() {
    assert_eq!(
        Input::bytes("memory", b"abc".to_vec()).blake3().as_deref(),
        Ok("6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85")
    );
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a folder is read where it lies, on disk"
)]
fn folders_are_read_with_those_in_them() {
    let folder = std::env::temp_dir().join(format!("windtunnel-folders-{}", std::process::id()));
    let write = |path: &str| {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().expect("a folder"))?;
        std::fs::write(path, "1\n")
    };
    for path in [
        "b/part-1.csv",
        "b/.hidden",
        ".git/x",
        "a/c/part-0.csv",
        "README.md",
    ] {
        write(path).expect("a temporary folder");
    }
    let files = Input::path(&folder)
        .files()
        .expect("readable")
        .expect("a folder");
    let mut names: Vec<String> = { files.iter() }
        .map(|file| file.name.replace(&*folder.to_string_lossy(), ""))
        .collect();
    names.sort();
    std::fs::remove_dir_all(&folder).expect("a temporary folder");
    assert_eq!(names, ["/README.md", "/a/c/part-0.csv", "/b/part-1.csv"]);
}

#[test]
fn a_long_stream_is_read_as_often_as_needed() {
    let line = |number: u32| format!("{number},{}\n", "x".repeat(60));
    let text: String = (0..40_000).map(line).collect();
    assert!(text.len() > 1 << 21);
    for (kind, bytes) in [
        ("plain", text.clone().into_bytes()),
        ("gzip", gzip(text.as_bytes())),
    ] {
        let input = Input::spooled("standard input", bytes.as_slice()).expect("readable");
        // Two readers at once, each with a place of its own.
        let mut readers = [0, 1].map(|_| input.open().expect("readable"));
        let mut first = String::new();
        readers[0].read_line(&mut first).expect("text");
        let mut all = String::new();
        readers[1].read_to_string(&mut all).expect("text");
        assert!(all == text && text.starts_with(&first), "{kind}");
        assert_eq!(input.read_to_string().as_ref(), Ok(&text), "{kind}");
        assert_eq!(input.stored_bytes(), Ok(bytes.len() as u64), "{kind}");
        let hash = blake3::hash(&bytes).to_hex().to_string();
        assert_eq!(input.blake3(), Ok(hash), "{kind}");
        assert!(!input.is_read_once(), "{kind}");
    }
    let input = Input::spooled("standard input", text.as_bytes()).expect("readable");
    assert!(matches!(&input.origin, Origin::Spooled(_)), "{input:?}");
    let (file, length) = input.plain_file().expect("readable").expect("a file");
    let mut end = [0; 3];
    file.read_exact_at(&mut end, length - 3).expect("there");
    assert_eq!(&end, b"xx\n");
}
