use super::*;

/// What the answers of a line say, in words; each in chunks of every size.
fn said(protocol: ScaleProtocol, line: &[u8]) -> String {
    let unit = WeightUnit::Kilogram;
    let in_chunks = |size: usize| {
        let mut reader = ScaleReader::new(protocol, unit);
        let mut said = Vec::new();
        for chunk in line.chunks(size) {
            reader.feed(chunk, &mut |answer| said.push(shown(&answer)));
        }
        said.extend(
            Some(reader.close()).filter(|bytes| *bytes > 0).map(|bytes| format!("+{bytes}")),
        );
        said.join(", ")
    };
    let whole = in_chunks(line.len().max(1));
    for size in 1..line.len() {
        assert_eq!(in_chunks(size), whole, "in {size}s");
    }
    whole
}

fn shown(answer: &ScaleAnswer) -> String {
    match answer {
        ScaleAnswer::Weighed(OnScale::Stable(Weight { value, unit, net })) => {
            let net = net.map_or("", |net| if net { " net" } else { " gross" });
            format!("{value} {}{net}", unit.as_str())
        }
        ScaleAnswer::Weighed(other) => other.as_str().to_owned(),
        ScaleAnswer::Malformed { bytes } => format!("malformed {bytes}"),
    }
}

fn assert_says(protocol: ScaleProtocol, cases: &[(&[u8], &str)]) {
    for (line, expected) in cases {
        assert_eq!(said(protocol, line), *expected, "{}", line.escape_ascii());
    }
}

#[test]
fn a_toledo_says_a_weight_or_its_status() {
    assert_says(
        ScaleProtocol::Toledo8217,
        &[
            (b"\x02002.510\r", "2.510 kg gross"),
            (b"\x02 0.255\r", "0.255 kg gross"),
            (b"\x0212.340N\r", "12.340 kg net"),
            (b"\x0200.000\r", "zero"),
            (b"\x02?A\r", "moving"),
            (b"\x02?B\r", "over-capacity"),
            (b"\x02?D\r", "under-zero"),
            (b"\x02?H\r", "zero-lost"),
            (b"\x02?P\r", "zero"),
            (b"\x02?C\r", "over-capacity"),
            (b"\x02?@\r", "not-ready"),
            // Without a point nobody knows where it is.
            (b"\x0200251\r", "malformed 7"),
            (b"002.510\r", "malformed 8"),
            (b"\x0200\x02002.510\r", "malformed 3, 2.510 kg gross"),
            (b"\x02002.", "+5"),
        ],
    );
}

#[test]
fn an_nci_says_weight_unit_and_status_in_both_arrangements() {
    assert_says(
        ScaleProtocol::Nci,
        &[
            (b"\n  1.250kg\r\n00\r\x03", "1.250 kg"),
            (b"\n0012.34LB\r00\x03", "12.34 lb"),
            (b"\n  1.250kg\r\n0p4\r\x03", "1.250 kg net"),
            (b"\n  1.250kg\r\n0p0\r\x03", "1.250 kg gross"),
            (b"\n  0.000kg\r\n20\r\x03", "zero"),
            (b"\n  1.250kg\r\n10\r\x03", "moving"),
            (b"\n^^^^^^kg\r\n02\r\x03", "over-capacity"),
            (b"\n______kg\r\n01\r\x03", "under-zero"),
            (b"\n------kg\r\n00\r\x03", "zero-lost"),
            (b"\n -0.010kg\r\n00\r\x03", "under-zero"),
            (b"\n0p8\r\x03", "zero-lost"),
            (b"\n40\r\x03", "faulty"),
            (b"\n  1.250kg\r\n08\r\x03", "faulty"),
            (b"\n20\r\x03", "zero"),
            (b"\n00\r\x03", "not-ready"),
            (b"\n?\r\x03", "malformed 4"),
            (b"\n  1.250st\r\n00\r\x03", "malformed 16"),
            (b"\n  1.250kg\r\n0p\r\x03", "malformed 16"),
            (b"\n  1.250kg\r\n\x30\r\x03", "malformed 15"),
        ],
    );
}

#[test]
fn an_mt_sics_says_it_in_words() {
    assert_says(
        ScaleProtocol::MtSics,
        &[
            (b"S S     100.00 g\r\n", "100.00 g"),
            (b"S S      0.255 kg\r\n", "0.255 kg"),
            (b"S S       0.00 g\r\n", "zero"),
            (b"S S      -1.20 g\r\n", "under-zero"),
            (b"S D     100.03 g\r\n", "moving"),
            (b"S I\r\n", "not-ready"),
            (b"S +\r\n", "over-capacity"),
            (b"S -\r\n", "under-zero"),
            (b"ES\r\n", "malformed 4"),
            (b"I4 A \"0123456789\"\r\n", "malformed 19"),
            (b"S S     100.00 GN\r\n", "malformed 19"),
            (b"S S     1O0.00 g\r\n", "malformed 18"),
            (b"S S\r\nS S 1.5 lb\r\n", "malformed 5, 1.5 lb"),
        ],
    );
}

#[test]
fn an_answer_without_an_end_is_bounded_and_told() {
    let noise = [b'7'; 3 * ANSWER_BYTES_MAX];
    let mut reader = ScaleReader::new(ScaleProtocol::MtSics, WeightUnit::Gram);
    reader.feed(&noise, &mut |answer| panic!("{answer:?}"));
    assert!(reader.answer.len() <= ANSWER_BYTES_MAX);
    let mut said = Vec::new();
    reader.feed(b"\nS S 5 g\n", &mut |answer| said.push(shown(&answer)));
    assert_eq!(said, ["malformed 193", "5 g"]);
}
