//! The bytes that arrive are the bytes that were sent: through copy, through splice, and from real programs.

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};

use support::*;

const GB: u64 = 1 << 30;

/// Sends `total` bytes each way at once, in random cuts up to `largest`, each side at most `ahead` bytes ahead of its reader.
#[track_caller]
fn both_ways(client: &TcpStream, server: &TcpStream, total: u64, largest: usize, ahead: u64) {
    let seed = seed();
    let (up, down) = (Credit::default(), Credit::default());
    let sizes = (1, largest);
    std::thread::scope(|scope| {
        let up_in = scope.spawn(|| send_random(up.writer(client, ahead), total, seed, sizes));
        let down_in = scope.spawn(|| send_random(down.writer(server, ahead), total, !seed, sizes));
        let up_out = scope.spawn(|| receive_exactly(up.reader(server), total, seed ^ 1, sizes));
        let down_out = scope.spawn(|| receive_exactly(down.reader(client), total, seed ^ 2, sizes));
        let sum = |side: &str, sum: std::thread::Result<std::io::Result<Sum>>| {
            sum.unwrap_or_else(|_| panic!("{side} panicked"))
                .unwrap_or_else(|error| panic!("{side}: {error}"))
        };
        let [up_in, up_out] = [sum("client sends", up_in.join()), sum("server receives", up_out.join())];
        let [down_in, down_out] =
            [sum("server sends", down_in.join()), sum("client receives", down_out.join())];
        assert_eq!((up_in, up_in.len()), (up_out, total), "client to server");
        assert_eq!((down_in, down_in.len()), (down_out, total), "server to client");
    });
}

/// Both sides end, and nothing comes after that.
#[track_caller]
fn end(client: &TcpStream, server: &TcpStream) {
    finish(client);
    finish(server);
    expect_eof(client, LIMIT);
    expect_eof(server, LIMIT);
}

#[test]
fn a_gigabyte_each_way_at_once_through_copy() {
    let tunnel = Tunnel::new(&[]);
    let before = tunnel.wayside.pipes();
    let (client, server) = tunnel.pair();
    // Less than one full read is ever waiting, so no lane turns bulky.
    both_ways(&client, &server, GB, 48 << 10, 60 << 10);
    assert_eq!(tunnel.wayside.pipes(), before, "a lane has spliced: this was no test of copying");
    end(&client, &server);
}

#[test]
fn a_gigabyte_each_way_at_once_through_splice() {
    let tunnel = Tunnel::new(&[]);
    let before = tunnel.wayside.pipes();
    let (client, server) = tunnel.pair();
    let most = std::thread::scope(|scope| {
        let transfer = scope.spawn(|| both_ways(&client, &server, GB, 256 << 10, u64::MAX));
        let mut most = before;
        while !transfer.is_finished() {
            most = most.max(tunnel.wayside.pipes());
            std::thread::sleep(std::time::Duration::from_millis(10)); // pace: samples of a running transfer
        }
        transfer.join().expect("the transfer");
        most
    });
    assert!(most > before, "no lane has spliced");
    end(&client, &server);
}

#[test]
fn a_trickle_of_single_bytes_each_way() {
    let tunnel = Tunnel::new(&[]);
    let (client, server) = tunnel.pair();
    both_ways(&client, &server, 50_000, 1, u64::MAX);
    end(&client, &server);
}

#[test]
fn a_trickle_one_way_beside_bulk_the_other_way() {
    let tunnel = Tunnel::new(&[]);
    for turned in [false, true] {
        let (client, server) = tunnel.pair();
        let (bulky, trickling) = if turned { (&server, &client) } else { (&client, &server) };
        let seed = seed();
        std::thread::scope(|scope| {
            let bulk = scope.spawn(|| send_random(bulky, 100 << 20, seed, (1, 256 << 10)).expect("to send"));
            let trickle = scope.spawn(|| send_random(trickling, 20_000, !seed, (1, 1)).expect("to trickle"));
            let slow = scope.spawn(|| receive_exactly(bulky, 20_000, seed, (1, 64)).expect("the trickle"));
            let arrived = receive_exactly(trickling, 100 << 20, seed, (1, 256 << 10)).expect("the bulk");
            assert_eq!(arrived, bulk.join().expect("the sender"));
            assert_eq!(slow.join().expect("the reader"), trickle.join().expect("the trickler"));
        });
        end(&client, &server);
    }
}

#[test]
fn a_lane_that_turns_bulky_and_back_again() {
    let tunnel = Tunnel::new(&[]);
    let (client, server) = tunnel.pair();
    for _ in 0..10 {
        both_ways(&client, &server, 16 << 20, 256 << 10, u64::MAX);
        both_ways(&client, &server, 2_000, 1, u64::MAX);
        both_ways(&client, &server, 1 << 20, 4 << 10, 8 << 10);
    }
    end(&client, &server);
}

#[test]
fn a_hundred_connections_do_not_mix() {
    let tunnel = Tunnel::new(&[]);
    let pairs: Vec<_> = (0..100).map(|_| tunnel.pair()).collect();
    std::thread::scope(|scope| {
        for (client, server) in &pairs {
            scope.spawn(|| {
                both_ways(client, server, 512 << 10, 32 << 10, u64::MAX);
                end(client, server);
            });
        }
    });
}

/// Runs a client with this input, through to its end; its output is returned.
#[track_caller]
fn run(mut command: Command, input: Vec<u8>) -> Vec<u8> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut stdin = child.stdin.take().expect("a pipe");
    let feeder = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().expect("its output");
    // A client that does not read its input to the end shows that in its output.
    let _ = feeder.join().expect("the feeder");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn forward_to(target: SocketAddr) -> Wayside {
    Wayside::start(&["--forward", &format!("127.0.0.1:0={target}")])
}

