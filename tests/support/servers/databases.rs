//! MariaDB and PostgreSQL, each with a fresh data directory.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Service, need, user};
use crate::support::programs::{output, run, text};
use crate::support::{Daemon, Host, LIMIT, Random, TempDir, eventually, free_port, have, is_root, seed};

/// One server on two addresses: port 3306 of some 127.x.y.z, and any port of the same address.
#[derive(Debug)]
pub struct MariaDb {
    /// Its well-known port.
    pub on_3306: SocketAddr,
    /// Another port.
    pub elsewhere: SocketAddr,
    client: PathBuf,
    _dir: TempDir,
    _daemon: Daemon,
}

impl MariaDb {
    /// Makes the data directory and starts it.
    pub fn start() -> Result<Self, String> {
        // Ports of other addresses than 127.0.0.1 are rarely taken, 3306 included.
        let mut random = Random::new(seed());
        let mut part = move || random.between(2, 250) as u8;
        MariaDb::start_on(None, || Ipv4Addr::new(127, part(), part(), part()).into())
    }

    /// The same on a host of the lab, at an address of it.
    pub fn start_in(host: &Host, ip: IpAddr) -> Result<Self, String> {
        MariaDb::start_on(Some(host), || ip)
    }

    fn start_on(host: Option<&Host>, mut ip: impl FnMut() -> IpAddr) -> Result<Self, String> {
        let (install, server) = (need("mariadb-install-db")?, need("mariadbd")?);
        let client = need("mariadb")?;
        let dir = TempDir::new();
        let who = if is_root() { vec!["--user=mysql".to_owned()] } else { vec![] };
        let data = format!("--datadir={}", dir.path().join("data").display());
        // A server that starts removes the temporary tables that it finds, in /tmp those of another one.
        let temporary = dir.path().join("tmp");
        std::fs::create_dir(&temporary).expect("a folder");
        std::fs::set_permissions(&temporary, std::fs::Permissions::from_mode(0o777)).expect("its mode");
        let temporary = format!("--tmpdir={}", temporary.display());
        let mut command = Command::new(install);
        command.args(["--no-defaults", &data, &temporary, "--skip-test-db"]);
        command.arg("--auth-root-authentication-method=normal");
        output(command.args(&who), b"");
        dir.file("init.sql", "CREATE USER test IDENTIFIED BY 'secret';\nGRANT ALL ON *.* TO test;\n");
        for _ in 0..3 {
            let ip = ip();
            let (on_3306, elsewhere) = (SocketAddr::from((ip, 3306)), SocketAddr::from((ip, free_port())));
            let mut command = through(host, &server);
            let (bind, extra) =
                (format!("--bind-address={ip}"), format!("--extra-port={}", elsewhere.port()));
            command.args(["--no-defaults", &data, &temporary, &bind, "--port=3306", &extra]).args(&who);
            command.args(files(dir.path())).args(SETTINGS);
            let mut daemon = Daemon::start(command);
            let is_up = |daemon: &mut Daemon| daemon.comes_up(on_3306) && daemon.comes_up(elsewhere);
            let is_up = match host {
                Some(host) => host.run(|| is_up(&mut daemon)),
                None => is_up(&mut daemon),
            };
            if is_up {
                return Ok(MariaDb { on_3306, elsewhere, client, _dir: dir, _daemon: daemon });
            }
            eprintln!("mariadbd has not started: {}", daemon.output());
        }
        panic!("mariadbd does not start");
    }

    /// The real client's answer to these statements, a row a line.
    #[track_caller]
    pub fn query(&self, addr: SocketAddr, statements: &str) -> String {
        self.query_from(None, addr, statements)
    }

    /// The same from a host of the lab.
    #[track_caller]
    pub fn query_from(&self, from: Option<&Host>, addr: SocketAddr, statements: &str) -> String {
        let (host, port) = (addr.ip().to_string(), addr.port().to_string());
        let mut command = through(from, &self.client);
        command.args(["--no-defaults", "--protocol=tcp", "-h", &host, "-P", &port]);
        text(command.args(["-u", "test", "-psecret", "-N", "-B"]), statements)
    }
}

/// A program, on a host of the lab or here.
fn through(host: Option<&Host>, program: &Path) -> Command {
    let Some(host) = host else { return Command::new(program) };
    let [ip, words @ ..] = host.wrapper();
    let mut command = Command::new(ip);
    command.args(words).arg(program);
    command
}

/// Small and quick; a client that only looks at the greeting is not to be locked out.
const SETTINGS: [&str; 8] = [
    "--skip-name-resolve",
    "--log-warnings=1",
    "--max-connect-errors=1000000",
    "--extra-max-connections=200",
    "--innodb-buffer-pool-size=16M",
    "--innodb-log-file-size=4M",
    "--innodb-flush-log-at-trx-commit=0",
    "--skip-log-bin",
];

fn files(dir: &Path) -> [String; 3] {
    let data = dir.join("data");
    [
        format!("--socket={}", data.join("socket").display()),
        format!("--pid-file={}", data.join("pid").display()),
        format!("--init-file={}", dir.join("init.sql").display()),
    ]
}

/// PostgreSQL, and its client program. The user `test` needs no password.
pub fn postgres() -> Result<(Service, PathBuf), String> {
    let tool = |name: &str| postgres_tool(name).ok_or_else(|| format!("there is no {name}"));
    let (initdb, server, psql) = (tool("initdb")?, tool("postgres")?, tool("psql")?);
    // It does not run as root.
    let owner = if is_root() { Some(user("postgres")?) } else { None };
    let dir = TempDir::new();
    let data = dir.path().join("data");
    std::fs::create_dir(&data).expect("a directory");
    if let Some((uid, gid)) = owner {
        std::os::unix::fs::chown(&data, Some(uid), Some(gid)).expect("its owner");
    }
    let command = |program: &Path| {
        let mut command = Command::new(program);
        command.arg("-D").arg(&data).current_dir(&data).env("LC_ALL", "C");
        if let Some((uid, gid)) = owner {
            command.uid(uid).gid(gid);
        }
        command
    };
    output(command(&initdb).args(["-A", "trust", "-U", "test", "--no-sync", "-E", "UTF8"]), b"");
    let service = Service::start(dir, |port, _| {
        let mut command = command(&server);
        command.args(["-h", "127.0.0.1", "-p", &port.to_string(), "-k", "", "-F"]);
        command
    });
    // It listens before it is ready, and turns away who comes meanwhile.
    eventually("postgres is ready", 3 * LIMIT, || {
        let to = format!("host=127.0.0.1 port={} user=test dbname=postgres", service.addr.port());
        run(Command::new(&psql).args(["-X", "-c", "SELECT 1", "-d", &to]), b"").status.success()
    });
    Ok((service, psql))
}

/// In PATH, or the newest of Debian's.
fn postgres_tool(name: &str) -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let debian =
        versions.map(|entry| entry.path().join("bin").join(name)).filter(|path| path.is_file()).max();
    debian.or_else(|| have(name))
}
