//! Blocks of addresses, written `10.0.0.0/8` (RFC 4632) and `fd00::/8` (RFC 4291, 2.3).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// One block. IPv4-mapped IPv6 addresses are IPv4 addresses here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    ip: IpAddr,
    bits: u8,
}

impl Cidr {
    /// `10.0.0.0/8`, or one address alone. An error says why it is not one.
    pub fn parse(text: &str) -> Result<Cidr, String> {
        let (left, right) = text.split_once('/').map_or((text, None), |(ip, bits)| (ip, Some(bits)));
        let written: IpAddr = left.trim().parse().map_err(|_| "not an address".to_owned())?;
        let width = if written.is_ipv4() { 32 } else { 128 };
        let bits = match right.map(str::trim) {
            None => width,
            Some(text) => {
                let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
                let bits = text.parse().ok().filter(|&bits: &u8| digits && bits <= width);
                bits.ok_or_else(|| format!("the part after \"/\" is not a number from 0 to {width}"))?
            }
        };
        let cidr = match written.to_canonical() {
            ip @ IpAddr::V4(_) if width == 128 && bits >= 96 => Cidr { ip, bits: bits - 96 },
            _ => Cidr { ip: written, bits },
        };
        match cidr.first() {
            first if first == cidr.ip => Ok(cidr),
            first => Err(format!("it has bits beyond the first {bits}; did you mean {first}/{}?", cidr.bits)),
        }
    }

    /// The first address of the block.
    fn first(self) -> IpAddr {
        mask(self.ip, self.bits)
    }

    /// Whether `ip` lies in the block.
    pub fn contains(self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        ip.is_ipv4() == self.ip.is_ipv4() && mask(ip, self.bits) == self.ip
    }

    /// Whether it is a block of IPv4 addresses.
    pub fn is_ipv4(self) -> bool {
        self.ip.is_ipv4()
    }

    /// Whether there are only loopback addresses in the block.
    pub fn is_loopback(self) -> bool {
        self.ip.is_loopback() && if self.ip.is_ipv4() { self.bits >= 8 } else { self.bits == 128 }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.ip, self.bits)
    }
}

/// `ip` with all but its first `bits` bits cleared.
fn mask(ip: IpAddr, bits: u8) -> IpAddr {
    match ip {
        IpAddr::V4(ip) => {
            let ones = u32::MAX.checked_shl(32_u32.saturating_sub(bits.into())).unwrap_or(0);
            Ipv4Addr::from_bits(ip.to_bits() & ones).into()
        }
        IpAddr::V6(ip) => {
            let ones = u128::MAX.checked_shl(128_u32.saturating_sub(bits.into())).unwrap_or(0);
            Ipv6Addr::from_bits(ip.to_bits() & ones).into()
        }
    }
}

/// Several blocks, as `--proxy-clients` has them. Empty: nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cidrs(Vec<Cidr>);

impl Cidrs {
    pub(super) fn of(blocks: Vec<Cidr>) -> Cidrs {
        Cidrs(blocks)
    }

    /// `127.0.0.0/8,::1/128`.
    pub fn loopback() -> Cidrs {
        Cidrs(vec![
            Cidr { ip: Ipv4Addr::new(127, 0, 0, 0).into(), bits: 8 },
            Cidr { ip: Ipv6Addr::LOCALHOST.into(), bits: 128 },
        ])
    }

    /// Whether `ip` lies in one of the blocks; an IPv4-mapped address counts as the IPv4 address that it holds.
    pub fn contains(&self, ip: IpAddr) -> bool {
        self.0.iter().any(|block| block.contains(ip))
    }

    /// The blocks, as they were given.
    pub fn iter(&self) -> impl Iterator<Item = Cidr> {
        self.0.iter().copied()
    }
}

#[cfg(test)]
mod tests;
