//! Who is next, and who gives way: tables.

use super::*;

fn client(number: u8) -> Client {
    IpAddr::from([10, 0, 0, number]).into()
}

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Places by client, and for how many milliseconds each has it. What is over 1,000 of these it had before.
fn shares(held: &[(u8, u64)]) -> Shares {
    let held = held.iter().enumerate();
    Shares::of(held.map(|(place, &(number, time))| {
        let (ran, served) = (ms(time % 1000), ms(time / 1000 * 1000));
        Held { place, client: client(number), ran, served }
    }))
}

#[test]
fn one_client_by_its_network() {
    for (one, other, same) in [
        ("10.0.0.1", "10.0.0.1", true),
        ("10.0.0.1", "10.0.0.2", false),
        ("10.0.0.1", "::ffff:10.0.0.1", true),
        ("2001:db8::1", "2001:db8::2:3:4:5", true),
        ("2001:db8::1", "2001:db8:0:1::1", false),
        ("::1", "127.0.0.1", false),
    ] {
        let [a, b] = [one, other].map(|text| Client::from(text.parse::<IpAddr>().unwrap()));
        assert_eq!(a == b, same, "{one} {other}");
    }
}

#[test]
fn the_next_is_of_who_has_the_fewest_places_and_had_the_least_time() {
    for (held, waiting, expected) in [
        (&[][..], &[][..], None),
        (&[], &[(1, 0), (2, 0)], Some(0)),
        (&[(1, 0)], &[(1, 0), (2, 0)], Some(1)),
        (&[(1, 0)], &[(1, 0), (2, 900)], Some(1)),
        (&[(1, 0), (1, 0), (2, 0)], &[(1, 0), (2, 0)], Some(1)),
        (&[(1, 0), (2, 0)], &[(1, 200), (2, 100), (2, 100)], Some(1)),
        (&[(1, 0), (2, 0)], &[(1, 100), (2, 100)], Some(0)),
    ] {
        let claims = waiting.iter().map(|&(number, served)| (client(number), ms(served)));
        assert_eq!(shares(held).next(claims), expected, "{held:?} {waiting:?}");
    }
}

#[test]
fn places_go_from_who_has_more_and_among_equals_in_turn() {
    // The places; who wants one and had one for how long; whose is taken, in how many milliseconds.
    for (held, (wants, served), expected) in [
        (&[][..], (1, 0), None),
        // From another client: after a turn, however long the name that wants it had one.
        (&[(1, 100), (1, 0)], (2, 0), Some((0, 0))),
        (&[(1, 99), (1, 30)], (2, 0), Some((1, 0))),
        (&[(1, 0), (1, 30), (1, 40)], (2, 9000), Some((60, 2))),
        // Of a client's own: after a turn, and where it had twice the time.
        (&[(1, 40), (1, 30)], (1, 0), Some((60, 0))),
        (&[(1, 40), (1, 30)], (1, 400), Some((760, 0))),
        (&[(1, 799), (1, 30)], (1, 400), Some((1, 0))),
        (&[(1, 2090), (1, 30)], (1, 400), Some((10, 0))),
        (&[(1, 2090), (1, 30)], (1, 1100), Some((110, 0))),
        // Who would have as many as the other has now: by turns.
        (&[(1, 150), (2, 120)], (3, 0), Some((0, 0))),
        (&[(1, 150), (2, 120)], (3, 200), Some((250, 0))),
        // Who would have more: never.
        (&[(1, 900)], (2, 0), Some((0, 0))),
        (&[(1, 900), (2, 0)], (2, 0), Some((100, 1))),
        // Of several that may go, one of the client with the most, and of these the one with the most time.
        (&[(1, 900), (2, 200), (2, 300)], (3, 0), Some((0, 2))),
        (&[(1, 900), (2, 3200), (2, 300)], (3, 0), Some((0, 1))),
    ] {
        let found = shares(held).gives_way(client(wants), ms(served));
        assert_eq!(found, expected.map(|(left, place)| (ms(left), place)), "{held:?} {wants} {served}");
    }
}

#[test]
fn the_least_loss() {
    for (held, expected) in [
        (&[][..], None),
        (&[(1, 10), (2, 20)], Some(1)),
        (&[(1, 10), (2, 20), (1, 5)], Some(0)),
        (&[(1, 10), (2, 20), (1, 1005)], Some(2)),
    ] {
        assert_eq!(shares(held).least_loss(), expected, "{held:?}");
    }
}
