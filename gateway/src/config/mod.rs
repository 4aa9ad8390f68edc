//! The configuration: one TOML file. The types here are the single source of its documentation: the commented
//! example `config/tillgate.toml` and the JSON Schema are generated from them.
//!
//! Never: secrets. A secret is named by the path of its file; tokens stand here as hashes.

pub mod barcodes;
pub mod broker_url;
pub mod certificate;
mod device;
pub mod example;
pub mod guides;
mod load;
mod place;
pub mod problem;
pub mod schema;
pub mod secret;
mod shape;
pub mod size;
mod validate;

use std::path::PathBuf;

use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tillgate_drivers::attached::UsbId;
use tillgate_parsers::edi::Guide;

pub use barcodes::{Barcodes, FunctionCode, LoyaltyCard, ScaleLabel};
pub use broker_url::{BrokerUrl, BrokerUrlError};
pub use device::{
    CardFile, ChipCard, CodeIds, FlowControl, NumberForm, Protocol, Scale, ScaleProtocol,
    WeightUnit,
};
pub use load::Loaded;
pub use problem::{ConfigErrors, Problem, Problems};
pub use size::ByteSize;

/// Everything that an operator can set.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Which gateway this is, and where it keeps its data.
    pub gateway: Gateway,
    /// The broker of the CRM.
    pub mqtt: Mqtt,
    /// The listener for terminals, partners, pages and metrics.
    #[serde(default)]
    pub http: Http,
    /// The TCP stream for terminals. Off unless `listen` is set.
    #[serde(default, rename = "terminals")]
    pub terminal_stream: TerminalStream,
    /// How much disk the gateway may use.
    #[serde(default)]
    pub disk: Disk,
    /// What is kept how long.
    #[serde(default)]
    pub retention: Retention,
    /// Card tokens.
    #[serde(default)]
    pub cards: Cards,
    /// Barcodes that only mean something in your store or country.
    #[serde(default)]
    pub barcodes: Barcodes,
    /// EDI partners' folders.
    #[serde(default)]
    pub edi: Edi,
    /// What a single source may do.
    #[serde(default)]
    pub limits: Limits,
    /// What is logged and how.
    #[serde(default)]
    pub log: Log,
    /// Checkout positions.
    #[serde(default, rename = "lane")]
    pub lanes: Vec<Lane>,
    /// POS terminals.
    #[serde(default, rename = "terminal")]
    pub terminals: Vec<Terminal>,
    /// Scanners and readers.
    #[serde(default, rename = "device")]
    pub devices: Vec<Device>,
    /// Labels of scales that follow no national scheme.
    #[serde(default, rename = "scale_label")]
    pub scale_labels: Vec<ScaleLabel>,
    /// Loyalty cards, as barcodes, on stripes and in chips. A number that is a payment card's never counts as one of
    /// them. Once there is one of these tables, a card reader passes on no other number in full: of a card that is
    /// neither a payment card nor in a table, a keyed token and the last four digits leave, and of a chip's text or
    /// serial number with letters nothing.
    #[serde(default, rename = "loyalty_card")]
    pub loyalty_cards: Vec<LoyaltyCard>,
    /// Barcodes that cashiers scan to tell the till something.
    #[serde(default, rename = "function_code")]
    pub function_codes: Vec<FunctionCode>,
    /// EDI partners.
    #[serde(default, rename = "partner")]
    pub partners: Vec<Partner>,
    /// People and machines that may see pages, status and metrics.
    #[serde(default, rename = "viewer")]
    pub viewers: Vec<Viewer>,
    /// The first 16 hex digits of the SHA-256 of the file: goes into each record's provenance.
    #[serde(skip)]
    #[schemars(skip)]
    pub version: String,
}

