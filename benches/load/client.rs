//! Clients of HTTP/1.1 as bytes on a socket: good ones and mad ones.

use super::Outcome;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A connection that is kept.
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    body: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Outcome<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(Self { stream: BufReader::new(stream), body: Vec::new() })
    }

    /// Sends a request; the status and the body of the response.
    pub(crate) fn ask(&mut self, request: &[u8]) -> Outcome<(u16, &[u8])> {
        self.stream.get_mut().write_all(request)?;
        let (mut status, mut length) = (None, 0);
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                return Err("the server closed the connection".into());
            }
            let line = line.trim_end().to_ascii_lowercase();
            if let Some(text) = line.strip_prefix("content-length: ") {
                length = text.parse()?;
            } else if line.is_empty() {
                break;
            } else if status.is_none() {
                status = line.split(' ').nth(1).map(str::parse::<u16>).transpose()?;
            }
        }
        self.body.resize(length, 0);
        self.stream.read_exact(&mut self.body)?;
        Ok((status.ok_or("a response has no status")?, &self.body))
    }
}

/// Sends nonsense until it is over: a good request with bytes of it changed, cut or repeated.
pub(crate) fn talk_nonsense(address: SocketAddr, request: &[u8], seed: u64, is_over: &AtomicBool) {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut draw = |below: usize| {
        // Marsaglia's xorshift.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below.max(1) as u64).unwrap_or_default()
    };
    while !is_over.load(Ordering::Relaxed) {
        let mut bytes = request.to_vec();
        for _ in 0..=draw(8) {
            let at = draw(bytes.len());
            bytes[at] = u8::try_from(draw(256)).unwrap_or_default();
        }
        bytes.truncate(draw(2 * bytes.len()).max(1));
        let Ok(mut stream) = TcpStream::connect(address) else { continue };
        let _ = stream.set_read_timeout(Some(Duration::from_millis(20)));
        // Whatever becomes of it: the good clients are asked.
        let _ = stream.write_all(&bytes);
        let _ = stream.read(&mut [0; 512]);
    }
}
