//! The `HTTP2-Settings` of an upgrade from HTTP/1: a SETTINGS payload in base64url.

use super::frame::HEADER_TABLE_SIZE;

/// Payloads up to 60 settings are read; no client sends a tenth of that.
const MOST: usize = 480;

/// The header table sizes in it, in order. None where there is none, or where it is not what it should be: then the
/// server does not upgrade.
pub(super) fn table_sizes(settings: &[u8]) -> Option<impl Iterator<Item = u32>> {
    if settings.len() > MOST {
        return None;
    }
    let mut payload = Vec::with_capacity(settings.len());
    let (mut bits, mut count) = (0_u32, 0);
    for &char in settings.trim_ascii().iter().take_while(|char| **char != b'=') {
        bits = bits << 6 | u32::from(digit(char)?);
        count += 6;
        if count >= 8 {
            count -= 8;
            payload.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    let sizes: Vec<u32> = payload.chunks_exact(6).filter_map(size).collect();
    (payload.len() % 6 == 0 && !sizes.is_empty()).then(|| sizes.into_iter())
}

fn size(setting: &[u8]) -> Option<u32> {
    let (id, value) = setting.split_first_chunk::<2>()?;
    (u16::from_be_bytes(*id) == HEADER_TABLE_SIZE).then_some(())?;
    Some(u32::from_be_bytes(*value.first_chunk()?))
}

fn digit(char: u8) -> Option<u8> {
    Some(match char {
        b'A'..=b'Z' => char - b'A',
        b'a'..=b'z' => char - b'a' + 26,
        b'0'..=b'9' => char - b'0' + 52,
        b'-' | b'+' => 62,
        b'_' | b'/' => 63,
        _ => return None,
    })
}