/// `[gateway]`
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Gateway {
    /// Your organisation, in MQTT topics and record keys. Letters, digits, `-`, `_`.
    #[schemars(example = &"acme")]
    pub org: String,
    /// The store's number.
    #[schemars(example = &"0042")]
    pub store: String,
    /// This gateway's name within the store; also its MQTT client id, together with org and store.
    #[schemars(example = &"gw-1")]
    pub id: String,
    /// Where the journal lives. Owned by the daemon alone.
    #[schemars(example = &"/var/lib/tillgate")]
    pub data_dir: PathBuf,
    /// The store's time zone, by its IANA name: what day it is there, where a sale has no time.
    #[serde(default = "default_timezone")]
    pub timezone: String,
    /// The store's currency, ISO 4217.
    #[schemars(example = &"CNY")]
    pub currency: String,
    /// The country whose phone numbers are written without a country code, ISO 3166. Without it only numbers with
    /// `+` or `00` identify a customer.
    #[serde(default)]
    #[schemars(example = &"CN")]
    pub phone_region: Option<String>,
}

const UTC: &str = "UTC";

fn default_timezone() -> String {
    UTC.to_owned()
}

impl Gateway {
    /// The store's time zone.
    ///
    /// # Errors
    /// There is none of that name, or the machine has no time zones but UTC.
    pub fn time_zone(&self) -> Result<TimeZone, jiff::Error> {
        if self.timezone == UTC { Ok(TimeZone::UTC) } else { TimeZone::get(&self.timezone) }
    }
}

/// `[mqtt]`
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mqtt {
    /// `mqtts://host:8883`, or `mqtt://host:1883` without TLS.
    #[schemars(example = &"mqtts://broker.example:8883")]
    pub url: String,
    /// MQTT version: 5, or 3 for 3.1.1.
    #[serde(default = "default_mqtt_version")]
    pub version: u8,
    /// Other brokers, tried in this order with the same credentials when the main one fails three times or for a
    /// minute; after ten good minutes the main one is tried again. The CRM must listen at each of them: where it
    /// does not, an MQTT 5 broker says so (0x10), and records wait there as `no_subscriber` says; one of 3.1.1 takes
    /// them for nobody, which only `confirm = "receipt"` makes good.
    #[serde(default)]
    #[schemars(example = &["mqtts://standby.example:8883"])]
    pub fallback_urls: Vec<String>,
    /// When a record counts as delivered: "puback" when the broker acknowledged it, which only says that the next hop
    /// has it; "receipt" when the CRM said on the topic `receipts` that it is safe there. With "receipt" records stay
    /// in the journal until then, also when the disk budget is tight, and what a broker lost is sent again.
    #[serde(default)]
    pub confirm: Confirm,
    /// User name at the broker.
    #[serde(default)]
    #[schemars(example = &"gw-1")]
    pub username: Option<String>,
    /// File with the password. Readable by the daemon only.
    #[serde(default)]
    #[schemars(example = &"/etc/tillgate/mqtt.password")]
    pub password_file: Option<PathBuf>,
    /// The authority that signed the broker's certificate (PEM). Needed for mqtts.
    #[serde(default)]
    #[schemars(example = &"/etc/tillgate/ca.pem")]
    pub ca_file: Option<PathBuf>,
    /// This gateway's certificate for the broker (PEM).
    #[serde(default)]
    #[schemars(example = &"/etc/tillgate/gateway.pem")]
    pub client_cert_file: Option<PathBuf>,
    /// The certificate's private key (PEM). Readable by the daemon only.
    #[serde(default)]
    #[schemars(example = &"/etc/tillgate/gateway.key")]
    pub client_key_file: Option<PathBuf>,
    /// What to do when an MQTT 5 broker says that nobody receives our records (reason code 0x10): "hold" keeps
    /// them and tries again, "deliver" counts them as delivered.
    #[serde(default)]
    pub no_subscriber: NoSubscriber,
    /// Most records under way at once.
    #[serde(default = "default_window_records")]
    pub window_records: u16,
    /// Largest message that the broker takes.
    #[serde(default = "default_message_max")]
    pub message_max: ByteSize,
    /// Seconds between signs of life on an idle connection.
    #[serde(default = "default_keep_alive_seconds")]
    pub keep_alive_seconds: u16,
    /// Longest wait between two attempts to connect. For fleets of many thousand gateways set 300.
    #[serde(default = "default_reconnect_cap_seconds")]
    pub reconnect_cap_seconds: u16,
}

