//! The id of a virtual machine for which a line gives none.

use crate::model::{Guid, VmId};

/// The id that follows from a name: the 128-bit FNV-1a hash of its UTF-8 bytes, marked as a GUID
/// of version 8 (“custom”, RFC 9562), so that it is never one that Windows made.
///
/// Equal names give equal ids, on whatever host: that is what seeding a replica needs.
///
/// ```
/// use hyperv_replica::script::id_of_name;
///
/// assert_eq!(id_of_name("web"), id_of_name("web"));
/// assert_ne!(id_of_name("web"), id_of_name("Web"));
/// ```
pub fn id_of_name(name: &str) -> VmId {
    const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let fnv = |hash: u128, byte: &u8| (hash ^ u128::from(*byte)).wrapping_mul(PRIME);
    let hash = name.as_bytes().iter().fold(BASIS, fnv);
    let version = hash & !(0xf << 76) | 0x8 << 76;
    VmId(Guid(version & !(0x3 << 62) | 0x2 << 62))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_version_8_and_fixed() {
        // FNV-1a of "a" and "foobar", <https://datatracker.ietf.org/doc/html/draft-eastlake-fnv>,
        // with the four bits of the version and the two of the variant replaced.
        for (name, id) in [
            ("", "6C62272E-07BB-8142-A2B8-21756295C58D"),
            ("a", "D228CB69-6F1A-8CAF-B891-2B704E4A8964"),
            ("foobar", "343E1662-793C-84BF-AF0D-3597BA446F18"),
        ] {
            assert_eq!(id_of_name(name).to_string(), id, "{name}");
        }
    }
}
