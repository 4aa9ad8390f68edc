//! `pcsc`: chip cards in a reader of pcscd, with contacts and without.
//!
//! In: pcscd's socket, and which reader. Out: a reading for each card that is put on the reader. A pcscd that goes
//! away and a reader that is unplugged are said, and taken back when they return. Never: a card twice because pcscd
//! began anew while it lay there; a command that [`Session`] did not ask for.

mod daemon;
mod wire;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tillgate_parsers::card::{CardReading, TokenKey};
use tillgate_parsers::chip::{NoNumber, Session};
use tokio::time::{Instant, sleep};

use crate::attached::Address;
use crate::node::throttle;
use crate::serial::{FrameRate, Outlet, Stopped};
use crate::{Assignment, DeviceEvent, DeviceSettings, Driver, DriverKind, Reading};
use daemon::{CardError, Daemon, Refused};
use wire::Reader;

/// The driver's entry.
pub(crate) const DRIVER: Driver = Driver {
    kind: DriverKind::Pcsc,
    name: "pcsc",
    start: |assignment| Box::pin(serve(assignment)),
};

/// Readers are looked for so often: pcscd does not always announce that one is gone.
const LOOK: Duration = Duration::from_secs(1);

/// A card at the edge of the field comes and goes. The same one again within this time is the same tap.
const SAME_TAP: Duration = Duration::from_secs(1);

/// A pcscd that was there comes back soon.
const RETRY: Duration = Duration::from_millis(250);

/// A pcscd that does not let us in, or is not there, waits for a person.
const RETRY_REFUSED: Duration = Duration::from_secs(1);

/// Serves a reader until told to stop.
async fn serve(assignment: Assignment) {
    let Assignment { settings, token_key, events, stop } = assignment;
    let rate = FrameRate::new(settings.frames_per_second_max, Instant::now());
    let outlet = Outlet { events, stop };
    let (shown, last) = (None, None);
    let on_reader = OnReader::default();
    let mut watch = Watch { settings, token_key, outlet, rate, shown, on_reader, last };
    // Ends when told to stop.
    while watch.connection().await.is_ok() {}
}

/// What is known of a reader across connections.
struct Watch {
    settings: DeviceSettings,
    token_key: Arc<TokenKey>,
    outlet: Outlet,
    rate: FrameRate,
    /// What was said last of the reader. None at the start.
    shown: Option<Shown>,
    on_reader: OnReader,
    /// The last reading, and when it was made.
    last: Option<(CardReading, Instant)>,
}

/// What was said of a reader.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Shown {
    /// Connected to it, by its name.
    Reader(String),
    /// Not, and why.
    Reason(String),
}

/// A card that lies on the reader.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    answer_to_reset: Vec<u8>,
    /// pcscd's count; none once pcscd or the reader was away, since it counts anew then.
    events: Option<u32>,
}

/// The card that was on the reader last.
#[derive(Default)]
struct OnReader(Option<Seen>);

impl OnReader {
    /// Whether there is a card that was not there before.
    fn is_new(&mut self, reader: &Reader) -> bool {
        let Some(answer_to_reset) = reader.answer_to_reset.clone() else {
            self.0 = None;
            return false;
        };
        let seen = Seen { answer_to_reset, events: Some(reader.events) };
        let before = self.0.replace(seen);
        before.is_none_or(|before| match before.events {
            Some(events) => events != reader.events,
            None => Some(before.answer_to_reset) != reader.answer_to_reset,
        })
    }

    /// pcscd or the reader is gone. A card that lies there is counted anew when they are back.
    fn forget_count(&mut self) {
        if let Some(seen) = &mut self.0 {
            seen.events = None;
        }
    }

    /// Nothing came of the card: it is new at the next look.
    fn forget(&mut self) {
        self.0 = None;
    }
}

impl Watch {
    /// One connection to pcscd, from first to last.
    async fn connection(&mut self) -> Result<(), Stopped> {
        // `check` demands a path: pcscd's socket is no device that could be selected.
        let Address::Port(socket) = self.settings.address.clone() else {
            let hint = "set `port` to pcscd's socket, /run/pcscd/pcscd.comm";
            self.say("no socket is configured".to_owned(), hint).await?;
            return self.outlet.unless_stopped(sleep(RETRY_REFUSED)).await;
        };
        match self.outlet.unless_stopped(Daemon::connect(&socket)).await? {
            Ok(mut daemon) => {
                while let Ok(()) = self.turn(&mut daemon).await? {}
                self.on_reader.forget_count();
                self.say("pcscd is gone".to_owned(), RESTART).await?;
                self.outlet.unless_stopped(sleep(RETRY)).await
            }
            Err(refused) => {
                let (reason, hint) = words(&socket, &refused);
                self.say(reason, hint).await?;
                self.outlet.unless_stopped(sleep(RETRY_REFUSED)).await
            }
        }
    }

