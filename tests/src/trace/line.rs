//! One line of `strace -f -y -xx`. Every text in it is in hexadecimal, so that commas, quotes and angle brackets are
//! the line's own.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

const UNFINISHED: &[u8] = b" <unfinished ...>";

/// A line, or half of a call that another thread interrupted.
pub(super) enum Line<'a> {
    /// A call with its result.
    Whole(&'a [u8]),
    /// The first half.
    Begun(u32, &'a [u8]),
    /// The second half.
    Resumed(u32, &'a [u8]),
}

/// A line without what is no call: signals, ends of processes.
pub(super) fn split(text: &[u8]) -> Option<Line<'_>> {
    let space = text.iter().position(|byte| *byte == b' ')?;
    let thread = std::str::from_utf8(&text[..space]).ok()?.parse().ok()?;
    let call = text[space..].trim_ascii_start();
    if call.starts_with(b"+++") || call.starts_with(b"---") {
        return None;
    }
    if let Some(half) = call.strip_suffix(UNFINISHED) {
        return Some(Line::Begun(thread, half));
    }
    if call.starts_with(b"<... ") {
        let rest = find(call, b" resumed>").map(|at| &call[at + b" resumed>".len()..])?;
        return Some(Line::Resumed(thread, rest));
    }
    Some(Line::Whole(call))
}

/// A call taken apart.
pub(super) struct Parsed<'a> {
    pub(super) name: &'a str,
    arguments: &'a [u8],
    /// None for a call that never came back.
    pub(super) result: Option<i64>,
    result_text: &'a [u8],
}

/// `name(arguments) = result`.
pub(super) fn parse(text: &[u8]) -> Option<Parsed<'_>> {
    let open = text.iter().position(|byte| *byte == b'(')?;
    let name = std::str::from_utf8(&text[..open]).ok()?;
    // strace fills up short lines: `)     = 0`.
    let equals = text.windows(3).rposition(|three| three == b" = ")?;
    let arguments = text[..equals].trim_ascii_end().strip_suffix(b")")?.get(open + 1..)?;
    let result_text = &text[equals + 3..];
    let end = result_text.iter().position(|byte| !byte.is_ascii_digit() && *byte != b'-');
    let number = &result_text[..end.unwrap_or(result_text.len())];
    let result = std::str::from_utf8(number).ok().and_then(|number| number.parse().ok());
    Some(Parsed { name, arguments, result, result_text })
}

impl Parsed<'_> {
    /// How many bytes it did.
    pub(super) fn done(&self) -> u64 {
        self.result.and_then(|result| u64::try_from(result).ok()).unwrap_or_default()
    }

    /// Whether a flag is set.
    pub(super) fn says(&self, flag: &str) -> bool {
        find(self.arguments, flag.as_bytes()).is_some()
    }

    /// The first argument's number.
    pub(super) fn descriptor(&self) -> Option<u32> {
        let digits = self.arguments.iter().take_while(|byte| byte.is_ascii_digit()).count();
        std::str::from_utf8(&self.arguments[..digits]).ok()?.parse().ok()
    }

    /// What the first argument stands for.
    fn target(&self) -> Option<Vec<u8>> {
        between(self.arguments, b'<', b'>').map(unhex)
    }

    /// The file or folder that the first argument stands for.
    pub(super) fn file(&self) -> Option<PathBuf> {
        file(&self.target()?)
    }

    /// The file that the result stands for.
    pub(super) fn result_file(&self) -> Option<PathBuf> {
        file(&unhex(between(self.result_text, b'<', b'>')?))
    }

    /// The socket or serial line that the first argument stands for.
    pub(super) fn channel(&self) -> Option<String> {
        let target = String::from_utf8(self.target()?).ok()?;
        let is_channel = target.starts_with("socket:") || target.starts_with("/dev/pts/");
        is_channel.then_some(target)
    }

    /// A number among the last arguments.
    pub(super) fn number_from_end(&self, back: usize) -> u64 {
        let text = self.arguments.rsplit(|byte| *byte == b',').nth(back).unwrap_or_default();
        let text = std::str::from_utf8(text.trim_ascii()).unwrap_or_default();
        text.parse().unwrap_or_else(|_| panic!("expected a number, found {text:?}"))
    }

    /// The texts in quotation marks, as one; as much of them as the call did.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.texts().concat();
        if let Some(done) = self.result.and_then(|result| usize::try_from(result).ok()) {
            assert!(bytes.len() >= done, "{} of {done} bytes in the trace", bytes.len());
            bytes.truncate(done);
        }
        bytes
    }

    fn texts(&self) -> Vec<Vec<u8>> {
        self.arguments.split(|byte| *byte == b'"').skip(1).step_by(2).map(unhex).collect()
    }

    /// The paths among the arguments, each from the folder in front of it.
    pub(super) fn names(&self) -> Vec<PathBuf> {
        let mut folder = PathBuf::new();
        let mut names = Vec::new();
        for argument in self.arguments.split(|byte| *byte == b',') {
            if let Some(text) = between(argument, b'"', b'"') {
                names.push(folder.join(OsStr::from_bytes(&unhex(text))));
            } else if let Some(known) = between(argument, b'<', b'>') {
                folder = PathBuf::from(OsStr::from_bytes(&unhex(known)));
            }
        }
        names
    }
}

