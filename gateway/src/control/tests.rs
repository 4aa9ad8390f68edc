//! Both ends of the socket together.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{
    ControlError, Handler, ListenError, Listener, REQUEST_BYTES_MAX, Request, Response, call,
    serve, socket_path,
};

struct Closing;

impl Handler for Closing {
    async fn handle(&self, request: Request) -> Response {
        match request {
            Request::QuarantineDiscard { id } if id == "known" => Response::Discarded,
            _ => Response::Refused { message: "there is no such entry".to_owned() },
        }
    }
}

fn discard(id: &str) -> Request {
    Request::QuarantineDiscard { id: id.to_owned() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_answered_and_a_refusal_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().to_owned();
    let listener = Listener::open(&data).unwrap();
    let mode = std::fs::metadata(socket_path(&data)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let stop = CancellationToken::new();
    let server = tokio::spawn(serve(listener, Arc::new(Closing), stop.clone()));

    let asked = data.clone();
    tokio::task::spawn_blocking(move || {
        assert!(matches!(call(&asked, &discard("known")), Ok(Response::Discarded)));
        let refused = call(&asked, &discard("other")).unwrap_err();
        assert_eq!(refused.to_string(), "there is no such entry");
        assert!(matches!(Listener::open(&asked), Err(ListenError::Running(_))));
    })
    .await
    .unwrap();

    stop.cancel();
    server.await.unwrap();
    assert!(matches!(call(&data, &Request::Status), Err(ControlError::NotRunning(_))));
    assert!(!socket_path(&data).exists(), "the socket goes with the daemon");
}

#[tokio::test]
async fn a_socket_that_a_crash_left_is_replaced_and_another_file_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = socket_path(dir.path());
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    assert!(matches!(call(dir.path(), &Request::Status), Err(ControlError::NotRunning(_))));
    drop(Listener::open(dir.path()).unwrap());

    std::fs::write(&path, "precious").unwrap();
    assert!(matches!(Listener::open(dir.path()), Err(ListenError::InTheWay(_))));
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_request_is_refused_and_what_is_too_long_is_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    let path = socket_path(dir.path());
    let stop = CancellationToken::new();
    let listener = Listener::open(dir.path()).unwrap();
    let server = tokio::spawn(serve(listener, Arc::new(Closing), stop.clone()));
    tokio::task::spawn_blocking(move || {
        let connect = || std::os::unix::net::UnixStream::connect(&path).unwrap();
        let mut stream = connect();
        stream.write_all(b"{\"request\":\"dance\"}\n").unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.contains("the request cannot be read"), "{answer}");

        let mut stream = connect();
        // The end without an answer may come while we still write.
        let _sent = stream.write_all(&vec![b'x'; REQUEST_BYTES_MAX + 1]);
        let mut answer = Vec::new();
        let _end = stream.read_to_end(&mut answer);
        assert!(answer.is_empty());
    })
    .await
    .unwrap();
    stop.cancel();
    server.await.unwrap();
}