fn default_mqtt_version() -> u8 {
    5
}
fn default_window_records() -> u16 {
    200
}
fn default_message_max() -> ByteSize {
    ByteSize::mebibytes(1)
}
fn default_keep_alive_seconds() -> u16 {
    30
}
fn default_reconnect_cap_seconds() -> u16 {
    60
}

/// When a record counts as delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Confirm {
    /// When the broker acknowledged it.
    #[default]
    Puback,
    /// When the CRM sent its receipt.
    Receipt,
}

/// What to do when nobody subscribes to the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NoSubscriber {
    /// Keep the records and try again.
    #[default]
    Hold,
    /// Count them as delivered.
    Deliver,
}

/// `[http]`
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// Address and port.
    pub listen: String,
    /// Certificate chain (PEM), with `tls_key_file`. Needed when `listen` is no loopback address.
    #[schemars(example = &"/etc/tillgate/http.pem")]
    pub tls_cert_file: Option<PathBuf>,
    /// Private key (PEM). Readable by the daemon only.
    #[schemars(example = &"/etc/tillgate/http.key")]
    pub tls_key_file: Option<PathBuf>,
    /// Accept connections without TLS from other machines. For networks that are protected otherwise.
    pub allow_plaintext: bool,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8420".to_owned(),
            tls_cert_file: None,
            tls_key_file: None,
            allow_plaintext: false,
        }
    }
}

/// `[terminals]`
#[derive(Debug, Clone, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TerminalStream {
    /// Address and port of the TCP stream. Uses the certificate of `[http]`.
    #[schemars(example = &"127.0.0.1:8421")]
    pub listen: Option<String>,
}

/// `[disk]`
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Disk {
    /// Most that the journal may use. Above four fifths of it what was delivered makes room, whatever `[retention]`
    /// says: raw inputs and records, then the rest of their captures, and keys last. At the limit inputs are refused
    /// (HTTP 507) until no more than nine tenths are used. A sale's key takes about 100 bytes.
    pub budget: ByteSize,
    /// A file beside the journal that is removed when others fill the disk, so that deliveries go on and make room.
    /// Without it a 64th of the budget, 2 to 32 MiB; "0 B" for none.
    #[schemars(example = &"32 MiB")]
    pub ballast: Option<ByteSize>,
}

impl Default for Disk {
    fn default() -> Self {
        Self { budget: ByteSize::gibibytes(2), ballast: None }
    }
}

/// `[retention]`: nothing is removed before it was delivered.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// Raw inputs are kept so long, for replay and proof.
    pub capture_days: u16,
    /// Raw inputs of what was delivered take so much at most, compressed as they are; the oldest go first. Without it
    /// they take what `capture_days` and the disk budget allow.
    #[schemars(example = &"512 MiB")]
    pub capture_max: Option<ByteSize>,
    /// Delivered records are kept so long, for reconciliation with the CRM.
    pub record_days: u16,
    /// Keys of records are kept so long, where the disk budget has room for them: a repeat that comes later counts as
    /// new here. Keys of readings, which nothing repeats, go with their records.
    pub key_days: u16,
}

impl Default for Retention {
    fn default() -> Self {
        Self { capture_days: 30, capture_max: None, record_days: 30, key_days: 400 }
    }
}

/// `[cards]`
#[derive(Debug, Clone, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Cards {
    /// File with the key of card tokens: 64 hex digits, the same for all gateways of an organisation. Readable by
    /// the daemon only. Without it each gateway makes a key of its own in `data_dir`.
    #[schemars(example = &"/etc/tillgate/token.key")]
    pub token_key_file: Option<PathBuf>,
}

