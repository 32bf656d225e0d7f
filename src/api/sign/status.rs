//! The states of flows, signers and documents, with their numbers in the API.

use serde::{Deserialize, Serialize};

use crate::api::liberal;

macro_rules! statuses {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $number:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// Returns the number in the API.
            pub const fn number(self) -> i64 {
                match self { $(Self::$variant => $number,)* }
            }

            /// Returns the state with this number.
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
                    .ok_or_else(|| serde::de::Error::custom(format!("{number} is not a {}", stringify!($name))))
            }
        }
    };
}

statuses! {
    /// The state of a flow (5.5.7).
    FlowStatus {
        /// No signer has been added.
        Draft = 0,
        /// Signers have been added and not all have signed.
        Signing = 1,
        /// All signers have signed.
        Finished = 2,
        /// The caller revoked the flow.
        Revoked = 3,
        /// The flow ended for another reason.
        Ended = 4,
        /// The deadline for signing has passed.
        Expired = 5,
        /// The flow was deleted.
        Deleted = 6,
        /// A signer refused to sign.
        Rejected = 7,
    }
}

statuses! {
    /// The state of a signer in a flow (5.5.7).
    SignStatus {
        /// The signer has not signed.
        Pending = 0,
        /// The signer is signing.
        Signing = 1,
        /// The signer has signed.
        Signed = 2,
        /// The task has ended.
        Ended = 3,
        /// The task was withdrawn.
        Withdrawn = 4,
    }
}

statuses! {
    /// The state of one document for one signer (5.6.7).
    DocStatus {
        /// The document has not been signed.
        Pending = 0,
        /// The document is being signed.
        Signing = 1,
        /// The document has been signed.
        Signed = 2,
        /// Signing failed.
        Failed = 3,
        /// The signer refused.
        Rejected = 4,
        /// The signature waits for confirmation.
        Confirming = 5,
    }
}
