//! How a token was used.

/// What is known of the use of a token. It is written down some time after the use: see
/// [`crate::service::Engine::flush`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenUsage {
    /// When it was last used, in seconds since 1970.
    pub last_used_at: Option<i64>,
    /// How many checks it has passed.
    pub uses: u64,
    /// How many on each day, the latest day first; days without use are left out, and so are those more than
    /// [`TokenUsage::DAYS`] ago.
    pub days: Vec<DayUses>,
    /// The last addresses that it was used from, at most [`TokenUsage::ADDRESSES`], the latest first.
    pub addresses: Vec<AddressUse>,
}

impl TokenUsage {
    /// How many days are kept, the day of the last use included.
    pub const DAYS: i64 = 90;
    /// How many addresses are kept.
    pub const ADDRESSES: usize = 5;

    /// The day in which a second lies: days since 1970-01-01, in UTC.
    pub fn day_of(seconds: i64) -> i64 {
        seconds.div_euclid(86_400)
    }
}

/// The uses of one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayUses {
    /// The day: days since 1970-01-01, in UTC.
    pub day: i64,
    /// How many.
    pub uses: u64,
}

/// An address that a token was used from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressUse {
    /// The address, IPv4 or IPv6, as text (RFC 5952).
    pub address: String,
    /// When it was last used from there, in seconds since 1970.
    pub last_used_at: i64,
}

/// What would be felt if a token ended now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Impact {
    /// When it was last used, in seconds since 1970.
    pub last_used_at: Option<i64>,
    /// How often it was used today and in the six days before, in UTC.
    pub uses_in_seven_days: u64,
    /// The last addresses that it was used from, at most [`TokenUsage::ADDRESSES`], the latest first.
    pub addresses: Vec<String>,
    /// How many tokens that can be used now, or later, were granted by it or by tokens that it granted: they are
    /// revoked with it.
    pub children: u64,
}
