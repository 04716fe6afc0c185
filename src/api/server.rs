//! The listeners and their connections.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::access::{Guard, Token};
use super::call::{Door, Limits};
use super::control::Control;
use super::error::ServeError;
use super::problem::{Kind, Refused};
use super::requested::Caller;
use super::router::router;
use super::routes::ROUTES;
use super::seat::Seat;
use super::socket::{self, SocketFile};

/// Where the API is to be reached.
#[derive(Clone, Debug, Default)]
pub struct Listeners {
    /// The unix socket. Its directory is there, and the caller holds the lock on it (see [`Server::bind`]).
    pub socket: Option<PathBuf>,
    /// A loopback address, and the token that is asked for there. Port 0: a free one.
    pub tcp: Option<(SocketAddr, Token)>,
    /// What is too long, too slow or too much.
    pub limits: Limits,
}

/// The API, bound to its addresses: connections wait until [`Server::serve`] takes them.
#[derive(Debug)]
pub struct Server {
    limits: Limits,
    unix: Option<(UnixListener, SocketFile)>,
    tcp: Option<(TcpListener, SocketAddr, Token)>,
}

/// Who is answered with what on one listener.
#[derive(Clone)]
struct Desk {
    door: Arc<Door>,
    router: Router,
    seats: Arc<Semaphore>,
    /// Those who are told that they cannot be served.
    turned_away: Arc<Semaphore>,
    tracker: TaskTracker,
}

/// Binds and serves, see [`Server`].
pub async fn serve(
    control: Arc<dyn Control>,
    listeners: Listeners,
    shutdown: CancellationToken,
) -> Result<(), ServeError> {
    Server::bind(listeners).await?.serve(control, shutdown).await;
    Ok(())
}

impl Server {
    /// Binds all addresses, or none.
    ///
    /// A socket that is left behind in the file system is removed if nobody answers on it. The caller holds the lock of the directory (see
    /// [`Listeners::socket`]), for another process could bind it between the question and the removal.
    pub async fn bind(listeners: Listeners) -> Result<Self, ServeError> {
        let tcp = match listeners.tcp {
            Some((address, _)) if !address.ip().is_loopback() => return Err(ServeError::NotLoopback { address }),
            Some((address, token)) => {
                let failed = |source| ServeError::Address { address, source };
                let listener = TcpListener::bind(address).await.map_err(failed)?;
                let address = listener.local_addr().map_err(failed)?;
                Some((listener, address, token))
            }
            None => None,
        };
        let unix = listeners.socket.as_deref().map(socket::listen).transpose()?;
        Ok(Self { limits: listeners.limits, unix, tcp })
    }

    /// The loopback address, with the port that it has got.
    pub fn address(&self) -> Option<SocketAddr> {
        self.tcp.as_ref().map(|(_, address, _)| *address)
    }

    /// Answers until `shutdown` is cancelled. Then streams end, requests under way are finished, at most for [`Limits::drain_time`], and the
    /// socket is removed.
    pub async fn serve(self, control: Arc<dyn Control>, shutdown: CancellationToken) {
        let door = Arc::new(Door { control, limits: self.limits, routes: &ROUTES, stopping: shutdown.clone() });
        let tracker = TaskTracker::new();
        // Each listener has seats of its own: who has no token cannot take those of the socket.
        let desk = |guard| Desk {
            router: router(&door, guard),
            door: Arc::clone(&door),
            seats: Arc::new(Semaphore::new(door.limits.connections)),
            turned_away: Arc::new(Semaphore::new(TURNED_AWAY)),
            tracker: tracker.clone(),
        };
        let (unix, file) = self.unix.unzip();
        let unix = unix.map(|listener| (listener, desk(None)));
        let tcp = self
            .tcp
            .map(|(listener, address, token)| (listener, desk(Some(Arc::new(Guard::new(token, address, &ROUTES))))));
        let accepting = async {
            tokio::join!(accept_unix(unix), accept_tcp(tcp));
        };
        // Dropping what accepts closes the listeners: who comes now is refused by the kernel.
        shutdown.run_until_cancelled(accepting).await;
        drop(file);
        tracker.close();
        if tokio::time::timeout(door.limits.drain_time * 2, tracker.wait()).await.is_err() {
            tracing::warn!(connections = tracker.len(), "ending connections that are still used");
        }
    }
}

