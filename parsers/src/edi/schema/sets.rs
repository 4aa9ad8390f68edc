//! Transaction sets: 850, 810, 997. Position, use and nesting as in 004010; segments that came with 005010 stand
//! where 005010 has them.

use super::{Part, Transaction, UNBOUNDED as ANY};

const fn must(tag: &'static str, most: u32) -> Part {
    Part::Segment { tag, mandatory: true, most }
}
const fn may(tag: &'static str, most: u32) -> Part {
    Part::Segment { tag, mandatory: false, most }
}
const fn group(most: u32, parts: &'static [Part]) -> Part {
    Part::Loop { mandatory: false, most, parts }
}
const fn must_group(most: u32, parts: &'static [Part]) -> Part {
    Part::Loop { mandatory: true, most, parts }
}

/// The table of a set.
#[must_use]
pub fn transaction(id: &[u8]) -> Option<&'static Transaction> {
    TRANSACTIONS.iter().copied().find(|transaction| transaction.id.as_bytes() == id)
}

/// Whether any table knows a tag.
#[must_use]
pub fn is_known_tag(tag: &str) -> bool {
    TRANSACTIONS.iter().any(|set| set.parts.iter().any(|part| part.holds(tag)))
        || OTHER_TAGS.contains(&tag)
}

static TRANSACTIONS: [&Transaction; 3] = [&PURCHASE_ORDER, &INVOICE, &ACKNOWLEDGEMENT];

/// Tags of X12 that none of the tables has: a segment of another set rather than a misspelt one.
const OTHER_TAGS: &[&str] = &[
    "ACK", "ADX", "B10", "B2", "B2A", "B3", "BAK", "BCA", "BCD", "BCH", "BDS", "BHT", "BIN", "BLN",
    "BPR", "BPT", "BRA", "BSN", "CAS", "CDD", "CLD", "CLM", "CLP", "CON", "DED", "DLM", "DTP",
    "EB", "ENT", "G01", "G17", "G33", "GF", "HI", "HL", "IN1", "K1", "L0", "L1", "L11", "L3", "L5",
    "LX", "N5", "N7", "NM1", "OTI", "PAD", "PAT", "POC", "PRF", "PRV", "PTD", "RCD", "RMR", "RMT",
    "SBR", "SII", "SN1", "SV1", "SV2", "TED", "TRN", "UIT", "W01", "W05", "W06", "W66", "XPO",
    "XQ", "ZA",
];

static PURCHASE_ORDER: Transaction = Transaction {
    id: "850",
    group: "PO",
    name: "purchase order",
    counted: Some("PO1"),
    parts: &[
        must("ST", 1),
        must("BEG", 1),
        may("CUR", 1),
        may("REF", ANY),
        may("PER", 3),
        may("TAX", ANY),
        may("FOB", ANY),
        may("CTP", ANY),
        may("PAM", 10),
        may("CSH", 5),
        may("TC2", ANY),
        group(25, &[must("SAC", 1), may("CUR", 1)]),
        may("ITD", ANY),
        may("DIS", 20),
        may("INC", 1),
        may("DTM", 10),
        group(ANY, &[must("LDT", 1), may("QTY", ANY), may("MTX", ANY), may("REF", 12)]),
        may("LIN", 5),
        may("SI", ANY),
        may("PID", 200),
        may("MEA", 40),
        may("PWK", 25),
        may("PKG", 200),
        may("TD1", 2),
        may("TD5", 12),
        may("TD3", 12),
        may("TD4", 5),
        may("MAN", 10),
        may("PCT", ANY),
        may("CTB", 5),
        may("TXI", ANY),
        group(
            ANY,
            &[
                must("AMT", 1),
                may("REF", ANY),
                may("DTM", 1),
                may("PCT", ANY),
                group(ANY, &[must("FA1", 1), must("FA2", ANY)]),
            ],
        ),
        group(
            1000,
            &[
                must("N9", 1),
                may("DTM", ANY),
                may("MSG", 1000),
                may("MTX", ANY),
                may("PWK", ANY),
                may("EFI", ANY),
            ],
        ),
        ORDER_PARTY,
        group(ANY, &[must("LM", 1), must("LQ", ANY)]),
        group(
            ANY,
            &[
                must("SPI", 1),
                may("REF", 5),
                may("DTM", 5),
                may("MSG", 50),
                group(
                    20,
                    &[
                        must("N1", 1),
                        may("N2", 2),
                        may("N3", 2),
                        may("N4", 1),
                        may("REF", 20),
                        may("G61", 1),
                        may("MSG", 50),
                    ],
                ),
                group(
                    ANY,
                    &[must("CB1", 1), may("REF", 20), may("DTM", 5), may("LDT", 1), may("MSG", 50)],
                ),
            ],
        ),
        group(ANY, &[must("ADV", 1), may("DTM", ANY), may("MTX", ANY)]),
        must_group(100_000, ORDER_LINE),
        group(1, &[must("CTT", 1), may("AMT", 1)]),
    ],
};

