//! The arithmetic of a receipt. A difference is a warning: the terminal's figures are what the customer paid, so
//! they stand, and the difference is shown.
//!
//! One minor unit of rounding is allowed for each tax, never a percentage (EN 16931 BR-CO-10 to BR-CO-17).

use rust_decimal::Decimal;
use tillgate_record::sale::{Line, Tax};
use tillgate_record::{Amount, Sale, SaleKind};

use super::currency::minor_unit;
use super::findings::{Findings, compared, warning};

/// Compares lines, totals and tenders with each other.
pub(super) fn examine(sale: &Sale, exponent: u32, findings: &mut Findings) {
    let unit = minor_unit(exponent);
    for (index, line) in sale.lines.iter().enumerate().filter(|(_, line)| !line.voided) {
        signs(line, index, findings);
        line_amount(line, index, exponent, findings);
        line_tax(line, index, unit, findings);
    }
    sale_sign(sale, findings);
    // A sale that was cancelled, put aside or never was has no sums that must agree.
    if matches!(sale.kind, SaleKind::Sale | SaleKind::Return | SaleKind::PostVoid) {
        lines_and_gross(sale, unit, findings);
        taxes_and_total(sale, unit, findings);
        tenders_and_gross(sale, findings);
    }
    net_and_tax(sale, findings);
}

fn signs(line: &Line, index: usize, findings: &mut Findings) {
    let (quantity, amount) = (line.quantity.0, line.amount.0);
    let price_is_negative = line.unit_price.is_some_and(|price| price.0.is_sign_negative());
    if quantity.is_zero() && !amount.is_zero() {
        findings.add(compared(
            warning(
                "line-quantity",
                format!("/lines/{index}/quantity"),
                "nothing was sold for money",
            ),
            "not 0",
            quantity,
        ));
    } else if quantity * amount < Decimal::ZERO && !price_is_negative {
        findings.add(compared(
            warning(
                "line-sign",
                format!("/lines/{index}/quantity"),
                "quantity and amount have different signs: both are negative for goods that come back",
            ),
            -quantity,
            quantity,
        ));
    }
    for (place, discount) in line.discounts.iter().enumerate() {
        if discount.amount < Amount::ZERO {
            let path = format!("/lines/{index}/discounts/{place}/amount");
            findings.add(compared(
                warning("discount-sign", path, "a discount is sent as a positive amount"),
                -discount.amount.0,
                discount.amount,
            ));
        }
    }
}

/// amount = quantity × unit price − discounts, rounded once. Discounts of goods that come back reduce what is paid
/// back.
fn line_amount(line: &Line, index: usize, exponent: u32, findings: &mut Findings) {
    let Some(unit_price) = line.unit_price else { return };
    let discounts: Decimal = line.discounts.iter().map(|discount| discount.amount.0).sum();
    let discounts = if line.quantity < Amount::ZERO { -discounts } else { discounts };
    let exact = line.quantity.0 * unit_price.0 - discounts;
    // Terminals round half up, half even or down: all are within a minor unit of the exact amount.
    let rounded = exact.normalize().scale() > exponent;
    let difference = (line.amount.0 - exact).abs();
    let agrees = if rounded { difference < minor_unit(exponent) } else { difference.is_zero() };
    if !agrees {
        findings.add(compared(
            warning(
                "line-amount",
                format!("/lines/{index}/amount"),
                "quantity × unit price − discounts is another amount",
            ),
            exact.round_dp(exponent),
            line.amount,
        ));
    }
}

/// Where a line has one tax with a rate, its amount follows. Several taxes may build on each other.
fn line_tax(line: &Line, index: usize, unit: Decimal, findings: &mut Findings) {
    let [Tax { rate: Some(rate), amount, included }] = line.taxes.as_slice() else { return };
    let base = if *included { Decimal::ONE_HUNDRED + rate.0 } else { Decimal::ONE_HUNDRED };
    let Some(expected) = (line.amount.0 * rate.0).checked_div(base) else { return };
    if (amount.0 - expected).abs() > unit {
        findings.add(compared(
            warning(
                "line-tax",
                format!("/lines/{index}/taxes/0/amount"),
                "the tax does not follow from amount and rate",
            ),
            expected.round_dp(unit.scale()),
            amount,
        ));
    }
}

