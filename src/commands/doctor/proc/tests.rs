//! A tree of files in, facts out.

use super::*;
use std::os::unix::fs::symlink;
use std::path::Path;

/// A tree that goes away with it.
struct Planted(Tree);

impl Planted {
    fn new(name: &str, files: &[(&str, &str)]) -> Planted {
        let root = std::env::temp_dir().join(format!("wayside-doctor-{}-{name}", std::process::id()));
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
            fs::write(path, text).expect("to write");
        }
        Planted(Tree(root))
    }

    fn root(&self) -> &Path {
        &self.0.0
    }
}

impl Drop for Planted {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0.0);
    }
}

#[test]
fn settings_are_read_and_missing_ones_are_none() {
    let files = [
        ("proc/sys/net/core/somaxconn", "128\n"),
        ("proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n"),
        ("proc/sys/net/netfilter/nf_conntrack_max", "many\n"),
        ("proc/net/if_inet6", ""),
        ("proc/sys/net/ipv6/conf/all/disable_ipv6", "1\n"),
    ];
    let planted = Planted::new("settings", &files);
    let kernel = planted.0.kernel();
    assert_eq!(kernel.somaxconn, Some(128));
    assert_eq!((kernel.local_ports, kernel.conntrack_max), (Some((32_768, 60_999)), None));
    assert_eq!((kernel.syncookies, kernel.ipv6), (None, Ipv6::Disabled));
    assert_eq!(Tree(planted.root().join("nowhere")).kernel().ipv6, Ipv6::Unseen);
    let planted = Planted::new("no-ipv6", &[("proc/net/tcp", "")]);
    assert_eq!(planted.0.kernel().ipv6, Ipv6::Missing);
}

#[test]
fn listeners_and_their_owners() {
    let head =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
    let tcp = "   0: 0100007F:102C 00000000:0000 0A 00000000:00000000 00:00000000 00000000  2102        0 55 1 0 100 0 0 10 0\n\
               \x20  1: 0100007F:102D 0100007F:9999 01 00000000:00000000 00:00000000 00000000  2102        0 56 1 0 100 0 0 10 0\n\
               junk\n  2: zz:1 0:0 0A\n";
    let tcp6 = "   0: 00000000000000000000000000000000:102F 00000000000000000000000000000000:0000 0A \
                00000000:00000000 00:00000000 00000000     0        0 57 1 0 100 0 0 10 0\n";
    let (tcp, tcp6) = ([head, tcp].concat(), [head, tcp6].concat());
    let files =
        [("proc/net/tcp", &*tcp), ("proc/net/tcp6", &*tcp6), ("proc/77/comm", "nc\n"), ("proc/77/fd/x", "")];
    let planted = Planted::new("sockets", &files);
    symlink("socket:[55]", planted.root().join("proc/77/fd/3")).expect("a link");
    let mut sockets = planted.0.listening();
    planted.0.name_owners(&mut sockets, |port| port == 4140);
    let owner = Some(Process { pid: 77, name: "nc".to_owned(), is_wayside: false });
    let at = |addr: &str| addr.parse().expect("an address");
    let expected = [
        Listening { addr: at("127.0.0.1:4140"), user: 2102, inode: 55, owner },
        Listening { addr: at("[::]:4143"), user: 0, inode: 57, owner: None },
    ];
    // The words of an address are in the order of the host.
    assert!(cfg!(target_endian = "big") || sockets == expected, "{sockets:?}");
}

#[test]
fn limits_of_a_process() {
    let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
                  Max open files            1024                 unlimited            files     \n";
    let files = [
        ("proc/7/limits", limits),
        ("proc/7/status", "Name:\twayside\nUid:\t2102\t2102\t2102\t2102\nGid:\t21\t22\t22\t22\n"),
        ("proc/7/cgroup", "0::/a.slice/b.service\n"),
        ("sys/fs/cgroup/a.slice/b.service/memory.max", "max\n"),
        ("sys/fs/cgroup/a.slice/memory.max", "16777216\n"),
    ];
    let tree = &Planted::new("limits", &files);
    assert_eq!(tree.0.descriptors("7"), Some((1024, u64::MAX)));
    assert_eq!(tree.0.group(7), Some(21));
    assert_eq!(tree.0.memory("7"), Some(16 << 20));
    assert_eq!((tree.0.descriptors("8"), tree.0.group(8), tree.0.memory("8")), (None, None, None));
}
