//! Urgent data (`MSG_OOB`) stays where it was in the stream, and holds nothing up.
//!
//! The kernel stops a read, and a splice(2) for good, at the urgent byte.

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;

use socket2::SockRef;
use support::*;

fn send_urgent(stream: &TcpStream, byte: u8) {
    assert_eq!(SockRef::from(stream).send_out_of_band(&[byte]).expect("to send"), 1);
}

/// Sends `before`, an urgent byte and `after` one way, then waits for the other end to have it all.
fn pass(from: TcpStream, to: TcpStream, before: usize, after: usize) {
    SockRef::from(&to).set_out_of_band_inline(true).expect("SO_OOBINLINE");
    let expected = [Random::new(1).bytes(before), vec![b'!'], Random::new(2).bytes(after)].concat();
    let (first, last) = (expected[..before].to_vec(), expected[before + 1..].to_vec());
    let sender = std::thread::spawn(move || {
        (&from).write_all(&first).expect("to send");
        send_urgent(&from, b'!');
        (&from).write_all(&last).expect("to send");
        // It stays open: whatever is stuck stays stuck.
        from
    });
    let mut got = vec![0; expected.len()];
    (&to).read_exact(&mut got).unwrap_or_else(|error| panic!("{before} + 1 + {after}: {error}"));
    assert!(got == expected, "{before} + 1 + {after}: the bytes differ");
    sender.join().expect("the sender");
}

#[test]
fn it_is_carried_in_its_place_through_copy_and_splice() {
    let tunnel = Tunnel::new(&[]);
    for before in [0, 1, 100, 70_000, 1_000_000, 8_000_000] {
        for after in [0, 5, 100_000] {
            let (client, server) = tunnel.pair();
            pass(client, server, before, after);
            let (client, server) = tunnel.pair();
            pass(server, client, before, after);
        }
    }
}

#[test]
fn none_of_several_is_lost() {
    let tunnel = Tunnel::new(&[]);
    for _ in 0..100 {
        let (mut client, server) = tunnel.pair();
        SockRef::from(&server).set_out_of_band_inline(true).expect("SO_OOBINLINE");
        send_urgent(&client, b'a');
        send_urgent(&client, b'b');
        client.write_all(b"cd").expect("to send");
        let mut got = [0; 4];
        (&server).read_exact(&mut got).expect("four bytes");
        assert_eq!(&got, b"abcd");
    }
}
