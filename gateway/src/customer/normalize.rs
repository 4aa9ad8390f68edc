//! One form for what people write in many: phone numbers, e-mail addresses, loyalty numbers, names.
//!
//! Version 1. A change here changes keys: the directory must then be imported again.

use std::str::FromStr;

use phonenumber::Mode;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The country whose numbers are dialled without a country code.
pub type Region = phonenumber::country::Id;

/// Longest value that is looked at: longer ones are mistakes.
const VALUE_CHARS: usize = 128;

/// The region of an ISO 3166 code such as `CN`.
#[must_use]
pub fn region(code: &str) -> Option<Region> {
    Region::from_str(code).ok()
}

/// A telephone number in E.164: `+8613812345678`. Without a region only numbers with `+` or `00` are understood.
///
/// Letters are refused: the phone library takes them for keypad digits, and a note would become a number.
#[must_use]
pub fn phone(text: &str, region: Option<Region>) -> Option<String> {
    let text = compatible(text)?;
    let dialled = |c: char| c.is_ascii_digit() || " +-–().·/".contains(c);
    if !text.chars().all(dialled) {
        return None;
    }
    // 00 is the international prefix that ITU-T E.123 recommends.
    let international = text.strip_prefix("00").map(|rest| format!("+{rest}"));
    let number = phonenumber::parse(region, international.unwrap_or(text)).ok()?;
    number.is_valid().then(|| number.format().mode(Mode::E164).to_string())
}

/// An e-mail address in small letters. No rules of single providers: `a.b@` and `ab@` are two addresses.
#[must_use]
pub fn email(text: &str) -> Option<String> {
    let text: String = compatible(text)?.to_lowercase().nfkc().collect();
    let (local, domain) = text.rsplit_once('@')?;
    let plausible = !local.is_empty()
        && domain.contains('.')
        && !domain.starts_with('.')
        && !domain.ends_with('.')
        && !local.contains('@')
        && !text.contains(|c: char| c.is_whitespace() || c.is_control() || ",;<>\"".contains(c));
    plausible.then_some(text)
}

/// A loyalty number without blanks and dashes.
#[must_use]
pub fn loyalty(text: &str) -> Option<String> {
    let mut number = compatible(text)?;
    number.retain(|c| !c.is_whitespace() && !"-‐‑–—".contains(c));
    // What now stands together may compose: U+00B8 is a blank and a combining cedilla.
    let number: String = number.nfkc().collect();
    (!number.is_empty()).then_some(number)
}

/// A card token, as it is.
#[must_use]
pub fn card_token(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty() && text.len() <= VALUE_CHARS).then(|| text.to_owned())
}

/// Full-width digits and letters become common ones (Unicode NFKC).
fn compatible(text: &str) -> Option<String> {
    let text: String = text.trim().nfkc().take(VALUE_CHARS + 1).collect();
    let usable = !text.is_empty() && text.chars().count() <= VALUE_CHARS;
    usable.then(|| text.trim().to_owned())
}

/// How two names go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// The same person's, as far as a name can tell.
    Same,
    /// Not to be told: one is missing, only a surname, or in another script.
    Unknown,
    /// Two people's.
    Conflict,
}

/// Compares two names as given.
#[must_use]
pub fn compare_names(one: &str, other: &str) -> Names {
    match (han_name(one), han_name(other)) {
        (Some(one), Some(other)) => compare_han(&one, &other),
        (None, None) => compare_words(&words(one), &words(other)),
        // 王小明 and Wang Xiaoming may be one or two.
        _ => Names::Unknown,
    }
}

/// Surnames of two characters: in all other names the first character is the surname.
const TWO_CHARACTER_SURNAMES: [&str; 24] = [
    "欧阳", "歐陽", "司马", "司馬", "上官", "诸葛", "諸葛", "东方", "東方", "皇甫", "尉迟", "尉遲",
    "公孙", "公孫", "令狐", "慕容", "宇文", "司徒", "司空", "夏侯", "长孙", "長孫", "端木", "独孤",
];
const HAN_TITLES: [&str; 8] = ["先生", "女士", "小姐", "太太", "老师", "老師", "经理", "經理"];
const TITLES: [&str; 12] =
    ["mr", "mrs", "ms", "miss", "dr", "prof", "herr", "frau", "mme", "sr", "sra", "jr"];

/// Surname and given name of a name in Chinese characters.
fn han_name(text: &str) -> Option<(String, String)> {
    let mut name: String =
        text.nfkc().filter(|c| !c.is_whitespace() && *c != '·').take(VALUE_CHARS).collect();
    let is_han = |c: char| matches!(c, '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}');
    if name.is_empty() || !name.chars().all(is_han) {
        return None;
    }
    for title in HAN_TITLES {
        if let Some(rest) = name.strip_suffix(title) {
            name = rest.to_owned();
        }
    }
    let two = TWO_CHARACTER_SURNAMES.iter().any(|surname| name.starts_with(surname));
    let surname: String = name.chars().take(if two { 2 } else { 1 }).collect();
    let given = name.chars().skip(surname.chars().count()).collect();
    Some((surname, given))
}

fn compare_han(one: &(String, String), other: &(String, String)) -> Names {
    if one.0 != other.0 {
        return Names::Conflict;
    }
    match (one.1.is_empty(), other.1.is_empty()) {
        (false, false) if one.1 == other.1 => Names::Same,
        (false, false) => Names::Conflict,
        // 王女士 may be any Wang.
        _ => Names::Unknown,
    }
}

