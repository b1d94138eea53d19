//! NATS, Redis, memcached, and an MQTT broker.

use std::process::Command;

use super::{Service, need, user};
use crate::support::{TempDir, is_root};

/// NATS: greets with INFO.
pub fn nats() -> Result<Service, String> {
    let program = need("nats-server")?;
    Ok(Service::start(TempDir::new(), |port, _| {
        let mut command = Command::new(&program);
        command.args(["-a", "127.0.0.1", "-p", &port.to_string()]);
        command
    }))
}

/// Redis, without any persistence.
pub fn redis() -> Result<Service, String> {
    let program = need("redis-server")?;
    Ok(Service::start(TempDir::new(), |port, dir| {
        let mut command = Command::new(&program);
        let port = port.to_string();
        command.args(["--bind", "127.0.0.1", "--port", &port, "--save", "", "--appendonly", "no"]);
        command.current_dir(dir);
        command
    }))
}

/// memcached.
pub fn memcached() -> Result<Service, String> {
    let program = need("memcached")?;
    Ok(Service::start(TempDir::new(), |port, _| {
        let mut command = Command::new(&program);
        command.args(["-l", "127.0.0.1", "-p", &port.to_string(), "-U", "0", "-t", "1"]);
        // As root it wants to know whom to become.
        if is_root() {
            command.args(["-u", "nobody"]);
        }
        command
    }))
}

/// Eclipse Mosquitto; anybody may connect.
pub fn mosquitto() -> Result<Service, String> {
    let program = need("mosquitto")?;
    if is_root() {
        user("mosquitto")?;
    }
    Ok(Service::start(TempDir::new(), |port, dir| {
        let config = dir.join("mosquitto.conf");
        let text = format!("listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n");
        std::fs::write(&config, text).expect("its configuration");
        let mut command = Command::new(&program);
        command.arg("-c").arg(config);
        command
    }))
}