const ORDER_PARTY: Part = group(
    200,
    &[
        must("N1", 1),
        may("N2", 2),
        may("IN2", ANY),
        may("N3", 2),
        may("N4", ANY),
        may("NX2", ANY),
        may("REF", 12),
        may("PER", ANY),
        may("SI", ANY),
        may("FOB", 1),
        may("TD1", 2),
        may("TD5", 12),
        may("TD3", 12),
        may("TD4", 5),
        may("PKG", 200),
        group(
            ANY,
            &[must("LDT", 1), may("MAN", 10), may("QTY", 5), may("MSG", ANY), may("REF", 3)],
        ),
    ],
);

const ORDER_LINE: &[Part] = &[
    must("PO1", 1),
    may("LIN", ANY),
    may("SI", ANY),
    may("CUR", 1),
    may("CN1", 1),
    may("PO3", 25),
    group(ANY, &[must("CTP", 1), may("CUR", 1)]),
    may("PAM", 10),
    may("MEA", 40),
    group(1000, &[must("PID", 1), may("MEA", 10)]),
    may("PWK", 25),
    may("PO4", ANY),
    may("REF", ANY),
    may("PER", 3),
    group(25, &[must("SAC", 1), may("CUR", 1), may("CTP", 1)]),
    may("IT8", ANY),
    may("CSH", ANY),
    may("ITD", 2),
    may("DIS", 20),
    may("INC", 1),
    may("TAX", ANY),
    may("FOB", ANY),
    may("SDQ", 500),
    may("IT3", 5),
    may("DTM", 10),
    may("TC2", ANY),
    may("TD1", 1),
    may("TD5", 12),
    may("TD3", 12),
    may("TD4", 5),
    may("PCT", ANY),
    may("MAN", 10),
    may("MSG", ANY),
    may("SPI", ANY),
    may("TXI", ANY),
    may("CTB", ANY),
    group(ANY, &[must("QTY", 1), may("SI", ANY)]),
    group(
        200,
        &[
            must("SCH", 1),
            may("TD1", 2),
            may("TD5", 12),
            may("TD3", 12),
            may("TD4", 5),
            may("REF", ANY),
        ],
    ),
    group(200, &[must("PKG", 1), may("MEA", ANY)]),
    group(ANY, &[must("LDT", 1), may("QTY", ANY), may("MTX", ANY), may("MSG", 1), may("REF", 3)]),
    group(
        1000,
        &[must("N9", 1), may("DTM", ANY), may("MEA", 40), may("MSG", 1000), may("MTX", ANY)],
    ),
    group(
        200,
        &[
            must("N1", 1),
            may("N2", 2),
            may("IN2", ANY),
            may("N3", 2),
            may("N4", 1),
            may("NX2", ANY),
            may("QTY", ANY),
            may("REF", 12),
            may("PER", 3),
            may("DMG", 1),
            may("SI", ANY),
            may("DTM", 1),
            may("FOB", 1),
            may("SCH", 200),
            may("TD1", 2),
            may("TD5", 12),
            may("TD3", 12),
            may("TD4", 5),
            may("PKG", 200),
            group(
                ANY,
                &[must("LDT", 1), may("MAN", 10), may("QTY", 5), may("MSG", ANY), may("REF", 3)],
            ),
        ],
    ),
    group(
        1000,
        &[
            must("SLN", 1),
            may("MSG", ANY),
            may("SI", ANY),
            may("PID", 1000),
            may("PO3", 104),
            may("TC2", ANY),
            may("ADV", ANY),
            may("DTM", 10),
            may("CTP", 25),
            may("PAM", 10),
            may("PO4", 1),
            may("TAX", 3),
            group(ANY, &[must("N9", 1), may("DTM", ANY), may("MSG", ANY), may("MTX", ANY)]),
            group(25, &[must("SAC", 1), may("CUR", 1), may("CTP", 1)]),
            group(ANY, &[must("QTY", 1), may("SI", ANY)]),
            group(
                10,
                &[
                    must("N1", 1),
                    may("N2", 2),
                    may("IN2", ANY),
                    may("N3", 2),
                    may("N4", 1),
                    may("NX2", ANY),
                    may("REF", 12),
                    may("PER", 3),
                    may("SI", ANY),
                ],
            ),
        ],
    ),
    group(ANY, &[must("AMT", 1), may("REF", 1), may("PCT", ANY)]),
    group(ANY, &[must("LM", 1), must("LQ", ANY)]),
];