fn sale_sign(sale: &Sale, findings: &mut Findings) {
    let gross = sale.totals.gross.0;
    let mut goods = sale.lines.iter().filter(|line| !line.voided).peekable();
    let all_come_back =
        goods.peek().is_some() && goods.all(|line| line.quantity.0.is_sign_negative());
    let message = match sale.kind {
        SaleKind::Return if gross > Decimal::ZERO => "a return pays out: its gross is negative",
        SaleKind::Sale if gross < Decimal::ZERO && all_come_back => {
            "all goods come back: send kind \"return\""
        }
        _ => return,
    };
    findings.add(compared(
        warning("sale-sign", "/totals/gross".to_owned(), message),
        if sale.kind == SaleKind::Return { "0 or below" } else { "0 or above" },
        gross,
    ));
}

/// Σ line amounts = gross, where the amounts contain the tax; with the tax added, where they do not.
fn lines_and_gross(sale: &Sale, unit: Decimal, findings: &mut Findings) {
    if sale.lines.is_empty() {
        return;
    }
    let counted = || sale.lines.iter().filter(|line| !line.voided);
    let amounts: Decimal = counted().map(|line| line.amount.0).sum();
    let added = || counted().flat_map(|line| &line.taxes).filter(|tax| !tax.included);
    let sum = amounts + added().map(|tax| tax.amount.0).sum::<Decimal>();
    let rounding = unit * Decimal::from(added().count());
    let gross = sale.totals.gross.0;
    let lines_say_nothing_of_tax = counted().all(|line| line.taxes.is_empty());
    let header_tax = sale.totals.tax.map_or(Decimal::ZERO, |tax| tax.0);
    let agrees =
        (sum - gross).abs() <= rounding || (lines_say_nothing_of_tax && sum + header_tax == gross);
    if !agrees {
        findings.add(compared(
            warning(
                "lines-total",
                "/totals/gross".to_owned(),
                "the lines add up to another amount",
            ),
            sum,
            gross,
        ));
    }
}

fn taxes_and_total(sale: &Sale, unit: Decimal, findings: &mut Findings) {
    let Some(total) = sale.totals.tax else { return };
    let taxes = || sale.lines.iter().filter(|line| !line.voided).flat_map(|line| &line.taxes);
    let count = taxes().count();
    let sum: Decimal = taxes().map(|tax| tax.amount.0).sum();
    if count > 0 && (sum - total.0).abs() > unit * Decimal::from(count) {
        findings.add(compared(
            warning(
                "tax-total",
                "/totals/tax".to_owned(),
                "the taxes of the lines add up to another amount",
            ),
            sum,
            total,
        ));
    }
}

fn tenders_and_gross(sale: &Sale, findings: &mut Findings) {
    if sale.tenders.is_empty() {
        return;
    }
    let paid: Decimal = sale
        .tenders
        .iter()
        .map(|tender| tender.amount.0 - tender.change.unwrap_or_default().0)
        .sum();
    if paid != sale.totals.gross.0 {
        findings.add(compared(
            warning(
                "tenders-total",
                "/tenders".to_owned(),
                "what was paid, less the change, is not what the sale costs",
            ),
            sale.totals.gross,
            paid,
        ));
    }
}

/// net + tax = gross.
fn net_and_tax(sale: &Sale, findings: &mut Findings) {
    let (Some(net), Some(tax)) = (sale.totals.net, sale.totals.tax) else { return };
    let expected = sale.totals.gross.0 - tax.0;
    if net.0 != expected {
        findings.add(compared(
            warning("totals", "/totals/net".to_owned(), "net and tax do not add up to gross"),
            expected,
            net,
        ));
    }
}
