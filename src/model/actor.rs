//! Who acts.

use super::{TokenId, fold_name};

/// The one for whom a use case is carried out. It is recorded with what was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// The owner of the store's file and its key, who may do everything.
    LocalOwner,
    /// An identity that was recognised by its password.
    Identity {
        /// The store's number for it.
        id: i64,
        /// Its name.
        name: String,
    },
    /// A token, and behind it the identity that it speaks for.
    Token {
        /// The token's public id.
        id: TokenId,
        /// The name of the identity that it speaks for.
        identity: String,
    },
}

impl Actor {
    /// What stands for the local owner where a name is asked for. No identity can have it, however it is written.
    pub const LOCAL_OWNER: &str = "local owner";

    /// What stands, as name and as kind, for someone who presented a value that is no token's.
    pub const BEARER: &str = "bearer";

    /// Whether `name` is [`Actor::LOCAL_OWNER`], as names are compared.
    pub fn is_local_owner(name: &str) -> bool {
        fold_name(name) == fold_name(Self::LOCAL_OWNER)
    }

    /// The name that is recorded: an identity's own, for a token that of the identity it speaks for.
    pub fn name(&self) -> &str {
        match self {
            Self::LocalOwner => Self::LOCAL_OWNER,
            Self::Identity { name, .. } => name,
            Self::Token { identity, .. } => identity,
        }
    }

    /// The kind that is recorded with the name. `token:` is followed by the token's public id.
    pub fn kind(&self) -> String {
        match self {
            Self::LocalOwner => "owner".to_owned(),
            Self::Identity { .. } => "identity".to_owned(),
            Self::Token { id, .. } => format!("token:{id}"),
        }
    }
}
