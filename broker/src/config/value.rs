//! How a setting's value is read from text and shown again.

use crate::types::FlushMode;

/// A value that a setting may have.
pub(super) trait Value: Sized {
    /// Reads it; the error says what is expected.
    fn parse(text: &str) -> Result<Self, String>;
    /// Shows it so that it can be read again.
    fn show(&self) -> String;
}

macro_rules! numbers {
    ($($kind:ty),*) => {$(
        impl Value for $kind {
            fn parse(text: &str) -> Result<Self, String> {
                text.parse().map_err(|_| format!("expected a whole number of at most {}", <$kind>::MAX))
            }
            fn show(&self) -> String {
                self.to_string()
            }
        }
    )*};
}

numbers!(i32, u32, u64, usize);

impl Value for i64 {
    fn parse(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(number) if number >= 0 => Ok(number),
            _ => Err("expected a whole number, not negative".to_owned()),
        }
    }
    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for bool {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "expected true or false".to_owned())
    }
    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for String {
    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() { Err("expected a text".to_owned()) } else { Ok(text.to_owned()) }
    }
    fn show(&self) -> String {
        self.clone()
    }
}

impl Value for FlushMode {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
    }
    fn show(&self) -> String {
        self.to_string()
    }
}

/// A list, separated by commas.
impl Value for Vec<String> {
    fn parse(text: &str) -> Result<Self, String> {
        let items: Self =
            text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect();
        if items.is_empty() { Err("expected a list separated by commas".to_owned()) } else { Ok(items) }
    }
    fn show(&self) -> String {
        self.join(",")
    }
}

/// Text that may be absent.
impl Value for Option<String> {
    fn parse(text: &str) -> Result<Self, String> {
        Ok((!text.is_empty()).then(|| text.to_owned()))
    }
    fn show(&self) -> String {
        self.clone().unwrap_or_default()
    }
}

macro_rules! bounds {
    ($($kind:ty),*) => {$(
        /// A bound that -1 lifts, as in Kafka.
        impl Value for Option<$kind> {
            fn parse(text: &str) -> Result<Self, String> {
                if text == "-1" {
                    return Ok(None);
                }
                let number = text.parse::<$kind>().map_err(|_| "expected a whole number, or -1 for none".to_owned())?;
                Ok(Some(number))
            }
            fn show(&self) -> String {
                self.map_or_else(|| "-1".to_owned(), |number| number.to_string())
            }
        }
    )*};
}

bounds!(i64, u64);
