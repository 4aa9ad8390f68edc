//! A POS terminal that streams its sales over TCP: its token in the first line, then a sale a line and a result a line.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

use crate::token::Token;

const PATIENCE: Duration = Duration::from_secs(30);

/// A terminal.
#[derive(Debug)]
pub struct StreamTerminal {
    /// Its number, as in its sales.
    pub id: &'static str,
    address: String,
    token: Token,
    connection: Option<BufReader<TcpStream>>,
}

impl StreamTerminal {
    /// A terminal that has not connected yet.
    #[must_use]
    pub fn new(address: &str, id: &'static str, token: &Token) -> Self {
        Self { id, address: address.to_owned(), token: token.clone(), connection: None }
    }

    /// Sends sales without waiting for a result.
    ///
    /// # Errors
    ///
    /// When the connection fails.
    pub fn try_send(&mut self, lines: &str) -> io::Result<()> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect()?,
        };
        connection.get_mut().write_all(lines.as_bytes())?;
        self.connection = Some(connection);
        Ok(())
    }

    /// The next result. `None` when the gateway has closed the connection.
    ///
    /// # Errors
    ///
    /// When the connection fails: what was not answered then has to be sent again.
    pub fn try_result(&mut self) -> io::Result<Option<Value>> {
        let Some(mut connection) = self.connection.take() else { return Ok(None) };
        let mut line = String::new();
        if connection.read_line(&mut line)? == 0 || !line.ends_with('\n') {
            return Ok(None);
        }
        self.connection = Some(connection);
        serde_json::from_str(&line).map(Some).map_err(io::Error::other)
    }

    /// Sends sales to a gateway that has to take them, and gives a result for each.
    ///
    /// # Panics
    ///
    /// When a result does not come.
    #[track_caller]
    pub fn sell_all(&mut self, sales: &[Value]) -> Vec<Value> {
        self.try_send(&crate::sales::lines(sales)).expect("a connection to the stream");
        sales.iter().map(|_| self.result()).collect()
    }

    /// The next result of a gateway that has to give one.
    ///
    /// # Panics
    ///
    /// When it does not come.
    #[track_caller]
    pub fn result(&mut self) -> Value {
        let result = self.try_result().expect("a connection to the stream");
        result.expect("a result before the end of the stream")
    }

    /// Ends the connection, whatever is under way.
    pub fn hang_up(&mut self) {
        self.connection = None;
    }

    /// Sends no more, as a terminal that is switched off in good order.
    pub fn finish(&mut self) {
        if let Some(connection) = &self.connection {
            let _ = connection.get_ref().shutdown(Shutdown::Write);
        }
    }

    fn connect(&self) -> io::Result<BufReader<TcpStream>> {
        let address: SocketAddr = self.address.parse().map_err(io::Error::other)?;
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let first_line = json!({ "token": self.token.as_str() });
        stream.write_all(format!("{first_line}\n").as_bytes())?;
        Ok(BufReader::new(stream))
    }
}
