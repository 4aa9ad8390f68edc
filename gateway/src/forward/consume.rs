//! A consumer of records that answers with receipts: what `tillgate tail --receipts` runs, and what a CRM's own
//! receiver should do.
//!
//! In: records over a session that the broker keeps. Out, always in this order: each new record to its
//! [`Consumer`], what was taken to its book, the acknowledgement to the broker, and then the receipt to the gateway.
//! Never: a receipt, or an acknowledgement, for what the consumer has not kept.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::ledger::{Ledger, Odd, Taken, Word};
use super::tail::{SUBSCRIPTION_REFUSED, TailSettings, forget_session, open, subscribed};
use super::transport::{Event, Message, Received, Transport};
use super::trouble::Trouble;

/// Receipts are sent so often,
const RECEIPT_EVERY: Duration = Duration::from_secs(1);

/// or after so many records.
const RECEIPT_RECORDS: u64 = 500;

/// Records that are kept together, with one write of the book.
const TOGETHER: usize = 500;

/// Receipts and requests under way at once.
const WORDS_AT_ONCE: usize = 100;

/// A broker that says nothing for longer than this many keep-alive intervals is gone: it has to answer our pings
/// (MQTT 5, 3.1.2.10). The client does not notice in all cases.
const SILENT_INTERVALS: u32 = 3;

/// For the last receipts.
const FAREWELL: Duration = Duration::from_secs(3);

/// Who takes the records.
pub trait Consumer {
    /// Why it cannot go on.
    type Error;

    /// A record that was not here before. `false` when it is the last that is wanted.
    fn record(&mut self, payload: &[u8]) -> Result<bool, Self::Error>;

    /// What was taken is to be kept: only then it is confirmed.
    fn keep(&mut self, ledger: &Ledger) -> Result<(), Self::Error>;

    /// A message that is no record that can be counted. It is acknowledged, so that it does not come for ever.
    fn odd(&mut self, odd: &Odd);

    /// A gateway says that so many records that are missing here will never come: they are written off. The event is
    /// handed over like a record, so that who reads them later sees the hole explained.
    fn lost_records(&mut self, records: u64);

    /// The broker sends from now on.
    fn connected(&mut self);

    /// The connection ended, or never began; another attempt follows after the wait.
    fn lost(&mut self, problem: &str, retry_in: Duration);
}

/// How a connection ends.
enum End<E> {
    /// All that was wanted came, or we were stopped.
    Finished,
    /// The consumer failed.
    Failed(E),
    /// The connection failed.
    Lost(Trouble),
}

impl<E> From<Trouble> for End<E> {
    fn from(trouble: Trouble) -> Self {
        Self::Lost(trouble)
    }
}

/// Consumes until stopped, or until the consumer has enough. Connects again for ever.
pub async fn consume<C: Consumer>(
    settings: TailSettings,
    ledger: Ledger,
    consumer: &mut C,
    stop: CancellationToken,
) -> Result<(), C::Error> {
    let timing = &settings.timing;
    let mut backoff = Backoff::new(timing.backoff_base, timing.backoff_cap);
    let (mut ledger, mut trusted) = (ledger, true);
    while !stop.is_cancelled() {
        let begun = Instant::now();
        let trouble = match listen(&settings, &mut trusted, &mut ledger, consumer, &stop).await {
            End::Finished => return Ok(()),
            End::Failed(error) => return Err(error),
            End::Lost(trouble) => trouble,
        };
        if begun.elapsed() >= timing.stable {
            backoff.reset();
        }
        let floor = timing.connect_floor.saturating_sub(begun.elapsed());
        let retry_in = backoff.next(rand::random()).max(floor);
        consumer.lost(&trouble.words, retry_in);
        if trouble.reason == SUBSCRIPTION_REFUSED {
            // At once: who is started after us would trust the session.
            trusted = forget_session(&settings).await.is_ok();
        }
        // Stopped while waiting: there is nothing to finish.
        let _stopped = stop.run_until_cancelled(sleep(retry_in)).await;
    }
    Ok(())
}

async fn listen<C: Consumer>(
    settings: &TailSettings,
    trusted: &mut bool,
    ledger: &mut Ledger,
    consumer: &mut C,
    stop: &CancellationToken,
) -> End<C::Error> {
    let opened = async {
        if !*trusted {
            forget_session(settings).await?;
            *trusted = true;
        }
        let mut transport = open(settings, true).await?;
        // Records of a kept session may come before the subscription is answered.
        let early = subscribed(settings, &mut transport).await?;
        Ok::<_, Trouble>((transport, early))
    };
    let (transport, early) = match stop.run_until_cancelled(opened).await {
        None => return End::Finished,
        Some(Err(trouble)) => return End::Lost(trouble),
        Some(Ok(opened)) => opened,
    };
    consumer.connected();
    ledger.say_anew();
    let mut connection = Listening {
        transport,
        ledger,
        consumer,
        taken: early.into(),
        acknowledgements: VecDeque::new(),
        unconfirmed: 0,
        under_way: 0,
        receipts_at: Instant::now(),
        heard_at: Instant::now(),
        answered_at: Instant::now(),
        silence: settings.connection.keep_alive * SILENT_INTERVALS,
        patience: settings.timing.unanswered,
    };
    let ended = tokio::select! {
        () = stop.cancelled() => None,
        ended = connection.go_on() => Some(ended),
    };
    match ended {
        Some(ended @ (End::Failed(_) | End::Lost(_))) => ended,
        None | Some(End::Finished) => {
            connection.finish().await.map_or_else(|end| end, |()| End::Finished)
        }
    }
}

