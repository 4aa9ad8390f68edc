//! A reader of chip cards without hardware: a pcscd of the test's own, and cards that are put on its reader.
//!
//! In: which card. Out: what it was asked. Needs the Debian packages `pcscd` and `vsmartcard-vpcd`. Never: the
//! machine's own pcscd, whose socket and reader's port are elsewhere.

mod pcscd;
mod virtual_card;

pub(crate) use pcscd::Pcscd;
pub(crate) use virtual_card::VirtualCard;
