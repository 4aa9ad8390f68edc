//! The TCP stream of terminals.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::bench::{
    Gateway, PATIENCE, Trouble, config, read_to_end, sale, start, start_with, talk,
};

const HELLO: &str = "{\"token\":\"terminal-03\"}\n";

struct Terminal(BufReader<TcpStream>);

impl Terminal {
    async fn connect(gateway: &Gateway) -> Self {
        let mut socket = TcpStream::connect(gateway.stream).await.unwrap();
        socket.write_all(HELLO.as_bytes()).await.unwrap();
        Self(BufReader::new(socket))
    }

    async fn send(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).await.unwrap();
    }

    async fn result(&mut self) -> Value {
        let mut line = String::new();
        timeout(PATIENCE, self.0.read_line(&mut line)).await.unwrap().unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line:?}"))
    }
}

#[tokio::test]
async fn a_sale_a_line_and_a_result_a_line() {
    let gateway = start("").await;
    let mut terminal = Terminal::connect(&gateway).await;
    terminal.send(&format!("{}\n", sale(1, "5"))).await;
    let first = terminal.result().await;
    assert_eq!(
        (&first["status"], &first["findings"]),
        (&"accepted".into(), &serde_json::json!([]))
    );
    assert!(gateway.board.sources()[0].connected);
    terminal.send(&format!("{}\r\n\n{}\n", sale(1, "5"), sale(1, "6"))).await;
    assert_eq!(terminal.result().await["status"], "duplicate");
    let conflict = terminal.result().await;
    assert_eq!(conflict["findings"][0]["rule"], "conflict");
    // A line in pieces.
    let line = format!("{}\n", sale(2, "5"));
    let (one, two) = line.split_at(40);
    terminal.send(one).await;
    sleep(Duration::from_millis(50)).await;
    terminal.send(two).await;
    assert_eq!(terminal.result().await["status"], "accepted");
    drop(terminal);
    for _ in 0..100 {
        sleep(Duration::from_millis(20)).await;
        if !gateway.board.sources()[0].connected {
            return;
        }
    }
    panic!("the board still shows the terminal");
}

#[tokio::test]
async fn pipelined_sales_are_answered_in_order_and_share_commits() {
    let gateway = start_with(config("", ""), Duration::from_millis(20), false).await;
    let mut terminal = Terminal::connect(&gateway).await;
    let mut text = String::new();
    for sequence in 1..=300 {
        text.push_str(&sale(sequence, "5"));
        text.push('\n');
        if sequence % 100 == 0 {
            text.push_str("not a sale\n");
        }
    }
    terminal.send(&text).await;
    let mut statuses = Vec::new();
    for _ in 0..303 {
        statuses.push(terminal.result().await["status"].as_str().unwrap().to_owned());
    }
    let wrong: Vec<usize> = (0..303).filter(|index| statuses[*index] != "accepted").collect();
    assert_eq!(wrong, [100, 201, 302]);
    let inputs = gateway.intake.inputs.lock().unwrap();
    assert!(inputs.len() < 30, "{} captures", inputs.len());
    assert!(inputs.iter().all(|(source, media, _)| source == "03" && *media == "sale-ndjson"));
}

#[tokio::test]
async fn a_line_that_is_cut_is_refused() {
    let gateway = start("").await;
    let mut socket = TcpStream::connect(gateway.stream).await.unwrap();
    let text = format!("{HELLO}{}\n{}", sale(1, "5"), sale(2, "5"));
    socket.write_all(text.as_bytes()).await.unwrap();
    socket.shutdown().await.unwrap();
    let said = read_to_end(&mut socket).await;
    let lines: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2, "{said}");
    assert_eq!(lines[0]["status"], "accepted");
    assert_eq!(lines[1]["status"], "refused");
    assert_eq!(lines[1]["findings"][0]["rule"], "line-cut");
    assert_eq!(gateway.intake.inputs.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn without_a_token_nothing_is_taken() {
    let gateway = start("request_seconds = 1").await;
    let sale = sale(1, "5");
    for hello in [
        "{\"token\":\"wrong\"}\n",
        "{\"token\":\"alice\"}\n",
        "{}\n",
        "\n",
        "",
        "GET / HTTP/1.1\r\n",
        "no line end",
        &"x".repeat(2000),
    ] {
        let said = talk(gateway.stream, format!("{hello}{sale}\n").as_bytes()).await;
        let line: Value =
            serde_json::from_str(&said).unwrap_or_else(|_| panic!("{hello}: {said:?}"));
        assert_eq!(line["findings"][0]["rule"], "token", "{hello}");
    }
    // Silence is ended too.
    let said = talk(gateway.stream, b"").await;
    assert!(said.contains("token"));
    assert!(gateway.intake.inputs.lock().unwrap().is_empty());
}

#[tokio::test]
async fn long_and_slow_lines_end_the_connection() {
    let gateway = start("sale = \"1 KiB\"\nrequest_seconds = 1").await;
    for (line, rule) in
        [("x".repeat(200_000), "sale-size"), ("{\"store\":".to_owned(), "line-late")]
    {
        let mut terminal = Terminal::connect(&gateway).await;
        let _ = terminal.0.get_mut().write_all(line.as_bytes()).await;
        assert_eq!(terminal.result().await["findings"][0]["rule"], rule);
    }
    assert!(gateway.intake.inputs.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_refusal_of_the_store_answers_each_line_and_keeps_the_connection() {
    let gateway = start("").await;
    let mut terminal = Terminal::connect(&gateway).await;
    *gateway.intake.trouble.lock().unwrap() = Trouble::Budget;
    terminal.send(&format!("{}\n{}\n", sale(1, "5"), sale(2, "5"))).await;
    for _ in 0..2 {
        let result = terminal.result().await;
        assert_eq!(result["status"], "refused");
        assert_eq!(result["findings"][0]["rule"], "disk-budget");
    }
    *gateway.intake.trouble.lock().unwrap() = Trouble::None;
    terminal.send(&format!("{}\n", sale(1, "5"))).await;
    assert_eq!(terminal.result().await["status"], "accepted");
}

/// A line that holds nothing but a byte order mark is a line for the stream and none for the interpreter.
#[tokio::test]
async fn no_line_gets_the_result_of_another() {
    let gateway = start("").await;
    let mut terminal = Terminal::connect(&gateway).await;
    terminal.send(&format!("\u{feff}\n{}\n", sale(1, "5"))).await;
    let (first, second) = (terminal.result().await, terminal.result().await);
    assert_ne!(first["status"], "accepted");
    // Where both came in one read the second is refused as well, and is known when it is sent again.
    if second["status"] == "refused" {
        terminal.send(&format!("{}\n", sale(1, "5"))).await;
        assert_eq!(terminal.result().await["status"], "duplicate");
    }
}

#[tokio::test]
async fn what_was_read_is_answered_when_the_daemon_stops() {
    let gateway = start_with(config("", ""), Duration::from_millis(300), false).await;
    let mut terminal = Terminal::connect(&gateway).await;
    terminal.send(&format!("{}\n", sale(1, "5"))).await;
    let _silent = TcpStream::connect(gateway.stream).await.unwrap();
    sleep(Duration::from_millis(100)).await;
    gateway.stop.cancel();
    assert_eq!(terminal.result().await["status"], "accepted");
    timeout(Duration::from_secs(5), gateway.served).await.unwrap().unwrap();
}
