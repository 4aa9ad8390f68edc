//! What must be true of a sale that could be read. Errors keep it from becoming a record; warnings travel with it.

use jiff::civil::Date;
use jiff::fmt::temporal::Pieces;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan};
use rust_decimal::Decimal;
use tillgate_parsers::barcode::{GtinProblem, gtin_14};
use tillgate_record::sale::{Line, OffsetTime, Tender};
use tillgate_record::{Amount, Sale};

use super::findings::{Findings, compared, error, warning};
use super::{card_traces, currency, sums};
use crate::normalize::Context;

/// No till takes a (short-scale) trillion. Below it no sum or product of a sale can overflow.
const AMOUNT_MAX: Decimal = Decimal::from_parts(3_567_587_328, 232, 0, false, 0);
/// How far a terminal's clock may be ahead of ours.
const CLOCK_AHEAD_MAX: SignedDuration = SignedDuration::from_mins(10);
/// Shortest and longest card number (ISO/IEC 7812-1).
const PAN_LENGTH: std::ops::RangeInclusive<usize> = 12..=19;
/// Means of payment that give no cash back.
const WITHOUT_CHANGE: [&str; 4] = ["card", "mobile", "account", "transfer"];

/// Applies all rules; pads GTINs and numbers lines.
pub(super) fn examine(sale: &mut Sale, context: &Context<'_>, findings: &mut Findings) {
    card_traces::report(sale, findings);
    origin(sale, context, findings);
    match currency::exponent(&sale.currency) {
        Some(exponent) => amounts(sale, exponent, findings),
        None => findings.add(compared(
            error("currency", "/currency".to_owned(), "the currency is no ISO 4217 code"),
            "three capital letters",
            &sale.currency,
        )),
    }
    if findings.has_error() {
        return;
    }
    if sale.currency != context.config.gateway.currency {
        findings.add(compared(
            warning(
                "foreign-currency",
                "/currency".to_owned(),
                "the sale is in another currency than the store's",
            ),
            &context.config.gateway.currency,
            &sale.currency,
        ));
    }
    times(sale, context, findings);
    number_lines(&mut sale.lines, findings);
    for (index, line) in sale.lines.iter_mut().enumerate() {
        trade_item(line, index, findings);
    }
    for (index, tender) in sale.tenders.iter().enumerate() {
        examine_tender(tender, index, findings);
    }
    let exponent = currency::exponent(&sale.currency).unwrap_or(2);
    sums::examine(sale, exponent, findings);
}

/// A terminal speaks for itself and its store only.
fn origin(sale: &Sale, context: &Context<'_>, findings: &mut Findings) {
    let gateway = &context.config.gateway;
    if sale.store != gateway.store {
        findings.add(compared(
            error(
                "foreign-store",
                "/store".to_owned(),
                "the sale belongs to another store: check the terminal's store number",
            ),
            &gateway.store,
            &sale.store,
        ));
    }
    if context.source != sale.terminal {
        findings.add(compared(
            error(
                "foreign-terminal",
                "/terminal".to_owned(),
                "the sale names another terminal than the one whose token was used: check the terminal's number and token",
            ),
            context.source,
            &sale.terminal,
        ));
    }
}

/// Range and decimals of everything that is computed with. Money has the decimals of its currency; unit prices may
/// have more (EN 16931 BT-146), and so may quantities and rates.
fn amounts(sale: &Sale, exponent: u32, findings: &mut Findings) {
    let mut look = |amount: Option<Amount>, money: bool, path: &dyn Fn() -> String| {
        let Some(amount) = amount else { return };
        if amount.0.abs() >= AMOUNT_MAX {
            let message = "no till takes so much: check the terminal's number format";
            let finding = error("amount-range", path(), message);
            findings.add(compared(finding, format!("below {AMOUNT_MAX}"), amount));
        } else if money && amount.significant_scale() > exponent {
            let message = format!(
                "{} has {exponent} decimals: round at the terminal, where the rule is known",
                sale.currency
            );
            let finding = error("amount-decimals", path(), message);
            findings.add(compared(finding, format!("at most {exponent} decimals"), amount));
        }
    };
    for (index, line) in sale.lines.iter().enumerate() {
        look(Some(line.amount), true, &|| format!("/lines/{index}/amount"));
        look(Some(line.quantity), false, &|| format!("/lines/{index}/quantity"));
        look(line.unit_price, false, &|| format!("/lines/{index}/unit_price"));
        for (place, discount) in line.discounts.iter().enumerate() {
            let path = || format!("/lines/{index}/discounts/{place}/amount");
            look(Some(discount.amount), true, &path);
        }
        for (place, tax) in line.taxes.iter().enumerate() {
            look(Some(tax.amount), true, &|| format!("/lines/{index}/taxes/{place}/amount"));
            look(tax.rate, false, &|| format!("/lines/{index}/taxes/{place}/rate"));
        }
    }
    for (index, tender) in sale.tenders.iter().enumerate() {
        look(Some(tender.amount), true, &|| format!("/tenders/{index}/amount"));
        look(tender.change, true, &|| format!("/tenders/{index}/change"));
    }
    look(Some(sale.totals.gross), true, &|| "/totals/gross".to_owned());
    look(sale.totals.net, true, &|| "/totals/net".to_owned());
    look(sale.totals.tax, true, &|| "/totals/tax".to_owned());
}