/// One connection.
struct Listening<'a, C> {
    transport: Transport,
    ledger: &'a mut Ledger,
    consumer: &'a mut C,
    /// Messages that came and were not looked at yet.
    taken: VecDeque<Received>,
    /// Messages that are kept and not acknowledged yet. The broker's own limit on what is under way bounds it.
    acknowledgements: VecDeque<Received>,
    /// Records since the last receipts.
    unconfirmed: u64,
    /// Our own publishes without an answer.
    under_way: usize,
    receipts_at: Instant,
    /// The last event.
    heard_at: Instant,
    /// When one of our publishes was answered, or the first of them sent.
    answered_at: Instant,
    /// Without any event for longer the connection is dead,
    silence: Duration,
    /// and without an answer to a publish.
    patience: Duration,
}

impl<C: Consumer> Listening<'_, C> {
    async fn go_on(&mut self) -> End<C::Error> {
        loop {
            match self.round().await {
                Ok(true) => {}
                Ok(false) => return End::Finished,
                Err(end) => return end,
            }
        }
    }

    /// Takes what is there, keeps it, acknowledges and confirms it. Dropped only while it waits for the first event.
    async fn round(&mut self) -> Result<bool, End<C::Error>> {
        if self.taken.is_empty()
            && let Ok(event) =
                timeout_at(self.receipts_at + RECEIPT_EVERY, self.transport.next()).await
        {
            self.hear(event?);
        }
        while self.taken.len() < TOGETHER {
            let Some(event) = self.transport.next().now_or_never() else { break };
            self.hear(event?);
        }
        self.check_silence()?;
        let goes_on = self.take_all().map_err(End::Failed)?;
        self.acknowledge();
        let is_due =
            self.receipts_at.elapsed() >= RECEIPT_EVERY || self.unconfirmed >= RECEIPT_RECORDS;
        if is_due {
            self.confirm()?;
        }
        Ok(goes_on)
    }

    fn hear(&mut self, event: Event) {
        self.heard_at = Instant::now();
        match event {
            Event::Received(message) => self.taken.push_back(message),
            Event::Acknowledged(..) => {
                self.under_way = self.under_way.saturating_sub(1);
                self.answered_at = self.heard_at;
            }
            _ => {}
        }
    }

    /// The watchdog: a connection on which nothing comes, or no answer, is made anew.
    fn check_silence(&self) -> Result<(), Trouble> {
        if self.heard_at.elapsed() > self.silence {
            let seconds = self.silence.as_secs();
            let words = format!("the broker said nothing for {seconds} s: is the network cut?");
            return Err(Trouble::new("silent", words));
        }
        if self.under_way > 0 && self.answered_at.elapsed() > self.patience {
            return Err(Trouble::unanswered(self.patience.as_secs()));
        }
        Ok(())
    }

    /// Whether more is wanted.
    fn take_all(&mut self) -> Result<bool, C::Error> {
        let mut goes_on = true;
        let mut kept = VecDeque::new();
        while goes_on && let Some(message) = self.taken.pop_front() {
            match self.ledger.take(&message.topic, &message.payload) {
                Ok(Taken::New) => {
                    self.unconfirmed += 1;
                    goes_on = self.consumer.record(&message.payload)?;
                }
                Ok(Taken::Lost(records)) => {
                    self.unconfirmed += 1;
                    self.consumer.lost_records(records);
                    goes_on = self.consumer.record(&message.payload)?;
                }
                Ok(Taken::Repeat) => {}
                Err(odd) => self.consumer.odd(&odd),
            }
            kept.push_back(message);
        }
        if !kept.is_empty() {
            self.consumer.keep(self.ledger)?;
        }
        self.acknowledgements.append(&mut kept);
        Ok(goes_on)
    }

    fn acknowledge(&mut self) {
        while let Some(message) = self.acknowledgements.front() {
            if !self.transport.acknowledge(message) {
                return;
            }
            self.acknowledgements.pop_front();
        }
    }

    fn confirm(&mut self) -> Result<(), Trouble> {
        (self.receipts_at, self.unconfirmed) = (Instant::now(), 0);
        let room = WORDS_AT_ONCE.saturating_sub(self.under_way);
        for word in self.ledger.due(room, Instant::now()) {
            self.transport.publish(&message(word))?;
            if self.under_way == 0 {
                self.answered_at = Instant::now();
            }
            self.under_way += 1;
        }
        Ok(())
    }

    /// The last acknowledgements and receipts, then DISCONNECT.
    async fn finish(mut self) -> Result<(), End<C::Error>> {
        self.acknowledge();
        self.confirm()?;
        let answered = timeout(FAREWELL, async {
            while self.under_way > 0 || !self.acknowledgements.is_empty() {
                let event = self.transport.next().await?;
                // What still comes is not taken: the broker keeps it for the next time.
                if !matches!(event, Event::Received(_)) {
                    self.hear(event);
                }
                self.acknowledge();
            }
            Ok::<_, Trouble>(())
        });
        if let Ok(answered) = answered.await {
            answered?;
        }
        let _said = timeout(FAREWELL, self.transport.disconnect()).await;
        Ok(())
    }
}

fn message(word: Word) -> Message {
    let Word { topic, payload, retain } = word;
    Message { topic, payload: Bytes::from(payload), retain, content_type: None }
}
