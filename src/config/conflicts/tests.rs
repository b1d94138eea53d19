//! Which listeners clash, and which forwards lead back to us.

use super::*;
use crate::config::{Loaded, Sources, load};

fn flags(flags: &[(&'static str, &str)]) -> Result<Loaded, Vec<String>> {
    let flags = flags.iter().map(|&(name, text)| (name, vec![text.to_owned()])).collect();
    load(Sources { flags, ..Sources::default() })
        .map_err(|failure| failure.problems.iter().map(ToString::to_string).collect())
}

#[test]
fn overlaps() {
    for (a, b, expected) in [
        ("127.0.0.1:1", "127.0.0.1:1", true),
        ("127.0.0.1:1", "127.0.0.1:2", false),
        ("127.0.0.1:0", "127.0.0.1:0", false),
        ("127.0.0.1:1", "127.0.0.2:1", false),
        ("0.0.0.0:1", "127.0.0.1:1", true),
        ("0.0.0.0:1", "[::1]:1", false),
        ("[::]:1", "[::1]:1", true),
        ("[::]:1", "127.0.0.1:1", true),
        ("[::]:1", "0.0.0.0:1", true),
        ("[::ffff:127.0.0.1]:1", "127.0.0.1:1", true),
        ("[::]:0", "0.0.0.0:0", false),
    ] {
        let (a, b) = (a.parse().expect(a), b.parse().expect(b));
        assert_eq!(overlap(a, b), expected, "{a} {b}");
        assert_eq!(overlap(b, a), expected, "{b} {a}");
    }
}

#[test]
fn what_reaches_ourselves() {
    let name = |name: &str| Target::Name(name.to_owned(), 1);
    let addr = |addr: &str| Target::Addr(addr.parse().expect(addr));
    for (target, listener, expected) in [
        (addr("127.0.0.1:1"), "127.0.0.1:1", true),
        (addr("127.0.0.1:2"), "127.0.0.1:1", false),
        (addr("127.0.0.1:1"), "127.0.0.2:1", false),
        (addr("127.0.0.1:1"), "0.0.0.0:1", true),
        (addr("127.0.0.1:1"), "[::]:1", true),
        (addr("10.0.0.1:1"), "[::]:1", false),
        (addr("10.0.0.1:1"), "10.0.0.1:1", true),
        (addr("0.0.0.0:1"), "127.0.0.1:1", true),
        (addr("[::]:1"), "[::1]:1", true),
        (addr("[::1]:1"), "127.0.0.1:1", false),
        (name("localhost"), "127.0.0.1:1", true),
        (name("LocalHost."), "[::1]:1", true),
        (name("a.localhost"), "[::]:1", true),
        (name("localhost"), "10.0.0.1:1", false),
        (name("notlocalhost"), "127.0.0.1:1", false),
    ] {
        assert_eq!(reaches(&target, listener.parse().expect(listener)), expected, "{target} {listener}");
    }
}

#[test]
fn defaults_stand_together() {
    assert!(flags(&[]).is_ok());
}

#[test]
fn what_the_user_wrote_is_named_not_the_default() {
    for (name, text, other) in [
        ("inbound-listen", "127.0.0.1:4140", "127.0.0.1:4140 of outbound-listen (default)"),
        ("admin-listen", ":4143", "[::]:4143 of inbound-listen (default)"),
        ("forward", "127.0.0.1:4191=db:1", "127.0.0.1:4191 of admin-listen (default)"),
        ("forward", ":9=db:1,127.0.0.1:9=db:2", "[::]:9 of forward (--forward)"),
    ] {
        let problems = flags(&[(name, text)]).expect_err(text);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(
            problems[0].starts_with(&format!("--{name}: ")) && problems[0].contains(other),
            "{problems:?}"
        );
    }
}

#[test]
fn a_forward_to_ourselves_is_a_loop() {
    let problems =
        flags(&[("forward", ":80=localhost:80,:81=127.0.0.1:4191,:82=127.0.0.1:83")]).expect_err("loops");
    assert_eq!(
        problems,
        [
            "--forward: localhost:80 is our own listener, [::]:80 of forward (--forward): a loop",
            "--forward: 127.0.0.1:4191 is our own listener, 127.0.0.1:4191 of admin-listen (default): a loop",
        ]
    );
}

#[test]
fn what_is_wrong_in_itself_clashes_with_nothing() {
    // Were the bad value taken for the default, the forward would seem to clash with it.
    let problems =
        flags(&[("admin-listen", "127.0.0.1:x"), ("forward", "127.0.0.1:4191=db:1")]).expect_err("bad");
    assert_eq!(problems.len(), 1, "{problems:?}");
}

#[test]
fn there_must_be_something_to_do() {
    let both_off = [("inbound-listen", "off"), ("outbound-listen", "off")];
    assert_eq!(flags(&both_off).expect_err("nothing").len(), 1);
    assert!(flags(&[both_off[0], both_off[1], ("forward", ":80=db:80")]).is_ok());
    assert_eq!(flags(&[both_off[0], both_off[1], ("forward", "x")]).expect_err("bad").len(), 1);
}
