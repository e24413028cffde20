//! Tokens as a check found them, and what became of requests for tokens, in a form that takes no longer to read than its
//! texts: no names, only the members in their order.
//!
//! ```text
//! number  8 bytes, least first; the least of all for none
//! text    4 bytes for its length, then UTF-8; all ones for none
//! list    4 bytes for its length, then texts; all ones for none
//! ```
//!
//! The reader is `bindings/Tessera/Native/FoundTokenReader.cs`.

use std::io::{Result, Write};

use crate::error::Error;
use crate::model::{Conditions, FoundToken, Revocation, Token, TokenFormat};

use super::guard::Described;

/// Writes what was found, as it stands at `now_seconds`. Fails only where `to` is full.
pub(super) fn write(found: &FoundToken, version: u64, now_seconds: i64, to: &mut impl Write) -> Result<()> {
    // Taken apart, so that a member that is added is not forgotten.
    let FoundToken { token, roles } = found;
    let mut record = Record { to };
    record.number(Some(version.cast_signed()))?;
    record.list(Some(roles))?;
    record.token(token, now_seconds)
}

/// Writes that a token was granted, as it stands at `now_seconds`, with a value of so many bytes: 1, the length, the name of
/// its state, and the token. Fails only where `to` is full.
pub(super) fn write_grant(token: &Token, value_length: usize, now_seconds: i64, to: &mut impl Write) -> Result<()> {
    let mut record = Record { to };
    record.number(Some(1))?;
    record.length(Some(value_length))?;
    record.text(Some(token.state(now_seconds).name()))?;
    record.token(token, now_seconds)
}

/// Writes why a token was not granted: 0, and the error's code, message and subject. Fails only where `to` is full.
pub(super) fn write_refusal(error: &Error, to: &mut impl Write) -> Result<()> {
    let Described { code, message, subject } = Described::of(error);
    let mut record = Record { to };
    record.number(Some(0))?;
    record.text(Some(code))?;
    record.text(Some(message))?;
    record.text(subject)
}

struct Record<'a, W> {
    to: &'a mut W,
}

impl<W: Write> Record<'_, W> {
    fn token(&mut self, token: &Token, now_seconds: i64) -> Result<()> {
        // Taken apart, so that a member that is added is not forgotten.
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
        self.number(Some(*sequence))?;
        self.text(Some(id.as_str()))?;
        self.text(name.as_deref())?;
        self.text(Some(identity))?;
        self.number(Some((*format == TokenFormat::Jwt).into()))?;
        self.list(Some(granted_roles))?;
        self.list(Some(tags))?;
        self.text(remark.as_deref())?;
        self.text(Some(profile))?;
        self.text(key_id.as_deref())?;
        self.list(Some(audiences))?;
        self.list(organizations.as_deref())?;
        self.number(Some((!conditions.is_none()).into()))?;
        if !conditions.is_none() {
            self.text(subject.as_deref())?;
            for list in [allowed_addresses, denied_addresses, methods, operations, required_roles] {
                self.list(Some(list))?;
            }
            self.number(uses.map(u64::cast_signed))?;
            self.number(rate_limit.map(|limit| limit.uses.into()))?;
            self.number(rate_limit.map(|limit| limit.period_seconds.into()))?;
        }
        self.number(Some((*has_referrer).into()))?;
        self.number(*uses_left)?;
        self.number(Some((*is_decoy).into()))?;
        self.text(Some(created_by))?;
        self.text(parent.as_ref().map(|id| id.as_str()))?;
        for number in [&Some(*created_at), not_before, expires_at, warn_after, last_used_at] {
            self.number(*number)?;
        }
        self.intervention(disabled.as_ref())?;
        self.intervention(token.revocation_at(now_seconds).as_ref())?;
        self.text(predecessor.as_ref().map(|id| id.as_str()))?;
        self.text(successor.as_ref().map(|id| id.as_str()))?;
        self.text(rotation_stage.map(|stage| stage.name()))?;
        self.number(*retires_at)
    }

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
