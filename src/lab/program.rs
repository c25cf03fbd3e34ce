//! Identity of this program: a build that was changed is another one, whatever its version.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::OnceLock;

use intake::Input;

/// Version of the program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Header of the note in which linkers leave a hash of what they linked: lengths of the owner's name and
/// of the hash, the kind, the name.
const NOTE: &[u8] = b"\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU\0";
/// Bytes from the start of a program within which that note stands.
const NOTES: u64 = 4096;

/// Commit and compiler that the program was built from, where it says so.
static ORIGIN: OnceLock<[&'static str; 2]> = OnceLock::new();

/// Says which commit the program was built from and by which compiler, before anything asks; empty without one.
pub fn built_from(commit: &'static str, compiler: &'static str) {
    let _ = ORIGIN.set([commit, compiler]);
}

/// Mark of a build among those of a version: the commit, where it is known, with `-dirty` if more was changed;
/// a hash in 16 digits, that of the linker or that of the whole file, which is missing if the program
/// can't read itself; and the compiler.
pub fn build() -> &'static str {
    static BUILD: OnceLock<String> = OnceLock::new();
    BUILD.get_or_init(|| {
        let path = std::env::current_exe().ok();
        let hash = path.and_then(|path| linked(&path).or_else(|| Input::path(path).blake3().ok()));
        let hash = hash.as_deref().map_or("", |hash| &hash[..16]);
        let [commit, compiler] = ORIGIN.get().copied().unwrap_or_default();
        let mark = format!("{commit} {hash}");
        let parts = [mark.trim(), compiler].into_iter();
        let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
        parts.join(", ")
    })
}

/// Version and build in words.
pub fn identity() -> &'static str {
    static IDENTITY: OnceLock<String> = OnceLock::new();
    IDENTITY.get_or_init(|| described(VERSION, build()))
}

/// A version and a build in words.
pub fn described(version: &str, build: &str) -> String {
    match build {
        "" => version.to_owned(),
        build => format!("{version} (build {build})"),
    }
}

#[expect(clippy::disallowed_methods, reason = "it reads the program itself")]
fn linked(path: &Path) -> Option<String> {
    let mut start = Vec::new();
    let file = File::open(path).ok()?;
    file.take(NOTES).read_to_end(&mut start).ok()?;
    noted(&start)
}

/// The first 16 digits of the linker's hash in the start of a program.
fn noted(start: &[u8]) -> Option<String> {
    let at = start.windows(NOTE.len()).position(|own| own == NOTE)?;
    let hash = start.get(at + NOTE.len()..)?.get(..8)?;
    let hash: [u8; 8] = hash.try_into().ok()?;
    Some(format!("{:016x}", u64::from_be_bytes(hash)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_is_told_by_its_content() {
        assert_eq!(build().len(), 16);
        assert_eq!(identity(), format!("{VERSION} (build {})", build()));
        assert_eq!(described("0.1.0", ""), "0.1.0");
        let start = [b"\x7fELF", NOTE, &[0xab; 20]].concat();
        assert_eq!(noted(&start).as_deref(), Some("abababababababab"));
        assert_eq!(noted(b"\xcf\xfa\xed\xfe"), None);
    }
}
