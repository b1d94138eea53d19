//! How large a direction's dynamic table may be: what its receiver offered, and the sender acknowledged.

use super::bounds;
use super::frame::Lost;

/// RFC 7541's table size before anyone says anything.
pub(super) const DEFAULT: u32 = 4096;

/// One SETTINGS frame with at least one header table size, not acknowledged yet.
#[derive(Debug, Clone, Copy)]
struct Offer {
    /// SETTINGS frames without one that were sent before it, after the previous offer.
    plain_before: u32,
    range: Range,
}

/// The values in one SETTINGS frame: they count in order, so the encoder passes through the lowest.
#[derive(Debug, Clone, Copy)]
struct Range {
    lowest: u32,
    last: u32,
}

/// The limit of one direction's encoder.
#[derive(Debug)]
pub(super) struct Limit {
    acknowledged: u32,
    /// The SETTINGS frame that is being read.
    begun: Option<Range>,
    offers: Vec<Offer>,
    /// SETTINGS frames without a table size after the last offer.
    plain: u32,
}

impl Limit {
    pub(super) fn new() -> Limit {
        Limit { acknowledged: DEFAULT, begun: None, offers: Vec::new(), plain: 0 }
    }

    /// The receiver names a table size in a SETTINGS frame.
    pub(super) fn offer(&mut self, size: u32) {
        let lowest = self.begun.map_or(size, |begun| begun.lowest.min(size));
        self.begun = Some(Range { lowest, last: size });
    }

    /// The end of that frame.
    pub(super) fn offered(&mut self) -> Result<(), Lost> {
        let Some(range) = self.begun.take() else {
            self.plain = self.plain.saturating_add(1);
            return Ok(());
        };
        if self.offers.len() >= bounds::OFFERS {
            return Err(Lost::Unacknowledged);
        }
        let plain_before = std::mem::take(&mut self.plain);
        self.offers.push(Offer { plain_before, range });
        Ok(())
    }

    /// The sender acknowledges the oldest SETTINGS frame: the lowest value that is in force by that, if any.
    pub(super) fn acknowledge(&mut self) -> Option<u32> {
        let Some(first) = self.offers.first_mut() else {
            // One too many is nothing to us.
            self.plain = self.plain.saturating_sub(1);
            return None;
        };
        if first.plain_before > 0 {
            first.plain_before -= 1;
            return None;
        }
        let range = first.range;
        self.offers.remove(0);
        if self.offers.is_empty() {
            self.offers = Vec::new();
        }
        self.acknowledged = range.last;
        Some(range.lowest)
    }

    /// What the encoder may choose: it may act on an offer a little before its acknowledgement is seen.
    pub(super) fn most(&self) -> u32 {
        self.offers.iter().map(|offer| offer.range.last).fold(self.acknowledged, u32::max)
    }
}
