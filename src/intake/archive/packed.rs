//! Tar archives for tests, of this crate and of those that read files of archives.

/// Bytes of a block.
const BLOCK: usize = 512;
/// Position of the kind of a file in its header.
const KIND: usize = 156;
/// Positions of the mark of the format.
const MARK: std::ops::Range<usize> = 257..262;

/// An archive of files of text.
pub(crate) fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let files = files.iter().map(|(name, text)| (*name, text.as_bytes()));
    archive_of_bytes(&files.collect::<Vec<_>>())
}

/// An archive of files.
pub(crate) fn archive_of_bytes(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, text) in files {
        let mut header = [0_u8; BLOCK];
        header[..name.len()].copy_from_slice(name.as_bytes());
        let size = format!("{:011o}", text.len());
        header[124..135].copy_from_slice(size.as_bytes());
        header[KIND] = b'0';
        header[MARK].copy_from_slice(b"ustar");
        bytes.extend_from_slice(&header);
        bytes.extend_from_slice(text);
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    }
    bytes.resize(bytes.len() + 2 * BLOCK, 0);
    bytes
}
