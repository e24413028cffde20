//! Exported functions over organisations.

use interoptopus::ffi;
use serde::{Deserialize, Serialize};

use crate::model::{Organization, OrganizationMember};
use crate::service::Session;
use crate::store::OrganizationFilter;

use super::buffer::Buffer;
use super::call::call;
use super::wire::{Changed, Named};

/// The entries of a page when nothing is said.
const DEFAULT_PAGE: u32 = 100;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MemberRecord {
    identity: String,
    is_administrator: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OrganizationRecord {
    id: i64,
    name: String,
    members: Vec<MemberRecord>,
    created_at: i64,
}

impl From<Organization> for OrganizationRecord {
    fn from(organization: Organization) -> Self {
        let record = |member: OrganizationMember| MemberRecord {
            identity: member.identity,
            is_administrator: member.is_administrator,
        };
        Self {
            id: organization.id,
            name: organization.name,
            members: organization.members.into_iter().map(record).collect(),
            created_at: organization.created_at,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MembersRequest {
    name: String,
    members: Vec<MemberRecord>,
}

impl From<MemberRecord> for OrganizationMember {
    fn from(record: MemberRecord) -> Self {
        Self { identity: record.identity, is_administrator: record.is_administrator }
    }
}

/// Makes an organisation: `{name, members: [{identity, isAdministrator}]}` to the organisation.
///
/// # Safety
///
/// The input can be read for its length; `response` may be written to.
#[ffi]
pub unsafe fn tessera_organization_create(
    store: u64,
    request: *const u8,
    request_length: u64,
    response: *mut Buffer,
) -> u32 {
    let create = |session: &Session<'_>, request: MembersRequest| {
        let members: Vec<_> = request.members.into_iter().map(Into::into).collect();
        session.create_organization(&request.name, &members).map(OrganizationRecord::from)
    };
    // SAFETY: by the contract.
    unsafe { call(store, request, request_length, response, create) }
}

/// Finds an organisation: `{name}` to the organisation, `{id, name, members: [{identity, isAdministrator}], createdAt}`.
///
/// # Safety
///
/// The input can be read for its length; `response` may be written to.
#[ffi]
pub unsafe fn tessera_organization_get(
    store: u64,
    request: *const u8,
    request_length: u64,
    response: *mut Buffer,
) -> u32 {
    let get = |session: &Session<'_>, request: Named| session.organization(&request.name).map(OrganizationRecord::from);
    // SAFETY: by the contract.
    unsafe { call(store, request, request_length, response, get) }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ListRequest {
    name: Option<String>,
    after_name: Option<String>,
    limit: Option<u32>,
}

#[derive(Serialize)]
struct ListResponse {
    organizations: Vec<OrganizationRecord>,
    next: Option<String>,
}

/// Lists organisations by name: `{name?, afterName?, limit?}` to `{organizations, next}`; `next` is the next page's
/// `afterName`, or null on the last page.
///
/// # Safety
///
/// The input can be read for its length; `response` may be written to.
#[ffi]
pub unsafe fn tessera_organization_list(
    store: u64,
    request: *const u8,
    request_length: u64,
    response: *mut Buffer,
) -> u32 {
    let list = |session: &Session<'_>, request: ListRequest| {
        let limit = request.limit.unwrap_or(DEFAULT_PAGE);
        let filter = OrganizationFilter { name: request.name, after_name: request.after_name, limit };
        let organizations = session.organizations(&filter)?;
        let full = organizations.len() == usize::try_from(limit).unwrap_or(usize::MAX);
        let next = organizations.last().filter(|_| full).map(|last| last.name.clone());
        Ok(ListResponse { organizations: organizations.into_iter().map(Into::into).collect(), next })
    };
    // SAFETY: by the contract.
    unsafe { call(store, request, request_length, response, list) }
}

/// Gives an organisation other members: `{name, members: [{identity, isAdministrator}]}` to the organisation.
///
/// # Safety
///
/// The input can be read for its length; `response` may be written to.
#[ffi]
pub unsafe fn tessera_organization_update(
    store: u64,
    request: *const u8,
    request_length: u64,
    response: *mut Buffer,
) -> u32 {
    let update = |session: &Session<'_>, request: MembersRequest| {
        let members: Vec<_> = request.members.into_iter().map(Into::into).collect();
        session.update_organization(&request.name, &members).map(OrganizationRecord::from)
    };
    // SAFETY: by the contract.
    unsafe { call(store, request, request_length, response, update) }
}

/// Removes an organisation, and with it the access that tokens have to it: `{name}` to `{changed}`.
///
/// # Safety
///
/// The input can be read for its length; `response` may be written to.
#[ffi]
pub unsafe fn tessera_organization_remove(
    store: u64,
    request: *const u8,
    request_length: u64,
    response: *mut Buffer,
) -> u32 {
    let remove =
        |session: &Session<'_>, request: Named| Ok(Changed { changed: session.remove_organization(&request.name)? });
    // SAFETY: by the contract.
    unsafe { call(store, request, request_length, response, remove) }
}
