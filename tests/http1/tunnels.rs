//! WebSocket and CONNECT: what follows the answer passes, however it comes.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use crate::support::programs::text;
use crate::support::servers::Service;
use crate::support::*;

/// Sends, and reads the same at the other end.
#[track_caller]
fn carry(mut from: &TcpStream, mut to: &TcpStream, bytes: &[u8]) {
    std::thread::scope(|scope| {
        scope.spawn(move || from.write_all(bytes).expect("to send"));
        let mut came = vec![0; bytes.len()];
        to.read_exact(&mut came).expect("to receive");
        assert!(came == bytes, "{} bytes have changed", bytes.len());
    });
}

const ASK: &[u8] =
    b"GET /chat HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const SWITCH: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// A frame with this first byte; a client's is masked.
fn frame(first: u8, payload: &[u8], is_masked: bool) -> Vec<u8> {
    let mut bytes = vec![first];
    let mask = if is_masked { 0x80 } else { 0 };
    match payload.len() {
        short @ 0..126 => bytes.push(mask | short as u8),
        long @ 126..0x1_0000 => {
            bytes.push(mask | 126);
            bytes.extend((long as u16).to_be_bytes());
        }
        huge => {
            bytes.push(mask | 127);
            bytes.extend((huge as u64).to_be_bytes());
        }
    }
    let key = [0x37, 0xfa, 0x21, 0x3d];
    if is_masked {
        bytes.extend(key);
        bytes.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    } else {
        bytes.extend(payload);
    }
    bytes
}

#[test]
fn websocket_frames_pass_as_they_are() {
    for args in [&[][..], &["--http-strict"]] {
        let tunnel = Tunnel::new(args);
        let (client, server) = tunnel.pair();
        carry(&client, &server, ASK);
        // The server's first frame comes with its answer.
        carry(&server, &client, &[SWITCH, &frame(0x81, b"hello", false)].concat());
        let mut random = Random::new(seed());
        for size in [0, 1, 125, 126, 65_535, 65_536, 16 << 20] {
            let payload = random.bytes(size);
            carry(&client, &server, &frame(0x82, &payload, true));
            carry(&server, &client, &frame(0x82, &payload, false));
        }
        for first in [0x89, 0x8a] {
            carry(&client, &server, &frame(first, b"beat", true));
            carry(&server, &client, &frame(first, b"beat", false));
        }
        carry(&client, &server, &frame(0x88, &4000u16.to_be_bytes(), true));
        carry(&server, &client, &frame(0x88, &4000u16.to_be_bytes(), false));
        finish(&server);
        expect_eof(&client, LIMIT);
        finish(&client);
        expect_eof(&server, LIMIT);
        let metrics = settled(&tunnel.wayside);
        assert_eq!(counted(&metrics), Counts::from([(("101".to_owned(), String::new()), 1)]));
        assert_eq!(metrics.sum("http_requests_in_flight", &[]), 0.0);
        let passed = metrics.sum("tcp_write_bytes_total", &[("protocol", "http/1")]);
        assert!(passed > f64::from(2 << 24), "{passed} bytes");
    }
}

#[test]
fn connect_is_carried() {
    for args in [&[][..], &["--http-strict"]] {
        let tunnel = Tunnel::new(args);
        let (client, server) = tunnel.pair();
        let ask = b"CONNECT db.example:5432 HTTP/1.1\r\nHost: db.example:5432\r\n\r\n";
        carry(&client, &server, ask);
        carry(&server, &client, b"HTTP/1.1 200 Established\r\n\r\nGET / HTTP/1.1\r\n\r\n");
        let bytes = Random::new(seed()).bytes(3_000_000);
        carry(&client, &server, &bytes);
        carry(&server, &client, &bytes);
        drop(client);
        expect_eof(&server, LIMIT);
        drop(server);
        let metrics = settled(&tunnel.wayside);
        assert_eq!(counted(&metrics), Counts::from([(("200".to_owned(), String::new()), 1)]));
        let authority = [("authority", "db.example:5432")];
        assert_eq!(metrics.sum("request_total", &authority), 1.0);
    }
}

