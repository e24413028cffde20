//! Enumerations whose numbers and names are part of the contract.

/// Defines an enumeration with a fixed number for each variant, and the functions that tell them: `ALL`, `name`,
/// `number`.
macro_rules! numbered {
    ($(#[$outer:meta])* pub enum $type:ident { $($(#[$doc:meta])* $name:ident = $number:literal,)+ }) => {
        $(#[$outer])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        #[repr(u32)]
        pub enum $type {
            $($(#[$doc])* $name = $number,)+
        }

        impl $type {
            /// Every one, in the order of its number.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The fixed name.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)+
                }
            }

            /// The fixed number.
            pub fn number(self) -> u32 {
                self as u32
            }
        }
    };
}

pub(crate) use numbered;