#[test]
fn tls_between_openssl_and_openssl() {
    let Some(openssl) = have("openssl") else { skipped!("no openssl") };
    let dir = TempDir::new();
    let mut certify = Command::new(&openssl);
    certify
        .current_dir(dir.path())
        .args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2".split(' '));
    run(
        {
            certify.args("-subj /CN=localhost -keyout key.pem -out cert.pem".split(' '));
            certify
        },
        vec![],
    );
    let content = Random::new(seed()).bytes(20 << 20);
    dir.file("content", &content);

    let target = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let mut serve = Command::new(&openssl);
    serve.current_dir(dir.path()).args(["s_server", "-accept", &target.to_string(), "-WWW"]);
    let mut server = Daemon::start({
        serve.args(["-cert", "cert.pem", "-key", "key.pem"]);
        serve
    });
    server.wait_port(target);

    let wayside = forward_to(target);
    for version in ["-tls1_2", "-tls1_3"] {
        let mut client = Command::new(&openssl);
        client.args([
            "s_client",
            "-connect",
            &wayside.addr(0).to_string(),
            version,
            "-quiet",
            "-verify_return_error",
        ]);
        client.arg("-CAfile").arg(dir.path().join("cert.pem")).args(["-servername", "localhost"]);
        let answer = run(client, b"GET /content HTTP/1.0\r\n\r\n".to_vec());
        let head = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
        assert_eq!(Sum::of(&answer[head..]), Sum::of(&content), "{version}");
    }
}

/// A real sshd for this user only, and what a client needs to reach it.
struct Ssh {
    dir: TempDir,
    addr: SocketAddr,
    _server: Daemon,
}

impl Ssh {
    fn start(sshd: &Path, keygen: &Path) -> Self {
        let dir = TempDir::new();
        for name in ["host", "user"] {
            let mut make = Command::new(keygen);
            make.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(dir.path().join(name));
            run(make, vec![]);
        }
        let addr = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let folder = dir.path().display();
        let config = format!(
            "ListenAddress {addr}\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/user.pub\nPidFile none\n\
             StrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin yes\nPrintMotd no\n"
        );
        let config = dir.file("config", config);
        if is_root() {
            // Where sshd drops its privileges; the service's start script would make it.
            std::fs::create_dir_all("/run/sshd").expect("sshd's empty folder");
        }
        let mut serve = Command::new(sshd);
        let mut server = Daemon::start({
            serve.args(["-D", "-e", "-f"]).arg(config);
            serve
        });
        server.wait_port(addr);
        Ssh { dir, addr, _server: server }
    }

    /// The client's words up to the host.
    fn client(&self, through: SocketAddr) -> Vec<String> {
        let key = self.dir.path().join("user").display().to_string();
        let port = through.port().to_string();
        let words =
            ["ssh", "-F", "none", "-p", &port, "-i", &key, "-o", "BatchMode=yes", "-o", "LogLevel=ERROR"];
        let known = format!("UserKnownHostsFile={}", self.dir.path().join("known").display());
        let hosts = ["-o", "StrictHostKeyChecking=no", "-o", &known, "-o", "IdentitiesOnly=yes"];
        words.into_iter().chain(hosts).map(str::to_owned).collect()
    }
}

#[test]
fn ssh_and_rsync_sessions() {
    let (Some(sshd), Some(keygen), Some(rsync)) = (have("sshd"), have("ssh-keygen"), have("rsync")) else {
        skipped!("no sshd, ssh-keygen or rsync")
    };
    let ssh = Ssh::start(&sshd, &keygen);
    let wayside = forward_to(ssh.addr);
    let words = ssh.client(wayside.addr(0));
    let content = Random::new(seed()).bytes(20 << 20);

    let mut client = Command::new(&words[0]);
    client.args(&words[1..]).args(["127.0.0.1", "cat"]);
    assert_eq!(Sum::of(&run(client, content.clone())), Sum::of(&content), "through ssh and back");

    let source = ssh.dir.path().join("source");
    std::fs::create_dir(&source).expect("a folder");
    std::fs::write(source.join("large"), &content).expect("a large file");
    for number in 0..200 {
        std::fs::write(source.join(number.to_string()), &content[number * 100..number * 200])
            .expect("a small file");
    }
    let target = ssh.dir.path().join("target");
    let mut copy = Command::new(&rsync);
    copy.args(["-a", "-e", &words.join(" "), &format!("{}/", source.display())]);
    run(
        {
            copy.arg(format!("127.0.0.1:{}/", target.display()));
            copy
        },
        vec![],
    );
    for entry in std::fs::read_dir(&source).expect("the folder").flatten() {
        let copied = std::fs::read(target.join(entry.file_name())).expect("a copied file");
        assert_eq!(Sum::of(&copied), Sum::of(&std::fs::read(entry.path()).expect("its source")), "{entry:?}");
    }
}

#[test]
fn a_reader_that_never_reads_the_rest_gets_what_was_sent_before_the_end() {
    let tunnel = Tunnel::new(&[]);
    let (mut client, mut server) = tunnel.pair();
    client.write_all(b"question").expect("to write");
    finish(&client);
    let mut question = String::new();
    server.read_to_string(&mut question).expect("the question");
    server.write_all(b"answer").expect("to write");
    drop(server);
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("the answer");
    assert_eq!((question.as_str(), answer.as_str()), ("question", "answer"));
}
