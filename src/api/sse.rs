//! Reading server-sent events, as the HTML standard describes the format (9.2.6, "Interpreting an event stream").

/// One event of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// The last `id` of the stream so far.
    pub id: Option<String>,
    /// `event`; empty when there is none.
    pub event: String,
    /// Lines of `data`.
    pub data: String,
}

/// Takes a stream apart, in whatever pieces it arrives.
#[derive(Debug, Default)]
pub struct Parser {
    /// The line that has not ended yet.
    line: Vec<u8>,
    /// Whether the last byte was a carriage return, so that a line feed after it ends nothing.
    returned: bool,
    message: Message,
    has_data: bool,
}

/// A line, or the data of an event, longer than this is no event of Wharf.
const LONGEST: usize = 1024 * 1024;

/// The stream is not what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

impl Parser {
    /// The events that end in this piece.
    pub fn push(&mut self, piece: &[u8]) -> Result<Vec<Message>, TooLong> {
        let mut found = Vec::new();
        for &byte in piece {
            let after_return = std::mem::replace(&mut self.returned, byte == b'\r');
            match byte {
                b'\n' if after_return => {}
                b'\n' | b'\r' => found.extend(self.end_line()),
                _ if self.line.len() + self.message.data.len() >= LONGEST => return Err(TooLong),
                _ => self.line.push(byte),
            }
        }
        Ok(found)
    }

    fn end_line(&mut self) -> Option<Message> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            return self.end_event();
        }
        let line = String::from_utf8_lossy(&line);
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.message.event),
            "id" => self.message.id = Some(value.to_owned()),
            "data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.message.data.push('\n');
                }
                self.message.data.push_str(value);
            }
            // A comment has no field; others are for others.
            _ => {}
        }
        None
    }

    /// An event without data is none; its id counts all the same.
    fn end_event(&mut self) -> Option<Message> {
        let next = Message { id: self.message.id.clone(), ..Message::default() };
        let message = std::mem::replace(&mut self.message, next);
        std::mem::take(&mut self.has_data).then_some(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str =
        ": hello\n\nid: 1\nevent: error\ndata: a\ndata: b\n\ndata:c\r\n\r\nid: 3\n\nevent: x\rdata\r\rdata: never";

    fn expected() -> Vec<Message> {
        let message = |id: &str, event: &str, data: &str| Message {
            id: Some(id.to_owned()),
            event: event.to_owned(),
            data: data.to_owned(),
        };
        vec![message("1", "error", "a\nb"), message("1", "", "c"), message("3", "x", "")]
    }

    #[test]
    fn events_are_found_however_the_stream_is_cut() {
        for size in 1..STREAM.len() {
            let mut parser = Parser::default();
            let found: Vec<_> =
                STREAM.as_bytes().chunks(size).flat_map(|piece| parser.push(piece).expect("short")).collect();
            assert_eq!(found, expected(), "in pieces of {size}");
        }
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let mut parser = Parser::default();
        let endless = (0..2_000).map(|_| parser.push(&[b'x'; 1024]));
        assert!(endless.into_iter().any(|pushed| pushed == Err(TooLong)));
    }
}
