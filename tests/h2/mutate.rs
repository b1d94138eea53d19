//! Mutated conversations: no panic, and the same events however the bytes are cut and whatever is skipped.
//!
//! `WAYSIDE_MUTATIONS=10000000 cargo test --test h2 mutated` runs ten million; `WAYSIDE_SEED` changes the seed.

use wayside::wire::event::Peer;
use wayside::wire::h2::Observer;

use crate::captures::{CURL, GRPC, H2LOAD, NGHTTP, PUSH, talk};
use crate::property::generate;
use crate::support::*;

/// Some of the records of a conversation from its beginning, none too long.
fn part(random: &mut Random, talk: &Talk) -> Talk {
    let records = 2 + random.below(talk.len().min(40));
    talk.iter().take(records).map(|(from, bytes)| (*from, bytes[..bytes.len().min(2000)].to_vec())).collect()
}

fn mutate(random: &mut Random, talk: &mut Talk) {
    for _ in 0..random.below(4) {
        let nth = random.below(talk.len());
        if random.one_in(12) {
            let other = random.below(talk.len());
            talk.swap(nth, other);
            continue;
        }
        let bytes = &mut talk[nth].1;
        let at = random.below(bytes.len());
        match random.below(6) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at.min(bytes.len()), random.next() as u8),
            2 => bytes.extend(frame(
                random.below(10) as u8,
                random.next() as u8,
                random.below(9) as u32,
                &[0x82; 8],
            )),
            3 if !bytes.is_empty() => {
                bytes.remove(at);
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = if random.one_in(2) { *byte ^ 1 << random.below(8) } else { random.next() as u8 };
                }
            }
        }
    }
}

#[test]
fn mutated_conversations_mean_one_thing() {
    let mut random = Random(number("WAYSIDE_SEED", 0xbad));
    let mut seeds: Vec<Talk> = [CURL, GRPC, H2LOAD, NGHTTP, PUSH].map(talk).into();
    let (mut blind, runs) = (0, number("WAYSIDE_MUTATIONS", 200_000));
    for nth in 0..runs {
        if nth % 200 == 0 {
            seeds.truncate(60);
            seeds.push(generate(&mut random).0);
        }
        let seed = random.below(seeds.len());
        let mut talk = part(&mut random, &seeds[seed]);
        mutate(&mut random, &mut talk);
        let whole = whole(&talk);
        let mut watch = Watch::new(Observer::new());
        let most = random.pick(&[1, 7, 60, 900]);
        for (from, bytes) in &talk {
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let (part, behind) = rest.split_at(rest.len().min(1 + random.below(most)));
                let skip = watch.skip(*from).min(part.len() as u64);
                watch.skipped(*from, skip);
                watch.show(*from, &part[skip as usize..]);
                rest = behind;
            }
        }
        assert_eq!(watch.events, whole, "run {nth}");
        let blinds = whole.iter().filter(|event| event.starts_with("blind")).count();
        assert_eq!(
            (blinds, watch.observer.is_blind()),
            (usize::from(watch.observer.is_blind()), blinds == 1)
        );
        assert!(blinds == 0 || whole.last().is_some_and(|event| event.starts_with("blind")), "run {nth}");
        assert!(blinds == 0 || !watch.observer.is_at_frame_boundary(Peer::Client));
        blind += blinds as u64;
    }
    println!("{runs} conversations, {blind} of them lost");
    assert!(blind > runs / 20 && blind < runs - runs / 20, "{blind} of {runs} are lost");
}
