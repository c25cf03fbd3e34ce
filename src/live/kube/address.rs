//! Addresses of servers, as kubeconfigs state them.

/// The server of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiAddress {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Beginning of every path, without a slash at its end.
    pub base: String,
    /// Whether connections are encrypted.
    pub is_encrypted: bool,
}

/// The server of a text such as `https://10.0.0.1:6443/base`.
pub(super) fn address(server: &str) -> Result<ApiAddress, String> {
    let expected = || format!("`{server}`: expected such as `https://10.0.0.1:6443`");
    let (scheme, rest) = server.split_once("://").ok_or_else(expected)?;
    let is_encrypted = match scheme {
        "https" => true,
        "http" => false,
        _ => return Err(expected()),
    };
    let (authority, base) = match rest.split_once('/') {
        Some((authority, base)) => (authority, format!("/{}", base.trim_matches('/'))),
        None => (rest, String::new()),
    };
    let default = if is_encrypted { 443 } else { 80 };
    let (host, port) = match authority.rsplit_once(':') {
        // An address of version 6 stands in brackets.
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| expected())?),
        _ => (authority, default),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if host.is_empty() {
        return Err(expected());
    }
    Ok(ApiAddress {
        host: host.to_owned(),
        port,
        base: if base == "/" { String::new() } else { base },
        is_encrypted,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_have_hosts_ports_and_bases() {
        let read = |text: &str| address(text).map(|own| (own.host, own.port, own.base));
        let expected = |host: &str, port, base: &str| Ok((host.to_owned(), port, base.to_owned()));
        assert_eq!(
            read("https://10.0.0.1:6443"),
            expected("10.0.0.1", 6443, "")
        );
        assert_eq!(
            read("https://k8s.example/"),
            expected("k8s.example", 443, "")
        );
        assert_eq!(
            read("http://[::1]:8080/a/b/"),
            expected("::1", 8080, "/a/b")
        );
        assert!(read("10.0.0.1:6443").is_err());
        assert!(read("ftp://host").is_err());
    }
}
