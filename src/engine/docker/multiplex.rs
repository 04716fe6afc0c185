//! Two streams on one connection, as the engine sends them. Source of the form: moby `pkg/stdcopy/stdcopy.go`.
//!
//! bollard guesses from the first byte whether there is a frame, which is wrong for some terminals; here it is known.

use crate::engine::{Chunk, OutputStream};

/// Stream, three bytes of nothing, length.
const HEADER: usize = 8;

/// Takes a connection apart into chunks.
#[derive(Debug)]
pub(super) enum Demultiplexer {
    /// A terminal: one stream, no frames.
    Plain,
    /// Frames.
    Framed {
        /// What is known of the next header.
        header: Vec<u8>,
        /// What is being read, and how many bytes of it are to come.
        payload: Option<(Source, usize)>,
    },
}

/// Whose words a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Output(OutputStream),
    /// The engine's own, when it can go on no more.
    Engine,
}

/// Why a connection makes no sense, or ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// The engine says why.
    Told(String),
    /// There are no such frames.
    Senseless(&'static str),
}

impl Demultiplexer {
    pub(super) const fn new(terminal: bool) -> Self {
        if terminal { Self::Plain } else { Self::Framed { header: Vec::new(), payload: None } }
    }

    /// The chunks in the next bytes of the connection, in order. Frames are not collected: a chunk may be a part of one.
    pub(super) fn take(&mut self, mut bytes: &[u8]) -> Result<Vec<Chunk>, Broken> {
        let Self::Framed { header, payload } = self else {
            return Ok(vec![Chunk { stream: OutputStream::Stdout, bytes: bytes.to_vec() }]);
        };
        let mut chunks = Vec::new();
        while !bytes.is_empty() {
            let Some((source, left)) = payload else {
                let (more, rest) = bytes.split_at(bytes.len().min(HEADER - header.len()));
                header.extend_from_slice(more);
                bytes = rest;
                if header.len() == HEADER {
                    *payload = Some(read(header)?).filter(|(_, left)| *left > 0);
                    header.clear();
                }
                continue;
            };
            let (part, rest) = bytes.split_at(bytes.len().min(*left));
            bytes = rest;
            match source {
                Source::Output(stream) => chunks.push(Chunk { stream: *stream, bytes: part.to_vec() }),
                Source::Engine => return Err(Broken::Told(String::from_utf8_lossy(part).trim().to_owned())),
            }
            *left -= part.len();
            if *left == 0 {
                *payload = None;
            }
        }
        Ok(chunks)
    }

    /// Whether the connection may end here.
    pub(super) fn end(&self) -> Result<(), Broken> {
        match self {
            Self::Framed { header, payload } if !header.is_empty() || payload.is_some() => {
                Err(Broken::Senseless("the connection ended in the middle of a frame"))
            }
            _ => Ok(()),
        }
    }
}

fn read(header: &[u8]) -> Result<(Source, usize), Broken> {
    let &[stream, _, _, _, a, b, c, d] = header else { return Err(Broken::Senseless("a frame of another length")) };
    let source = match stream {
        0 | 1 => Source::Output(OutputStream::Stdout),
        2 => Source::Output(OutputStream::Stderr),
        3 => Source::Engine,
        _ => return Err(Broken::Senseless("a frame of an unknown stream")),
    };
    let length = usize::try_from(u32::from_be_bytes([a, b, c, d]));
    Ok((source, length.map_err(|_| Broken::Senseless("a frame that is too long"))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(stream: u8, text: &str) -> Vec<u8> {
        let length = u32::try_from(text.len()).expect("short").to_be_bytes();
        [&[stream, 0, 0, 0], &length[..], text.as_bytes()].concat()
    }

    /// What arrives on each stream, taken in pieces of this size.
    fn taken(bytes: &[u8], size: usize) -> Result<(String, String), Broken> {
        let mut demultiplexer = Demultiplexer::new(false);
        let (mut out, mut err) = (Vec::new(), Vec::new());
        for piece in bytes.chunks(size) {
            for chunk in demultiplexer.take(piece)? {
                assert!(!chunk.bytes.is_empty());
                match chunk.stream {
                    OutputStream::Stdout => out.extend(chunk.bytes),
                    OutputStream::Stderr => err.extend(chunk.bytes),
                }
            }
        }
        demultiplexer.end()?;
        Ok((String::from_utf8(out).expect("text"), String::from_utf8(err).expect("text")))
    }

    #[test]
    fn cuts_do_not_matter() {
        let bytes = [frame(1, "one\n"), frame(2, "two\n"), frame(1, ""), frame(1, "three\n")].concat();
        for size in 1..=bytes.len() {
            assert_eq!(taken(&bytes, size), Ok(("one\nthree\n".to_owned(), "two\n".to_owned())), "{size}");
        }
    }

    #[test]
    fn a_terminal_has_no_frames() {
        let bytes = [1, 0, 0, 0, 0, 0, 0, 1];
        let chunks = Demultiplexer::new(true).take(&bytes).expect("anything goes");
        assert_eq!(chunks, [Chunk { stream: OutputStream::Stdout, bytes: bytes.to_vec() }]);
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        let frames = frame(1, "one");
        assert!(matches!(taken(&frames[..9], 9), Err(Broken::Senseless(_))));
        assert!(matches!(taken(&frames[..3], 9), Err(Broken::Senseless(_))));
        assert!(matches!(taken(b"HTTP/1.1 500", 4), Err(Broken::Senseless(_))));
        assert_eq!(taken(&frame(3, "the disk is full\n"), 99), Err(Broken::Told("the disk is full".to_owned())));
    }
}
