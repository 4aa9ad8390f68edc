//! The test card numbers: those that schemes and processors publish, one or more of each scheme that the gateway
//! knows.

/// Scheme and number. Without another word: in the test card lists of several processors (Adyen, Braintree, `PayPal`,
/// Stripe, Mastercard Gateway).
pub const CARDS: [(&str, &str); 34] = [
    ("visa", "4111111111111111"),
    ("visa", "4012888888881881"),
    ("visa", "4242424242424242"),
    ("visa", "4222222222222"),
    // 19 digits: PAYONE.
    ("visa", "4111141011111111116"),
    ("mastercard", "5555555555554444"),
    ("mastercard", "5105105105105100"),
    ("mastercard", "2223003122003222"),
    ("amex", "378282246310005"),
    ("amex", "371449635398431"),
    ("discover", "6011111111111117"),
    ("discover", "6011000990139424"),
    ("diners", "30569309025904"),
    ("diners", "38520000023237"),
    ("jcb", "3530111333300000"),
    ("jcb", "3566002020360505"),
    ("unionpay", "6200000000000005"),
    // 19 digits: Braintree.
    ("unionpay", "6212345678900000003"),
    ("maestro", "6759649826438453"),
    ("maestro", "6304000000000000"),
    // YooKassa, both.
    ("mir", "2202474301322987"),
    ("mir", "2200000000000004"),
    // EBANX.
    ("elo", "6362970000457013"),
    // Mercado Pago.
    ("elo", "5067766783888311"),
    // EBANX.
    ("hipercard", "6062825624254001"),
    // Cashfree.
    ("rupay", "6074825972083818"),
    // Interswitch, 19 digits.
    ("verve", "5060990580000217499"),
    // Flutterwave, 19 digits.
    ("verve", "5061460410120223210"),
    // PayTR, iyzico.
    ("troy", "9792030394440796"),
    // Payme's sandbox.
    ("uzcard", "8600069195406311"),
    // Nobody publishes one: the digits in order, as tests of others have it.
    ("humo", "9860123456789015"),
    // VNPAY's sandbox, 19 digits; MoMo's.
    ("napas", "9704198526191432198"),
    ("napas", "9704000000000018"),
    // None of Borica is published. This one of the same hundred of issuers is Cybersource's, for `PayPak`.
    ("borica", "2205430000003002"),
];

/// All numbers.
#[must_use]
pub fn numbers() -> Vec<&'static str> {
    CARDS.iter().map(|(_, number)| *number).collect()
}

/// The first number of each scheme.
#[must_use]
pub fn one_of_each_scheme() -> Vec<&'static str> {
    let firsts = CARDS.iter().enumerate().filter(|(index, (scheme, _))| {
        CARDS.iter().position(|(other, _)| other == scheme) == Some(*index)
    });
    firsts.map(|(_, (_, number))| *number).collect()
}

/// What may be seen of a number: its first six and last four digits.
#[must_use]
pub fn masked(number: &str) -> String {
    let hidden = 6..number.len().saturating_sub(4);
    let seen = number.chars().enumerate();
    seen.map(|(at, digit)| if hidden.contains(&at) { '*' } else { digit }).collect()
}
