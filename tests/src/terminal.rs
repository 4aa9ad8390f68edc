//! A POS terminal that posts its sales over HTTP and keeps its connection.

use std::io;

use serde_json::Value;

use crate::http::{Answer, Connection};
use crate::token::Token;

/// A terminal.
#[derive(Debug)]
pub struct Terminal {
    /// Its number, as in its sales.
    pub id: &'static str,
    address: String,
    authorization: String,
    connection: Option<Connection>,
}

impl Terminal {
    /// A terminal that has not connected yet.
    #[must_use]
    pub fn new(address: &str, id: &'static str, token: &Token) -> Self {
        let authorization = format!("Bearer {}", token.as_str());
        Self { id, address: address.to_owned(), authorization, connection: None }
    }

    /// Posts a body to `/v1/sales`.
    ///
    /// # Errors
    ///
    /// When the connection failed before the answer was whole: the terminal then does not know what became of its sale,
    /// and has to post it again.
    pub fn try_post(&mut self, content_type: &str, body: &[u8]) -> io::Result<Answer> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open(&self.address)?,
        };
        let headers =
            [("authorization", self.authorization.as_str()), ("content-type", content_type)];
        let answer = connection.request("POST", "/v1/sales", &headers, body)?;
        if answer.header("connection") != Some("close") {
            self.connection = Some(connection);
        }
        Ok(answer)
    }

    /// Posts a body to `/v1/sales` at a gateway that has to answer.
    ///
    /// # Panics
    ///
    /// When it does not.
    #[track_caller]
    pub fn post(&mut self, content_type: &str, body: &[u8]) -> Answer {
        self.try_post(content_type, body)
            .unwrap_or_else(|error| panic!("terminal {} got no answer: {error}", self.id))
    }

    /// Posts one sale.
    ///
    /// # Panics
    ///
    /// When no answer comes.
    #[track_caller]
    pub fn sell(&mut self, sale: &Value) -> Answer {
        self.post("application/json", sale.to_string().as_bytes())
    }

    /// Posts sales, one a line.
    ///
    /// # Panics
    ///
    /// When no answer comes.
    #[track_caller]
    pub fn sell_all(&mut self, sales: &[Value]) -> Answer {
        self.post("application/x-ndjson", crate::sales::lines(sales).as_bytes())
    }
}