/// `[edi]`
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Edi {
    /// A file that was written in place, not moved, is taken when it has not changed for so long.
    pub settle_seconds: u32,
    /// A file that ends within an interchange waits so long for its rest, then goes to quarantine.
    pub stale_seconds: u32,
    /// Who we are in interchanges (X12 ISA07 and ISA08).
    #[schemars(example = example_identity())]
    pub x12: Option<TradingIdentity>,
    /// Who we are in EDIFACT interchanges (S003 of UNB).
    #[schemars(example = example_edifact_identity())]
    pub edifact: Option<TradingIdentity>,
}

fn example_edifact_identity() -> serde_json::Value {
    serde_json::json!({ "id": "4012345000009", "qualifier": "14" })
}

fn example_identity() -> serde_json::Value {
    serde_json::json!({ "qualifier": "ZZ", "id": "ACME" })
}

impl Default for Edi {
    fn default() -> Self {
        Self { settle_seconds: 5, stale_seconds: 3600, x12: None, edifact: None }
    }
}

/// `[limits]`
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Largest request body and TCP batch.
    pub body: ByteSize,
    /// Largest single sale.
    pub sale: ByteSize,
    /// Largest EDI file.
    pub edi_file: ByteSize,
    /// Connections at once, all listeners together.
    pub connections: u32,
    /// Requests a second of one source; short bursts of ten times as many are allowed.
    pub requests_per_second: u32,
    /// A request must be whole within so long.
    pub request_seconds: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: ByteSize::mebibytes(8),
            sale: ByteSize::mebibytes(1),
            edi_file: ByteSize::mebibytes(64),
            connections: 512,
            requests_per_second: 2000,
            request_seconds: 30,
        }
    }
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// "error", "warn", "info", "debug" or "trace"; or a filter such as "info,tillgate::forward=debug".
    pub level: String,
    /// "logfmt" for people and journald, "json" for machines.
    pub format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: LogFormat::Logfmt }
    }
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// `ts=… level=… msg=…`
    Logfmt,
    /// One JSON object a line.
    Json,
}

/// `[[lane]]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lane {
    /// The lane's number.
    #[schemars(example = &"3")]
    pub id: String,
}

/// `[[terminal]]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Terminal {
    /// The terminal's number, as in its sales.
    #[schemars(example = &"03")]
    pub id: String,
    /// The lane where it stands.
    #[serde(default)]
    #[schemars(example = &"3")]
    pub lane: Option<String>,
    /// SHA-256 of its token, in hex: `tillgate token` makes a token and this line.
    #[schemars(example = &EXAMPLE_TOKEN_SHA256)]
    pub token_sha256: TokenHash,
}