static INVOICE: Transaction = Transaction {
    id: "810",
    group: "IN",
    name: "invoice",
    counted: Some("IT1"),
    parts: &[
        must("ST", 1),
        must("BIG", 1),
        may("NTE", 100),
        may("CUR", 1),
        may("REF", 12),
        may("YNQ", 10),
        may("PER", 3),
        group(200, INVOICE_PARTY),
        may("ITD", ANY),
        may("DTM", 10),
        may("FOB", 1),
        may("PID", 200),
        may("MEA", 40),
        may("PWK", 25),
        may("PKG", 25),
        may("L7", 1),
        may("BAL", ANY),
        may("INC", 1),
        may("PAM", ANY),
        may("CRC", ANY),
        may("MTX", ANY),
        group(10, &[must("LM", 1), must("LQ", 100)]),
        group(1, &[must("N9", 1), must("MSG", 10)]),
        group(ANY, &[must("V1", 1), may("R4", ANY), may("DTM", ANY)]),
        group(ANY, &[must("FA1", 1), must("FA2", ANY)]),
        group(200_000, INVOICE_LINE),
        must("TDS", 1),
        may("TXI", 10),
        group(1, &[must("CAD", 1)]),
        may("AMT", ANY),
        group(25, &[must("SAC", 1), may("TXI", 10)]),
        group(ANY, &[must("ISS", 1), may("PID", 1)]),
        may("CTT", 1),
    ],
};

const INVOICE_PARTY: &[Part] = &[
    must("N1", 1),
    may("N2", 2),
    may("N3", 2),
    may("N4", 1),
    may("REF", 12),
    may("PER", 3),
    may("DMG", 1),
];

const INVOICE_LINE: &[Part] = &[
    must("IT1", 1),
    may("CRC", 1),
    may("QTY", 5),
    may("CUR", 1),
    may("IT3", 5),
    may("TXI", 10),
    may("CTP", 25),
    may("PAM", 10),
    may("MEA", 40),
    group(1000, &[must("PID", 1), may("MEA", 10)]),
    may("PWK", 25),
    may("PKG", 25),
    may("PO4", 1),
    may("ITD", 2),
    may("REF", ANY),
    may("YNQ", 10),
    may("PER", 5),
    may("SDQ", 500),
    may("DTM", 10),
    may("CAD", ANY),
    may("L7", ANY),
    may("SR", 1),
    group(25, &[must("SAC", 1), may("TXI", 10)]),
    group(
        1000,
        &[
            must("SLN", 1),
            may("DTM", 1),
            may("REF", ANY),
            may("PID", 1000),
            may("SAC", 25),
            may("TC2", 2),
            may("TXI", 10),
        ],
    ),
    group(200, INVOICE_PARTY),
    group(10, &[must("LM", 1), must("LQ", 100)]),
    group(ANY, &[must("V1", 1), may("R4", ANY), may("DTM", ANY)]),
    group(ANY, &[must("FA1", 1), must("FA2", ANY)]),
];

static ACKNOWLEDGEMENT: Transaction = Transaction {
    id: "997",
    group: "FA",
    name: "functional acknowledgement",
    counted: None,
    parts: &[
        must("ST", 1),
        must("AK1", 1),
        group(
            999_999,
            &[must("AK2", 1), group(999_999, &[must("AK3", 1), may("AK4", 99)]), must("AK5", 1)],
        ),
        must("AK9", 1),
    ],
};
