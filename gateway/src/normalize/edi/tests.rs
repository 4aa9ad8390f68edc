use tillgate_record::document::DocumentKind;
use tillgate_record::{Document, Severity};

use super::*;
use crate::config::Config;
use crate::normalize::{Body, Candidate};

const ORDER: &str = include_str!("../../../../config/samples/850-clean.edi");
const INVOICE: &str = include_str!("../../../../config/samples/810-clean.edi");

fn config() -> Config {
    toml::from_str(
        r#"
        [gateway]
        org = "acme"
        store = "0042"
        id = "gw-1"
        data_dir = "/nonexistent"
        currency = "USD"
        [mqtt]
        url = "mqtt://localhost:1883"
        [edi]
        x12 = { qualifier = "ZZ", id = "ACME" }
        edifact = { qualifier = "14", id = "4012345000009" }
        [[partner]]
        id = "bigbox"
        x12 = { qualifier = "ZZ", id = "BIGBOX" }
        edifact = { qualifier = "14", id = "5412345000013" }
        "#,
    )
    .unwrap()
}

fn interpreted(input: &str) -> Interpretation {
    interpreted_with(&config(), input)
}

fn interpreted_with(config: &Config, input: &str) -> Interpretation {
    let context = Context {
        config,
        source: "bigbox",
        received_at: "2026-11-21T09:30:00Z".parse().unwrap(),
        control_number: Some(12),
    };
    interpret(input.as_bytes(), &context)
}

fn candidate(item: &Item) -> (&Document, &[Quality]) {
    let Item::Candidate(candidate) = item else {
        panic!("{item:?}");
    };
    let Candidate { body: Body::Document(document), quality } = candidate.as_ref() else {
        panic!("{candidate:?}");
    };
    (document, quality)
}

fn rejected(item: &Item) -> &[Quality] {
    let Item::Rejected(reasons) = item else {
        panic!("{item:?}");
    };
    assert!(reasons.iter().any(|reason| reason.severity == Severity::Error), "{reasons:?}");
    reasons
}

