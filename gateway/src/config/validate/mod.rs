//! What the types cannot say: values that do not exist, settings that need each other, names that collide.
//!
//! Pure: no file is opened (but the time zone database of the system), no name resolved, no device asked.

mod barcodes;
mod device_keys;
mod sources;

use std::net::SocketAddr;
use std::path::Path;

use tillgate_record::Severity;
use tracing_subscriber::EnvFilter;

use super::problem::{At, Flaw};
use super::{BrokerUrl, ByteSize, Config, Confirm, Gateway, Http, Limits, Mqtt, Retention};
use crate::customer::normalize::region;

/// A topic level, and at the same time a file name: the longest that is still readable in a table.
const NAME_CHARS_MAX: usize = 64;
const WINDOW_RECORDS_MAX: u16 = 1000;
const KEEP_ALIVE_SECONDS_MIN: u16 = 5;
/// More brokers than this take longer to go through than any of them to be mended.
const FALLBACKS_MAX: usize = 8;
/// The smallest journal that SQLite and its write-ahead log can work in.
const BUDGET_MIN: ByteSize = ByteSize::mebibytes(1);
/// MQTT 5.0, 2.1.4: the largest remaining length of a packet, 256 MiB less one byte.
const MESSAGE_BYTES_MAX: ByteSize = ByteSize(268_435_455);

/// All flaws of meaning.
pub(super) fn flaws(config: &Config) -> Vec<Flaw> {
    let mut flaws = Flaws::default();
    gateway(&config.gateway, &mut flaws);
    mqtt(&config.mqtt, &mut flaws);
    http(&config.http, &mut flaws);
    terminal_stream(config, &mut flaws);
    limits(config, &mut flaws);
    retention(&config.retention, &mut flaws);
    keys_fit(config, &mut flaws);
    log_level(&config.log.level, &mut flaws);
    sources::check(config, &mut flaws);
    barcodes::check(config, &mut flaws);
    flaws.0
}

/// A word that is no level would be taken as the name of a module, and everything else be silent.
fn log_level(level: &str, flaws: &mut Flaws) {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let is_word = !level.is_empty() && level.bytes().all(|byte| byte.is_ascii_alphabetic());
    if is_word && !LEVELS.contains(&level.to_ascii_lowercase().as_str()) {
        let levels = LEVELS.join(", ");
        flaws.error("log.level", format!("{level:?} is no level; expected one of {levels}"));
    } else if let Err(error) = EnvFilter::try_new(level) {
        flaws.error("log.level", format!("this is no log filter: {error}"));
    }
}

#[derive(Debug, Default)]
struct Flaws(Vec<Flaw>);

impl Flaws {
    fn error(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.0.push(Flaw::error(path, At::Value, message));
    }

    fn warning(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.0.push(Flaw { severity: Severity::Warning, ..Flaw::error(path, At::Value, message) });
    }

    /// Names end up in MQTT topics (where `/`, `+` and `#` have a meaning), in keys and as folders.
    fn name(&mut self, path: impl Into<String>, name: &str) {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() {
            self.error(path, "must not be empty");
        } else if name.len() > NAME_CHARS_MAX {
            self.error(path, format!("has more than {NAME_CHARS_MAX} characters"));
        } else if name.starts_with('.') || !name.chars().all(plain) {
            let message = format!(
                "{name:?} cannot be a name: expected letters, digits, '-', '_' and '.', and no '.' in front"
            );
            self.error(path, message);
        }
    }

    fn absolute(&mut self, path: impl Into<String>, file: &Path) {
        if !file.is_absolute() {
            self.error(
                path,
                "expected a path from the root, such as /etc/tillgate/…: the daemon may be started anywhere",
            );
        }
    }

    /// Paths of files that the operator may leave out.
    fn absolute_all(&mut self, files: &[(&str, &Option<std::path::PathBuf>)]) {
        for (path, file) in files {
            if let Some(file) = file {
                self.absolute(*path, file);
            }
        }
    }

    fn at_least_one(&mut self, path: &str, value: u32) {
        if value == 0 {
            self.error(path, "must be at least 1");
        }
    }
}

