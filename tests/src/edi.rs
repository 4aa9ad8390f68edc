//! Sample X12 documents of the partner `BIGBOX` to `ACME`.

/// What a document's envelope says.
#[derive(Debug, Clone, Copy)]
pub struct Envelope {
    /// ISA13 and GS06.
    pub control: u32,
    /// ISA06 and GS02.
    pub sender: &'static str,
    /// ISA08 and GS03.
    pub receiver: &'static str,
}

impl Envelope {
    /// From the partner to us.
    #[must_use]
    pub fn numbered(control: u32) -> Self {
        Self { control, sender: "BIGBOX", receiver: "ACME" }
    }

    /// An interchange with one group of one kind of document. `functional` is GS01.
    #[must_use]
    pub fn wrap(self, functional: &str, documents: &[String]) -> String {
        let Self { control, sender, receiver } = self;
        format!(
            "ISA*00*          *00*          *ZZ*{sender:<15}*ZZ*{receiver:<15}*261121*1803*U*00401*{control:09}*0*P*>~\n\
             GS*{functional}*{sender}*{receiver}*20261121*1803*{control}*X*004010~\n\
             {}GE*{}*{control}~\nIEA*1*{control:09}~\n",
            documents.concat(),
            documents.len(),
        )
    }
}

/// A purchase order.
#[must_use]
pub fn order(set: u32, number: &str) -> String {
    transaction(
        "850",
        set,
        &[
            &format!("BEG*00*SA*{number}**20261121"),
            "REF*DP*038",
            "N1*BY*BIGBOX STORES*92*0042",
            "N1*ST*BIGBOX STORE 42*92*0042",
            "N3*123 MAIN STREET",
            "N4*SEATTLE*WA*98101*US",
            "PO1*1*10*EA*12.50**UP*012345678905*VN*AB-1",
            "PID*F****GREEN TEA 500ML",
            "PO1*2*4*CA*99.00**UP*036000291452",
            "CTT*2",
        ],
    )
}

/// An invoice for an order.
#[must_use]
pub fn invoice(set: u32, number: &str, order: &str) -> String {
    transaction(
        "810",
        set,
        &[
            &format!("BIG*20261121*{number}*20261120*{order}"),
            "N1*SE*BIGBOX STORES*92*0042",
            "N1*BT*ACME*92*0001",
            "IT1*1*10*EA*12.50**UP*012345678905",
            "PID*F****GREEN TEA 500ML",
            "TDS*12500",
            "CTT*1",
        ],
    )
}

/// An interchange with one order.
#[must_use]
pub fn order_interchange(control: u32, number: &str) -> String {
    Envelope::numbered(control).wrap("PO", &[order(1, number)])
}

/// An interchange with one invoice.
#[must_use]
pub fn invoice_interchange(control: u32, number: &str, order: &str) -> String {
    Envelope::numbered(control).wrap("IN", &[invoice(1, number, order)])
}

/// A transaction set with these segments between ST and SE.
#[must_use]
pub fn transaction(kind: &str, set: u32, segments: &[&str]) -> String {
    let body: String = segments.iter().map(|segment| format!("{segment}~\n")).collect();
    format!("ST*{kind}*{set:04}~\n{body}SE*{}*{set:04}~\n", segments.len() + 2)
}

/// The elements of the first segment with this tag.
///
/// # Panics
///
/// When there is none.
#[must_use]
#[track_caller]
pub fn segment(interchange: &str, tag: &str) -> Vec<String> {
    interchange
        .split('~')
        .map(str::trim)
        .map(|segment| segment.split('*').map(str::to_owned).collect::<Vec<_>>())
        .find(|elements| elements[0] == tag)
        .unwrap_or_else(|| panic!("no {tag} in:\n{interchange}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_has_its_fixed_length() {
        let interchange = order_interchange(7, "PO-1");
        assert_eq!(interchange.find('~'), Some(105), "ISA is 106 bytes long with its terminator");
        assert_eq!(segment(&interchange, "SE")[1], "12");
    }
}
