//! Which names are kept, and which one goes; the clock is an argument.

use super::super::lookup::Found;
use super::*;

/// Names, their counters and a clock.
struct Bench {
    names: Names,
    counters: Counters,
    now: Instant,
}

impl Bench {
    fn new() -> Bench {
        Bench { names: Names::default(), counters: Counters::default(), now: Instant::now() }
    }

    /// With every place taken by `guest-0` and so on, in this order.
    fn full() -> (Bench, Vec<NameId>) {
        let mut bench = Bench::new();
        let ids = (0..MOST_GUESTS).map(|number| bench.guest(&format!("guest-{number}")).unwrap()).collect();
        assert_eq!((bench.counters.guests_forgotten, bench.names.slots.len()), (0, MOST_GUESTS));
        (bench, ids)
    }

    fn guest(&mut self, host: &str) -> Result<NameId, Failure> {
        self.names.guest(host, std::net::IpAddr::from([10, 0, 0, 1]).into(), self.now, &mut self.counters)
    }

    fn host(&self, id: NameId) -> Option<&str> {
        self.names.get(id).map(|entry| &*entry.host)
    }

    fn ends(&mut self, id: NameId) {
        let found = Found::Nothing { failure: Failure::NoSuchName, ttl: None };
        self.names.get_mut(id).unwrap().ends(&found, self.now);
    }
}

#[test]
fn one_id_for_a_name_however_it_is_written() {
    let mut bench = Bench::new();
    let (own, guest) = (bench.names.configured("Own.test"), bench.guest("guest.test").unwrap());
    assert_eq!(bench.guest("OWN.test"), Ok(own));
    assert_eq!(bench.guest("Guest.TEST"), Ok(guest));
    assert_ne!(bench.guest("guest.test."), Ok(guest), "not below the search domains");
    assert_eq!(bench.guest("_srv.guest.test").map(|id| bench.host(id)), Ok(Some("_srv.guest.test")));
}

#[test]
fn what_is_no_name_is_not_kept() {
    let mut bench = Bench::new();
    let long = format!("{}.{}", "x".repeat(63), "y.".repeat(95));
    assert!(long.len() == 254 && bench.guest(&long).is_ok(), "253 and the final dot");
    let longer = format!("y{long}");
    let endless = "x.".repeat(100_000);
    for host in
        ["", ".", "a..b", ".a", "a b", "a\0b", "a\nb", "10.0.0.256", &"x".repeat(64), &longer, &endless]
    {
        assert_eq!(bench.guest(host), Err(Failure::BadName), "{host:?}");
    }
    assert_eq!((bench.names.slots.len(), bench.names.ids.len()), (1, 1));
}

#[test]
fn the_one_asked_for_least_recently_goes() {
    let (mut bench, ids) = Bench::full();
    bench.guest("guest-0").unwrap();
    assert!(bench.names.asked(ids[1]).is_some());
    let new = bench.guest("new").unwrap();
    let kept = |bench: &Bench, number: usize| bench.host(ids[number]).is_some();
    assert_eq!([0, 1, 2, 3].map(|number| kept(&bench, number)), [true, true, false, true]);
    assert_eq!(bench.host(new), Some("new"));
    assert_ne!(new, ids[2]);
    // It comes back as another one, in the place of the next.
    let again = bench.guest("guest-2").unwrap();
    assert!(again != ids[2] && !kept(&bench, 2) && !kept(&bench, 3));
    for number in 0..3 * MOST_GUESTS {
        bench.guest(&format!("more-{number}")).unwrap();
    }
    assert_eq!((bench.names.slots.len(), bench.names.ids.len()), (MOST_GUESTS, MOST_GUESTS));
    assert_eq!(bench.counters.guests_forgotten, 2 + 3 * MOST_GUESTS as u64);
    assert!(ids.iter().all(|&id| bench.host(id).is_none() && bench.names.asked(id).is_none()));
}

#[test]
fn a_name_that_is_looked_up_stays_and_so_does_one_just_found() {
    let (mut bench, ids) = Bench::full();
    for (number, &id) in ids.iter().enumerate() {
        let entry = bench.names.get_mut(id).unwrap();
        if number % 2 == 0 { entry.queued() } else { entry.begins(bench.now) }
    }
    assert_eq!(bench.guest("new"), Err(Failure::TooManyNames));
    assert_eq!(bench.guest("a..b"), Err(Failure::BadName));
    assert_eq!(bench.guest("guest-7"), Ok(ids[7]), "known ones are served on");
    assert_eq!(bench.counters.guests_forgotten, 0);
    bench.ends(ids[5]);
    assert_eq!(bench.guest("new"), Err(Failure::TooManyNames), "who waited for it is about to ask");
    bench.now += KEPT;
    let new = bench.guest("new").unwrap();
    assert_eq!((bench.host(new), bench.host(ids[5])), (Some("new"), None));
    assert!(ids.iter().all(|&id| id == ids[5] || bench.host(id).is_some()));
}

#[test]
fn configured_names_stay_for_good() {
    let mut bench = Bench::new();
    let own: Vec<NameId> = (0..10).map(|number| bench.names.configured(&format!("own-{number}"))).collect();
    let promoted = bench.guest("promoted").unwrap();
    assert_eq!(bench.names.configured("Promoted"), promoted);
    for number in 0..2 * MOST_GUESTS {
        bench.guest(&format!("guest-{number}")).unwrap();
    }
    assert!(own.iter().all(|&id| bench.host(id).is_some()));
    assert_eq!(bench.host(promoted), Some("promoted"));
    assert_eq!(bench.names.slots.len(), own.len() + 1 + MOST_GUESTS);
}