/// `[[device]]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// A name of your choice, unique among all sources.
    #[schemars(example = &"scanner-3")]
    pub id: String,
    /// The lane where it is used.
    #[schemars(example = &"3")]
    pub lane: String,
    /// What it is: "serial-scanner", "serial-magstripe", "hid-scanner", "hid-magstripe", "snapi",
    /// "keyboard-wedge", "pcsc" or "serial-scale".
    #[schemars(example = &"serial-scanner")]
    pub driver: Driver,
    /// Which one it is, as `tillgate devices` prints it: vendor and product of USB, or of a HID or input device.
    #[serde(default, deserialize_with = "device::usb_id")]
    #[schemars(with = "Option<String>", example = &"0c2e:0ca1")]
    pub usb: Option<UsbId>,
    /// Its serial number, which stays with the device.
    #[serde(default)]
    #[schemars(example = &"12345")]
    pub serial_number: Option<String>,
    /// Its USB port, which stays with the socket, where it has no serial number: controller, and ports from there.
    #[serde(default)]
    #[schemars(example = &"0000:00:14.0/1.2")]
    pub usb_port: Option<String>,
    /// Which interface, where it has several of a kind.
    #[serde(default)]
    #[schemars(example = 0)]
    pub interface: Option<u8>,
    /// Instead of the four keys above: its node, or a link to it, such as those below /dev/serial/by-id and
    /// /dev/input/by-id. Of "pcsc", and required there: pcscd's socket, /run/pcscd/pcscd.comm.
    #[serde(default)]
    #[schemars(example = &"/dev/ttyS0")]
    pub port: Option<PathBuf>,
    /// Speed. Without meaning for USB devices that are serial by nature.
    #[serde(default = "default_baud")]
    pub baud: u32,
    /// Data bits, parity, stop bits.
    #[serde(default = "default_line")]
    pub line: String,
    /// Who makes whom wait: "none", "rts-cts" or "xon-xoff".
    #[serde(default)]
    pub flow_control: FlowControl,
    /// How a scanner speaks: "lines", or "ssi" for Zebra's Simple Serial Interface, in which each code is acknowledged
    /// and of what follows only `accept` and `refuse` apply.
    #[serde(default)]
    pub protocol: Protocol,
    /// What ends a reading: "cr", "lf", "crlf", "tab", "etx", "any" of CR and LF, or "gap" for nothing but a pause of
    /// 300 ms. A wedge: "any" lets a pause end one too. A code that holds line ends, as a QR code may, comes as several
    /// readings where a line end is the suffix: nothing tells them apart. Set scanner and `suffix` to "etx", or use
    /// `protocol = "ssi"` or a HID mode.
    #[serde(default = "default_suffix")]
    pub suffix: Suffix,
    /// Characters that the device sends before each reading.
    #[serde(default)]
    pub prefix: String,
    /// Whose code identifiers a scanner puts before each barcode: "aim" (or none), "datalogic", "honeywell" or "zebra".
    #[serde(default)]
    pub code_ids: CodeIds,
    /// Whether the device waits for ACK (06) or NAK (15) after each reading.
    #[serde(default)]
    pub acknowledge: bool,
    /// What a scanner is sent when its code is in the journal, such as its maker's command to beep: Honeywell
    /// "\u0016\u0007\r". With `protocol = "ssi"` the number of a beep, such as "\u0001".
    #[serde(default)]
    pub accept: String,
    /// What a scanner is sent when its code came damaged, or the journal did not take it.
    #[serde(default)]
    pub refuse: String,
    /// The keyboard layout of a wedge: "be", "ch", "de", "es", "fr", "it", "jp", "pt", "se", "tr", "uk" or "us".
    #[serde(default = "default_layout")]
    pub layout: String,
    /// A pause of a wedge that ends a reading, in milliseconds.
    #[serde(default = "default_key_gap_ms")]
    pub key_gap_ms: u32,
    /// Where chip cards have their number: files come first, such as { application = "F074696C6C67617465",
    /// file = "0001", offset = 0, length = 13, form = "text" } (or "bcd", "hex"), then a text or link behind
    /// `number_prefix`, then, if you say so, a serial number that never changes. `reader` is a part of the name of
    /// the reader, where pcscd knows several.
    #[serde(default)]
    pub card: ChipCard,
    /// How a scale speaks ("toledo-8217", "nci", "mt-sics"), what it weighs in if it does not say so, how often it is
    /// asked, and what the codes of items sold by weight begin with: such a scan has the weight that lies on the
    /// scale of its lane.
    #[serde(default)]
    pub scale: Scale,
}

fn default_layout() -> String {
    "us".to_owned()
}
fn default_key_gap_ms() -> u32 {
    100
}
fn default_baud() -> u32 {
    9600
}
fn default_line() -> String {
    "8N1".to_owned()
}
fn default_suffix() -> Suffix {
    Suffix::Any
}

/// What a device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Driver {
    /// A barcode scanner that sends lines.
    SerialScanner,
    /// A magnetic-stripe reader that sends tracks as lines.
    SerialMagstripe,
    /// A barcode scanner of the HID POS class, over hidraw.
    HidScanner,
    /// A magnetic-stripe reader that sends HID reports, over hidraw.
    HidMagstripe,
    /// A Zebra scanner in its own USB mode, over hidraw.
    Snapi,
    /// A reader of chip cards, with contacts or without, at pcscd.
    Pcsc,
    /// The scale of a checkout.
    SerialScale,
    /// A scanner or card reader that types like a keyboard.
    KeyboardWedge,
}