fn gateway(gateway: &Gateway, flaws: &mut Flaws) {
    flaws.name("gateway.org", &gateway.org);
    flaws.name("gateway.store", &gateway.store);
    flaws.name("gateway.id", &gateway.id);
    flaws.absolute("gateway.data_dir", &gateway.data_dir);
    if let Err(error) = gateway.time_zone() {
        flaws.error(
            "gateway.timezone",
            format!(
                "expected an IANA name such as \"Asia/Shanghai\", and that the machine has the package tzdata: {error}"
            ),
        );
    }
    if gateway.phone_region.as_deref().is_some_and(|code| region(code).is_none()) {
        flaws.error(
            "gateway.phone_region",
            "expected two capital letters of ISO 3166-1, such as \"CN\" or \"DE\"",
        );
    }
    let currency = &gateway.currency;
    if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
        flaws.error(
            "gateway.currency",
            "expected three capital letters of ISO 4217, such as \"CNY\" or \"EUR\"",
        );
    }
}

fn mqtt(mqtt: &Mqtt, flaws: &mut Flaws) {
    match mqtt.url.parse::<BrokerUrl>() {
        Err(message) => flaws.error("mqtt.url", message.to_string()),
        Ok(url) => {
            mqtt_tls(mqtt, &url, flaws);
            fallbacks(mqtt, &url, flaws);
        }
    }
    if !matches!(mqtt.version, 3 | 5) {
        flaws.error("mqtt.version", "expected 5, or 3 for MQTT 3.1.1");
    }
    if mqtt.version == 3 && mqtt.confirm == Confirm::Puback {
        flaws.warning(
            "mqtt.version",
            "a broker of MQTT 3.1.1 cannot say that it refused a record, or that nobody receives it: it counts as \
             delivered; use 5, or confirm = \"receipt\"",
        );
    }
    if mqtt.client_cert_file.is_some() != mqtt.client_key_file.is_some() {
        flaws
            .error("mqtt.client_cert_file", "client_cert_file and client_key_file need each other");
    }
    if mqtt.password_file.is_some() && mqtt.username.is_none() {
        flaws.error("mqtt.password_file", "a password needs a username");
    }
    flaws.absolute_all(&[
        ("mqtt.password_file", &mqtt.password_file),
        ("mqtt.ca_file", &mqtt.ca_file),
        ("mqtt.client_cert_file", &mqtt.client_cert_file),
        ("mqtt.client_key_file", &mqtt.client_key_file),
    ]);
    if !(1..=WINDOW_RECORDS_MAX).contains(&mqtt.window_records) {
        flaws.error("mqtt.window_records", format!("expected 1 to {WINDOW_RECORDS_MAX}"));
    }
    if !(ByteSize(4 << 10)..=MESSAGE_BYTES_MAX).contains(&mqtt.message_max) {
        flaws.error("mqtt.message_max", "expected 4 KiB to 255 MiB");
    }
    if mqtt.keep_alive_seconds < KEEP_ALIVE_SECONDS_MIN {
        flaws.error(
            "mqtt.keep_alive_seconds",
            format!("expected at least {KEEP_ALIVE_SECONDS_MIN}"),
        );
    }
    if mqtt.reconnect_cap_seconds < 2 {
        flaws.error("mqtt.reconnect_cap_seconds", "expected at least 2");
    }
}

/// The credentials are the same everywhere, so the way to them must be as safe.
fn fallbacks(mqtt: &Mqtt, main: &BrokerUrl, flaws: &mut Flaws) {
    const KEY: &str = "mqtt.fallback_urls";
    if mqtt.fallback_urls.len() > FALLBACKS_MAX {
        flaws.error(KEY, format!("expected at most {FALLBACKS_MAX} brokers"));
    }
    let mut known = vec![main.clone()];
    for (index, text) in mqtt.fallback_urls.iter().enumerate() {
        let path = format!("{KEY}[{index}]");
        match text.parse::<BrokerUrl>() {
            Err(message) => flaws.error(path, message.to_string()),
            Ok(url) if known.contains(&url) => flaws.error(path, "this broker is there already"),
            Ok(url) if url.tls != main.tls => flaws.error(
                path,
                "the main broker and its fallbacks share one set of credentials: use mqtts for all of them, or for none",
            ),
            Ok(url) => known.push(url),
        }
    }
}

fn mqtt_tls(mqtt: &Mqtt, url: &BrokerUrl, flaws: &mut Flaws) {
    if url.tls && mqtt.ca_file.is_none() {
        flaws.error(
            "mqtt.ca_file",
            "mqtts needs ca_file, the authority that signed the broker's certificate: the system's own list is not used",
        );
    }
    if !url.tls && mqtt.client_cert_file.is_some() {
        flaws.error("mqtt.client_cert_file", "a client certificate needs mqtts");
    }
    if !url.tls && mqtt.ca_file.is_some() {
        flaws.warning("mqtt.ca_file", "ca_file has no effect without mqtts: write mqtts:// in url");
    }
    if !url.tls && !url.is_loopback() {
        flaws.warning(
            "mqtt.url",
            "records and password cross the network unencrypted: use mqtts:// with ca_file",
        );
    }
}

