//! The HTTP interface, seen by a client that shows every byte.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::bench::{
    JSON, NDJSON, PATIENCE, TERMINAL, Trouble, answers, ask, config, post_sale, read_to_end,
    request, sale, start, start_with, talk,
};
use crate::web::{BindError, bind};

#[tokio::test]
async fn sales_are_answered_as_the_contract_says() {
    let gateway = start("").await;
    let first = post_sale(&gateway, &sale(1, "5.00")).await;
    assert_eq!(first.status, 201, "{first:?}");
    let result = &first.json()["results"][0];
    assert_eq!(result["status"], "accepted");
    assert_eq!(result["id"].as_str().unwrap().len(), 36);
    assert_eq!(result["findings"], serde_json::json!([]));
    assert!(first.has_header("tillgate-capture"));

    let again = post_sale(&gateway, &sale(1, "5.00")).await;
    assert_eq!((again.status, &again.json()["results"][0]["status"]), (200, &"duplicate".into()));
    assert_eq!(again.json()["results"][0]["id"], result["id"]);

    let other = post_sale(&gateway, &sale(1, "6.00")).await;
    assert_eq!(other.status, 409);
    assert_eq!(other.json()["results"][0]["status"], "quarantined");
    assert_eq!(other.json()["results"][0]["findings"][0]["rule"], "conflict");

    let bad = post_sale(&gateway, "{\"store\":42}").await;
    assert_eq!(bad.status, 422);
    assert!(bad.body.contains("\"path\":\"/store\""), "{bad:?}");
    assert_eq!(post_sale(&gateway, " ").await.status, 422);
    assert_eq!(gateway.intake.inputs.lock().unwrap().len(), 4, "an empty body is not kept");
}

