//! Both listeners with certificates.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, crypto};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::bench::{JSON, TERMINAL, answers, config, request, sale, start_with, talk};
use crate::web::{BindError, bind};

/// Makes a certificate for 127.0.0.1 with the openssl command; false where there is none.
fn certificate(folder: &Path) -> bool {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
        .args(["-days", "2", "-subj", "/CN=till", "-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(folder.join("key.pem"))
        .arg("-out")
        .arg(folder.join("cert.pem"))
        .output();
    match made {
        Ok(made) if made.status.success() => true,
        Ok(made) => panic!("{}", String::from_utf8_lossy(&made.stderr)),
        Err(failure) => {
            println!("skipped: the openssl command cannot be run: {failure}");
            false
        }
    }
}

fn http_keys(folder: &Path) -> String {
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    format!("tls_cert_file = '{}'\ntls_key_file = '{}'", path("cert.pem"), path("key.pem"))
}

async fn connect(address: std::net::SocketAddr, folder: &Path) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(folder.join("cert.pem")).unwrap()).unwrap();
    let client = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let socket = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    TlsConnector::from(Arc::new(client)).connect(name, socket).await.unwrap()
}

async fn said(mut socket: TlsStream<TcpStream>, text: &str) -> String {
    socket.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn both_listeners_speak_tls_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    if !certificate(folder.path()) {
        return;
    }
    let config = config("request_seconds = 1", &http_keys(folder.path()));
    let gateway = start_with(config, Duration::ZERO, false).await;

    let headers = [TERMINAL, JSON, "Connection: close"];
    let post = request("POST", "/v1/sales", &headers, &sale(1, "5"));
    let answer = said(connect(gateway.http, folder.path()).await, &post).await;
    assert_eq!(answers(&answer)[0].status, 201);

    let mut stream = connect(gateway.stream, folder.path()).await;
    let text = format!("{{\"token\":\"terminal-03\"}}\n{}\n", sale(2, "5"));
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut buffer = [0; 1024];
    let count = stream.read(&mut buffer).await.unwrap();
    assert!(String::from_utf8_lossy(&buffer[..count]).contains("accepted"));

    let plain = talk(gateway.http, b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(!plain.contains("HTTP/1.1"), "plain text was answered");
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let keys = http_keys(folder.path());
    let failure = bind(&config("", &keys)).await.err().unwrap();
    assert!(matches!(failure, BindError::Tls { .. }));
    assert!(failure.to_string().contains("cert.pem"), "{failure}");
    std::fs::write(folder.path().join("cert.pem"), "no certificate").unwrap();
    let failure = bind(&config("", &keys)).await.err().unwrap();
    let source = std::error::Error::source(&failure).unwrap();
    assert!(source.to_string().contains("holds no certificate"), "{source}");
    let half = keys.lines().next().unwrap().to_owned();
    let failure = bind(&config("", &half)).await.err().unwrap();
    assert!(failure.to_string().contains("without tls_key_file"), "{failure}");
}
