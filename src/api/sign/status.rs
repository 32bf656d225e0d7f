//! The states of flows, signers and documents, by their numbers on the wire.

use serde::{Deserialize, Serialize};

use crate::api::liberal;

macro_rules! statuses {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $number:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// The number on the wire.
            pub const fn number(self) -> i64 {
                match self { $(Self::$variant => $number,)* }
            }

            /// The state of a number.
            pub const fn from_number(number: i64) -> Option<Self> {
                match number {
                    $($number => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_i64(self.number())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let number = liberal::integer(deserializer)?;
                Self::from_number(number)
                    .ok_or_else(|| serde::de::Error::custom(format!("{number} is no {}", stringify!($name))))
            }
        }
    };
}

statuses! {
    /// The state of a flow (5.5.7).
    FlowStatus {
        /// No signer was added yet.
        Draft = 0,
        /// People are signing.
        Signing = 1,
        /// All have signed.
        Finished = 2,
        /// The caller ended it.
        Revoked = 3,
        /// It ended for another reason.
        Ended = 4,
        /// Its time ran out.
        Expired = 5,
        /// It was deleted.
        Deleted = 6,
        /// Somebody refused.
        Rejected = 7,
    }
}

statuses! {
    /// The state of a signer in a flow (5.5.7).
    SignStatus {
        /// Has not signed.
        Pending = 0,
        /// Is signing.
        Signing = 1,
        /// Has signed.
        Signed = 2,
        /// It ended.
        Ended = 3,
        /// The task was taken back.
        Withdrawn = 4,
    }
}

statuses! {
    /// The state of one document for one signer (5.6.7).
    DocStatus {
        /// Has not been signed.
        Pending = 0,
        /// Is being signed.
        Signing = 1,
        /// Has been signed.
        Signed = 2,
        /// Signing failed.
        Failed = 3,
        /// The signer refused.
        Rejected = 4,
        /// Is to be confirmed.
        Confirming = 5,
    }
}