    /// Looks at the readers once, takes a card that is new, or waits for a change.
    async fn turn(&mut self, daemon: &mut Daemon) -> Result<io::Result<()>, Stopped> {
        let readers = match self.outlet.unless_stopped(daemon.watch()).await? {
            Ok(readers) => readers,
            Err(error) => return Ok(Err(error)),
        };
        let Some(reader) = chosen(&readers, &self.settings.chip_reader) else {
            self.on_reader.forget_count();
            let hint = hint_of(&readers, &self.settings.chip_reader);
            self.say(no_reader(&readers), &hint).await?;
            return self.outlet.unless_stopped(daemon.changed(LOOK)).await;
        };
        self.connected(&reader.name).await?;
        if !self.on_reader.is_new(reader) {
            return self.outlet.unless_stopped(daemon.changed(LOOK)).await;
        }
        if let Err(error) = self.outlet.unless_stopped(daemon.stop_waiting()).await? {
            return Ok(Err(error));
        }
        let answer_to_reset = reader.answer_to_reset.as_deref().unwrap_or_default();
        let read = read(daemon, &self.settings, &self.token_key, (reader, answer_to_reset));
        match self.outlet.unless_stopped(read).await? {
            Ok(event) if self.is_same_tap(&event) => Ok(Ok(())),
            Ok(event) => throttle(&mut self.rate, vec![event], &self.outlet).await.map(Ok),
            Err(error) => {
                self.on_reader.forget();
                Ok(Err(error))
            }
        }
    }

    fn is_same_tap(&mut self, event: &DeviceEvent) -> bool {
        let DeviceEvent::Reading(Reading::Card(card)) = event else { return false };
        let now = Instant::now();
        let before = self.last.replace((card.clone(), now));
        before.is_some_and(|(last, at)| last == *card && now - at < SAME_TAP)
    }

    async fn connected(&mut self, reader: &str) -> Result<(), Stopped> {
        let now = Shown::Reader(reader.to_owned());
        if self.shown.as_ref() == Some(&now) {
            return Ok(());
        }
        self.shown = Some(now);
        self.outlet.send(DeviceEvent::Connected { detail: reader.to_owned() }).await
    }

    async fn say(&mut self, reason: String, hint: &str) -> Result<(), Stopped> {
        let now = Shown::Reason(reason.clone());
        if self.shown.as_ref() == Some(&now) {
            return Ok(());
        }
        self.shown = Some(now);
        let hint = hint.to_owned();
        self.outlet.send(DeviceEvent::Disconnected { reason, hint }).await
    }
}

/// Asks a card for its number. What goes wrong with the card is an event, what goes wrong with pcscd an error.
async fn read(
    daemon: &mut Daemon,
    settings: &DeviceSettings,
    key: &TokenKey,
    (reader, answer_to_reset): (&Reader, &[u8]),
) -> io::Result<DeviceEvent> {
    let card = match daemon.card(&reader.name).await? {
        Ok(card) => card,
        Err(error) => return Ok(unread(&error)),
    };
    let mut session = Session::new(&settings.chip, answer_to_reset, card.is_one_way());
    while let Some(command) = session.command() {
        match daemon.transmit(&card, &command).await? {
            Ok(answer) => session.answer(&answer),
            Err(error) => {
                daemon.release(&card).await?;
                return Ok(unread(&error));
            }
        }
    }
    daemon.release(&card).await?;
    Ok(match session.finish(key, &settings.loyalty_cards) {
        Ok(card) if card.card_token.is_some() || card.loyalty.is_some() => {
            DeviceEvent::Reading(Reading::Card(card))
        }
        Ok(card) if card.damaged => damaged(LOOKS_LIKE_PAYMENT),
        Ok(_) => damaged(UNLISTED),
        Err(NoNumber::Silent) => damaged(SILENT),
        Err(NoNumber::Foreign) => damaged(FOREIGN),
        Err(NoNumber::ChangingSerial) => damaged(CHANGING_SERIAL),
    })
}

const LOOKS_LIKE_PAYMENT: &str =
    "the card's number could be a payment card's, cut or altered: nothing of it is kept";
const UNLISTED: &str = "the card's number is none of a [[loyalty_card]]: compare their prefixes, lengths and check digits with the card";
const SILENT: &str =
    "the card has no number where the configuration looks for it; payment cards are never asked";
