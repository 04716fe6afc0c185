//! The engine's stream of events, disturbed on its way.

use std::io::{Error, ErrorKind, Result};
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::OwnedWriteHalf;

/// What happens to the events, from the first one on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disturbance {
    /// None arrives, though the connection stands: it is half open.
    Swallow,
    /// Each arrives twice.
    Double,
    /// Of each two, the second arrives first.
    Swap,
    /// With each, all earlier ones arrive again.
    Replay,
    /// After each comes something that is none.
    Garbage,
    /// The stream ends in order after each.
    End,
    /// The connection breaks in the middle of each.
    Cut,
}

/// Passes the engine's answer on until either side has enough; counts the events that were disturbed.
pub async fn pass_on(
    engine: UnixStream,
    client: UnixStream,
    disturbance: Disturbance,
    count: &AtomicUsize,
) -> Result<()> {
    let (mut from_client, mut to_client) = client.into_split();
    let mut gone = [0];
    let pass = async {
        let mut engine = BufReader::new(engine);
        to_client.write_all(&head(&mut engine).await?).await?;
        let mut earlier = Vec::new();
        while let Some(chunk) = chunk(&mut engine).await? {
            count.fetch_add(1, Ordering::Relaxed);
            if !disturb(disturbance, chunk, &mut earlier, &mut to_client).await? {
                break;
            }
        }
        Ok(())
    };
    tokio::select! {
        // A client that reads events sends nothing: this is its end.
        _ = from_client.read(&mut gone) => Ok(()),
        passed = pass => passed,
    }
}

/// Passes one chunk on, or what becomes of it; whether the stream goes on.
async fn disturb(
    disturbance: Disturbance,
    chunk: Vec<u8>,
    earlier: &mut Vec<Vec<u8>>,
    to: &mut OwnedWriteHalf,
) -> Result<bool> {
    match disturbance {
        Disturbance::Swallow => {}
        Disturbance::Double => to.write_all(&[chunk.clone(), chunk].concat()).await?,
        Disturbance::Swap => match earlier.pop() {
            Some(first) => to.write_all(&[chunk, first].concat()).await?,
            None => earlier.push(chunk),
        },
        Disturbance::Replay => {
            earlier.push(chunk);
            to.write_all(&earlier.concat()).await?;
        }
        Disturbance::Garbage => to.write_all(&[chunk, b"8\r\n{\"Act}]\n\r\n".to_vec()].concat()).await?,
        Disturbance::End => {
            to.write_all(&[chunk, b"0\r\n\r\n".to_vec()].concat()).await?;
            return Ok(false);
        }
        Disturbance::Cut => {
            to.write_all(&chunk[..chunk.len() / 2]).await?;
            return Ok(false);
        }
    }
    Ok(true)
}

/// The head of an answer.
async fn head(engine: &mut BufReader<UnixStream>) -> Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if engine.read_until(b'\n', &mut head).await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(head)
}

/// One chunk in its frame, which is one event; `None` at the end.
async fn chunk(engine: &mut BufReader<UnixStream>) -> Result<Option<Vec<u8>>> {
    let mut chunk = Vec::new();
    if engine.read_until(b'\n', &mut chunk).await? == 0 {
        return Ok(None);
    }
    let size = std::str::from_utf8(&chunk).ok().and_then(|text| usize::from_str_radix(text.trim(), 16).ok());
    let size = size.ok_or_else(|| Error::other("the engine sends chunks"))?;
    let start = chunk.len();
    chunk.resize(start + size + 2, 0);
    engine.read_exact(&mut chunk[start..]).await?;
    Ok((size > 0).then_some(chunk))
}
