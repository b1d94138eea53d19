//! sshd with keys of its own, and an FTP server.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Service, need, need_root, user};
use crate::support::programs::{output, run, text};
use crate::support::{TempDir, is_root};

/// sshd, and the key to log in with as whoever runs the test.
#[derive(Debug)]
pub struct Sshd {
    /// The server.
    pub service: Service,
    user: String,
    ssh: PathBuf,
}

impl Sshd {
    /// Makes the keys and starts it.
    pub fn start() -> Result<Self, String> {
        let (sshd, ssh, keygen) = (need("sshd")?, need("ssh")?, need("ssh-keygen")?);
        if is_root() {
            // Compiled in; Debian makes it at boot.
            std::fs::create_dir_all("/run/sshd").map_err(|error| format!("/run/sshd: {error}"))?;
        }
        let user = text(Command::new("id").arg("-un"), "").trim().to_owned();
        let dir = TempDir::new();
        for name in ["host_key", "client_key"] {
            let mut command = Command::new(&keygen);
            output(command.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(dir.path().join(name)), b"");
        }
        let service = Service::start(dir, |port, dir| {
            std::fs::write(dir.join("sshd_config"), config(port, dir)).expect("its configuration");
            let mut command = Command::new(&sshd);
            command.args(["-D", "-e", "-f"]).arg(dir.join("sshd_config"));
            command
        });
        let sshd = Sshd { service, user, ssh };
        // Directly: a user may have no shell, a locked account, or a home that cannot be entered.
        let tried = run(&mut sshd.command(sshd.service.addr, &["true"]), b"");
        if !tried.status.success() {
            let said = String::from_utf8_lossy(&tried.stderr).trim().to_owned();
            return Err(format!("sshd does not let {} in: {} {said}", sshd.user, tried.status));
        }
        Ok(sshd)
    }

    /// The words of an `ssh` command line without host; nothing of the user's configuration counts.
    pub fn ssh(&self, port: u16) -> Vec<String> {
        let at = self.service.dir.path().display();
        let options = format!(
            "{} -F none -p {port} -l {} -i {at}/client_key -o UserKnownHostsFile={at}/known \
             -o StrictHostKeyChecking=no -o IdentitiesOnly=yes -o BatchMode=yes -o LogLevel=ERROR",
            self.ssh.display(),
            self.user
        );
        options.split_whitespace().map(str::to_owned).collect()
    }

    /// A command on the other side.
    pub fn command(&self, addr: SocketAddr, words: &[&str]) -> Command {
        let ssh = self.ssh(addr.port());
        let mut command = Command::new(&ssh[0]);
        command.args(&ssh[1..]).arg(addr.ip().to_string()).args(words);
        command
    }
}

/// `MaxStartups`: those who only look at the greeting count as not yet logged in.
fn config(port: u16, dir: &Path) -> String {
    let at = dir.display();
    format!(
        "ListenAddress 127.0.0.1:{port}\nHostKey {at}/host_key\nAuthorizedKeysFile {at}/client_key.pub\n\
         PidFile {at}/pid\nStrictModes no\nUsePAM no\nUseDNS no\nPermitRootLogin yes\nPasswordAuthentication no\n\
         MaxStartups 1000\nPerSourceMaxStartups none\nPrintMotd no\n"
    )
}

/// vsftpd with anonymous reading of `dir/files`.
pub fn vsftpd() -> Result<Service, String> {
    let program = need("vsftpd")?;
    need_root("vsftpd")?;
    user("ftp")?;
    let dir = TempDir::new();
    for name in ["files", "empty"] {
        std::fs::create_dir(dir.path().join(name)).expect("a directory");
    }
    Ok(Service::start(dir, |port, dir| {
        let at = dir.display();
        let text = format!(
            "listen=YES\nlisten_address=127.0.0.1\nlisten_port={port}\nbackground=NO\nanonymous_enable=YES\n\
             local_enable=NO\nftp_username=ftp\nnopriv_user=nobody\nanon_root={at}/files\n\
             secure_chroot_dir={at}/empty\nseccomp_sandbox=NO\nisolate=NO\nisolate_network=NO\nmax_per_ip=0\n"
        );
        let config = dir.join("vsftpd.conf");
        std::fs::write(&config, text).expect("its configuration");
        let mut command = Command::new(&program);
        command.arg(config);
        command
    }))
}
