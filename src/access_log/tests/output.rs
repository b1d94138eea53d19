//! How lines get out: pipes that nobody reads, closed ones, files; nothing out of order, nothing uncounted.

use std::fs::File;
use std::io::{PipeReader, Read, Seek, pipe};
use std::os::fd::OwnedFd;

use mio::{Events, Poll};

use super::*;

struct Rig {
    poll: Poll,
    log: AccessLog,
    now: Instant,
    given: u64,
}

impl Rig {
    fn new(fd: OwnedFd) -> Rig {
        let poll = Poll::new().unwrap();
        let out = Stdout::of(fd).unwrap();
        let log = AccessLog::to(Some(out), AccessLogFormat::Json, poll.registry());
        Rig { poll, log, now: Instant::now(), given: 0 }
    }

    fn piped() -> (Rig, PipeReader) {
        let (reader, writer) = pipe().unwrap();
        (Rig::new(writer.into()), reader)
    }

    /// Writes numbered lines.
    fn write(&mut self, count: usize) {
        for _ in 0..count {
            let target = format!("/{}", self.given);
            self.log.write(&Record { target: target.as_bytes(), ..record() });
            self.given += 1;
        }
    }

    fn flush(&mut self) {
        self.log.flush(self.now);
    }

    /// Whether an event comes; it is told.
    fn event(&mut self, most: Duration) -> bool {
        let mut events = Events::with_capacity(8);
        self.poll.poll(&mut events, Some(most)).unwrap();
        let came = events.iter().any(|event| Source::of(event.token()) == Source::AccessLog);
        if came {
            self.log.ready();
        }
        came
    }

    fn pass(&mut self, span: Duration) {
        self.now += span;
    }

    fn waiting(&self) -> u64 {
        count_lines(self.log.pending())
    }
}

/// The numbers in the lines, each of which is whole.
fn numbers(text: &[u8]) -> Vec<u64> {
    let lines = std::str::from_utf8(text).unwrap().lines();
    lines.map(|line| Parsed::of(line).text("uri")[1..].parse().unwrap()).collect()
}

#[test]
fn off_is_off() {
    let poll = Poll::new().unwrap();
    let mut log = AccessLog::new(AccessLogFormat::Off, poll.registry(), false).unwrap();
    log.write(&record());
    log.flush(Instant::now());
    log.finish(Duration::from_secs(1));
    assert!(!log.is_on() && log.buffer.capacity() == 0);
    assert_eq!((log.lines(), log.dropped(), log.next_deadline()), (0, 0, None));
}

#[test]
fn a_pipe_that_is_read() {
    let (mut rig, mut reader) = Rig::piped();
    rig.write(3);
    assert_eq!((rig.log.lines(), rig.waiting()), (0, 3));
    rig.flush();
    assert_eq!((rig.log.lines(), rig.waiting(), rig.log.next_deadline()), (3, 0, None));
    drop(rig);
    let mut text = Vec::new();
    reader.read_to_end(&mut text).unwrap();
    assert_eq!(numbers(&text), [0, 1, 2]);
}

#[test]
fn a_pipe_that_nobody_reads_for_a_while() {
    let (mut rig, mut reader) = Rig::piped();
    let capacity = rig.log.buffer.capacity();
    while rig.log.dropped() < 1000 {
        rig.write(1);
        if rig.given % 100 == 0 {
            rig.flush();
        }
    }
    rig.flush();
    assert!(!rig.event(Duration::ZERO), "no event while it is full");
    rig.flush();
    assert_eq!(rig.log.next_deadline(), None, "the event is enough");
    assert_eq!(rig.log.lines() + rig.log.dropped() + rig.waiting(), rig.given);
    assert!((BUFFER - 500..=BUFFER).contains(&rig.log.pending().len()));
    let mut text = Vec::new();
    while rig.waiting() > 0 {
        let mut some = [0; 8192];
        let count = reader.read(&mut some).unwrap();
        text.extend_from_slice(&some[..count]);
        assert!(rig.event(Duration::from_secs(10)));
        rig.flush();
    }
    // What comes now is written again.
    rig.write(1);
    let last = rig.given - 1;
    reader.by_ref().take(60_000).read_to_end(&mut text).unwrap();
    rig.event(Duration::from_secs(10));
    rig.flush();
    assert_eq!((rig.waiting(), rig.log.buffer.capacity()), (0, capacity));
    assert_eq!(rig.log.lines() + rig.log.dropped(), rig.given);
    let lines = rig.log.lines();
    drop(rig);
    reader.read_to_end(&mut text).unwrap();
    let found = numbers(&text);
    assert_eq!((found.len() as u64, found.last()), (lines, Some(&last)));
    assert!(found.windows(2).all(|pair| pair[0] < pair[1]));
    assert_eq!(found[..found.len() - 1], (0..lines - 1).collect::<Vec<_>>(), "the oldest are kept");
}

#[test]
fn many_lines_of_one_turn_do_not_wait_for_its_end() {
    let mut file = tempfile();
    let mut rig = Rig::new(file.try_clone().unwrap().into());
    rig.write(5000);
    assert_eq!(rig.log.dropped(), 0);
    rig.flush();
    assert_eq!((rig.log.lines(), rig.log.next_deadline(), rig.log.has_events), (5000, None, false));
    file.rewind().unwrap();
    let mut text = Vec::new();
    file.read_to_end(&mut text).unwrap();
    assert_eq!(numbers(&text), (0..5000).collect::<Vec<_>>());
}

