//! Rotation: one token takes over from another.

use serde::{Deserialize, Serialize};

/// When a token gives way to the one that takes over from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RotationMode {
    /// When the new one is first used, or at the deadline if that comes first. Until then both can be used.
    Confirm {
        /// The deadline, in seconds since 1970; none: only the first use ends it.
        deadline: Option<i64>,
    },
    /// So many seconds after the new one is delivered. Until then both can be used.
    Grace {
        /// How many, at least 1.
        seconds: i64,
    },
    /// As soon as the new one is delivered.
    Immediate,
}

/// How far a rotation is, told of the token that takes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RotationStage {
    /// Its value is being handed to a vault; it cannot be used yet, and its predecessor knows nothing of it.
    Prepared,
    /// It can be used, and its first use ends its predecessor.
    Waiting,
}

impl RotationStage {
    /// The stage's fixed name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Prepared => "Prepared",
            Self::Waiting => "Waiting",
        }
    }

    /// The stage of that exact name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Prepared, Self::Waiting].into_iter().find(|stage| stage.name() == name)
    }
}
