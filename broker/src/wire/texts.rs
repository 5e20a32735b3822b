//! Texts between the codec's form and ours: groups and administrators send names by the dozen.

use kafka_wire_core::StrBytes;

pub(super) fn text(text: StrBytes) -> String {
    text.into_string()
}

pub(super) fn maybe_text(text: Option<StrBytes>) -> Option<String> {
    text.map(|text| text.into_string())
}

pub(super) fn texts(texts: Vec<StrBytes>) -> Vec<String> {
    texts.into_iter().map(|text| text.into_string()).collect()
}

pub(super) fn into_texts(texts: Vec<String>) -> Vec<StrBytes> {
    texts.into_iter().map(Into::into).collect()
}