#[test]
fn an_order_that_breaks_the_partners_guide_is_rejected() {
    let mut config = config();
    let rule =
        r#"{ "at": "REF02", "with": { "element": "REF01", "is": ["DP"] }, "pattern": "9999" }"#;
    let text = format!(r#"{{ "name": "G", "standard": "x12", "set": "850", "rule": [{rule}] }}"#);
    let guide = Guide::new(serde_json::from_str(&text).unwrap()).unwrap();
    config.partners[0].loaded_guides.push(guide);
    let result = interpreted_with(&config, ORDER);
    let reasons = rejected(&result.items[0]);
    assert_eq!(reasons[0].rule, "guide-pattern");
    let reply = String::from_utf8_lossy(&result.replies[0].content).into_owned();
    assert!(reply.contains("~AK4*2*127*7*038~AK5*R*5~"), "{reply}");
    // Orders that keep it are taken, and invoices are none of its business.
    candidate(&interpreted_with(&config, &ORDER.replace("REF*DP*038", "REF*DP*0038")).items[0]);
    candidate(&interpreted_with(&config, INVOICE).items[0]);
}

#[test]
fn an_order_becomes_a_document_and_earns_a_997() {
    let result = interpreted(ORDER);
    assert_eq!(result.items.len(), 1);
    let (order, quality) = candidate(&result.items[0]);
    assert_eq!(quality, []);
    assert_eq!((order.kind, order.number.as_str()), (DocumentKind::Order, "PO-7001"));
    assert_eq!(order.date.unwrap().to_string(), "2026-11-21");
    assert_eq!(order.currency.as_deref(), Some("USD"));
    assert_eq!((order.sender.id.as_str(), order.receiver.id.as_str()), ("BIGBOX", "ACME"));
    let buyer = &order.parties[0];
    assert_eq!((buyer.role.as_str(), buyer.id_kind.as_deref()), ("buyer", Some("gln")));
    assert_eq!(order.parties[1].address, ["1 MAIN STREET", "DENVER", "CO", "80202", "US"]);
    let gtins: Vec<_> = order.lines.iter().map(|line| line.gtin.as_deref().unwrap()).collect();
    assert_eq!(gtins, ["00012345678905", "04006381333931", "10012345678902"]);
    assert_eq!(order.lines[0].amount.unwrap().to_string(), "51.00");
    assert_eq!(order.lines[0].description.as_deref(), Some("GREEN TEA 500ML"));
    assert_eq!(order.lines[1].adjustments[0].amount.to_string(), "-3.00");
    let place = |byte: u64| usize::try_from(byte).unwrap();
    let bytes = place(order.control.first_byte)..place(order.control.end_byte);
    assert!(ORDER[bytes.clone()].starts_with("ST*850") && ORDER[bytes].ends_with("*0001~"));
    let [reply] = result.replies.as_slice() else { panic!("{:?}", result.replies) };
    assert_eq!(reply.file_name, "997-000000012.edi");
    assert!(
        String::from_utf8_lossy(&reply.content)
            .contains("AK1*PO*101~AK2*850*0001~AK5*A~AK9*A*1*1*1~")
    );
}

#[test]
fn the_sums_of_an_invoice_hold_or_are_a_warning() {
    let (invoice, quality) = candidate(&interpreted(INVOICE).items[0]).into_owned();
    assert_eq!(quality, []);
    assert_eq!(invoice.kind, DocumentKind::Invoice);
    assert_eq!(invoice.total.unwrap().to_string(), "169.96");
    assert_eq!(invoice.purchase_order.as_deref(), Some("PO-7001"));
    let (_, quality) =
        candidate(&interpreted(&INVOICE.replace("TDS*16996", "TDS*17996")).items[0]).into_owned();
    assert_eq!(quality[0].rule, "total");
    assert_eq!(quality[0].expected.as_deref(), Some("169.96"));
    let credit = INVOICE.replace("***DI~", "***CN~");
    assert_eq!(candidate(&interpreted(&credit).items[0]).0.kind, DocumentKind::CreditNote);
}

trait IntoOwned {
    fn into_owned(self) -> (Document, Vec<Quality>);
}
impl IntoOwned for (&Document, &[Quality]) {
    fn into_owned(self) -> (Document, Vec<Quality>) {
        (self.0.clone(), self.1.to_vec())
    }
}

#[test]
fn a_fault_rejects_its_set_and_says_where() {
    let two = ORDER.replace(
        "GE*1*101~",
        "ST*850*0002~BEG*00*SA*PO-7002**20261121~PO1*1*1*EA*1~PO1*2*2*EA*1,50~CTT*2~SE*6*0002~GE*2*101~",
    );
    let result = interpreted(&two);
    assert_eq!(result.items.len(), 2);
    candidate(&result.items[0]);
    let reasons = rejected(&result.items[1]);
    assert_eq!(reasons[0].rule, "element-character");
    let byte = two.find("1,50").unwrap();
    assert_eq!(reasons[0].path, format!("PO1[2]/PO104 (segment 4, byte {byte})"));
    assert!(String::from_utf8_lossy(&result.replies[0].content).contains("AK9*P*2*2*1~"));
}

#[test]
fn a_stranger_as_sender_or_receiver_is_refused() {
    for (party, rule) in
        [("BIGBOX         ", "unknown-sender"), ("ACME           ", "unknown-receiver")]
    {
        let result = interpreted(&ORDER.replace(party, "SOMEONE ELSE   "));
        assert!(rejected(&result.items[0]).iter().any(|reason| reason.rule == rule), "{rule}");
        assert_eq!(result.replies[0].file_name, "ta1-000000012.edi");
    }
}

#[test]
fn a_test_interchange_is_marked() {
    let test = ORDER.replace("*0*P*>", "*0*T*>");
    let (document, quality) = candidate(&interpreted(&test).items[0]).into_owned();
    assert!(document.test);
    assert_eq!(quality[0].rule, "test-interchange");
}

#[test]
fn what_is_not_for_us_is_kept_with_a_reason() {
    for input in ["", "hello", "UNB+UNOC:3+A+B+261121:0900+1'", "ISA*00*", &ORDER[..300]] {
        let result = interpreted(input);
        assert_eq!(result.items.len(), 1, "{input}");
        rejected(&result.items[0]);
    }
    let claim = ORDER.replace("ST*850*", "ST*837*").replace("GS*PO", "GS*HC");
    let result = interpreted(&claim);
    assert_eq!(rejected(&result.items[0])[0].rule, "set-unsupported");
    assert!(String::from_utf8_lossy(&result.replies[0].content).contains("AK5*R*1~"));
}

const EDIFACT: &str = "UNB+UNOC:3+5412345000013:14+4012345000009:14+261121:0900+R1++++1'\
    UNH+1+ORDERS:D:96A:UN:EAN008'BGM+220+4711+9'DTM+137:20261121:102'UNS+S'UNT+5+1'UNZ+1+R1'";

#[test]
fn edifact_is_answered_and_makes_no_record_yet() {
    let result = interpreted(EDIFACT);
    assert_eq!(result.items.len(), 1);
    let reasons = rejected(&result.items[0]);
    assert!(reasons.iter().any(|reason| reason.rule == "document-unsupported"), "{reasons:?}");
    let [reply] = result.replies.as_slice() else { panic!("{:?}", result.replies) };
    assert_eq!(reply.content_type, "application/EDIFACT");
    assert_eq!(reply.file_name, "contrl-000000012.edi");
    let text = String::from_utf8_lossy(&reply.content);
    assert!(text.contains("UCI+R1+5412345000013:14+4012345000009:14+7'"), "{text}");
}

#[test]
fn the_parties_of_edifact_are_compared_with_the_configuration() {
    for (one, other, rule, code) in [
        ("+5412345000013:14", "+5412345000020:14", "unknown-sender", "+4+23+UNB+3'"),
        ("+4012345000009:14", "+4012345000016:14", "unknown-receiver", "+4+7+UNB+4'"),
    ] {
        let result = interpreted(&EDIFACT.replace(one, other));
        let reasons = rejected(&result.items[0]);
        assert!(reasons.iter().any(|reason| reason.rule == rule), "{reasons:?}");
        let text = String::from_utf8_lossy(&result.replies[0].content).into_owned();
        assert!(text.contains(code), "{text}");
    }
}

#[test]
fn a_contrl_to_us_is_noted_and_never_answered() {
    let report = EDIFACT
        .replace("ORDERS:D:96A:UN:EAN008", "CONTRL:D:3:UN")
        .replace("BGM+220+4711+9'", "UCI+77+4012345000009:14+5412345000013:14+7'")
        .replace("UNS+S'UNT+5", "UNT+4")
        .replace("DTM+137:20261121:102'", "UCM+3+INVOIC:D:96A:UN+4+29+UNT+2'");
    let result = interpreted(&report);
    let [Item::Noted(quality)] = result.items.as_slice() else { panic!("{:?}", result.items) };
    assert_eq!(quality.len(), 1);
    assert_eq!(quality[0].rule, "partner-refused-message");
    assert!(result.replies.is_empty());
}

#[test]
fn answers_to_us_are_noted_and_never_answered() {
    let head = &ORDER[..106];
    let functional = format!(
        "{head}GS*FA*BIGBOX*ACME*20261121*0915*9*X*004010~ST*997*0001~AK1*IN*77~AK9*R*1*1*0~SE*4*0001~GE*1*9~IEA*1*000000101~"
    );
    let interchange = format!("{head}TA1*000000055*261120*0900*R*022~IEA*0*000000101~");
    for (input, rule) in
        [(functional, "partner-refused-group"), (interchange, "partner-refused-interchange")]
    {
        let result = interpreted(&input);
        let [Item::Noted(quality)] = result.items.as_slice() else { panic!("{:?}", result.items) };
        assert_eq!(quality[0].rule, rule);
        assert!(result.replies.is_empty());
    }
}

#[test]
fn a_partner_that_wants_the_999_gets_it() {
    let mut config = config();
    config.partners[0].acknowledge = Acknowledge::Implementation;
    let context = Context {
        config: &config,
        source: "bigbox",
        received_at: "2026-11-21T09:30:00Z".parse().unwrap(),
        control_number: Some(12),
    };
    let reply = &interpret(ORDER.as_bytes(), &context).replies[0];
    assert_eq!(reply.file_name, "999-000000012.edi");
    assert!(String::from_utf8_lossy(&reply.content).contains("~ST*999*0001~"));
    assert_eq!(interpreted(ORDER).replies[0].file_name, "997-000000012.edi");
}

#[test]
fn a_wrong_check_digit_is_no_gtin() {
    let wrong = ORDER.replace("012345678905", "012345678906");
    let (document, quality) = candidate(&interpreted(&wrong).items[0]).into_owned();
    assert_eq!(document.lines[0].gtin, None);
    assert_eq!(quality[0].rule, "gtin-check-digit");
    assert_eq!(document.lines[0].item_ids[0], ("upc".to_owned(), "012345678906".to_owned()));
}

#[test]
fn reading_again_gives_the_same() {
    let (one, other) = (interpreted(INVOICE), interpreted(INVOICE));
    assert_eq!(format!("{one:?}"), format!("{other:?}"));
}