#[tokio::test]
async fn a_mixed_batch_is_answered_in_order() {
    let gateway = start("").await;
    post_sale(&gateway, &sale(1, "5.00")).await;
    let batch = format!("{}\n\nno json\n{}\r\n{}", sale(1, "5.00"), sale(2, "7.00"), sale(1, "1"));
    let mixed = ask(gateway.http, ("POST", "/v1/sales"), &[TERMINAL, NDJSON], &batch).await;
    assert_eq!(mixed.status, 201);
    let json = mixed.json();
    let statuses: Vec<&str> = json["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["status"].as_str().unwrap())
        .collect();
    assert_eq!(statuses, ["duplicate", "quarantined", "accepted", "quarantined"]);
}

#[tokio::test]
async fn what_is_not_understood_in_the_head_is_refused_before_the_body() {
    let gateway = start("").await;
    for (headers, status, words) in [
        (vec![TERMINAL], 415, "application/json"),
        (vec![TERMINAL, "Content-Type: application/xml"], 415, "POSLog"),
        (vec![TERMINAL, JSON, "Content-Encoding: gzip"], 415, "Content-Encoding"),
        (vec![JSON], 401, "Bearer"),
        (vec!["Authorization: Bearer alice", JSON], 403, "[[terminal]]"),
        (vec!["Authorization: Bearer wrong", JSON], 401, "unknown"),
        (vec!["Authorization: Digest x", JSON], 401, "unknown"),
        (vec!["Authorization: Basic !!", JSON], 401, "unknown"),
        // alice:alice: the dialog of a browser is for viewers only.
        (vec!["Authorization: Basic YWxpY2U6YWxpY2U=", JSON], 401, "unknown"),
    ] {
        // The body is announced and never sent: whoever waits for it fails here.
        let mut text = "POST /v1/sales HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n".to_owned();
        for header in &headers {
            text.push_str(&format!("{header}\r\n"));
        }
        text.push_str("\r\n");
        let answer = answers(&talk(gateway.http, text.as_bytes()).await).remove(0);
        assert_eq!(answer.status, status, "{headers:?}: {answer:?}");
        assert!(answer.body.contains(words), "{headers:?}: {answer:?}");
        assert!(answer.head.to_ascii_lowercase().contains("connection: close"));
        assert_eq!(answer.has_header("www-authenticate"), status == 401);
    }
    assert!(gateway.intake.inputs.lock().unwrap().is_empty());
    let other = ask(gateway.http, ("GET", "/v1/sales"), &[], "").await;
    assert_eq!((other.status, other.json()["error"]["code"].as_str()), (405, Some("method")));
    assert!(other.has_header("allow"));
    let unknown = ask(gateway.http, ("GET", "/nothing"), &[], "").await;
    assert_eq!((unknown.status, unknown.json()["error"]["code"].as_str()), (404, Some("path")));
}

#[tokio::test]
async fn each_role_opens_its_own_doors() {
    let gateway = start("").await;
    let doors = [
        ("POST", "/v1/sales", [201, 403, 403]),
        ("POST", "/v1/edi", [403, 200, 403]),
        ("GET", "/metrics", [403, 403, 200]),
        ("GET", "/v1/status", [403, 403, 200]),
        ("GET", "/", [403, 403, 200]),
        ("GET", "/page.css", [403, 403, 200]),
        ("GET", "/page.js", [403, 403, 200]),
        ("GET", "/livez", [200, 200, 200]),
        ("GET", "/readyz", [200, 200, 200]),
    ];
    for (method, path, expected) in doors {
        for (token, expected) in ["terminal-03", "bigbox", "alice"].into_iter().zip(expected) {
            let authorization = format!("Authorization: Bearer {token}");
            let body = match path {
                "/v1/sales" => sale(1, "5"),
                "/v1/edi" => "ISA*".to_owned(),
                _ => String::new(),
            };
            let answer = ask(gateway.http, (method, path), &[&authorization, JSON], &body).await;
            assert_eq!(answer.status, expected, "{method} {path} as {token}: {answer:?}");
        }
    }
    // The browser's dialog: alice:alice, and bob:alice, who is nobody.
    let dialog = |user: &'static str| ask(gateway.http, ("GET", "/"), vec![user].leak(), "");
    assert_eq!(dialog("Authorization: Basic YWxpY2U6YWxpY2U=").await.status, 200);
    assert_eq!(dialog("Authorization: Basic Ym9iOmFsaWNl").await.status, 401);
    let asked = ask(gateway.http, ("GET", "/"), &[], "").await;
    assert!(asked.head.contains("Basic realm=\"tillgate\""), "{asked:?}");
}

#[tokio::test]
async fn reloaded_tokens_apply_and_wrong_ones_are_slowed_down() {
    let gateway = start("").await;
    let mut reloaded = config("", "");
    reloaded.terminals.retain(|terminal| terminal.id == "04");
    gateway.config.send(Arc::new(reloaded)).unwrap();
    let mut last = 0;
    for _ in 0..30 {
        last = post_sale(&gateway, &sale(1, "5")).await.status;
    }
    assert_eq!(last, 429);
    let fourth = ["Authorization: Bearer terminal-04", JSON];
    let right = ask(gateway.http, ("POST", "/v1/sales"), &fourth, &sale(1, "5")).await;
    assert_eq!(right.status, 422, "a right token passes; the sale is of another terminal");
    assert!(right.body.contains("foreign-terminal"));
}

#[tokio::test]
async fn pages_are_open_only_where_it_was_said() {
    let gateway = start_with(config("", ""), Duration::ZERO, true).await;
    let page = ask(gateway.http, ("GET", "/"), &[], "").await;
    assert_eq!(page.status, 200);
    for header in ["content-security-policy", "x-content-type-options", "referrer-policy"] {
        assert!(page.has_header(header), "{header}");
    }
    let policy = page.head.to_ascii_lowercase();
    assert!(policy.contains("script-src 'self'") && policy.contains("frame-ancestors 'none'"));
    let metrics = ask(gateway.http, ("GET", "/metrics"), &[], "").await;
    assert_eq!(metrics.body, "tillgate_build_info 1\n");
    let status = ask(gateway.http, ("GET", "/v1/status"), &[], "").await.json();
    assert_eq!(status["recent"][0]["customer"], "王**");
    let sales = ask(gateway.http, ("POST", "/v1/sales"), &[JSON], &sale(1, "5")).await;
    assert_eq!(sales.status, 401, "open is for pages only");
}

#[tokio::test]
async fn the_store_s_refusals_are_told_with_a_time() {
    let gateway = start("").await;
    for (trouble, status, code) in [
        (Trouble::Budget, 507, "disk-budget"),
        (Trouble::Overloaded, 503, "overloaded"),
        (Trouble::Stopping, 503, "stopping"),
        (Trouble::Failed, 503, "store-failed"),
    ] {
        *gateway.intake.trouble.lock().unwrap() = trouble;
        let answer = post_sale(&gateway, &sale(1, "5")).await;
        assert_eq!((answer.status, &answer.json()["error"]["code"]), (status, &code.into()));
        assert!(answer.has_header("retry-after"));
    }
}

#[tokio::test]
async fn a_source_has_its_rate() {
    let gateway = start("requests_per_second = 1").await;
    let mut statuses = Vec::new();
    for sequence in 0..12 {
        statuses.push(post_sale(&gateway, &sale(sequence, "5")).await);
    }
    assert_eq!(statuses[9].status, 201, "a burst of ten seconds passes");
    let last = statuses.pop().unwrap();
    assert_eq!((last.status, last.has_header("retry-after")), (429, true));
    let other = ["Authorization: Bearer terminal-04", JSON];
    let other = ask(gateway.http, ("POST", "/v1/sales"), &other, &sale(1, "5")).await;
    assert_eq!(other.status, 422, "another source is not held up");
}

#[tokio::test]
async fn large_bodies_are_refused_however_they_come() {
    let gateway = start("sale = \"1 KiB\"\nbody = \"4 KiB\"").await;
    let large = "x".repeat(3000);
    assert_eq!(post_sale(&gateway, &large).await.status, 413);
    let ndjson = |body: String| async move {
        ask(gateway.http, ("POST", "/v1/sales"), &[TERMINAL, NDJSON], &body).await.status
    };
    assert_eq!(
        ndjson(large.clone()).await,
        422,
        "many sales may be larger than one, but each is limited"
    );
    let gateway = start("sale = \"1 KiB\"").await;
    let chunked = format!(
        "POST /v1/sales HTTP/1.1\r\nHost: x\r\n{TERMINAL}\r\n{JSON}\r\nTransfer-Encoding: chunked\r\n\r\nbb8\r\n{large}\r\n"
    );
    let answer = answers(&talk(gateway.http, chunked.as_bytes()).await).remove(0);
    assert_eq!(answer.status, 413);
    assert!(gateway.intake.inputs.lock().unwrap().is_empty());
}

#[tokio::test]
async fn slow_and_broken_requests_end() {
    let gateway = start("request_seconds = 1").await;
    let begun = Instant::now();
    // A head that never ends.
    let mut head = TcpStream::connect(gateway.http).await.unwrap();
    head.write_all(b"POST /v1/sales HTTP/1.1\r\nHost: x\r\n").await.unwrap();
    // A body that never ends, a byte at a time.
    let mut body = TcpStream::connect(gateway.http).await.unwrap();
    let text = request("POST", "/v1/sales", &[TERMINAL, JSON], &"x".repeat(99));
    body.write_all(&text.as_bytes()[..text.len() - 90]).await.unwrap();
    for _ in 0..5 {
        sleep(Duration::from_millis(100)).await;
        head.write_all(b"X-Slow: 1\r\n").await.unwrap();
        body.write_all(b"x").await.unwrap();
    }
    let late = answers(&read_to_end(&mut body).await).remove(0);
    assert_eq!(late.status, 408, "{late:?}");
    assert_eq!(answers(&read_to_end(&mut head).await).len(), 0);
    assert!(begun.elapsed() < PATIENCE);

    for garbage in [&b"\x16\x03\x01\x02\x00\x01\x00"[..], b"\0\0\0\0\r\n\r\n", b"GET\r\n\r\n"] {
        let text = talk(gateway.http, garbage).await;
        assert!(text.is_empty() || text.starts_with("HTTP/1.1 400"), "{text}");
    }
    let many = "X: y\r\n".repeat(200);
    let text = talk(gateway.http, format!("GET / HTTP/1.1\r\n{many}\r\n").as_bytes()).await;
    assert!(text.starts_with("HTTP/1.1 431"), "{text}");
    assert_eq!(post_sale(&gateway, &sale(1, "5")).await.status, 201, "and it still works");
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let gateway = start("").await;
    let mut text = String::new();
    for sequence in 1..=3 {
        text.push_str(&request("POST", "/v1/sales", &[TERMINAL, JSON], &sale(sequence, "5")));
    }
    text.push_str(&request("GET", "/livez", &["Connection: close"], ""));
    let all = answers(&talk(gateway.http, text.as_bytes()).await);
    let statuses: Vec<u16> = all.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [201, 201, 201, 200]);
}