/// Data right behind the CONNECT: the server has it with the request, or, under strict, once it has agreed.
#[test]
fn data_right_behind_a_connect_arrives() {
    let ask = b"CONNECT db.example:5432 HTTP/1.1\r\nHost: db.example:5432\r\n\r\n";
    let early = b"\x16\x03\x01 early data";
    let agree = b"HTTP/1.1 200 OK\r\n\r\n";
    let tunnel = Tunnel::new(&[]);
    let (client, server) = tunnel.pair();
    carry(&client, &server, &[&ask[..], early].concat());
    carry(&server, &client, agree);
    let tunnel = Tunnel::new(&["--http-strict"]);
    let (mut client, mut server) = tunnel.pair();
    client.write_all(&[&ask[..], early].concat()).expect("to send");
    let mut came = vec![0; ask.len()];
    server.read_exact(&mut came).expect("the request");
    carry(&server, &client, agree);
    let mut came = vec![0; early.len()];
    server.read_exact(&mut came).expect("what was behind it");
    assert_eq!(came, early);
}

/// A refused CONNECT leaves HTTP where it was.
#[test]
fn a_refused_connect_is_no_tunnel() {
    let tunnel = Tunnel::new(&[]);
    let (client, server) = tunnel.pair();
    carry(&client, &server, b"CONNECT a.example:1 HTTP/1.1\r\nHost: a.example:1\r\n\r\n");
    carry(&server, &client, b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno");
    carry(&client, &server, GET);
    carry(&server, &client, OK);
    drop((client, server));
    let metrics = settled(&tunnel.wayside);
    let expected = ["200", "403"].map(|status| ((status.to_owned(), String::new()), 1));
    assert_eq!(counted(&metrics), Counts::from(expected));
}

/// An echo that closes with 4001 when it is told to; and a client that says how all went.
const SERVER: &str = r#"
import asyncio, sys, websockets
async def serve(socket):
    await socket.send("first")
    async for message in socket:
        if message == "end":
            await socket.close(4001, "told to")
        else:
            await socket.send(message)
async def main():
    async with websockets.serve(serve, "127.0.0.1", int(sys.argv[1]), max_size=None, compression=None):
        await asyncio.Future()
asyncio.run(main())
"#;
const CLIENT: &str = r#"
import asyncio, os, sys, websockets
async def main():
    async with websockets.connect(sys.argv[1], max_size=None, compression=None) as socket:
        assert await socket.recv() == "first"
        count = int(sys.argv[2])
        async def send():
            for number in range(count):
                await socket.send(str(number))
        task = asyncio.create_task(send())
        for number in range(count):
            assert await socket.recv() == str(number)
        await task
        big = os.urandom(16 << 20)
        await socket.send(big)
        assert await socket.recv() == big
        await (await socket.ping(b"beat"))
        await socket.send("end")
        await socket.wait_closed()
        print(socket.close_code, socket.close_reason)
asyncio.run(main())
"#;

#[test]
fn websockets_of_python() {
    let Some(python) = python() else { skipped!("there is no Python") };
    let has = Command::new(&python).args(["-Ic", "import websockets"]).output().expect("to run Python");
    if !has.status.success() {
        skipped!("there is no python3-websockets");
    }
    let server = Service::start(TempDir::new(), |port, _| {
        let mut command = Command::new(&python);
        command.args(["-Ic", SERVER, &port.to_string()]);
        command
    });
    let wayside = Wayside::start(&["--http-strict", "--forward", &server.forward()]);
    let url = format!("ws://{}/chat", wayside.addr(0));
    let said = text(Command::new(&python).args(["-Ic", CLIENT, &url, "100000"]), "");
    assert_eq!(said, "4001 told to\n");
    let metrics = settled(&wayside);
    assert_eq!(counted(&metrics), Counts::from([(("101".to_owned(), String::new()), 1)]));
}