/// How many are told at a time that there are too many connections; who comes then is not even told.
const TURNED_AWAY: usize = 16;

async fn accept_unix(listener: Option<(UnixListener, Desk)>) {
    let Some((listener, desk)) = listener else { return };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => welcome(&desk, stream),
            Err(error) => pause(&error).await,
        }
    }
}

async fn accept_tcp(listener: Option<(TcpListener, Desk)>) {
    let Some((listener, desk)) = listener else { return };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => welcome_tcp(&desk, stream),
            Err(error) => pause(&error).await,
        }
    }
}

/// A connection that was gone before it was taken is nothing; a want of file descriptors does not end by asking again at once.
async fn pause(error: &std::io::Error) {
    const PAUSE: Duration = Duration::from_millis(100);
    if !matches!(error.kind(), std::io::ErrorKind::ConnectionAborted | std::io::ErrorKind::ConnectionReset) {
        tracing::warn!(%error, "a connection to the API cannot be taken");
        tokio::time::sleep(PAUSE).await;
    }
}

fn welcome(desk: &Desk, stream: UnixStream) {
    let peer = stream.peer_cred();
    if let Ok(peer) = peer
        && socket::may_ask(&peer)
    {
        seat(desk, stream, Caller::Socket { uid: peer.uid(), pid: peer.pid() });
    } else {
        let help = "ask as the user that the controller runs as";
        turn_away(desk, stream, Kind::Forbidden.problem("the control socket is for another user", help));
    }
}

fn welcome_tcp(desk: &Desk, stream: TcpStream) {
    // Answers are written at once; without it small ones wait for the client's acknowledgement.
    drop(stream.set_nodelay(true));
    seat(desk, stream, Caller::Token);
}

fn seat<I: AsyncRead + AsyncWrite + Unpin + Send + 'static>(desk: &Desk, stream: I, caller: Caller) {
    let Ok(permit) = Arc::clone(&desk.seats).try_acquire_owned() else {
        let limit = desk.door.limits.connections;
        let busy =
            Kind::Busy.problem(format!("{limit} connections are open already"), "end some, or try again in a second");
        return turn_away(desk, stream, busy);
    };
    let seat = Seat::new(permit, desk.tracker.token());
    let router = desk.router.clone();
    let answer = move |mut request: Request<Body>| {
        request.extensions_mut().insert(seat.clone());
        request.extensions_mut().insert(caller);
        router.clone().oneshot(request)
    };
    desk.tracker.spawn(converse(Arc::clone(&desk.door), stream, answer));
}

/// Says the same to every request of a connection.
fn turn_away<I: AsyncRead + AsyncWrite + Unpin + Send + 'static>(desk: &Desk, stream: I, refused: Refused) {
    let Ok(permit) = Arc::clone(&desk.turned_away).try_acquire_owned() else { return };
    let answer = move |_: Request<Body>| {
        let mut response = refused.clone().into_response();
        let close = axum::http::HeaderValue::from_static("close");
        response.headers_mut().insert(axum::http::header::CONNECTION, close);
        std::future::ready(Ok(super::answer::uncached(response)))
    };
    let door = Arc::clone(&desk.door);
    desk.tracker.spawn(async move {
        converse(door, stream, answer).await;
        drop(permit);
    });
}

/// Answers the requests of one connection until it ends or the server does.
async fn converse<I, S, F>(door: Arc<Door>, stream: I, answer: S)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Fn(Request<Body>) -> F + Send + 'static,
    F: Future<Output = Result<Response, Infallible>> + Send,
{
    let service = hyper::service::service_fn(move |request: Request<Incoming>| answer(request.map(Body::new)));
    let mut builder = http1::Builder::new();
    // The time for the head begins when the one before is answered, so it ends idle connections as well.
    builder.timer(TokioTimer::new()).header_read_timeout(door.limits.head_time);
    let connection = builder.serve_connection(TokioIo::new(stream), service).with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = door.stopping.cancelled() => {
            connection.as_mut().graceful_shutdown();
            let drained = tokio::time::timeout(door.limits.drain_time, connection).await;
            drained.unwrap_or(Ok(()))
        }
    };
    // Clients go when they like, and send what they like.
    if let Err(error) = ended {
        tracing::debug!(error = &error as &dyn std::error::Error, "a connection to the API ended early");
    }
}