fn http(http: &Http, flaws: &mut Flaws) {
    if http.tls_cert_file.is_some() != http.tls_key_file.is_some() {
        flaws.error("http.tls_cert_file", "tls_cert_file and tls_key_file need each other");
    }
    flaws.absolute_all(&[
        ("http.tls_cert_file", &http.tls_cert_file),
        ("http.tls_key_file", &http.tls_key_file),
    ]);
    listener("http.listen", &http.listen, http, flaws);
}

fn terminal_stream(config: &Config, flaws: &mut Flaws) {
    let Some(listen) = &config.terminal_stream.listen else { return };
    let address = listener("terminals.listen", listen, &config.http, flaws);
    // Port 0 asks the system for a free port, so that two listeners do not collide.
    if address.is_some_and(|address| address.port() != 0) && *listen == config.http.listen {
        flaws.error("terminals.listen", "is the same address as in [http]: choose another port");
    }
}

fn listener(path: &str, listen: &str, http: &Http, flaws: &mut Flaws) -> Option<SocketAddr> {
    let Ok(address) = listen.parse::<SocketAddr>() else {
        flaws.error(
            path,
            "expected an IP address and a port, such as \"127.0.0.1:8420\" or \"0.0.0.0:8420\"",
        );
        return None;
    };
    if !address.ip().is_loopback() && http.tls_cert_file.is_none() && !http.allow_plaintext {
        flaws.error(
            path,
            "other machines could connect without TLS, and tokens would cross the network in clear: set tls_cert_file and tls_key_file in [http], or allow_plaintext = true where the network is protected otherwise",
        );
    }
    Some(address)
}

fn limits(config: &Config, flaws: &mut Flaws) {
    let Limits { body, sale, edi_file, connections, requests_per_second, request_seconds } =
        &config.limits;
    if config.disk.budget < BUDGET_MIN {
        flaws.error("disk.budget", format!("expected at least {BUDGET_MIN}"));
    }
    if config.disk.ballast.is_some_and(|ballast| ballast > config.disk.budget) {
        flaws.error("disk.ballast", "must not be larger than the budget");
    }
    for (path, size) in
        [("limits.body", body), ("limits.sale", sale), ("limits.edi_file", edi_file)]
    {
        if *size < ByteSize(1 << 10) {
            flaws.error(path, "expected at least 1 KiB");
        }
        if *size > config.disk.budget {
            flaws.warning(
                path,
                "is more than the whole [disk] budget: such an input would be refused",
            );
        }
    }
    if sale > body {
        flaws.error("limits.sale", "a single sale cannot be larger than a whole body");
    }
    flaws.at_least_one("limits.connections", *connections);
    flaws.at_least_one("limits.requests_per_second", *requests_per_second);
    flaws.at_least_one("limits.request_seconds", *request_seconds);
}

fn retention(retention: &Retention, flaws: &mut Flaws) {
    if retention.key_days < retention.record_days {
        flaws.error(
            "retention.key_days",
            "must not be shorter than record_days: a repeat that comes later would count twice",
        );
    }
}