fn times(sale: &Sale, context: &Context<'_>, findings: &mut Findings) {
    let (started, ended) = (sale.started_at.as_ref(), sale.ended_at.as_ref());
    if let (Some(started), Some(ended)) =
        (started.and_then(OffsetTime::timestamp), ended.and_then(OffsetTime::timestamp))
        && ended < started
    {
        findings.add(compared(
            warning("times", "/ended_at".to_owned(), "the sale ends before it starts"),
            format!("{started} or later"),
            ended,
        ));
    }
    if let Some(ended) = ended.and_then(OffsetTime::timestamp)
        && ended.duration_since(context.received_at) > CLOCK_AHEAD_MAX
    {
        let message = "the sale ends in the future: check the terminal's clock and time zone";
        findings.add(compared(
            warning("clock-ahead", "/ended_at".to_owned(), message),
            format!("{} or earlier", context.received_at),
            ended,
        ));
    }
    business_date(sale, context, findings);
}

/// A trading day may end after midnight, so a day's difference is normal.
fn business_date(sale: &Sale, context: &Context<'_>, findings: &mut Findings) {
    let local = sale.ended_at.as_ref().or(sale.started_at.as_ref()).and_then(local_date);
    let (rule, day, far) = if let Some(day) = local {
        ("business-date", day, days_between(day, sale.business_date).abs() > 1)
    } else {
        // Without a time of its own the sale may be old, after days without network; but not of tomorrow's tomorrow.
        let zone = context.config.gateway.time_zone().unwrap_or(TimeZone::UTC);
        let day = zone.to_datetime(context.received_at).date();
        ("business-date-future", day, days_between(day, sale.business_date) > 1)
    };
    if far {
        findings.add(compared(
            warning(
                rule,
                "/business_date".to_owned(),
                "the business date is more than a day away from the sale: check the terminal's clock and day change",
            ),
            format!("{day} or a day beside it"),
            sale.business_date,
        ));
    }
}

fn local_date(time: &OffsetTime) -> Option<Date> {
    Pieces::parse(time.as_str()).ok().map(|pieces| pieces.date())
}

/// Days from one date to another, as far as they matter here.
fn days_between(from: Date, to: Date) -> i32 {
    let within_a_day = [
        (from.checked_sub(1.day()).ok(), -1),
        (Some(from), 0),
        (from.checked_add(1.day()).ok(), 1),
    ];
    match within_a_day.into_iter().find(|(day, _)| *day == Some(to)) {
        Some((_, days)) => days,
        None if to < from => -2,
        None => 2,
    }
}

/// A line without number gets its position.
fn number_lines(lines: &mut [Line], findings: &mut Findings) {
    let mut previous = 0;
    for (index, line) in lines.iter_mut().enumerate() {
        let position = u32::try_from(index + 1).unwrap_or(u32::MAX);
        let number = *line.number.get_or_insert(position);
        if number <= previous {
            findings.add(compared(
                warning(
                    "line-number",
                    format!("/lines/{index}/number"),
                    "line numbers must rise, or a correction cannot say which line it means",
                ),
                format!("above {previous}"),
                number,
            ));
        }
        previous = number;
    }
}

fn trade_item(line: &mut Line, index: usize, findings: &mut Findings) {
    let Some(sent) = line.gtin.take() else { return };
    let path = || format!("/lines/{index}/gtin");
    match gtin_14(&sent) {
        Ok(gtin) => line.gtin = Some(gtin),
        Err(GtinProblem::CheckDigit { expected: right }) => {
            let message =
                "the check digit is wrong: the number was mistyped or misread; it is kept as sent";
            let expected = format!("{}{right}", &sent[..sent.len() - 1]);
            findings.add(compared(warning("gtin-check-digit", path(), message), expected, &sent));
            line.gtin = Some(format!("{sent:0>14}"));
        }
        Err(GtinProblem::Form) if line.sku.is_none() => {
            let message = "this is no GTIN; it was moved to sku, where the store's own article numbers belong";
            findings.add(compared(
                warning("gtin-form", path(), message),
                "8, 12, 13 or 14 digits",
                &sent,
            ));
            line.sku = Some(sent);
        }
        Err(GtinProblem::Form) => findings.add(compared(
            warning("gtin-form", path(), "this is no GTIN; it was left out of the record"),
            "8, 12, 13 or 14 digits",
            &sent,
        )),
    }
}

fn examine_tender(tender: &Tender, index: usize, findings: &mut Findings) {
    if let Some(masked) = &tender.masked_pan
        && !is_masked_pan(masked)
    {
        // What is there is not repeated: it may be a card number in a notation that nobody foresaw.
        findings.add(warning(
            "masked-pan",
            format!("/tenders/{index}/masked_pan"),
            "expected the first six digits, stars and the last four digits of the card number",
        ));
    }
    let gives_change = tender.change.is_some_and(|change| change > Amount::ZERO);
    if gives_change && WITHOUT_CHANGE.contains(&tender.kind.as_str()) {
        findings.add(compared(
            warning(
                "change-tender",
                format!("/tenders/{index}/change"),
                "only cash and vouchers give change",
            ),
            "0",
            tender.change.unwrap_or_default(),
        ));
    }
}

/// First six and last four at most (PCI DSS 4.0 requirement 3.4.1).
fn is_masked_pan(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first_chunk::<6>(), bytes.last_chunk::<4>()) else {
        return false;
    };
    PAN_LENGTH.contains(&bytes.len())
        && first.iter().chain(last).all(u8::is_ascii_digit)
        && bytes.iter().skip(6).take(bytes.len() - 10).all(|byte| *byte == b'*')
}
