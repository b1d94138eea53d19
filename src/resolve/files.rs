//! A small configuration file that is read again when it changed.
//!
//! This reads in the event loop: a `stat` at most every five seconds, and only while names are being resolved; the
//! file itself, local and small, when the `stat` says that it is another. The wait for that is accepted.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The least time between two looks at the file.
pub(super) const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// Which version of a file it is: device, inode, length, seconds and nanoseconds of its last change.
type Stamp = (u64, u64, u64, i64, i64);

/// A file and what was read from it.
#[derive(Debug)]
pub(super) struct Watched {
    path: PathBuf,
    /// Bytes read at most: the rest of a longer file is left out.
    most: u64,
    stamp: Option<Stamp>,
    looked: Option<Instant>,
}

impl Watched {
    /// Nothing is read yet.
    pub(super) fn new(path: PathBuf, most: u64) -> Watched {
        Watched { path, most, stamp: None, looked: None }
    }

    /// The file's text where it is new: at the first call (empty if there is no file), and after a change.
    ///
    /// A file that is gone or unreadable later on is not news: what was read before stays in force.
    pub(super) fn news(&mut self, now: Instant) -> Option<String> {
        let first = self.looked.is_none();
        if self.looked.is_some_and(|looked| now.saturating_duration_since(looked) < LOOK_AGAIN) {
            return None;
        }
        self.looked = Some(now);
        match self.changed() {
            Some(text) => Some(text),
            None => first.then(String::new),
        }
    }

    fn changed(&mut self) -> Option<String> {
        // Opening a pipe or a device might block.
        let meta = fs::metadata(&self.path).ok().filter(fs::Metadata::is_file)?;
        let stamp = (meta.dev(), meta.ino(), meta.len(), meta.mtime(), meta.mtime_nsec());
        if self.stamp == Some(stamp) {
            return None;
        }
        let mut bytes = Vec::new();
        File::open(&self.path).ok()?.take(self.most).read_to_end(&mut bytes).ok()?;
        self.stamp = Some(stamp);
        if meta.len() > self.most {
            log::warn!("{} is over {} bytes; the rest is not used", self.path.display(), self.most);
        }
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_only_after_a_change() {
        let path = std::env::temp_dir().join(format!("wayside-watched-{}", std::process::id()));
        let _ = fs::remove_file(&path);
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut watched = Watched::new(path.clone(), 8);
        assert_eq!(watched.news(start).as_deref(), Some(""), "no file");
        fs::write(&path, "one").unwrap();
        assert_eq!(watched.news(start + second), None, "not looked at yet");
        assert_eq!(watched.news(start + 5 * second).as_deref(), Some("one"));
        assert_eq!(watched.news(start + 10 * second), None, "the same");
        fs::write(&path, "one and two").unwrap();
        assert_eq!(watched.news(start + 15 * second).as_deref(), Some("one and "), "cut");
        fs::remove_file(&path).unwrap();
        assert_eq!(watched.news(start + 20 * second), None, "gone: the old one holds");
        assert_eq!(Watched::new("/dev/zero".into(), 8).news(start).as_deref(), Some(""), "no regular file");
    }
}