/// A path of the file system that holds data.
fn file(target: &[u8]) -> Option<PathBuf> {
    let path = Path::new(OsStr::from_bytes(target));
    let holds_data = path.is_absolute() && !path.starts_with("/dev") && !path.starts_with("/proc");
    holds_data.then(|| path.to_owned())
}

fn between(text: &[u8], open: u8, close: u8) -> Option<&[u8]> {
    let begin = text.iter().position(|byte| *byte == open)? + 1;
    let length = text[begin..].iter().position(|byte| *byte == close)?;
    Some(&text[begin..begin + length])
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

/// `\x41\x42`.
fn unhex(text: &[u8]) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pair = |pair: &[u8]| match pair {
        [b'\\', b'x', high, low] => {
            digit(*high).zip(digit(*low)).map(|(high, low)| high * 16 + low)
        }
        _ => None,
    };
    let bytes: Option<Vec<u8>> = text.chunks(4).map(pair).collect();
    bytes.unwrap_or_else(|| panic!("expected \\x41…, found {}", String::from_utf8_lossy(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> String {
        text.bytes().map(|byte| format!("\\x{byte:02x}")).collect()
    }

    #[test]
    fn a_write_gives_its_file_its_place_and_its_bytes() {
        let line = format!("7 pwrite64(9<{}>, \"{}\", 4, 32) = 3", hex("/data/a"), hex("abcd"));
        let Some(Line::Whole(call)) = split(line.as_bytes()) else { panic!("{line}") };
        let call = parse(call).unwrap();
        assert_eq!((call.name, call.result, call.descriptor()), ("pwrite64", Some(3), Some(9)));
        assert_eq!(call.file(), Some("/data/a".into()));
        assert_eq!((call.number_from_end(0), call.bytes()), (32, b"abc".to_vec()));
    }

    #[test]
    fn a_rename_gives_two_names_from_their_folders() {
        let text = format!(
            "renameat2(9<{}>, \"{}\", 11<{}>, \"{}\", RENAME_NOREPLACE) = 0",
            hex("/in"),
            hex("a"),
            hex("/done"),
            hex("b")
        );
        let names = parse(text.as_bytes()).unwrap().names();
        assert_eq!(names, [PathBuf::from("/in/a"), PathBuf::from("/done/b")]);
    }

    #[test]
    fn halves_of_a_call_are_put_together() {
        let begun = format!("8 fsync(5<{}> <unfinished ...>", hex("/data/a"));
        assert!(matches!(split(begun.as_bytes()), Some(Line::Begun(8, _))));
        let resumed = split(b"8 <... fsync resumed>)       = 0");
        let Some(Line::Resumed(8, rest)) = resumed else { panic!("no second half") };
        let Some(Line::Begun(_, half)) = split(begun.as_bytes()) else { panic!("no first half") };
        let whole = [half, rest].concat();
        let call = parse(&whole).unwrap();
        assert_eq!((call.name, call.result), ("fsync", Some(0)));
        assert_eq!(call.file(), Some("/data/a".into()));
    }
}