/// The words of a name in letters: small, without accents, titles and punctuation.
fn words(text: &str) -> Vec<String> {
    let folded: String = text
        .nfkd()
        .filter(|c| !is_combining_mark(*c))
        .flat_map(char::to_lowercase)
        .take(VALUE_CHARS)
        .collect();
    folded
        .split(|c: char| !c.is_alphanumeric() && c != '\'')
        .filter(|word| !word.is_empty() && !TITLES.contains(word))
        .map(str::to_owned)
        .collect()
}

/// Order does not count (Smith John), a missing middle name neither; an initial stands for its name.
fn compare_words(one: &[String], other: &[String]) -> Names {
    let (short, long) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    let mut free: Vec<&String> = long.iter().collect();
    let mut initials = 0;
    for word in short {
        if let Some(at) = free.iter().position(|candidate| *candidate == word) {
            free.swap_remove(at);
        } else if let Some(at) = free.iter().position(|candidate| is_initial(word, candidate)) {
            free.swap_remove(at);
            initials += 1;
        } else {
            return Names::Conflict;
        }
    }
    // A single word is a surname or a given name; initials fit many.
    if short.len() - initials >= 2 || (short.len() == 1 && long.len() == 1 && initials == 0) {
        Names::Same
    } else {
        Names::Unknown
    }
}

fn is_initial(one: &str, other: &str) -> bool {
    let (short, long) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    short.chars().count() == 1 && long.starts_with(short)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn phone_numbers_become_e164() {
        for (text, code, expected) in [
            ("+86 138 1234 5678", "", Some("+8613812345678")),
            ("0086-13812345678", "", Some("+8613812345678")),
            ("１３８１２３４５６７８", "CN", Some("+8613812345678")),
            ("＋８６ １３８ １２３４ ５６７８", "", Some("+8613812345678")),
            ("138 1234 5678", "CN", Some("+8613812345678")),
            ("138 1234 5678", "", None),
            ("+852 9123 4567", "CN", Some("+85291234567")),
            ("9123 4567", "HK", Some("+85291234567")),
            ("0912 345 678", "TW", Some("+886912345678")),
            ("(212) 555-2368", "US", Some("+12125552368")),
            ("1-800-FLOWERS", "US", None),
            ("138 1234 5678 ask for Li", "CN", None),
            ("12", "CN", None),
            ("", "CN", None),
            ("+", "CN", None),
            ("00", "", None),
        ] {
            assert_eq!(phone(text, region(code)).as_deref(), expected, "{text} in {code}");
        }
    }

    #[test]
    fn addresses_become_small() {
        for (text, expected) in [
            (" Li.Na@Example.COM ", Some("li.na@example.com")),
            ("ｌｉ＠example.com", Some("li@example.com")),
            ("li@example", None),
            ("@example.com", None),
            ("a@b@example.com", None),
            ("li na@example.com", None),
            ("a@x.com;b@x.com", None),
        ] {
            assert_eq!(email(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn loyalty_numbers_lose_blanks_and_dashes() {
        assert_eq!(loyalty(" 9156-0011 22334 ").as_deref(), Some("9156001122334"));
        assert_eq!(loyalty("９１５６").as_deref(), Some("9156"));
        assert_eq!(loyalty("c\u{b8}"), loyalty("\u{e7}"));
        assert_eq!(loyalty("- -"), None);
        assert_eq!(loyalty(&"9".repeat(200)), None);
    }

    #[test]
    fn names_are_compared_as_people_would() {
        use Names::{Conflict, Same, Unknown};
        for (one, other, expected) in [
            ("王小明", "王小明", Same),
            ("王 小明", "王小明", Same),
            ("王小明", "王芳", Conflict),
            ("王小明", "李小明", Conflict),
            ("王女士", "王芳", Unknown),
            ("欧阳娜娜", "欧阳修", Conflict),
            ("欧阳先生", "欧阳修", Unknown),
            ("王小明", "Wang Xiaoming", Unknown),
            ("John Smith", "SMITH, John", Same),
            ("Mr. John Smith", "John Michael Smith", Same),
            ("J. Smith", "John Smith", Unknown),
            ("Mary Smith", "John Smith", Conflict),
            ("José Núñez", "Jose Nunez", Same),
            ("Smith", "John Smith", Unknown),
            ("", "John Smith", Unknown),
        ] {
            assert_eq!(compare_names(one, other), expected, "{one} and {other}");
            assert_eq!(compare_names(other, one), expected, "{other} and {one}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics_and_forms_are_stable(text in "\\PC{0,40}", digits in "[+0-9 ()./-]{0,24}") {
            for input in [&text, &digits] {
                for code in ["", "CN", "US"] {
                    if let Some(number) = phone(input, region(code)) {
                        prop_assert_eq!(phone(&number, None), Some(number.clone()));
                    }
                }
                if let Some(address) = email(input) {
                    prop_assert_eq!(email(&address), Some(address.clone()));
                }
                if let Some(number) = loyalty(input) {
                    prop_assert_eq!(loyalty(&number), Some(number.clone()));
                }
                prop_assert_ne!(compare_names(input, ""), Names::Conflict);
                prop_assert_ne!(compare_names(input, input), Names::Conflict);
            }
        }
    }
}
