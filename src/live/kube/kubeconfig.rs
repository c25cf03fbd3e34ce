//! Where a cluster's API is, and who asks: a file as kubectl reads it, or the account of the pod that this runs in.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "credentials are files, and good by the wall clock"
)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use thiserror::Error;

use super::address::{ApiAddress, address};

/// Time for which a token of a file or of a program without an end is used before it is read again.
const FRESH: Duration = Duration::from_mins(1);

/// Folder of the account of a pod.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// A fault of a kubeconfig.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}: {what}", file.display())]
pub struct KubeconfigError {
    /// The file.
    pub file: PathBuf,
    /// The fault, with the field and the fix.
    pub what: String,
}

/// How whoever asks proves who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Proof {
    Nothing,
    Token(String),
    TokenFile(PathBuf),
    Certificate { chain: Vec<u8>, key: Vec<u8> },
    Program(Box<Program>),
}

/// A program that gives credentials, as providers of managed clusters have them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Program {
    command: String,
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
    version: String,
}

/// Credentials for some time.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Token for the header of requests.
    pub token: Option<String>,
    /// Configuration of encrypted connections; `None` of plain ones.
    pub tls: Option<Arc<ClientConfig>>,
    until: Option<SystemTime>,
}

/// Access to a cluster.
#[derive(Debug)]
pub struct Access {
    /// The server.
    pub address: ApiAddress,
    file: PathBuf,
    authorities: Option<Vec<u8>>,
    server_name: Option<String>,
    proof: Proof,
    current: Mutex<Option<Credentials>>,
}

/// What names things in a kubeconfig.
struct ConfigFile<'f> {
    file: &'f Path,
    document: Value,
}

impl ConfigFile<'_> {
    fn wrong(&self, what: impl Into<String>) -> KubeconfigError {
        KubeconfigError {
            file: self.file.to_owned(),
            what: what.into(),
        }
    }

    /// The entry of a name in a list such as `clusters`.
    fn named(&self, list: &str, field: &str, name: &str) -> Result<&Value, KubeconfigError> {
        let entries = self.document[list].as_array().into_iter().flatten();
        let mut entries = entries.filter(|entry| entry["name"] == name);
        let entry = entries.next().map(|entry| &entry[field]);
        entry.ok_or_else(|| self.wrong(format!("{list}: there is no entry of the name `{name}`")))
    }

    /// Bytes that are stated in a field, or in the file that another one names.
    fn bytes(
        &self,
        owner: &Value,
        data: &str,
        file: &str,
    ) -> Result<Option<Vec<u8>>, KubeconfigError> {
        if let Some(text) = owner[data].as_str().filter(|text| !text.is_empty()) {
            let bytes = STANDARD.decode(text.trim());
            return bytes
                .map(Some)
                .map_err(|error| self.wrong(format!("{data}: not in base64: {error}")));
        }
        let Some(path) = owner[file].as_str().filter(|path| !path.is_empty()) else {
            return Ok(None);
        };
        let path = self.beside(path);
        let read = std::fs::read(&path);
        read.map(Some)
            .map_err(|error| self.wrong(format!("{file}: {}: {error}", path.display())))
    }

    /// A path, which is relative to the file.
    fn beside(&self, path: &str) -> PathBuf {
        let folder = self.file.parent().unwrap_or_else(|| Path::new("."));
        folder.join(path)
    }

    fn proof(&self, user: &Value) -> Result<Proof, KubeconfigError> {
        if let Some(token) = user["token"].as_str().filter(|token| !token.is_empty()) {
            return Ok(Proof::Token(token.to_owned()));
        }
        if let Some(path) = user["tokenFile"].as_str().filter(|path| !path.is_empty()) {
            return Ok(Proof::TokenFile(self.beside(path)));
        }
        let chain = self.bytes(user, "client-certificate-data", "client-certificate")?;
        let key = self.bytes(user, "client-key-data", "client-key")?;
        match (chain, key) {
            (Some(chain), Some(key)) => return Ok(Proof::Certificate { chain, key }),
            (None, None) => {}
            _ => {
                return Err(self.wrong(
                    "users: a client certificate needs its key, and a key its certificate",
                ));
            }
        }
        if user["exec"].is_object() {
            let exec = &user["exec"];
            let texts = |list: &Value| -> Vec<String> {
                let texts = list.as_array().into_iter().flatten();
                texts
                    .filter_map(|text| text.as_str().map(str::to_owned))
                    .collect()
            };
            let command = exec["command"].as_str().unwrap_or_default();
            if command.is_empty() {
                return Err(self.wrong("users: exec.command: expected a program"));
            }
            let variables = exec["env"].as_array().into_iter().flatten();
            let variables = variables.filter_map(|own| {
                Some((
                    own["name"].as_str()?.to_owned(),
                    own["value"].as_str()?.to_owned(),
                ))
            });
            return Ok(Proof::Program(Box::new(Program {
                // A path with a folder is relative to the file, as kubectl has it.
                command: if command.contains('/') {
                    self.beside(command).display().to_string()
                } else {
                    command.to_owned()
                },
                arguments: texts(&exec["args"]),
                variables: variables.collect(),
                version: exec["apiVersion"]
                    .as_str()
                    .unwrap_or("client.authentication.k8s.io/v1")
                    .to_owned(),
            })));
        }
        if user["username"].is_string() || user["auth-provider"].is_object() {
            return Err(self.wrong(
                "users: names with passwords and `auth-provider` are not spoken; give a token, a client \
                 certificate or `exec`",
            ));
        }
        Ok(Proof::Nothing)
    }
}

