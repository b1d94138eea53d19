//! Two real SMTP servers: aiosmtpd and Postfix. Both deliver into a Maildir.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Service, need, need_root, user};
use crate::support::{LIMIT, TempDir, wait_until};

/// Debian's Python: the one that has Debian's modules.
const PYTHON: &str = "/usr/bin/python3";

/// An SMTP server and its mailbox.
#[derive(Debug)]
pub struct Mail {
    /// The server.
    pub service: Service,
    inbox: PathBuf,
}

impl Mail {
    /// The one message that was delivered; panics if none, or more, came.
    #[track_caller]
    pub fn delivered(&self) -> String {
        let new = self.inbox.join("new");
        let list = || std::fs::read_dir(&new).into_iter().flatten().flatten().map(|entry| entry.path());
        wait_until(3 * LIMIT, || list().next().is_some());
        let messages: Vec<_> = list().collect();
        assert_eq!(
            messages.len(),
            1,
            "messages in {}; the server:\n{}",
            new.display(),
            self.service.output()
        );
        std::fs::read_to_string(&messages[0]).expect("the message")
    }

    /// Sends a message with Python's smtplib, a real client.
    #[track_caller]
    pub fn send(&self, through: std::net::SocketAddr, body: &str) {
        let script = "import smtplib, sys\n\
                      smtp = smtplib.SMTP(sys.argv[1], int(sys.argv[2]), timeout=20)\n\
                      message = 'Subject: test\\r\\n\\r\\n' + sys.stdin.read()\n\
                      assert smtp.sendmail('a@example.test', ['b@example.test'], message) == {}\n\
                      smtp.quit()\n";
        let (host, port) = (through.ip().to_string(), through.port().to_string());
        crate::support::programs::text(Command::new(PYTHON).args(["-c", script, &host, &port]), body);
    }
}

fn need_python(module: &str) -> Result<(), String> {
    let mut command = Command::new(PYTHON);
    let found =
        command.args(["-c", &format!("import {module}")]).output().is_ok_and(|it| it.status.success());
    if found { Ok(()) } else { Err(format!("{PYTHON} has no {module}")) }
}

/// aiosmtpd, as its command line starts it.
pub fn aiosmtpd() -> Result<Mail, String> {
    need_python("aiosmtpd")?;
    let service = Service::start(TempDir::new(), |port, dir| {
        let mut command = Command::new(PYTHON);
        command.args(["-m", "aiosmtpd", "-n", "-l", &format!("127.0.0.1:{port}")]);
        command.args(["-c", "aiosmtpd.handlers.Mailbox"]).arg(dir.join("inbox"));
        command
    });
    let inbox = service.dir.path().join("inbox");
    Ok(Mail { service, inbox })
}

/// Postfix with a queue of its own, beside the system's.
pub fn postfix() -> Result<Mail, String> {
    need("postfix")?;
    need_root("postfix")?;
    need_python("smtplib")?;
    let master = PathBuf::from("/usr/lib/postfix/sbin/master");
    if !master.is_file() {
        return Err(format!("there is no {}", master.display()));
    }
    let owners = (user("postfix")?.0, group("postdrop")?);
    let nobody = user("nobody")?;
    let dir = TempDir::new();
    folders(dir.path(), owners);
    chown(dir.path().join("mail"), Some(nobody.0), Some(nobody.1)).expect("its owner");
    let service = Service::start(dir, |port, dir| {
        std::fs::write(dir.join("main.cf"), main_cf(dir, nobody)).expect("main.cf");
        std::fs::write(dir.join("master.cf"), master_cf(port)).expect("master.cf");
        let mut command = Command::new(&master);
        command.args(["-d", "-c"]).arg(dir);
        command
    });
    let inbox = service.dir.path().join("mail/inbox");
    Ok(Mail { service, inbox })
}

/// What `postfix check` would make, with the owners that it asks for.
fn folders(dir: &Path, (postfix, postdrop): (u32, u32)) {
    let make = |name: &str, mode: u32, owner: Option<u32>, group: Option<u32>| {
        let path = dir.join(name);
        std::fs::create_dir(&path).expect("a directory");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("its mode");
        chown(&path, owner, group).expect("its owner");
    };
    make("queue", 0o755, None, None);
    make("queue/pid", 0o755, None, None);
    make("mail", 0o755, None, None);
    make("state", 0o700, Some(postfix), None);
    for name in
        ["incoming", "active", "deferred", "bounce", "defer", "corrupt", "hold", "trace", "flush", "private"]
    {
        make(&format!("queue/{name}"), 0o700, Some(postfix), None);
    }
    make("queue/public", 0o710, Some(postfix), Some(postdrop));
    make("queue/maildrop", 0o730, Some(postfix), Some(postdrop));
}

fn main_cf(dir: &Path, nobody: (u32, u32)) -> String {
    let (at, (uid, gid)) = (dir.display(), nobody);
    let temp = std::env::temp_dir();
    let temp = temp.display();
    format!(
        "compatibility_level = 3.6\nqueue_directory = {at}/queue\ndata_directory = {at}/state\n\
         maillog_file_prefixes = {temp}\nmaillog_file = {at}/maillog\nmyhostname = mail.example.test\n\
         inet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nmydestination =\nalias_maps =\n\
         virtual_mailbox_domains = example.test\nvirtual_mailbox_base = {at}/mail\n\
         virtual_mailbox_maps = static:inbox/\nvirtual_uid_maps = static:{uid}\n\
         virtual_gid_maps = static:{gid}\nsmtpd_client_connection_rate_limit = 0\n"
    )
}

fn master_cf(port: u16) -> String {
    format!(
        "127.0.0.1:{port} inet n - n - - smtpd\ncleanup unix n - n - 0 cleanup\n\
         qmgr unix n - n 300 1 qmgr\nrewrite unix - - n - - trivial-rewrite\n\
         bounce unix - - n - 0 bounce\ndefer unix - - n - 0 bounce\ntrace unix - - n - 0 bounce\n\
         proxymap unix - - n - - proxymap\nanvil unix - - n - 1 anvil\nerror unix - - n - - error\n\
         virtual unix - n n - - virtual\npostlog unix-dgram n - n - 1 postlogd\n"
    )
}

fn group(name: &str) -> Result<u32, String> {
    let groups = std::fs::read_to_string("/etc/group").unwrap_or_default();
    let line = groups.lines().find(|line| line.starts_with(&format!("{name}:")));
    let number = line.and_then(|line| line.split(':').nth(2)?.parse().ok());
    number.ok_or_else(|| format!("there is no group {name}"))
}