/// What ends a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Suffix {
    /// CR.
    Cr,
    /// LF.
    Lf,
    /// CR LF.
    Crlf,
    /// Tab.
    Tab,
    /// ETX, mostly with STX (`\u0002`) as prefix.
    Etx,
    /// CR, LF or CR LF.
    Any,
    /// A pause.
    Gap,
}

/// `[[partner]]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Partner {
    /// A name of your choice; also the name of its folder.
    #[schemars(example = &"bigbox")]
    pub id: String,
    /// Who the partner is in X12 interchanges.
    #[serde(default)]
    #[schemars(example = example_partner())]
    pub x12: Option<TradingIdentity>,
    /// Who the partner is in EDIFACT interchanges.
    #[serde(default)]
    #[schemars(example = example_edifact_partner())]
    pub edifact: Option<TradingIdentity>,
    /// The folder that holds in, out, done and rejected. Without it: data_dir/edi/ID.
    #[serde(default)]
    #[schemars(example = &"/srv/edi/bigbox")]
    pub folder: Option<PathBuf>,
    /// Implementation guides: what it asks of documents beyond the standard. TOML files such as
    /// config/guides/bigbox-850.toml; a path that does not begin at the root begins at this file's folder.
    #[serde(default)]
    pub guides: Vec<PathBuf>,
    /// SHA-256 of its token for `POST /v1/edi`, in hex.
    #[serde(default)]
    #[schemars(example = &EXAMPLE_TOKEN_SHA256)]
    pub token_sha256: Option<TokenHash>,
    /// What answers its functional groups of X12: "997", or "999", which speaks of implementation guides too and is of
    /// version 005010 at least.
    #[serde(default)]
    pub acknowledge: Acknowledge,
    /// What the guides say; read with the file.
    #[serde(skip)]
    #[schemars(skip)]
    pub loaded_guides: Vec<Guide>,
}

/// What answers functional groups of X12.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum Acknowledge {
    /// The functional acknowledgement.
    #[default]
    #[serde(rename = "997")]
    Functional,
    /// The implementation acknowledgement.
    #[serde(rename = "999")]
    Implementation,
}

fn example_edifact_partner() -> serde_json::Value {
    serde_json::json!({ "id": "5412345000013", "qualifier": "14" })
}

fn example_partner() -> serde_json::Value {
    serde_json::json!({ "qualifier": "ZZ", "id": "BIGBOX" })
}

/// A party in interchange headers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TradingIdentity {
    /// X12 I05: `01` D-U-N-S, `08` UCC, `12` telephone, `14` D-U-N-S with suffix, `ZZ` mutually defined. EDIFACT 0007:
    /// `14` GLN, `1` D-U-N-S, `ZZZ` mutually defined; empty where none is sent.
    pub qualifier: String,
    /// At most 15 characters in X12, 35 in EDIFACT.
    pub id: String,
}

/// `[[viewer]]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Viewer {
    /// A person's or machine's name: the user name in the browser's dialog.
    #[schemars(example = &"prometheus")]
    pub id: String,
    /// SHA-256 of the token, in hex. The token is the password in the browser's dialog.
    #[schemars(example = &EXAMPLE_TOKEN_SHA256)]
    pub token_sha256: TokenHash,
}

/// Nobody knows a token with this hash, so that an example that is copied lets nobody in.
const EXAMPLE_TOKEN_SHA256: &str =
    "0000000000000000000000000000000000000000000000000000000000000000";

/// SHA-256 of a token of high entropy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub struct TokenHash(pub [u8; 32]);

impl TryFrom<String> for TokenHash {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mut hash = [0; 32];
        hex::decode_to_slice(text.as_bytes(), &mut hash).map_err(
            |_| "expected the SHA-256 of a token: 64 hex digits, as `tillgate token` prints them",
        )?;
        Ok(Self(hash))
    }
}