impl Access {
    /// Access by a kubeconfig, in the context of a name or else the current one.
    ///
    /// # Errors
    /// The file can't be read, or states no access.
    pub fn of_file(file: &Path, context: Option<&str>) -> Result<Self, KubeconfigError> {
        let wrong = |what: String| KubeconfigError {
            file: file.to_owned(),
            what,
        };
        let text = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
        let documents = k8s::read_values(&text).map_err(wrong)?;
        let document = documents.into_iter().next().unwrap_or_default();
        let reader = ConfigFile { file, document };
        let current = reader.document["current-context"].as_str();
        let context = context.or(current).filter(|name| !name.is_empty());
        let context = context.ok_or_else(|| {
            reader.wrong("current-context: there is none; name one with `--context`")
        })?;
        let context = reader.named("contexts", "context", context)?;
        let cluster = context["cluster"].as_str().unwrap_or_default();
        let cluster = reader.named("clusters", "cluster", cluster)?;
        let user = context["user"].as_str().unwrap_or_default();
        let proof = if user.is_empty() {
            Proof::Nothing
        } else {
            reader.proof(reader.named("users", "user", user)?)?
        };
        if cluster["insecure-skip-tls-verify"] == true {
            return Err(reader.wrong(
                "clusters: `insecure-skip-tls-verify` would let any machine answer for the server; give its \
                 authority as `certificate-authority`",
            ));
        }
        if cluster["proxy-url"].is_string() {
            return Err(reader.wrong("clusters: `proxy-url` is not spoken; leave it out"));
        }
        let server = cluster["server"].as_str().unwrap_or_default();
        let address =
            address(server).map_err(|why| reader.wrong(format!("clusters: server: {why}")))?;
        let authorities = reader.bytes(
            cluster,
            "certificate-authority-data",
            "certificate-authority",
        )?;
        if address.is_encrypted && authorities.is_none() {
            return Err(reader.wrong(
                "clusters: the server's authority is missing; give it as `certificate-authority` or \
                 `certificate-authority-data`",
            ));
        }
        Ok(Self {
            address,
            file: file.to_owned(),
            authorities,
            server_name: cluster["tls-server-name"].as_str().map(str::to_owned),
            proof,
            current: Mutex::new(None),
        })
    }

    /// Access by the account of the pod that this runs in.
    ///
    /// # Errors
    /// The account's files can't be read.
    pub fn of_pod(host: &str, port: &str) -> Result<Self, KubeconfigError> {
        let folder = Path::new(ACCOUNT);
        let file = folder.join("ca.crt");
        let wrong = |what: String| KubeconfigError {
            file: file.clone(),
            what,
        };
        let authorities = std::fs::read(&file).map_err(|error| wrong(error.to_string()))?;
        let port = port
            .parse()
            .map_err(|_| wrong(format!("the port `{port}` is none")))?;
        Ok(Self {
            address: ApiAddress {
                host: host.to_owned(),
                port,
                base: String::new(),
                is_encrypted: true,
            },
            authorities: Some(authorities),
            server_name: None,
            proof: Proof::TokenFile(folder.join("token")),
            current: Mutex::new(None),
            file,
        })
    }

