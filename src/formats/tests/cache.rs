//! Tests of `arrivals::cache` on real formats.

use crate::tests::prelude::*;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};

use arrivals::cache::{BLOCK_ARRIVALS, CacheFolder, cached_in};

use crate::readers::swf::SwfSource;

/// A log of more than a block, with dirt, users and gaps.
fn log() -> String {
    let mut text = String::from("; MaxProcs: 8\n\n");
    for number in 0..BLOCK_ARRIVALS + 5_000 {
        let run = if number % 9 == 0 { 0 } else { 60 + number % 7 };
        let wait = if number < 3_000 { 3 } else { -1 };
        let user = number / 4_000;
        let _ = writeln!(
            text,
            "{number} {} {wait} {run} 2 -1 {} 2 90 -1 1 {user} 1 1 1 1 -1 -1",
            10 * number,
            number % 3,
        );
    }
    text
}

fn cached(text: &str, folder: &Path, options: &ReadOptions) -> Box<dyn ArrivalSource> {
    let input = Input::bytes("log.swf", text.as_bytes().to_vec());
    let source = SwfSource::open(&input, options).expect("a log");
    let folder = CacheFolder {
        path: folder.to_owned(),
        program: "this program".to_owned(),
    };
    cached_in(Box::new(source), &input, options, &folder).expect("memory")
}

/// Compares a cached source with the plain one, arrival by arrival.
fn compare(text: &str, folder: &Path, options: &ReadOptions) {
    let input = Input::bytes("log.swf", text.as_bytes().to_vec());
    let mut plain = SwfSource::open(&input, options).expect("a log");
    let mut cached = cached(text, folder, options);
    loop {
        assert_eq!(cached.ledger(), plain.ledger());
        let expected = plain.next();
        assert_eq!(cached.next(), expected);
        if let Ok(Some(arrival)) = &expected {
            let class = arrival.class as usize;
            assert_eq!(cached.classes()[class], plain.classes()[class]);
            let tenant = arrival.tenant as usize;
            assert_eq!(cached.tenants()[tenant], plain.tenants()[tenant]);
        } else {
            assert_eq!(cached.ledger(), plain.ledger());
            return;
        }
    }
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("windtunnel-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    folder
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    entries
        .map(|entry| entry.expect("an entry").path())
        .collect()
}

#[test]
fn a_cache_delivers_what_the_file_holds() {
    let (folder, text) = (folder("cache"), log());
    let memory = options_with(|own| own.memory = true);
    for options in [ReadOptions::default(), memory] {
        compare(&text, &folder, &options);
        compare(&text, &folder, &options);
    }
    assert_eq!(files(&folder).len(), 2, "one for each way of reading");
    let source = cached(&text, &folder, &ReadOptions::default());
    let mut fork = source.fork().expect("memory");
    fork.next().expect("a good log");
    let _ = std::fs::remove_dir_all(&folder);
}

#[test]
fn a_broken_cache_is_made_anew() {
    let (folder, text) = (folder("broken"), log());
    let options = ReadOptions::default();
    compare(&text, &folder, &options);
    let path = files(&folder).remove(0);
    let whole = Input::path(&path).blake3().expect("a cache");
    let read = || {
        let mut bytes = Vec::new();
        let file = OpenOptions::new().read(true).open(&path);
        file.and_then(|mut file| file.read_to_end(&mut bytes))
            .expect("a cache");
        bytes
    };
    let good = read();
    for damage in 0..6 {
        let mut bytes = good.clone();
        match damage {
            0 => bytes.truncate(good.len() / 2),
            1 => bytes.truncate(good.len() - 1),
            2 => bytes[0] ^= 1,
            3 => bytes[good.len() / 3] ^= 1,
            4 => bytes[good.len() - 40] ^= 1,
            _ => bytes.clear(),
        }
        let mut file = OpenOptions::new().write(true).truncate(true).open(&path);
        let written = file.as_mut().map(|file| file.write_all(&bytes));
        assert!(matches!(written, Ok(Ok(()))));
        drop(file);
        compare(&text, &folder, &options);
        compare(&text, &folder, &options);
        let again = Input::path(&path).blake3();
        assert_eq!(again.expect("made anew"), whole, "{damage}");
    }
    let _ = std::fs::remove_dir_all(&folder);
}

#[test]
fn what_is_not_read_to_its_end_leaves_nothing() {
    let (folder, text) = (folder("partial"), log());
    let mut source = cached(&text, &folder, &ReadOptions::default());
    for _ in 0..10 {
        source.next().expect("a good log");
    }
    assert_eq!(files(&folder).len(), 1, "under its other name");
    drop(source);
    assert_eq!(files(&folder), Vec::<PathBuf>::new());
    let _ = std::fs::remove_dir_all(&folder);
}
