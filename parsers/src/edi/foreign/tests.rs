//! Every kind of file that has a name, and what must not get one.

use super::*;
use Standard::{Edifact, Tradacoms, X12};

#[track_caller]
fn named(head: &[u8]) -> (Option<Standard>, String, &'static str) {
    match recognise(head) {
        Recognised::Other(foreign) => (foreign.standard, foreign.name.into_owned(), foreign.advice),
        other => panic!("{other:?} for {}", head.escape_ascii()),
    }
}

#[track_caller]
fn assert_named(head: &[u8], name: &str, advice: &str) {
    assert_eq!(named(head), (None, name.to_owned(), advice), "{}", head.escape_ascii());
}

#[test]
fn documents_and_images() {
    assert_named(b"%PDF-1.7\n", "a PDF document", ASK);
    assert_named(b"%!PS-Adobe-3.0\n", "a PostScript document", ASK);
    assert_named(b"{\\rtf1\\ansi", "an RTF document", ASK);
    assert_named(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", "an Office document of the old format", ASK);
    let office =
        b"PK\x03\x04\x14\0\x06\0\x08\0\0\0!\0aaaaaaaaaaaa\x13\0\x08\x02[Content_Types].xml \xA2";
    assert_named(office, "an Office document", ASK);
    assert_named(b"\x89PNG\r\n\x1A\n\0\0\0\rIHDR", "a PNG image", ASK);
    assert_named(b"\xFF\xD8\xFF\xE0\0\x10JFIF", "a JPEG image", ASK);
    assert_named(b"GIF89a\x01\0", "a GIF image", ASK);
    assert_named(b"GIF87a\x01\0", "a GIF image", ASK);
    assert_named(b"II*\0\x08\0\0\0", "a TIFF image", ASK);
    assert_named(b"MM\0*\0\0\0\x08", "a TIFF image", ASK);
    assert_named(b"BM\x36\x84\x03\0\0\0\0\0\x36\0", "a BMP image", ASK);
    assert_named(b"RIFF\x24\0\0\0WEBPVP8 ", "a WebP image", ASK);
    assert_named(b"SQLite format 3\0\x10\0", "an SQLite database", ASK);
}

#[test]
fn compressed_files_and_archives() {
    assert_named(b"\x1F\x8B\x08\0", "a gzip file", DECOMPRESS);
    assert_named(b"\x1F\x9D\x90I", "a compress (.Z) file", DECOMPRESS);
    assert_named(b"\x28\xB5\x2F\xFD\x24", "a zstd file", DECOMPRESS);
    assert_named(b"\x04\x22\x4D\x18\x64", "an LZ4 file", DECOMPRESS);
    assert_named(b"\xFD7zXZ\0\0\x04", "an xz file", DECOMPRESS);
    assert_named(b"BZh91AY&SY", "a bzip2 file", DECOMPRESS);
    assert_named(b"7z\xBC\xAF\x27\x1C\0\x04", "a 7z archive", UNPACK);
    assert_named(b"PK\x03\x04\x14\0\0\0\x08\0order.edi", "a ZIP archive", UNPACK);
    assert_named(b"PK\x05\x06\0\0\0\0", "an empty ZIP archive", ASK);
    assert_named(b"Rar!\x1A\x07\x01\0", "a RAR archive", UNPACK);
    assert_named(b"MSCF\0\0\0\0\x10", "a CAB archive", UNPACK);
    let mut tar = vec![0; 512];
    tar[..9].copy_from_slice(b"order.edi");
    tar[257..262].copy_from_slice(b"ustar");
    assert_named(&tar, "a tar archive", UNPACK);
}

fn widened(text: &str, mark: bool, unit: impl Fn(u16) -> Vec<u8>) -> Vec<u8> {
    let mark = mark.then_some('\u{FEFF}');
    mark.into_iter().chain(text.chars()).flat_map(|c| unit(c as u16)).collect()
}

#[test]
fn wide_characters_in_each_byte_order_with_and_without_edi() {
    type Unit = fn(u16) -> Vec<u8>;
    let forms: [(&str, Unit); 4] = [
        ("UTF-16, little-endian", |unit| unit.to_le_bytes().to_vec()),
        ("UTF-16, big-endian", |unit| unit.to_be_bytes().to_vec()),
        ("UTF-32, little-endian", |unit| u32::from(unit).to_le_bytes().to_vec()),
        ("UTF-32, big-endian", |unit| u32::from(unit).to_be_bytes().to_vec()),
    ];
    for (form, unit) in forms {
        for (text, name) in [
            ("ISA*00*          *00*", "X12"),
            ("UNA:+.? 'UNB+UNOC:3+A+B", "EDIFACT"),
            ("UNB+UNOC:3+A+B", "EDIFACT"),
            ("STX=ANA:1+5000000000000", "TRADACOMS"),
        ] {
            for mark in [true, false] {
                let expected = format!("{name} in {form}");
                assert_named(&widened(text, mark, unit), &expected, CONVERT_UTF_8);
            }
        }
        let plain = widened("Dear all, \u{20AC} 5", true, unit);
        assert_named(&plain, &format!("text in {form}"), CONVERT_UTF_8);
    }
}

#[test]
fn ebcdic() {
    assert_named(b"\xC9\xE2\xC1\x5C\xF0\xF0\x5C", "X12 in EBCDIC", CONVERT_EBCDIC);
    assert_named(b"\xE4\xD5\xC1\x7A\x4E\x4B", "EDIFACT in EBCDIC", CONVERT_EBCDIC);
    assert_named(b"\xE4\xD5\xC2\x4E\xE4\xD5", "EDIFACT in EBCDIC", CONVERT_EBCDIC);
    assert_named(b"\xE2\xE3\xE7\x7E\xC1\xD5", "TRADACOMS in EBCDIC", CONVERT_EBCDIC);
    // HELLO 01, over and over.
    let text = b"\xC8\xC5\xD3\xD3\xD6\x40\xF0\xF1".repeat(10);
    assert_named(&text, "text in EBCDIC", CONVERT_EBCDIC);
}

#[test]
fn other_standards() {
    assert_named(b"MSH|^~\\&|LAB|", "an HL7 message", OTHER_STANDARD);
    assert_named(b"FHS|^~\\&|", "an HL7 message", OTHER_STANDARD);
    assert_named(b"\x0BMSH|^~\\&|", "an HL7 message in its transport frame", OTHER_STANDARD);
    assert_named(
        b"DXS*9876543210*DX*004010UCS",
        "DEX/UCS (894), direct store delivery",
        OTHER_STANDARD,
    );
    assert_named(b"EDI_DC40  1000000000", "an SAP IDoc", OTHER_STANDARD);
    let idoc = b"<?xml version=\"1.0\"?><ORDERS05><IDOC BEGIN=\"1\"><EDI_DC40 SEGMENT=\"1\">";
    assert_named(idoc, "an SAP IDoc in XML", OTHER_STANDARD);
    assert_named(b"{1:F01BANKDEFFAXXX0000000000}", "a SWIFT message", OTHER_STANDARD);
    let record = |kind: &str| format!("{kind:<128}");
    for end in ["", "\n", "\r\n"] {
        let vda = [record("5110112345"), record("5120112345")].join(end);
        assert_named(vda.as_bytes(), "a VDA message (records of fixed width)", OTHER_STANDARD);
    }
}

#[test]
fn markup_and_json() {
    assert_named(b"<?xml version=\"1.0\"?><Invoice/>", "an XML document", ASK);
    assert_named(b"\xEF\xBB\xBF<Order>", "an XML document", ASK);
    assert_named(b"<!DOCTYPE html>", "an HTML page", ASK);
    assert_named(b"\n<HTML><head>", "an HTML page", ASK);
    assert_named(b"{ \"order\": 1 }", "JSON", AS_JSON);
    assert_named(b"[\n  {\"order\": 1}]", "JSON", AS_JSON);
}

#[test]
fn messages_and_signatures() {
    assert_named(b"-----BEGIN PGP MESSAGE-----\n\nhQEM", "a PGP message or key", DECRYPT);
    assert_named(b"-----BEGIN PKCS7-----\nMII", "a CMS (PKCS#7) message in PEM", DECRYPT);
    assert_named(
        b"-----BEGIN CERTIFICATE-----\nMII",
        "a certificate",
        "give it to whoever keeps your partners' certificates",
    );
    assert_named(b"-----BEGIN RSA PRIVATE KEY-----", "a PEM file", ASK);
    let der = |kind: u8| {
        [&b"0\x82\x05\x10\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x07"[..], &[kind, 0xA0]].concat()
    };
    assert_named(&der(2), "a signed CMS (PKCS#7, S/MIME) message", UNWRAP);
    assert_named(&der(3), "an encrypted CMS (PKCS#7, S/MIME) message", DECRYPT);
    assert_named(&der(1), "a CMS (PKCS#7, S/MIME) message", UNWRAP);
    assert_named(
        b"MIAGCSqGSIb3DQEHA6CAMIACAQAxggG",
        "a CMS (PKCS#7, S/MIME) message in base64",
        DECRYPT,
    );
    let edi = b"Content-Type: application/edi-x12\r\n\r\nISA*00*";
    assert_named(edi, "a mail or MIME message with its headers", UNWRAP);
    let mail = b"From: a@example.com\r\nTo: b@example.com\r\nSubject: order\r\n\r\nISA*00*";
    assert_named(mail, "a mail or MIME message with its headers", UNWRAP);
    let enveloped =
        b"Content-Type: application/pkcs7-mime;\r\n smime-type=enveloped-data\r\n\r\nMII";
    assert_named(enveloped, "an encrypted S/MIME message", DECRYPT);
    let signed =
        b"Content-Type: multipart/signed;\r\n protocol=\"application/pkcs7-signature\"\r\n\r\n";
    assert_named(signed, "a signed or encrypted S/MIME message", UNWRAP);
    let as2 = b"AS2-Version: 1.2\r\nAS2-From: A\r\nContent-Type: application/edifact\r\n\r\nUNB+";
    assert_named(as2, "an AS2 message with its headers", UNWRAP);
    let parts = b"------=_Part_1\r\nContent-Type: application/edi-x12\r\n\r\nISA*00*";
    assert_named(parts, "a MIME message of several parts, without its headers", UNWRAP);
    let http = b"POST /as2 HTTP/1.1\r\nHost: example.com\r\n\r\nISA*00*";
    assert_named(http, "an HTTP message with its headers", UNWRAP);
    let receipt = b"Content-Type: multipart/report; report-type=disposition-notification; boundary=\"b\"\r\n\r\n";
    let advice = "nothing to do: it says that a message of yours arrived";
    assert_named(receipt, "a receipt (MDN) of AS2 or mail", advice);
}

#[test]
fn pieces_of_interchanges() {
    for (head, standard, word, advice) in [
        (&b"ST*850*0001~"[..], X12, "transaction set", ENVELOPE),
        (b"GS*PO*A*B*", X12, "functional group", ENVELOPE),
        (b"TA1*000000001*", X12, "TA1", ENVELOPE),
        (b"SE*5*0001~", X12, "the end", BEGINNING),
        (b"GE*1*1~", X12, "the end", BEGINNING),
        (b"IEA*1*000000001~", X12, "the end", BEGINNING),
        (b"UNH+1+ORDERS:D:96A:UN'", Edifact, "UNB", ENVELOPE),
        (b"UNG+ORDERS+A+B+", Edifact, "UNB", ENVELOPE),
        (b"UNT+5+1'", Edifact, "the end", BEGINNING),
        (b"UNZ+1+1'", Edifact, "the end", BEGINNING),
        (b"UIB+UNOA:4", Edifact, "UIB", "ask the sender for batch EDIFACT, with UNB"),
        (b"UIH+REQ:1", Edifact, "UIH", "ask the sender for batch EDIFACT, with UNB"),
        (b"MHD=1+ORDHDR:9'", Tradacoms, "STX", ENVELOPE),
        (b"BAT=1'", Tradacoms, "STX", ENVELOPE),
        (b"END=4'", Tradacoms, "the end", BEGINNING),
        (b"ISA 00 ", X12, "blanks", ASK),
    ] {
        let found = named(head);
        assert_eq!((found.0, found.2), (Some(standard), advice), "{}", head.escape_ascii());
        assert!(found.1.contains(word), "{found:?}");
    }
}

#[test]
fn damaged_and_coded_edi() {
    assert_named(b"isa*00*", "X12 in lower case", ASK);
    assert_named(
        b"\"ISA*00*",
        "X12 within quotation marks",
        "export it as plain text, without quotation marks",
    );
    assert_named(
        b"\"UNB+UNOC",
        "EDIFACT within quotation marks",
        "export it as plain text, without quotation marks",
    );
    assert_named(b"SVNBKjAwKi", "X12 in base64", DECODE);
    assert_named(b"VU5CK1VOT0M6Mw", "EDIFACT in base64", DECODE);
    assert_named(b"VU5BOisuPyAn", "EDIFACT in base64", DECODE);
    assert_named(b"U1RYPUFOQTox", "TRADACOMS in base64", DECODE);
    assert_named(&[0; 40], "a file of zero bytes", AGAIN);
}

#[test]
fn programs() {
    assert_named(b"\x7FELF\x02\x01\x01", "a program (ELF)", PROGRAM);
    assert_named(b"\xCF\xFA\xED\xFE\x07", "a program (Mach-O)", PROGRAM);
    assert_named(b"MZ\x90\0\x03\0\0\0", "a program (Windows)", PROGRAM);
    assert_named(b"#!/bin/sh\n", "a script", PROGRAM);
}

#[test]
fn tables_and_what_is_none() {
    assert_named(b"sku,count\n1,2\n3,4\n", "a table of values between commas (CSV)", ASK);
    assert_named(
        b"sku;count;a,b\n1;2;3\n3;4;5\n6;",
        "a table of values between semicolons (CSV)",
        ASK,
    );
    assert_named(b"sku\tcount\n1\t2\n3\t4\n", "a table of values between tabs (CSV)", ASK);
    for head in [
        &b"Dear all,\nplease find it, as said,\nbelow\nYours"[..],
        b"hello",
        b"MZ and other letters",
        b"Order: 7 pieces\nof bread\n",
        b"BM is a name, not an image",
        b"[sic]",
        b"<3",
        b"51101 boxes",
        b"0 rows",
    ] {
        assert_eq!(recognise(head), Recognised::Unknown, "{}", head.escape_ascii());
    }
}
