//! What a timer costs: each of a connection's turns asks for one.

use std::hint::black_box;

use wayside::base::time::Moment;
use wayside::base::token::Key;
use wayside::base::wheel::Wheel;

use crate::harness::{Case, case};

/// Of the wheel.
const TICK: u64 = 8_000;
/// Connections that have a timer.
const KEYS: u32 = 256;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("wheel/arm", KEYS, arming),
        case("wheel/refresh", KEYS, refreshing),
        case("wheel/next", 1, next),
    ]
}

fn key(slot: u32) -> Key {
    Key { slot, generation: 1 }
}

/// Each timer is armed, for a tick of its own, and comes out.
fn arming() -> impl FnMut() {
    let mut wheel = Wheel::default();
    let mut now = 0;
    let mut turn = move || {
        for slot in 0..KEYS {
            let deadline = Moment::from_micros(now + u64::from(slot + 1) * TICK);
            wheel.arm(black_box(deadline), &mut Moment::NEVER.clone(), key(slot));
        }
        now += u64::from(KEYS) * TICK;
        let mut count = 0;
        wheel.advance(Moment::from_micros(now), |key, _| count += u32::from(black_box(key).generation == 1));
        count
    };
    assert_eq!(turn(), KEYS);
    move || {
        black_box(turn());
    }
}

/// A deadline moves on and its entry stays: what nearly every turn of a connection does.
fn refreshing() -> impl FnMut() {
    let mut wheel = Wheel::default();
    let mut armed = vec![Moment::NEVER; KEYS as usize];
    let mut micros = 1_000_000;
    move || {
        micros += 1;
        for (slot, armed) in (0..).zip(&mut armed) {
            wheel.arm(black_box(Moment::from_micros(micros)), armed, key(slot));
        }
    }
}

/// How long the loop may sleep: the nearest of few timers, half a round away.
fn next() -> impl FnMut() {
    let mut wheel = Wheel::default();
    wheel.arm(Moment::from_micros(512 * TICK), &mut Moment::NEVER.clone(), key(1));
    assert!(wheel.next().is_some());
    move || {
        black_box(black_box(&wheel).next());
    }
}
