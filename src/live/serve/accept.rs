//! The loop that accepts connections. Whoever has yet to show a certificate holds a place that the
//! newcomers after it may take, so silent connections keep nobody out.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;

use super::http::{Peer, STRANGER, Shared, converse};
use crate::access::Access;
use crate::security::gate::Gate;
use crate::security::identity::Role;
use crate::security::tls::party_of;
use crate::security::{SecurityError, tls};

/// Longest time between two looks at whether to go on.
const LOOK: Duration = Duration::from_millis(100);

/// Looks between two looks at the credentials of the server's own user: a minute.
const LOOKS_A_KEEPING: u32 = 600;

/// Greatest number of connections that are accepted between two looks.
const TOGETHER_MAX: u32 = 64;

/// Reason that nothing is accepted.
pub(super) enum AcceptError {
    Listener(io::Error),
    Security(SecurityError),
}

/// Places for connections.
struct Rooms {
    known: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
}

/// A connection that has yet to show a certificate.
struct Pending {
    task: AbortHandle,
    is_settled: Arc<AtomicBool>,
}

/// Accepts connections for as long as it goes on.
pub(super) async fn accept(
    listener: std::net::TcpListener,
    shared: &Arc<Shared>,
    folder: &Path,
    goes_on: &dyn Fn() -> bool,
) -> Result<(), AcceptError> {
    let listener = TcpListener::from_std(listener).map_err(AcceptError::Listener)?;
    let mut acceptor = acceptor(shared).map_err(AcceptError::Security)?;
    let rooms = Arc::new(Rooms {
        known: Arc::new(Semaphore::new(shared.limits.connections)),
        strangers: Arc::new(Semaphore::new(shared.limits.strangers)),
    });
    let mut pending: VecDeque<Pending> = VecDeque::new();
    let mut looks = 0_u32;
    while goes_on() {
        looks += 1;
        if looks.is_multiple_of(LOOKS_A_KEEPING) {
            keep_local(shared, folder);
        }
        for _ in 0..TOGETHER_MAX {
            let accepted = tokio::time::timeout(LOOK, listener.accept()).await;
            let Ok(Ok((stream, address))) = accepted else {
                break;
            };
            if let Access::Mutual(gate) = &shared.access
                && acceptor.generation != gate.authorities().generation()
            {
                acceptor = self::acceptor(shared).map_err(AcceptError::Security)?;
            }
            let is_settled = Arc::new(AtomicBool::new(false));
            let task = tokio::spawn(admit(
                stream,
                address,
                acceptor.tls.clone(),
                Arc::clone(shared),
                Arc::clone(&rooms),
                Arc::clone(&is_settled),
            ));
            let task = task.abort_handle();
            pending
                .retain(|one| !one.task.is_finished() && !one.is_settled.load(Ordering::Relaxed));
            pending.push_back(Pending { task, is_settled });
            if pending.len() > shared.limits.handshakes
                && let Some(oldest) = pending.pop_front()
            {
                oldest.task.abort();
                shared
                    .guard
                    .note(address, STRANGER, "connection", "crowded");
            }
        }
    }
    Ok(())
}

/// The server's end of connections.
struct Acceptor {
    /// `None` if they are plain text.
    tls: Option<TlsAcceptor>,
    /// Number of steps of rotations that it knows of.
    generation: u64,
}

fn acceptor(shared: &Shared) -> Result<Acceptor, SecurityError> {
    let Access::Mutual(gate) = &shared.access else {
        return Ok(Acceptor {
            tls: None,
            generation: 0,
        });
    };
    let generation = gate.authorities().generation();
    let config = tls::server(Arc::clone(gate))?;
    Ok(Acceptor {
        tls: Some(TlsAcceptor::from(config)),
        generation,
    })
}

/// Renews the credentials of the server's own user in time.
fn keep_local(shared: &Shared, folder: &Path) {
    if let Access::Mutual(gate) = &shared.access {
        // What can't be written now is tried again; the old ones are good for half of their life.
        let _: Result<(), SecurityError> = Gate::keep_local(gate, folder);
    }
}

/// Finds out who opened a connection, and serves it.
async fn admit(
    stream: TcpStream,
    address: SocketAddr,
    acceptor: Option<TlsAcceptor>,
    shared: Arc<Shared>,
    rooms: Arc<Rooms>,
    is_settled: Arc<AtomicBool>,
) {
    let limits = shared.limits;
    // A stream that can't be set so is served all the same.
    let _ = stream.set_nodelay(true);
    let Some(acceptor) = acceptor else {
        if let Ok(permit) = Arc::clone(&rooms.known).try_acquire_owned() {
            is_settled.store(true, Ordering::Relaxed);
            let peer = Peer {
                address,
                party: None,
            };
            converse(stream, peer, shared).await;
            drop(permit);
        }
        return;
    };
    let stream = match tokio::time::timeout(limits.handshake, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            let why = error.to_string();
            return shared.guard.note(address, STRANGER, &why, "handshake");
        }
        Err(_) => return shared.guard.note(address, STRANGER, "handshake", "slow"),
    };
    let certificates = stream.get_ref().1.peer_certificates();
    let first = certificates.and_then(<[CertificateDer<'_>]>::first);
    let party = first.and_then(party_of);
    let name = party.as_ref().map(|party| party.identity.to_string());
    let name = name.as_deref().unwrap_or(STRANGER);
    let role = party.as_ref().map(|party| party.identity.role);
    let (room, most) = match role {
        Some(Role::Agent) => (&rooms.known, limits.agent),
        Some(_) => (&rooms.known, limits.user),
        None => (&rooms.strangers, limits.strangers),
    };
    let permit = Arc::clone(room).try_acquire_owned();
    let entry = shared.guard.enter(name, most);
    let (Ok(permit), Some(entry)) = (permit, entry) else {
        return shared.guard.note(address, name, "connection", "crowded");
    };
    is_settled.store(true, Ordering::Relaxed);
    let peer = Peer { address, party };
    converse(stream, peer, shared).await;
    drop((permit, entry));
}
