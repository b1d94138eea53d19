//! What a resolver holds is bounded, and given back. Alone in its process, as it counts descriptors.

#![allow(clippy::unwrap_used)]

use simple_dns::RCODE;

#[path = "resolver/responder.rs"]
#[allow(dead_code)]
mod responder;

use responder::{Bench, Responder, Say};

fn sockets() -> usize {
    let entries = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    entries
        .filter_map(|entry| std::fs::read_link(entry.path()).ok())
        .filter(|to| to.to_string_lossy().starts_with("socket:"))
        .count()
}

#[test]
fn lookups_and_sockets() {
    let responder = Responder::start(1, |_| vec![]);
    let mut bench = Bench::new(&responder, &["127.0.0.1"], "options timeout:1 attempts:1", "");
    let before = sockets();
    let names: Vec<String> = (0..100).map(|number| format!("n{number}.test")).collect();
    for name in &names {
        assert_eq!(bench.ask(name), None);
    }
    assert_eq!(sockets() - before, 64, "32 lookups with two sockets each; the rest waits");
    // Rounds of 32 time out, one after another.
    for _ in 0..4 {
        assert!(bench.resolver.next_deadline().is_some());
        bench.pass(1.0);
    }
    assert_eq!((bench.resolver.next_deadline(), bench.settled.len()), (None, 100));
    assert_eq!(sockets(), before, "all closed");
    responder.answer(|asked| {
        vec![Say::Reply(asked.reply(RCODE::NoError, &[&format!("{} 60 A 10.0.0.1", asked.name)]))]
    });
    bench.pass(5.0);
    for name in &names {
        bench.ask(name);
    }
    bench.finish();
    assert!(names.iter().all(|name| bench.ask(name) == Some(Ok(vec!["10.0.0.1".parse().unwrap()]))));
    assert_eq!(sockets(), before, "all closed");
    let counters = bench.resolver.counters();
    assert_eq!((counters.lookups, counters.failed, counters.queries), (200, 100, 400));
}
