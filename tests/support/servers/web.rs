//! nginx, nghttpd and openssl s_server.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Service, need};
use crate::support::programs::output;
use crate::support::{Daemon, TempDir, free_port};

/// A self-signed certificate for `service.example.com` and its key.
#[derive(Debug)]
pub struct Certificate {
    /// The certificate, PEM.
    pub cert: PathBuf,
    /// The key, PEM.
    pub key: PathBuf,
    _dir: TempDir,
}

impl Certificate {
    /// Makes one with openssl.
    pub fn new() -> Result<Self, String> {
        let openssl = need("openssl")?;
        let dir = TempDir::new();
        let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
        let mut command = Command::new(openssl);
        command.args(["req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=service.example.com"]);
        command.args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]);
        command.args(["-addext", "subjectAltName=DNS:service.example.com"]);
        output(command.arg("-keyout").arg(&key).arg("-out").arg(&cert), b"");
        Ok(Certificate { cert, key, _dir: dir })
    }
}

/// nginx with an HTTP and an HTTPS port.
#[derive(Debug)]
pub struct Nginx {
    /// HTTP/1.
    pub plain: SocketAddr,
    /// HTTP/1 and HTTP/2 over TLS.
    pub tls: SocketAddr,
    _dir: TempDir,
    _daemon: Daemon,
}

impl Nginx {
    /// Serves the files of `root`.
    pub fn start(certificate: &Certificate, root: &Path) -> Result<Self, String> {
        let program = need("nginx")?;
        let dir = TempDir::new();
        let mut output = String::new();
        for _ in 0..3 {
            let [plain, tls] = [0; 2].map(|_| SocketAddr::from(([127, 0, 0, 1], free_port())));
            let config = dir.file("nginx.conf", nginx_conf(dir.path(), certificate, root, [plain, tls]));
            let mut command = Command::new(&program);
            command.arg("-c").arg(config).arg("-p").arg(dir.path()).args(["-e", "stderr"]);
            let mut daemon = Daemon::start(command);
            if daemon.comes_up(plain) && daemon.comes_up(tls) {
                return Ok(Nginx { plain, tls, _dir: dir, _daemon: daemon });
            }
            output = daemon.output();
        }
        panic!("nginx does not start:\n{output}");
    }
}

/// One process, no modules, nothing outside its directory.
fn nginx_conf(dir: &Path, certificate: &Certificate, root: &Path, [plain, tls]: [SocketAddr; 2]) -> String {
    let at = dir.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {at}/{name};\n"))
        .concat();
    format!(
        "daemon off;\nmaster_process off;\npid {at}/pid;\nerror_log stderr;\nevents {{}}\n\
         http {{\naccess_log off;\n{temporary}default_type application/octet-stream;\n\
         server {{\nlisten {plain};\nlisten {tls} ssl http2;\nroot {};\n\
         ssl_certificate {};\nssl_certificate_key {};\n}}\n}}\n",
        root.display(),
        certificate.cert.display(),
        certificate.key.display()
    )
}

/// nghttpd: HTTP/2 with prior knowledge, serving the files of `root`.
pub fn nghttpd(root: &Path) -> Result<Service, String> {
    let program = need("nghttpd")?;
    Ok(Service::start(TempDir::new(), |port, _| {
        let mut command = Command::new(&program);
        command.args(["-a", "127.0.0.1", "--no-tls", "-d"]).arg(root).arg(port.to_string());
        command
    }))
}

/// openssl s_server, which sends the files of `root`, as they are, to whoever says `GET /name`.
pub fn s_server(certificate: &Certificate, root: &Path) -> Result<Service, String> {
    let program = need("openssl")?;
    Ok(Service::start(TempDir::new(), |port, _| {
        let mut command = Command::new(&program);
        command.args(["s_server", "-quiet", "-accept", &format!("127.0.0.1:{port}")]);
        command.arg("-cert").arg(&certificate.cert).arg("-key").arg(&certificate.key);
        command.args(["-alpn", "h2,http/1.1", "-HTTP"]).current_dir(root);
        command
    }))
}

/// socat: TLS, and each connection gets back what it sends.
pub fn tls_echo(certificate: &Certificate) -> Result<Service, String> {
    let program = need("socat")?;
    Ok(Service::start(TempDir::new(), |port, _| {
        let (cert, key) = (certificate.cert.display(), certificate.key.display());
        let listen = format!("OPENSSL-LISTEN:{port},bind=127.0.0.1,fork,verify=0,cert={cert},key={key}");
        let mut command = Command::new(&program);
        command.args([listen.as_str(), "PIPE"]);
        command
    }))
}
