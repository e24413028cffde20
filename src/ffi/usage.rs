//! Exported functions over the use of tokens.

use interoptopus::ffi;
use serde::Serialize;

use crate::service::Session;

use super::buffer::Buffer;
use super::call::call;
use super::token::Identified;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UsageResponse {
    id: String,
    last_used_at: Option<i64>,
    uses: u64,
    days: Vec<DayRecord>,
    addresses: Vec<AddressRecord>,
}

#[derive(Serialize)]
struct DayRecord {
    day: i64,
    uses: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AddressRecord {
    address: String,
    last_used_at: i64,
}

/// Says how a token was used: `{id}` to `{id, lastUsedAt, uses, days: [{day, uses}], addresses: [{address,
/// lastUsedAt}]}`; a day is counted in days since 1970, in UTC.
///
/// # Safety
///
/// The input can be read for its length; `response` may be written to.
#[ffi]
pub unsafe fn tessera_token_usage(store: u64, request: *const u8, request_length: u64, response: *mut Buffer) -> u32 {
    let usage = |session: &Session<'_>, request: Identified| {
        let usage = session.token_usage(&request.id)?;
        let days = usage.days.into_iter().map(|day| DayRecord { day: day.day, uses: day.uses });
        let addresses = usage
            .addresses
            .into_iter()
            .map(|address| AddressRecord { address: address.address, last_used_at: address.last_used_at });
        Ok(UsageResponse {
            id: request.id,
            last_used_at: usage.last_used_at,
            uses: usage.uses,
            days: days.collect(),
            addresses: addresses.collect(),
        })
    };
    // SAFETY: by the contract.
    unsafe { call(store, request, request_length, response, usage) }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ImpactResponse {
    last_used_at: Option<i64>,
    uses_in_seven_days: u64,
    addresses: Vec<String>,
    children: u64,
}

/// Says what would be felt if a token ended now: `{id}` to `{lastUsedAt, usesInSevenDays, addresses, children}`.
///
/// # Safety
///
/// The input can be read for its length; `response` may be written to.
#[ffi]
pub unsafe fn tessera_token_impact(store: u64, request: *const u8, request_length: u64, response: *mut Buffer) -> u32 {
    let impact = |session: &Session<'_>, request: Identified| {
        let impact = session.impact(&request.id)?;
        Ok(ImpactResponse {
            last_used_at: impact.last_used_at,
            uses_in_seven_days: impact.uses_in_seven_days,
            addresses: impact.addresses,
            children: impact.children,
        })
    };
    // SAFETY: by the contract.
    unsafe { call(store, request, request_length, response, impact) }
}