#[tokio::test]
async fn an_interchange_is_answered_with_its_acknowledgements() {
    let gateway = start("").await;
    let partner = ["Authorization: Bearer bigbox"];
    let answer = ask(gateway.http, ("POST", "/v1/edi"), &partner, "ISA*00*").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "TA1~997~"));
    assert!(answer.head.to_ascii_lowercase().contains("content-type: application/edi-x12"));
    assert!(answer.has_header("tillgate-capture"));
    let answer = ask(gateway.http, ("POST", "/v1/edi"), &partner, "no interchange").await;
    assert_eq!(answer.status, 422);
    assert_eq!(gateway.intake.inputs.lock().unwrap()[0], ("bigbox".to_owned(), "edi", 7));
}

#[tokio::test]
async fn readiness_is_told_without_login() {
    let gateway = start("").await;
    assert_eq!(ask(gateway.http, ("GET", "/readyz"), &[], "").await.status, 200);
    gateway.status.disk_full();
    let answer = ask(gateway.http, ("GET", "/readyz"), &[], "").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.json()["reasons"][0]["code"], "disk-budget");
    assert_eq!(answer.json()["ready"], false);
}

#[tokio::test]
async fn a_page_hears_of_changes() {
    let gateway = start("request_seconds = 1").await;
    let mut socket = TcpStream::connect(gateway.http).await.unwrap();
    let headers = ["Authorization: Bearer alice"];
    socket.write_all(request("GET", "/v1/events", &headers, "").as_bytes()).await.unwrap();
    let mut text = String::new();
    read_until(&mut socket, &mut text, "\"backlog\":2").await;
    assert!(text.contains("text/event-stream") && text.contains("event: status"), "{text}");
    // The time that a head may take is no limit for a page that listens.
    sleep(Duration::from_secs(2)).await;
    gateway.status.0.lock().unwrap().outbox.backlog = 7;
    read_until(&mut socket, &mut text, "\"backlog\":7").await;
    // The stream ends with the daemon, and the daemon does not wait for it.
    gateway.stop.cancel();
    timeout(Duration::from_secs(5), gateway.served).await.unwrap().unwrap();
}

