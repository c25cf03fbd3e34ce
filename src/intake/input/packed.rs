//! ZIP archives for tests, of this crate and of those that read files of archives.

use std::io::Write as _;

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

/// How a file is packed.
#[derive(Clone, Copy)]
pub(crate) struct Packing {
    pub(crate) is_deflated: bool,
    pub(crate) is_behind: bool,
    pub(crate) is_marked: bool,
}

pub(crate) const PLAIN: Packing = Packing {
    is_deflated: false,
    is_behind: false,
    is_marked: false,
};

/// An archive of files.
pub(crate) fn packed(files: &[(&str, &str)], how: Packing) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, text) in files {
        let mut crc = Crc::new();
        crc.update(text.as_bytes());
        let mut content = text.as_bytes().to_vec();
        if how.is_deflated {
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(text.as_bytes()).expect("memory");
            content = encoder.finish().expect("memory");
        }
        let long = |number: usize| (number as u32).to_le_bytes();
        let facts = [
            crc.sum().to_le_bytes(),
            long(content.len()),
            long(text.len()),
        ]
        .concat();
        bytes.extend(b"PK\x03\x04");
        bytes.extend([
            20,
            0,
            8 * u8::from(how.is_behind),
            0,
            8 * u8::from(how.is_deflated),
            0,
        ]);
        bytes.extend([0; 4]);
        bytes.extend(if how.is_behind {
            vec![0; 12]
        } else {
            facts.clone()
        });
        bytes.extend([name.len() as u8, 0, 0, 0]);
        bytes.extend(name.as_bytes());
        bytes.extend(content);
        if how.is_behind {
            bytes.extend(if how.is_marked {
                &b"PK\x07\x08"[..]
            } else {
                &[]
            });
            bytes.extend(facts);
        }
    }
    bytes.extend(b"PK\x01\x02");
    bytes.extend([0; 40]);
    bytes
}