    /// Name of the server, by which its certificate is judged.
    ///
    /// # Errors
    /// The name is none.
    pub fn server_name(&self) -> Result<ServerName<'static>, KubeconfigError> {
        let name = self.server_name.as_ref().unwrap_or(&self.address.host);
        let name = ServerName::try_from(name.clone());
        name.map_err(|error| self.wrong(format!("clusters: server: {error}")))
    }

    /// Credentials that are good now. Those in use may have been refused.
    ///
    /// # Errors
    /// They can't be had.
    pub fn credentials(&self, are_refused: bool) -> Result<Credentials, KubeconfigError> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let is_good =
            |own: &&Credentials| !are_refused && own.until.is_none_or(|until| now() < until);
        if let Some(own) = current.as_ref().filter(is_good) {
            return Ok(own.clone());
        }
        let made = self.make()?;
        *current = Some(made.clone());
        Ok(made)
    }

    fn make(&self) -> Result<Credentials, KubeconfigError> {
        let fresh = Some(now() + FRESH);
        match &self.proof {
            Proof::Nothing => self.made(None, None, None),
            Proof::Token(token) => self.made(Some(token.clone()), None, None),
            Proof::TokenFile(path) => {
                let token = std::fs::read_to_string(path);
                let token = token.map_err(|error| {
                    self.wrong(format!("users: tokenFile: {}: {error}", path.display()))
                })?;
                self.made(Some(token.trim().to_owned()), None, fresh)
            }
            Proof::Certificate { chain, key } => self.made(None, Some((chain, key)), None),
            Proof::Program(program) => self.asked(program),
        }
    }

    /// Credentials of a program.
    fn asked(&self, program: &Program) -> Result<Credentials, KubeconfigError> {
        let request = json!({
            "apiVersion": program.version,
            "kind": "ExecCredential",
            "spec": {"interactive": false},
        });
        let mut command = Command::new(&program.command);
        command
            .args(&program.arguments)
            .env("KUBERNETES_EXEC_INFO", request.to_string());
        for (name, value) in &program.variables {
            command.env(name, value);
        }
        let wrong = |why: String| self.wrong(format!("users: exec: `{}`: {why}", program.command));
        let output = command.output().map_err(|error| wrong(error.to_string()))?;
        if !output.status.success() {
            let told = String::from_utf8_lossy(&output.stderr);
            let told: String = told.chars().take(200).collect();
            return Err(wrong(format!(
                "ended with {}: {}",
                output.status,
                told.trim()
            )));
        }
        let answer: Value = serde_json::from_slice(&output.stdout)
            .map_err(|error| wrong(format!("its output is no ExecCredential: {error}")))?;
        let status = &answer["status"];
        let token = status["token"].as_str().map(str::to_owned);
        let pem = |field: &str| status[field].as_str().map(|text| text.as_bytes().to_vec());
        let pair = pem("clientCertificateData").zip(pem("clientKeyData"));
        if token.is_none() && pair.is_none() {
            return Err(wrong(
                "its output has no token and no certificate".to_owned(),
            ));
        }
        let until = status["expirationTimestamp"].as_str();
        let until = until.and_then(k8s::parse_unix_secs);
        let until = until.and_then(|secs| u64::try_from(secs).ok());
        let until = until.map(|secs| SystemTime::UNIX_EPOCH + Duration::from_secs(secs));
        let pair = pair.as_ref().map(|(chain, key)| (chain, key));
        self.made(token, pair, until.or(Some(now() + FRESH)))
    }

    fn made(
        &self,
        token: Option<String>,
        pair: Option<(&Vec<u8>, &Vec<u8>)>,
        until: Option<SystemTime>,
    ) -> Result<Credentials, KubeconfigError> {
        let tls = match &self.authorities {
            Some(authorities) if self.address.is_encrypted => Some(self.tls(authorities, pair)?),
            _ => None,
        };
        Ok(Credentials { token, tls, until })
    }

    fn tls(
        &self,
        authorities: &[u8],
        pair: Option<(&Vec<u8>, &Vec<u8>)>,
    ) -> Result<Arc<ClientConfig>, KubeconfigError> {
        let wrong = |what: &str, why: &dyn std::fmt::Display| self.wrong(format!("{what}: {why}"));
        let mut roots = RootCertStore::empty();
        for one in CertificateDer::pem_slice_iter(authorities) {
            let one = one.map_err(|error| wrong("certificate-authority", &error))?;
            roots
                .add(one)
                .map_err(|error| wrong("certificate-authority", &error))?;
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong("certificate-authority", &error))?;
        let builder = builder.with_root_certificates(roots);
        let mut config = match pair {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain).collect();
                let chain = chain.map_err(|error| wrong("client-certificate", &error))?;
                let key = PrivateKeyDer::from_pem_slice(key);
                let key = key.map_err(|error| wrong("client-key", &error))?;
                let config = builder.with_client_auth_cert(chain, key);
                config.map_err(|error| wrong("client-certificate", &error))?
            }
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    fn wrong(&self, what: String) -> KubeconfigError {
        KubeconfigError {
            file: self.file.clone(),
            what,
        }
    }
}

fn now() -> SystemTime {
    SystemTime::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_kubeconfig_lacks_is_said() {
        let folder = std::env::temp_dir().join(format!("wt-kubeconfig-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let file = folder.join("config");
        let refused = |text: &str| {
            std::fs::write(&file, text).expect("a file");
            Access::of_file(&file, None).expect_err(text).what
        };
        assert!(refused("{}").starts_with("current-context: there is none"));
        let context = "current-context: a\ncontexts: [{name: a, context: {cluster: c, user: u}}]\n";
        let told = refused(context);
        assert!(
            told.starts_with("clusters: there is no entry of the name `c`"),
            "{told}"
        );
        let plain = format!(
            "{context}clusters: [{{name: c, cluster: {{server: 'https://x:1'}}}}]\nusers: [{{name: u, user: {{token: t}}}}]\n"
        );
        let told = refused(&plain);
        assert!(told.contains("the server's authority is missing"), "{told}");
        let plain = plain.replace("https", "http");
        std::fs::write(&file, &plain).expect("a file");
        let access = Access::of_file(&file, None).expect("an access");
        let credentials = access.credentials(false).expect("a token");
        assert_eq!(credentials.token.as_deref(), Some("t"));
        let told = refused(&plain.replace("token: t", "username: me"));
        assert!(told.contains("are not spoken"), "{told}");
        std::fs::remove_dir_all(&folder).expect("a folder to remove");
    }
}