async fn read_until(socket: &mut TcpStream, text: &mut String, wanted: &str) {
    let mut buffer = [0; 4096];
    while !text.contains(wanted) {
        let count = timeout(PATIENCE, socket.read(&mut buffer)).await.unwrap().unwrap();
        assert_ne!(count, 0, "{text}");
        text.push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
}

#[tokio::test]
async fn pages_are_bounded() {
    let gateway = start("").await;
    let open = request("GET", "/v1/events", &["Authorization: Bearer alice"], "");
    let mut pages = Vec::new();
    for _ in 0..16 {
        let mut socket = TcpStream::connect(gateway.http).await.unwrap();
        socket.write_all(open.as_bytes()).await.unwrap();
        read_until(&mut socket, &mut String::new(), "event: status").await;
        pages.push(socket);
    }
    let headers = ["Authorization: Bearer alice"];
    assert_eq!(ask(gateway.http, ("GET", "/v1/events"), &headers, "").await.status, 503);
}

#[tokio::test]
async fn what_was_begun_is_finished_when_the_daemon_stops() {
    let gateway = start_with(config("", ""), Duration::from_millis(300), false).await;
    let mut socket = TcpStream::connect(gateway.http).await.unwrap();
    let text = request("POST", "/v1/sales", &[TERMINAL, JSON], &sale(1, "5"));
    socket.write_all(text.as_bytes()).await.unwrap();
    // An idle connection must not hold up the end.
    let _idle = TcpStream::connect(gateway.http).await.unwrap();
    sleep(Duration::from_millis(100)).await;
    gateway.stop.cancel();
    let answer = answers(&read_to_end(&mut socket).await).remove(0);
    assert_eq!(answer.status, 201);
    timeout(Duration::from_secs(5), gateway.served).await.unwrap().unwrap();
    assert!(TcpStream::connect(gateway.http).await.is_err());
}

#[tokio::test]
async fn more_connections_than_places_wait() {
    let gateway = start("connections = 2").await;
    let first = TcpStream::connect(gateway.http).await.unwrap();
    let second = TcpStream::connect(gateway.http).await.unwrap();
    sleep(Duration::from_millis(50)).await;
    let third = async { ask(gateway.http, ("GET", "/livez"), &[], "").await.status };
    let waiting = timeout(Duration::from_millis(200), third).await;
    assert!(waiting.is_err(), "a third connection was served");
    drop((first, second));
    sleep(Duration::from_millis(50)).await;
    assert_eq!(ask(gateway.http, ("GET", "/livez"), &[], "").await.status, 200);
}

#[tokio::test]
async fn an_address_that_cannot_be_had_says_what_to_do() {
    let gateway = start("").await;
    let taken = gateway.http.to_string();
    for (listen, words) in [
        (taken.as_str(), "another program"),
        ("nowhere", "expected address and port"),
        ("192.0.2.1:0", "no such address"),
    ] {
        let mut config = config("", "allow_plaintext = true");
        config.http.listen = listen.to_owned();
        let failure = bind(&config).await.err().unwrap();
        assert!(matches!(failure, BindError::Listen { .. }));
        assert!(failure.to_string().contains(words), "{failure}");
        assert!(failure.to_string().starts_with("[http] listen"), "{failure}");
    }
    let mut exposed = config("", "");
    exposed.http.listen = "0.0.0.0:0".to_owned();
    let failure = bind(&exposed).await.err().unwrap();
    assert!(failure.to_string().contains("tls_cert_file"), "{failure}");
}
