//! A token as a check found it, in a form that takes no longer to read than its texts: no names, only the members in
//! their order.
//!
//! ```text
//! number  8 bytes, least first; the least of all for none
//! text    4 bytes for its length, then UTF-8; all ones for none
//! list    4 bytes for its length, then texts; all ones for none
//! ```
//!
//! The reader is `bindings/Tessera/Native/FoundTokenReader.cs`.

use std::io::{Result, Write};

use crate::model::{Conditions, FoundToken, Revocation, Token, TokenFormat};

/// Writes what was found, as it stands at `now_seconds`. Fails only where `to` is full.
pub(super) fn write(found: &FoundToken, version: u64, now_seconds: i64, to: &mut impl Write) -> Result<()> {
    // Taken apart, so that a member that is added is not forgotten.
    let FoundToken { token, roles } = found;
    let Token {
        sequence,
        id,
        name,
        identity,
        format,
        roles: granted_roles,
        tags,
        remark,
        profile,
        key_id,
        audiences,
        organizations,
        conditions,
        has_referrer,
        uses_left,
        is_decoy,
        created_by,
        parent,
        created_at,
        not_before,
        expires_at,
        warn_after,
        last_used_at,
        disabled,
        revocation: _,
        predecessor,
        successor,
        rotation_stage,
        retires_at,
        retired_by: _,
        expired_is_revoked: _,
    } = token;
    let Conditions {
        subject,
        // Nobody reads it again.
        referrer: _,
        allowed_addresses,
        denied_addresses,
        methods,
        operations,
        required_roles,
        uses,
        rate_limit,
    } = conditions;
    let mut record = Record { to };
    record.number(Some(version.cast_signed()))?;
    record.list(Some(roles))?;
    record.number(Some(*sequence))?;
    record.text(Some(id.as_str()))?;
    record.text(name.as_deref())?;
    record.text(Some(identity))?;
    record.number(Some((*format == TokenFormat::Jwt).into()))?;
    record.list(Some(granted_roles))?;
    record.list(Some(tags))?;
    record.text(remark.as_deref())?;
    record.text(Some(profile))?;
    record.text(key_id.as_deref())?;
    record.list(Some(audiences))?;
    record.list(organizations.as_deref())?;
    record.number(Some((!conditions.is_none()).into()))?;
    if !conditions.is_none() {
        record.text(subject.as_deref())?;
        for list in [allowed_addresses, denied_addresses, methods, operations, required_roles] {
            record.list(Some(list))?;
        }
        record.number(uses.map(u64::cast_signed))?;
        record.number(rate_limit.map(|limit| limit.uses.into()))?;
        record.number(rate_limit.map(|limit| limit.period_seconds.into()))?;
    }
    record.number(Some((*has_referrer).into()))?;
    record.number(*uses_left)?;
    record.number(Some((*is_decoy).into()))?;
    record.text(Some(created_by))?;
    record.text(parent.as_ref().map(|id| id.as_str()))?;
    for number in [&Some(*created_at), not_before, expires_at, warn_after, last_used_at] {
        record.number(*number)?;
    }
    record.intervention(disabled.as_ref())?;
    record.intervention(token.revocation_at(now_seconds).as_ref())?;
    record.text(predecessor.as_ref().map(|id| id.as_str()))?;
    record.text(successor.as_ref().map(|id| id.as_str()))?;
    record.text(rotation_stage.map(|stage| stage.name()))?;
    record.number(*retires_at)
}

struct Record<'a, W> {
    to: &'a mut W,
}

impl<W: Write> Record<'_, W> {
    fn number(&mut self, number: Option<i64>) -> Result<()> {
        self.to.write_all(&number.unwrap_or(i64::MIN).to_le_bytes())
    }

    fn length(&mut self, length: Option<usize>) -> Result<()> {
        // What is stored has limits far below this.
        let length = length.map_or(u32::MAX, |length| u32::try_from(length).unwrap_or(u32::MAX));
        self.to.write_all(&length.to_le_bytes())
    }

    fn text(&mut self, text: Option<&str>) -> Result<()> {
        self.length(text.map(str::len))?;
        self.to.write_all(text.unwrap_or_default().as_bytes())
    }

    fn list(&mut self, list: Option<&[String]>) -> Result<()> {
        self.length(list.map(<[String]>::len))?;
        list.unwrap_or_default().iter().try_for_each(|text| self.text(Some(text)))
    }

    fn intervention(&mut self, intervention: Option<&Revocation>) -> Result<()> {
        self.number(intervention.map(|intervention| intervention.at))?;
        self.text(intervention.map(|intervention| intervention.by.as_str()))?;
        self.text(intervention.and_then(|intervention| intervention.reason.as_deref()))
    }
}