/// Whether the budget holds the keys of `key_days` at all: nobody knows how much comes, but hardly less than this.
fn keys_fit(config: &Config, flaws: &mut Flaws) {
    const INPUTS_A_DAY: u64 = 100;
    const KEY_BYTES: u64 = 100;
    let senders = (config.terminals.len() + config.partners.len()) as u64;
    let days = u64::from(config.retention.key_days);
    let bytes = senders.saturating_mul(INPUTS_A_DAY * KEY_BYTES * days);
    if bytes > config.disk.budget.0 / 5 * 4 {
        flaws.warning(
            "retention.key_days",
            format!(
                "{INPUTS_A_DAY} inputs a day of each terminal and partner have keys of {} MiB in {days} days, for which \
                 [disk] budget has no room: the oldest would be forgotten, and their repeats count as new; raise the \
                 budget, or lower key_days",
                bytes >> 20
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use std::path::Path;

    const GATEWAY: &str = "[gateway]\norg = \"acme\"\nstore = \"1\"\nid = \"gw\"\n\
                           data_dir = \"/d\"\ncurrency = \"CNY\"\n";
    const BROKER: &str = "[mqtt]\nurl = \"mqtt://localhost\"\n";

    /// Everything that is told of a file: warnings too, without source lines.
    fn told(text: &str) -> Vec<String> {
        let problems = match Config::parse(Path::new("t"), text) {
            Ok(loaded) => loaded.warnings,
            Err(errors) => errors.0,
        };
        problems.list.iter().map(|p| format!("{}: {}", p.key, p.message)).collect()
    }

    /// Each extract, appended to a good file, gives one problem that begins so; an empty text stands for none.
    fn assert_told(base: &str, cases: &[(&str, &str)]) {
        for (extract, expected) in cases {
            let told = told(&format!("{base}{extract}\n"));
            match told.as_slice() {
                [] => assert_eq!(*expected, "", "nothing told of {extract}"),
                [one] if !expected.is_empty() => {
                    assert!(one.starts_with(expected), "{extract}\ntold: {one}");
                }
                more => panic!("{extract}\ntold: {more:#?}"),
            }
        }
    }

    #[test]
    fn the_broker_is_checked() {
        let tls = "url = \"mqtts://b\"\nca_file = \"/ca\"";
        assert_told(
            &format!("{GATEWAY}[mqtt]\n"),
            &[
                (tls, ""),
                ("url = \"http://b\"", "[mqtt] url: expected mqtts://HOST:PORT"),
                ("url = \"mqtts://b\"", "[mqtt] ca_file: mqtts needs ca_file"),
                ("url = \"mqtts://b\"\nca_file = \"ca\"", "[mqtt] ca_file: expected a path"),
                ("url = \"mqtt://b\"", "[mqtt] url: records and password cross"),
            ],
        );
        assert_told(
            &format!("{GATEWAY}{BROKER}"),
            &[
                ("version = 3", "[mqtt] version: a broker of MQTT 3.1.1 cannot say"),
                ("version = 3\nconfirm = \"receipt\"", ""),
                ("version = 4", "[mqtt] version: expected 5"),
                ("window_records = 0", "[mqtt] window_records: expected 1 to 1000"),
                ("window_records = 1001", "[mqtt] window_records: expected 1 to 1000"),
                ("message_max = \"1 B\"", "[mqtt] message_max: expected 4 KiB"),
                ("ca_file = \"/ca\"", "[mqtt] ca_file: ca_file has no effect without mqtts"),
                ("keep_alive_seconds = 1", "[mqtt] keep_alive_seconds: expected at least 5"),
                ("reconnect_cap_seconds = 0", "[mqtt] reconnect_cap_seconds: expected at"),
                ("password_file = \"/p\"", "[mqtt] password_file: a password needs"),
                ("client_key_file = \"/k\"", "[mqtt] client_cert_file: client_cert_file and"),
                ("confirm = \"receipt\"", ""),
                ("fallback_urls = [\"mqtt://b2\", \"mqtt://b3\"]", ""),
                ("fallback_urls = [\"b2\"]", "[mqtt] fallback_urls[0]: expected mqtts://HOST"),
                (
                    "fallback_urls = [\"mqtt://localhost:1883\"]",
                    "[mqtt] fallback_urls[0]: this broker",
                ),
                ("fallback_urls = [\"mqtts://b2\"]", "[mqtt] fallback_urls[0]: the main broker"),
            ],
        );
    }

    #[test]
    fn listeners_are_checked() {
        let base = format!("{GATEWAY}{BROKER}");
        assert_told(
            &base,
            &[
                ("[http]\nlisten = \"[::1]:0\"", ""),
                ("[http]\nlisten = \"8420\"", "[http] listen: expected an IP address"),
                ("[http]\nlisten = \"0.0.0.0:1\"", "[http] listen: other machines"),
                ("[http]\nlisten = \"0.0.0.0:1\"\nallow_plaintext = true", ""),
                (
                    "[http]\nlisten = \"0.0.0.0:1\"\ntls_cert_file = \"/c\"\ntls_key_file = \"/k\"",
                    "",
                ),
                ("[http]\ntls_key_file = \"/k\"", "[http] tls_cert_file: tls_cert_file and"),
                ("[terminals]\nlisten = \"127.0.0.1:8420\"", "[terminals] listen: is the same"),
                ("[terminals]\nlisten = \"10.0.0.1:8421\"", "[terminals] listen: other machines"),
            ],
        );
    }

    #[test]
    fn limits_are_checked() {
        assert_told(
            &format!("{GATEWAY}{BROKER}"),
            &[
                ("[disk]\nbudget = \"64 MiB\"", ""),
                ("[limits]\nsale = \"9 MiB\"", "[limits] sale: a single sale cannot"),
                ("[limits]\nconnections = 0", "[limits] connections: must be at least 1"),
                (
                    "[disk]\nbudget = \"1 KiB\"\n[limits]\nbody = \"1 KiB\"\nsale = \"1 KiB\"\nedi_file = \"1 KiB\"",
                    "[disk] budget: expected at least",
                ),
                ("[limits]\nedi_file = \"4 GiB\"", "[limits] edi_file: is more than"),
                ("[retention]\nkey_days = 1", "[retention] key_days: must not be shorter"),
                (
                    "[disk]\nbudget = \"4 MiB\"\n[limits]\nbody = \"1 MiB\"\nsale = \"1 MiB\"\nedi_file = \"1 MiB\"\n\
                     [[terminal]]\nid = \"1\"\ntoken_sha256 = \"0000000000000000000000000000000000000000000000000000000000000000\"",
                    "[retention] key_days: 100 inputs a day of each terminal and partner have keys of 3 MiB in 400 days",
                ),
                ("[log]\nlevel = \"debug,tillgate::forward=trace\"", ""),
                (
                    "[log]\nlevel = \"verbose\"",
                    "[log] level: \"verbose\" is no level; expected one",
                ),
                (
                    "[limits]\nconnections = -1",
                    "[limits] connections: expected a whole number from 0 to 4294967295",
                ),
                ("[log]\nlevel = \"tillgate=loud\"", "[log] level: this is no log filter"),
            ],
        );
    }

    #[test]
    fn barcodes_are_checked() {
        let label = |pattern: &str| {
            format!(
                "[[scale_label]]\nid = \"l\"\npattern = \"{pattern}\"\nmeasure = \"price\"\ndecimals = 2"
            )
        };
        let card = |prefix: &str, longest: u8| {
            format!(
                "[[loyalty_card]]\nid = \"c\"\nprefix = \"{prefix}\"\nlength_min = 8\nlength_max = {longest}"
            )
        };
        let code = "[[function_code]]\ncode = \"T\"\nname = \"total\"";
        assert_told(
            &format!("{GATEWAY}{BROKER}"),
            &[
                ("[barcodes]\nschemes = [\"se\", \"us-5\"]", ""),
                (
                    "[barcodes]\nschemes = [\"sv\"]",
                    "[barcodes] schemes[0]: \"sv\" is no national scheme",
                ),
                (&label("21IIIIVMMMMMC"), ""),
                (
                    &label("40IIIIVMMMMMC"),
                    "[[scale_label]] \"l\" pattern: expected 02, 04 or 20 to 29",
                ),
                (&card("9156", 8), ""),
                (&card("9150-9159", 8), ""),
                (&card("", 8), "[[loyalty_card]] \"c\" prefix: expected digits or letters"),
                (&card("9-8", 8), "[[loyalty_card]] \"c\" prefix: expected the lower end"),
                (&card("91560000", 8), "[[loyalty_card]] \"c\" prefix: expected fewer characters"),
                (
                    &card("4111", 16),
                    "[[loyalty_card]] \"c\" prefix: is in a range of visa: a payment",
                ),
                (&card("9", 16), "[[loyalty_card]] \"c\" prefix: is in a range of humo: a payment"),
                (
                    &format!("{}\ncheck = \"gs1\"", card("40", 13)),
                    "[[loyalty_card]] \"c\" prefix: is in a range of visa: numbers that could",
                ),
                (&card("9156", 7), "[[loyalty_card]] \"c\" length_max: expected at least"),
                (code, ""),
                (&format!("{code}\n{code}"), "[[function_code]] #2 code: is the same as in"),
            ],
        );
    }

    #[test]
    fn the_gateway_is_checked() {
        let odd = "[gateway]\norg = \"a/b\"\nstore = \"\"\nid = \".gw\"\ndata_dir = \"d\"\n\
                   currency = \"cny\"\ntimezone = \"Mars\"\n";
        let told = told(&format!("{odd}{BROKER}"));
        let keys: Vec<_> = told.iter().filter_map(|t| t.split(": ").next()).collect();
        let expected = ["org", "store", "id", "data_dir", "currency", "timezone"]
            .map(|k| format!("[gateway] {k}"));
        assert_eq!(keys, expected, "{told:#?}");
    }

    #[test]
    fn sources_are_checked() {
        let lane = "[[lane]]\nid = \"3\"\n";
        let device = "[[device]]\nlane = \"3\"\ndriver = \"serial-scanner\"\n";
        let hash = |digit: &str| format!("token_sha256 = \"{}\"", digit.repeat(64));
        let base = format!("{GATEWAY}{BROKER}{lane}");
        assert_told(
            &base,
            &[
                (&format!("{device}id = \"s\"\nport = \"/dev/serial/by-id/x\""), ""),
                (
                    &format!("{device}id = \"s\"\nport = \"/dev/ttyUSB0\""),
                    "[[device]] \"s\" port: /dev/ttyUSB0 may be another device",
                ),
                (
                    &format!("{device}id = \"s\"\nport = \"/dev/x\"\nbaud = 100"),
                    "[[device]] \"s\" baud: expected 300",
                ),
                (
                    &format!("{device}id = \"s\"\nport = \"/dev/x\"\nline = \"9N1\""),
                    "[[device]] \"s\" line: expected data bits",
                ),
                (
                    &format!(
                        "{device}id = \"s\"\nport = \"/x\"\n{device}id = \"s\"\nport = \"/y\""
                    ),
                    "[[device]] \"s\" id: the name is taken by [[device]] #1",
                ),
                (
                    &format!(
                        "{device}id = \"s\"\nport = \"/x\"\n{device}id = \"t\"\nport = \"/x\""
                    ),
                    "[[device]] \"t\" port: the same device is [[device]] #1",
                ),
                (lane, "[[lane]] \"3\" id: the name is taken by [[lane]] #1"),
                (
                    &format!("[[terminal]]\nid = \"1\"\nlane = \"4\"\n{}", hash("0")),
                    "[[terminal]] \"1\" lane: there is no [[lane]] with id \"4\"; the lanes are: 3",
                ),
                (
                    &format!(
                        "[[terminal]]\nid = \"1\"\n{0}\n[[viewer]]\nid = \"v\"\n{0}",
                        hash("a")
                    ),
                    "[[viewer]] \"v\" token_sha256: is the same as in [[terminal]] #1",
                ),
                (
                    "[[terminal]]\nid = \"1\"\ntoken_sha256 = \"00\"",
                    "[[terminal]] \"1\" token_sha256: expected the SHA-256 of a token",
                ),
            ],
        );
    }

    #[test]
    fn partners_are_checked() {
        let base = format!("{GATEWAY}{BROKER}");
        let partner = |id: &str, rest: &str| format!("[[partner]]\nid = \"{id}\"\n{rest}\n");
        let of = |id: &str| format!("x12 = {{ qualifier = \"ZZ\", id = \"{id}\" }}\n");
        let who = "x12 = { qualifier = \"ZZ\", id = \"BIGBOX\" }";
        assert_told(
            &base,
            &[
                (&partner("a", who), ""),
                (&partner("a", ""), "[[partner]] \"a\" x12: is missing"),
                (
                    &(partner("a", who) + &partner("b", who)),
                    "[[partner]] \"b\" x12: is the same as in [[partner]] #1",
                ),
                (
                    &partner("a", "x12 = { qualifier = \"Z\", id = \"B\" }"),
                    "[[partner]] \"a\" x12.qualifier: expected two characters",
                ),
                (
                    &partner("a", "x12 = { qualifier = \"ZZ\", id = \"A234567890123456\" }"),
                    "[[partner]] \"a\" x12.id: expected 1 to 15 characters",
                ),
                (
                    &(partner("a", &(of("A") + "folder = \"/edi\""))
                        + &partner("b", &(of("B") + "folder = \"/edi/b\""))),
                    "[[partner]] \"b\" folder: lies within the folder of [[partner]] #1",
                ),
                (
                    &(partner("a", &of("A")) + &partner("b", &(of("B") + "folder = \"/d/edi/a\""))),
                    "[[partner]] \"b\" folder: lies within the folder of [[partner]] #1",
                ),
                (
                    &(partner("a", &of("A"))
                        + &partner("b", &(of("B") + "folder = \"/d/edi/a/../a\""))),
                    "[[partner]] \"b\" folder: expected a path without \"..\"",
                ),
            ],
        );
    }
}
