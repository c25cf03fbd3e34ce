//! Compression of what is written, by the name's ending: `.gz`, `.zst`, or none. The bytes hold
//! neither name nor time, so equal content gives equal files.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::Path;

use flate2::{Compression, GzBuilder};

/// The level that zstd files are written with; 19 is its highest without extra memory.
const ZSTD_LEVEL: i32 = 19;

/// The bytes to be stored under a name.
pub fn compress(name: &str, bytes: &[u8]) -> io::Result<Vec<u8>> {
    match Path::new(name).extension().and_then(OsStr::to_str) {
        Some("gz") => {
            let mut encoder = GzBuilder::new()
                .mtime(0)
                .write(Vec::new(), Compression::best());
            encoder.write_all(bytes)?;
            encoder.finish()
        }
        Some("zst") => zstd::encode_all(bytes, ZSTD_LEVEL),
        _ => Ok(bytes.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Input;

    #[test]
    fn what_is_compressed_reads_back() {
        for name in ["log.swf", "log.swf.gz", "log.swf.zst"] {
            let stored = compress(name, b"1 2 3\n").expect("memory");
            assert_eq!(compress(name, b"1 2 3\n").expect("memory"), stored);
            let text = Input::bytes(name, stored).read_to_string();
            assert_eq!(text.as_deref(), Ok("1 2 3\n"), "{name}");
        }
    }
}
