//! Files that know whether they are whole: a line with the blake3 hash of the content, the content, and the end of a
//! line.

/// The bytes of a file with this content.
pub(crate) fn sealed(content: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{}\n", blake3::hash(content).to_hex()).into_bytes();
    bytes.extend_from_slice(content);
    bytes.push(b'\n');
    bytes
}

/// The content of the bytes of a file.
///
/// # Errors
/// In words, what is wrong with them.
pub(crate) fn unsealed(bytes: &[u8]) -> Result<&[u8], String> {
    let end = bytes.iter().position(|byte| *byte == b'\n');
    let parts = end.map(|end| (&bytes[..end], &bytes[end + 1..]));
    let (hash, rest) = parts.ok_or("it is cut off")?;
    let content = rest.strip_suffix(b"\n").ok_or("it is cut off")?;
    if blake3::hash(content).to_hex().as_bytes() == hash {
        Ok(content)
    } else {
        Err("its content does not match its first line".to_owned())
    }
}
