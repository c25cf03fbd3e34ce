//! The control server: a thread that owns the control plane and its journal, and a loop that accepts
//! connections. This is where the wall clock comes in.

mod engine;
mod http;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::access::Access;
use crate::control::{Control, ControlError};
use crate::journal::Journal;
use engine::Engine;

/// Limits of connections and requests.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at one time.
    pub connections: usize,
    /// Time for the header of a request.
    pub header: Duration,
    /// Time for the body of a request.
    pub body: Duration,
    /// Length of a body in bytes.
    pub body_bytes: usize,
    /// Time for which a request for commands waits for one.
    pub watch: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4096,
            header: Duration::from_secs(10),
            body: Duration::from_secs(30),
            body_bytes: 1 << 20,
            watch: Duration::from_secs(20),
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
    /// The address can be reached from other machines.
    #[error(
        "{0}: connections are plain text, so only addresses of this machine are allowed; listen on \
         127.0.0.1"
    )]
    NotLoopback(SocketAddr),
    /// The threads can't be started.
    #[error("the server's threads can't be started: {0}")]
    Threads(io::Error),
    /// The control plane failed.
    #[error(transparent)]
    Control(#[from] ControlError),
}

/// A server that listens and has yet to answer.
pub struct Server {
    listener: std::net::TcpListener,
    address: SocketAddr,
    limits: Limits,
}

impl Server {
    /// Listens at an address of this machine.
    ///
    /// # Errors
    /// The address can't be had, or can be reached from other machines.
    pub fn listen(address: SocketAddr, limits: Limits) -> Result<Self, ServeError> {
        if !address.ip().is_loopback() {
            return Err(ServeError::NotLoopback(address));
        }
        let failed = |source| ServeError::Address { address, source };
        let listener = std::net::TcpListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        Ok(Self {
            address: listener.local_addr().map_err(failed)?,
            listener,
            limits,
        })
    }

    /// Address at which the server listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until it is interrupted or the control plane fails.
    ///
    /// # Errors
    /// The control plane or its storage fails.
    pub fn serve<J: Journal + Send + 'static>(
        self,
        control: Control<J>,
        access: Access,
        is_interrupted: &(dyn Fn() -> bool + Sync),
    ) -> Result<(), ServeError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = runtime.map_err(ServeError::Threads)?;
        let engine = Engine::start(control).map_err(ServeError::Threads)?;
        let address = self.address;
        let failed = |source| ServeError::Address { address, source };
        runtime.block_on(async {
            let listener = TcpListener::from_std(self.listener).map_err(failed)?;
            let shared = Arc::new(http::Shared {
                engine: engine.sender(),
                access,
                limits: self.limits,
            });
            let room = Arc::new(Semaphore::new(self.limits.connections));
            while !is_interrupted() && !engine.has_ended() {
                let patience = Duration::from_millis(100);
                let accepted = tokio::time::timeout(patience, listener.accept()).await;
                let Ok(Ok((stream, _))) = accepted else {
                    continue;
                };
                // Without room the connection is closed at once.
                if let Ok(permit) = Arc::clone(&room).try_acquire_owned() {
                    tokio::spawn(http::converse(stream, Arc::clone(&shared), permit));
                }
            }
            Ok::<(), ServeError>(())
        })?;
        drop(runtime);
        Ok(engine.stop()?)
    }
}
