//! The control server: a thread that owns the control plane and its journal, and a loop that accepts
//! connections. This is where the wall clock comes in.

mod accept;
mod api;
mod engine;
mod errands;
mod flow;
mod guard;
mod http;
mod log;
mod machines;
mod routes;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::control::{Control, ControlError};
use crate::journal::Journal;
use crate::security::credentials::Credentials;
use crate::security::{SecurityError, certs, tls};
use engine::Engine;
use guard::Guard;
use machines::Hook;

pub use guard::Notes;

/// Limits of connections and requests.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections of known parties at one time.
    pub connections: usize,
    /// Connections at one time that have yet to show a certificate; the oldest gives way.
    pub handshakes: usize,
    /// Connections of one user at one time.
    pub user: usize,
    /// Connections of one agent at one time.
    pub agent: usize,
    /// Requests of one party in a second.
    pub rate: u32,
    /// Time for the handshake of TLS.
    pub handshake: Duration,
    /// Time between two requests over one connection, and for the header of one.
    pub idle: Duration,
    /// Time for the body of a request.
    pub body: Duration,
    /// Length of a body in bytes.
    pub body_bytes: usize,
    /// Time for which a request for commands waits for one.
    pub watch: Duration,
    /// Time for which a request for a log waits for its node.
    pub errand: Duration,
    /// Time after which a connection is closed.
    pub life: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4096,
            handshakes: 256,
            user: 64,
            agent: 8,
            rate: 200,
            handshake: Duration::from_secs(5),
            idle: Duration::from_secs(30),
            body: Duration::from_secs(30),
            body_bytes: crate::client::REQUEST_MAX,
            watch: Duration::from_secs(20),
            errand: Duration::from_secs(10),
            life: Duration::from_hours(1),
        }
    }
}

/// Reason a control server can't be started, or had to stop.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The address can't be had.
    #[error("{address}: {source}; choose another address with `--listen`")]
    Address {
        /// The address.
        address: SocketAddr,
        /// Reason.
        source: io::Error,
    },
    /// The threads can't be started.
    #[error("the server's threads can't be started: {0}")]
    Threads(io::Error),
    /// The certificates have a problem.
    #[error(transparent)]
    Security(#[from] SecurityError),
    /// The control plane failed.
    #[error(transparent)]
    Control(#[from] ControlError),
}

/// A server that listens and has yet to answer.
pub struct Server {
    listener: std::net::TcpListener,
    address: SocketAddr,
    tls: Arc<rustls::ServerConfig>,
    limits: Limits,
    /// Executable that adds, removes and lists machines.
    machines: Option<PathBuf>,
}

impl Server {
    /// Listens at an address, with the certificates of the folder of its state.
    ///
    /// # Errors
    /// The address can't be had, or the certificates can't be used.
    pub fn listen(address: SocketAddr, folder: &Path, limits: Limits) -> Result<Self, ServeError> {
        let tls = tls::server(&Credentials::read(folder, certs::SERVER)?)?;
        let failed = |source| ServeError::Address { address, source };
        let listener = std::net::TcpListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        Ok(Self {
            address: listener.local_addr().map_err(failed)?,
            listener,
            tls,
            limits,
            machines: None,
        })
    }

    /// Has machines come and go by an executable.
    #[must_use]
    pub fn providing(self, program: Option<PathBuf>) -> Self {
        Self {
            machines: program,
            ..self
        }
    }

    /// Address at which the server listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until it is interrupted or the control plane fails. `folder` is that of the state, and
    /// `notes` gets a line for what is refused.
    ///
    /// # Errors
    /// The control plane or its storage fails.
    pub fn serve<J: Journal + Send + 'static>(
        self,
        control: Control<J>,
        folder: &Path,
        notes: Notes,
        is_interrupted: &(dyn Fn() -> bool + Sync),
    ) -> Result<(), ServeError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = runtime.map_err(ServeError::Threads)?;
        let engine = Engine::start(control, Arc::clone(&notes)).map_err(ServeError::Threads)?;
        if let Some(program) = self.machines {
            let hook = Hook {
                program,
                folder: folder.to_owned(),
                address: self.address,
                notes: Arc::clone(&notes),
            };
            hook.start(engine.sender());
        }
        let shared = Arc::new(http::Shared {
            engine: engine.sender(),
            limits: self.limits,
            guard: Guard::new(notes),
            errands: errands::Errands::default(),
            lists: api::Lists::default(),
        });
        let goes_on = || !is_interrupted() && !engine.has_ended();
        let accepted = accept::accept(self.listener, self.tls, &shared, &goes_on);
        runtime
            .block_on(accepted)
            .map_err(|source| ServeError::Address {
                address: self.address,
                source,
            })?;
        drop(shared);
        drop(runtime);
        Ok(engine.stop()?)
    }
}