fn tempfile() -> File {
    let path = std::env::temp_dir().join(format!("wayside-access-log-{}", std::process::id()));
    let file = File::options().create_new(true).read(true).append(true).open(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    file
}

#[test]
fn a_closed_pipe_is_tried_once_a_second() {
    let (mut rig, reader) = Rig::piped();
    drop(reader);
    rig.write(10);
    rig.flush();
    let due = rig.log.next_deadline().unwrap();
    assert_eq!((due - rig.now, rig.waiting()), (RETRY_FAILED, 10));
    rig.pass(RETRY_FAILED / 2);
    rig.write(10_000);
    rig.flush();
    assert_eq!(rig.log.next_deadline(), Some(due), "writing more puts nothing off");
    rig.pass(RETRY_FAILED / 2);
    rig.flush();
    assert_eq!(rig.log.next_deadline(), Some(due + RETRY_FAILED));
    assert!(rig.log.dropped() > 9000 && rig.log.dropped() + rig.waiting() == rig.given);
    let before = Instant::now();
    rig.log.finish(Duration::from_secs(60));
    assert!(before.elapsed() < Duration::from_secs(30), "a closed pipe is not waited for");
    assert_eq!((rig.log.lines(), rig.log.dropped(), rig.waiting()), (0, rig.given, 0));
}

#[test]
fn the_next_reader_of_a_pipe_goes_on_where_the_last_one_ended() {
    let path = std::env::temp_dir().join(format!("wayside-access-fifo-{}", std::process::id()));
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    // Opened for both, so that opening does not wait for the other side.
    let both = || File::options().read(true).write(true).open(&path).unwrap();
    let mut first = both();
    let mut rig = Rig::new(File::options().write(true).open(&path).unwrap().into());
    rig.write(600);
    rig.flush();
    assert_eq!(rig.log.obstacle, Some(Obstacle::Full));
    let all: usize =
        (0..600).map(|n| json(&record()).len() - record().target.len() + format!("/{n}").len()).sum();
    let mut text = vec![0; 4096];
    first.read_exact(&mut text).unwrap();
    drop(first);
    rig.log.ready();
    rig.flush();
    assert_eq!(rig.log.obstacle, Some(Obstacle::Failed));
    let mut second = both();
    std::fs::remove_file(&path).unwrap();
    rig.pass(RETRY_FAILED);
    while text.len() < all {
        rig.flush();
        let mut some = [0; 8192];
        let count = second.read(&mut some).unwrap();
        text.extend_from_slice(&some[..count]);
        rig.log.ready();
    }
    assert_eq!(numbers(&text), (0..600).collect::<Vec<_>>());
    assert_eq!((rig.log.dropped(), rig.log.lines()), (0, 600));
}

#[test]
fn without_events_a_full_stdout_is_tried_by_time() {
    let (mut rig, mut reader) = Rig::piped();
    rig.log.has_events = false;
    rig.write(1000);
    rig.flush();
    let left = rig.waiting();
    assert_eq!(rig.log.next_deadline(), Some(rig.now + RETRY_FULL));
    reader.read_exact(&mut [0; 32_768]).unwrap();
    rig.flush();
    assert_eq!(rig.waiting(), left, "not before");
    rig.pass(RETRY_FULL);
    rig.flush();
    assert!(rig.waiting() < left);
}

#[test]
fn at_the_end_stdout_has_a_bounded_time() {
    let (mut rig, reader) = Rig::piped();
    rig.write(500);
    let begun = Instant::now();
    rig.log.finish(Duration::from_millis(50));
    assert!(begun.elapsed() >= Duration::from_millis(50));
    assert!(rig.log.lines() > 100 && rig.log.dropped() > 100);
    assert_eq!(rig.log.lines() + rig.log.dropped(), 500);
    drop(reader);

    let (mut rig, mut reader) = Rig::piped();
    rig.write(700);
    let read = std::thread::spawn(move || {
        let mut text = Vec::new();
        reader.read_to_end(&mut text).unwrap();
        text
    });
    rig.log.finish(Duration::from_secs(60));
    assert_eq!((rig.log.lines(), rig.log.dropped()), (700, 0));
    drop(rig);
    assert_eq!(numbers(&read.join().unwrap()), (0..700).collect::<Vec<_>>());
}

#[test]
fn what_others_write_between_parts_no_line() {
    let line = |letter: &str, length: usize| format!("{}\n", letter.repeat(length - 1));
    let three = [line("a", 2000), line("b", 2000), line("c", 200)].concat();
    assert_eq!(whole_lines(three.as_bytes()).len(), 4000);
    assert_eq!(whole_lines(&three.as_bytes()[4000..]).len(), 200);
    assert_eq!(whole_lines(line("d", PIPE_BUF).as_bytes()).len(), PIPE_BUF);
    // A line that no pipe takes in one piece goes alone.
    let long = [line("e", 5000), line("f", 10)].concat();
    assert_eq!(whole_lines(long.as_bytes()).len(), 5000);
}
