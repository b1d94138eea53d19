//! A ClientHello: put the records together, then read the structure.

use wayside::wire::detect::ClientHello;

/// What the client's bytes are.
pub(crate) enum Look {
    No,
    Maybe,
    /// TLS for sure, and more may come.
    Certain(ClientHello),
    /// TLS, and the hello is at its end, or broken.
    Over(ClientHello),
}

/// Why reading stopped.
#[derive(PartialEq)]
enum Stop {
    Short,
    Broken,
}

/// A structure of a declared length, of which so much is there.
struct Part<'a> {
    there: &'a [u8],
    declared: usize,
}

impl<'a> Part<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Stop> {
        if length > self.declared {
            return Err(Stop::Broken);
        }
        if length > self.there.len() {
            return Err(Stop::Short);
        }
        let (taken, rest) = self.there.split_at(length);
        (self.there, self.declared) = (rest, self.declared - length);
        Ok(taken)
    }

    fn number(&mut self, length: usize) -> Result<usize, Stop> {
        Ok(self.take(length)?.iter().fold(0, |number, byte| number * 256 + usize::from(*byte)))
    }

    /// A structure inside, of which only the beginning may be there.
    fn part(&mut self, length: usize) -> Result<Part<'a>, Stop> {
        if length > self.declared {
            return Err(Stop::Broken);
        }
        let (there, rest) = self.there.split_at(length.min(self.there.len()));
        (self.there, self.declared) = (rest, self.declared - length);
        Ok(Part { there, declared: length })
    }
}

/// Looks at all that the client has said.
pub(crate) fn look(client: &[u8]) -> Look {
    let client = &client[..client.len().min(65_536)];
    if client.is_empty() {
        return Look::Maybe;
    }
    let (message, broken) = fragments(client);
    let ended = broken || client.len() == 65_536;
    match certain(&message) {
        Err(Stop::Broken) => Look::No,
        Err(Stop::Short) if ended => Look::No,
        Err(Stop::Short) => Look::Maybe,
        Ok(length) => {
            let mut hello = ClientHello::default();
            let body = &message[4..];
            let mut body = Part { there: &body[..length.min(body.len())], declared: length };
            match walk(&mut body, &mut hello) {
                Err(Stop::Short) if !ended => Look::Certain(hello),
                _ => Look::Over(hello),
            }
        }
    }
}

/// The records' contents, and whether a record is none.
fn fragments(mut client: &[u8]) -> (Vec<u8>, bool) {
    let mut message = Vec::new();
    loop {
        let header = &client[..client.len().min(5)];
        let fits: [fn(u8) -> bool; 4] = [|b| b == 22, |b| b == 3, |b| b <= 4, |b| b <= 64];
        if header.iter().zip(fits).any(|(byte, fits)| !fits(*byte)) {
            return (message, true);
        }
        let [_, _, _, high, low] = *header else { return (message, false) };
        let length = usize::from(high) * 256 + usize::from(low);
        if length > 16_384 {
            return (message, true);
        }
        let rest = &client[5..];
        if rest.len() <= length {
            message.extend_from_slice(rest);
            return (message, false);
        }
        message.extend_from_slice(&rest[..length]);
        client = &rest[length..];
    }
}

/// The hello's length, once the message cannot be anything else.
fn certain(message: &[u8]) -> Result<usize, Stop> {
    let mut part = Part { there: message, declared: usize::MAX };
    if part.number(1)? != 1 {
        return Err(Stop::Broken);
    }
    let length = part.number(3)?;
    if !(41..=131_396).contains(&length) {
        return Err(Stop::Broken);
    }
    match part.number(2)? {
        0x0300..=0x0304 => Ok(length),
        _ => Err(Stop::Broken),
    }
}

fn walk(body: &mut Part<'_>, hello: &mut ClientHello) -> Result<(), Stop> {
    body.take(2 + 32)?;
    let session = body.number(1)?;
    body.take(if session <= 32 { session } else { usize::MAX })?;
    let suites = body.number(2)?;
    body.take(if suites >= 2 && suites % 2 == 0 { suites } else { usize::MAX })?;
    let methods = body.number(1)?;
    body.take(if methods >= 1 { methods } else { usize::MAX })?;
    if body.number(2)? != body.declared {
        return Err(Stop::Broken);
    }
    let mut seen = Vec::new();
    while body.declared > 0 {
        let kind = body.number(2)?;
        let length = body.number(2)?;
        let mut extension = body.part(length)?;
        let first = !seen.contains(&kind);
        seen.push(kind);
        let read = match kind {
            0 if first => server_name(&mut extension, hello),
            16 if first => protocols(&mut extension, hello),
            _ => Ok(()),
        };
        if read == Err(Stop::Short) || extension.there.len() < extension.declared {
            return Err(Stop::Short);
        }
    }
    Ok(())
}

fn server_name(extension: &mut Part<'_>, hello: &mut ClientHello) -> Result<(), Stop> {
    if extension.number(2)? != extension.declared || extension.number(1)? != 0 {
        return Err(Stop::Broken);
    }
    let length = extension.number(2)?;
    if !(1..=255).contains(&length) {
        return Err(Stop::Broken);
    }
    hello.sni = host(extension.take(length)?);
    Ok(())
}

/// A name of letters, digits, hyphens, underscores; labels up to 63, in all up to 253; no address.
fn host(bytes: &[u8]) -> Option<String> {
    let mut name = String::from_utf8(bytes.to_vec()).ok()?.to_ascii_lowercase();
    if name.ends_with('.') {
        name.pop();
    }
    let labels: Vec<&str> = name.split('.').collect();
    let allowed = "abcdefghijklmnopqrstuvwxyz0123456789-_";
    let good = labels
        .iter()
        .all(|label| !label.is_empty() && label.len() <= 63 && label.chars().all(|c| allowed.contains(c)));
    let address = labels.last()?.chars().all(|c| c.is_ascii_digit());
    (good && !address && name.len() <= 253).then_some(name)
}

fn protocols(extension: &mut Part<'_>, hello: &mut ClientHello) -> Result<(), Stop> {
    if extension.number(2)? != extension.declared {
        return Err(Stop::Broken);
    }
    let mut list: Vec<String> = Vec::new();
    while extension.declared > 0 {
        let length = extension.number(1)?;
        if length == 0 {
            return Err(Stop::Broken);
        }
        let escape = |byte: &u8| match byte {
            b',' | b'"' | b'\\' | 0..=32 | 127.. => format!("\\x{byte:02x}"),
            _ => char::from(*byte).to_string(),
        };
        list.push(extension.take(length)?.iter().map(escape).collect());
        let fitting =
            (1..=list.len()).rev().map(|count| list[..count].join(",")).find(|text| text.len() <= 64);
        hello.alpn = fitting;
    }
    Ok(())
}