const FOREIGN: &str = "the card has a text, link or file, but no number as the configuration describes it: compare \
                       `number_prefix` and `files` with a card of the store";
const CHANGING_SERIAL: &str =
    "all the card gives is a serial number that changes at each tap or that other cards have too";
const TAKEN_AWAY: &str =
    "the card was taken away before it was read: hold it to the reader until it beeps";
const MUTE: &str =
    "the card does not answer: put it in the other way round, with the chip to the contacts";

fn unread(error: &CardError) -> DeviceEvent {
    damaged(match error {
        CardError::Gone => TAKEN_AWAY,
        CardError::Mute => MUTE,
    })
}

fn damaged(problem: &'static str) -> DeviceEvent {
    DeviceEvent::Damaged { problem, bytes: 0 }
}

/// The one reader whose name has the configured words in it.
fn chosen<'r>(readers: &'r [Reader], words: &str) -> Option<&'r Reader> {
    let mut fitting = readers.iter().filter(|reader| reader.name.contains(words));
    fitting.next().filter(|_| fitting.next().is_none())
}

fn no_reader(readers: &[Reader]) -> String {
    match readers {
        [] => "pcscd knows no card reader".to_owned(),
        _ => "which card reader?".to_owned(),
    }
}

fn hint_of(readers: &[Reader], words: &str) -> String {
    if readers.is_empty() {
        return "plug it in; most readers need the package libccid".to_owned();
    }
    let names: Vec<String> = readers.iter().map(|reader| format!("{:?}", reader.name)).collect();
    format!(
        "set `reader` of the device to what only one name has in it; it is {words:?} now, and there are {}",
        names.join(", ")
    )
}

const RESTART: &str = "tillgate takes it back by itself when it returns";

fn words(socket: &Path, refused: &Refused) -> (String, &'static str) {
    let socket = socket.display();
    match refused {
        Refused::NotRunning => (
            format!("pcscd does not listen on {socket}"),
            "install it (packages pcscd and libccid) and start it: `sudo systemctl enable --now pcscd.socket`",
        ),
        Refused::Denied => (
            format!("pcscd on {socket} does not let this user in"),
            "install config/polkit/60-tillgate.rules in /etc/polkit-1/rules.d; it names the user that runs tillgate",
        ),
        Refused::Version { spoken } => (
            format!("pcscd on {socket} speaks protocol {spoken}, and tillgate 4:4 and 4:5"),
            "use pcscd 1.8.24 or later; if it is later, report it",
        ),
        Refused::Failed(error) => (
            format!("pcscd on {socket} does not answer ({error})"),
            "restart pcscd and look at its log",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(name: &str) -> Reader {
        Reader { name: name.to_owned(), events: 0, answer_to_reset: None }
    }

    #[test]
    fn a_card_is_new_when_it_was_put_on_and_not_because_pcscd_began_anew() {
        let look = |card: Option<&[u8]>, events| Reader {
            name: "ACS ACR122U 00 00".to_owned(),
            events,
            answer_to_reset: card.map(<[u8]>::to_vec),
        };
        let (card, other) = (Some(&[0x3B, 0x80][..]), Some(&[0x3B, 0x8F][..]));
        let mut on_reader = OnReader::default();
        assert!(on_reader.is_new(&look(card, 1)));
        assert!(!on_reader.is_new(&look(card, 1)));
        assert!(on_reader.is_new(&look(card, 3)), "taken away and put on between two looks");
        on_reader.forget_count();
        assert!(!on_reader.is_new(&look(card, 1)), "pcscd counts anew");
        on_reader.forget_count();
        assert!(on_reader.is_new(&look(other, 1)), "another card by now");
        assert!(!on_reader.is_new(&look(None, 2)));
        assert!(on_reader.is_new(&look(other, 3)));
        on_reader.forget();
        assert!(on_reader.is_new(&look(other, 3)), "it could not be read");
    }

    #[test]
    fn a_reader_is_chosen_only_when_there_is_no_doubt() {
        let both = [reader("ACS ACR122U 00 00"), reader("Gemalto PC Twin 01 00")];
        assert_eq!(chosen(&both, "").map(|reader| reader.name.as_str()), None);
        assert_eq!(chosen(&both, "ACR122").map(|it| it.name.as_str()), Some("ACS ACR122U 00 00"));
        assert_eq!(chosen(&both, "OMNIKEY"), None);
        assert_eq!(chosen(&both[..1], "").map(|it| it.name.as_str()), Some("ACS ACR122U 00 00"));
        assert!(hint_of(&both, "").contains("\"Gemalto PC Twin 01 00\""));
    }
}
