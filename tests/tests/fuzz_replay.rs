//! The fuzz targets on stable Rust: every file of each corpus, and mutations of them that are the same in each run.
//!
//! `TILLGATE_FUZZ_MUTATIONS` and `TILLGATE_FUZZ_SEED` try more or others. An input that fails is written to
//! `fuzz/artifacts/TARGET/`, where `cargo fuzz` looks for such inputs as well.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may panic and print, its helpers too"
)]

#[path = "../../fuzz/src/lib.rs"]
pub mod checks;
#[path = "../../fuzz/src/sale.rs"]
mod sale;

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

const MUTATIONS: u64 = 2_000;
const SEED: u64 = 0x7111_9A7E;

/// Most changes of one mutation, and the longest input it may make.
const CHANGES_MAX: usize = 5;
const INPUT_BYTES_MAX: usize = 8 * 1024;

macro_rules! replay {
    ($($checks:ident::$target:ident: $dictionary:literal,)*) => {
        $(#[test]
        fn $target() {
            replay(stringify!($target), $dictionary, $checks::$target);
        })*

        #[test]
        fn every_corpus_is_replayed() {
            let mut replayed = vec![$(stringify!($target).to_owned()),*];
            let folders = fs::read_dir(fuzz_folder().join("corpus")).unwrap();
            let mut found: Vec<String> =
                folders.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            replayed.sort();
            found.sort();
            assert_eq!(found, replayed);
        }
    };
}

replay! {
    checks::framing: "card",
    checks::tracks: "card",
    checks::barcode: "card",
    checks::redact_json: "json",
    checks::redact_edi: "x12",
    checks::redact_text: "card",
    checks::x12: "x12",
    checks::edi_index: "x12",
    checks::edi_acknowledge: "x12",
    checks::edi_writer: "x12",
    sale::sale_json: "json",
    checks::edi_built: "built",
    checks::edi_chunks: "x12",
    checks::edifact: "edifact",
    checks::tradacoms: "tradacoms",
    checks::ssi: "card",
    checks::hid: "hid",
    checks::wedge: "hid",
    checks::scale: "card",
    checks::chip: "card",
}

fn replay(target: &str, dictionary: &str, check: fn(&[u8])) {
    let corpus = corpus(target);
    let words = words(dictionary);
    assert!(!corpus.is_empty() && !words.is_empty(), "{target}: no corpus or no dictionary");
    corpus.iter().for_each(|input| hold(target, input, check));
    let seed = number_from("TILLGATE_FUZZ_SEED", SEED);
    println!("{target}: seed {seed}");
    let mut dice = Dice(seed);
    for _ in 0..number_from("TILLGATE_FUZZ_MUTATIONS", MUTATIONS) {
        hold(target, &mutated(&corpus, &words, &mut dice), check);
    }
}

/// Checks one input, and keeps it where it fails.
fn hold(target: &str, input: &[u8], check: fn(&[u8])) {
    if catch_unwind(|| check(input)).is_ok() {
        return;
    }
    let folder = fuzz_folder().join("artifacts").join(target);
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(format!("replay-{:08x}", fnv1a(input)));
    fs::write(&path, input).unwrap();
    panic!("{target} failed; the input of {} bytes is {}", input.len(), path.display());
}

fn fuzz_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
}

/// The files of a corpus, by name, so that each run takes them in the same order.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = fs::read_dir(fuzz_folder().join("corpus").join(target)).unwrap();
    let mut paths: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// The words of a libFuzzer dictionary: `"…"` a line, with `\xNN`, `\\` and `\"`.
fn words(dictionary: &str) -> Vec<Vec<u8>> {
    let path = fuzz_folder().join("dictionaries").join(format!("{dictionary}.dict"));
    let text = fs::read_to_string(path).unwrap();
    let quoted = text.lines().filter_map(|line| line.strip_prefix('"')?.strip_suffix('"'));
    quoted.map(unescaped).collect()
}

fn unescaped(word: &str) -> Vec<u8> {
    let mut bytes = word.bytes();
    let mut word = Vec::new();
    while let Some(byte) = bytes.next() {
        let escaped = if byte == b'\\' { bytes.next() } else { Some(byte) };
        match (byte, escaped) {
            (b'\\', Some(b'x')) => {
                let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                let digits = std::str::from_utf8(&digits).unwrap();
                word.push(u8::from_str_radix(digits, 16).unwrap());
            }
            (_, escaped) => word.extend(escaped),
        }
    }
    word
}

fn number_from(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap())
}

/// SplitMix64: small, and the same on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 when there is none.
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.roll() % bound.max(1) as u64).unwrap()
    }

    fn one_of<'l, T>(&mut self, list: &'l [T]) -> &'l T {
        &list[self.below(list.len())]
    }

    /// A short range of an input of `length` bytes.
    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length + 1);
        start..(start + self.below(16)).min(length)
    }
}

fn mutated(corpus: &[Vec<u8>], words: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let mut input = dice.one_of(corpus).clone();
    for _ in 0..=dice.below(CHANGES_MAX) {
        let range = dice.range(input.len());
        let at = range.start;
        match dice.below(8) {
            0 => drop(input.splice(range, dice.one_of(words).iter().copied())),
            1 => drop(input.splice(at..at, dice.one_of(words).iter().copied())),
            2 => drop(input.drain(range)),
            3 => {
                let copy = input[range].to_vec();
                let at = dice.below(input.len() + 1);
                input.splice(at..at, copy);
            }
            4 => {
                let other = dice.one_of(corpus);
                let from = dice.below(other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            5 => input.truncate(at),
            6 => input.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << dice.below(8)),
            _ => {
                let byte = *dice.one_of(b"0123456789 -.,:;*~\"\\{}[]\r\n\0\x1d\x80\xff");
                input.insert(at, byte);
            }
        }
    }
    input.truncate(INPUT_BYTES_MAX);
    input
}

/// A name for an input (FNV-1a): the same input is written once.
fn fnv1a(input: &[u8]) -> u32 {
    input.iter().fold(0x811C_9DC5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}
