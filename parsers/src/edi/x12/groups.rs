//! Which functional group a transaction set belongs into.

/// The GS01 that goes with a set.
pub(super) fn group_of(set: &[u8]) -> Option<&'static str> {
    let set = std::str::from_utf8(set).ok()?;
    GROUPS.iter().find(|(_, sets)| sets.contains(&set)).map(|(group, _)| *group)
}

const GROUPS: &[(&str, &[&str])] = &[
    ("PO", &["850"]),
    ("PR", &["855"]),
    ("PC", &["860"]),
    ("CA", &["865"]),
    ("IN", &["810"]),
    ("GP", &["880"]),
    ("OG", &["875", "876"]),
    ("RA", &["820"]),
    ("AG", &["824"]),
    ("FA", &["997", "999"]),
    ("SH", &["856"]),
    ("BS", &["857"]),
    ("RC", &["861"]),
    ("SS", &["862"]),
    ("RS", &["869", "870"]),
    ("OW", &["940"]),
    ("SW", &["945"]),
    ("AR", &["943"]),
    ("RE", &["944"]),
    ("AW", &["947"]),
    ("IB", &["846"]),
    ("PD", &["852"]),
    ("PT", &["867"]),
    ("CF", &["844", "849"]),
    ("CD", &["812"]),
    ("SC", &["832"]),
    ("QG", &["888", "889", "878", "879"]),
    ("PS", &["830"]),
    ("TX", &["864"]),
    ("DX", &["894", "895"]),
];
